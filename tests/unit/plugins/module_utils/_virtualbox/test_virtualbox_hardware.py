# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of settings: what is asked for is what is read back; documented and offered alike."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    fields,
    listings,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    devices,
    model,
    read,
    settings_file,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    settings as hardware,
)
from ansible_collections.virtual.datacenter.plugins.modules import virtualbox_vm

TABLES = {
    "": (*fields.rows(model.Vm), *hardware.TABLE),
    "nics": devices.Nic,
    "storage_controllers": devices.Controller,
    "storage_attachments": devices.Attachment,
    "serial_ports": devices.SerialPort,
}
ROWS = [(name, row.name) for name, table in TABLES.items() for row in fields.rows(table)]
EXAMPLES = {"mac": ("02:00:00:00:00:0a",), "io_base": ("0x3f8",), "bandwidth_group": ("", "g")}
DOCUMENTED = yaml.safe_load(virtualbox_vm.DOCUMENTATION)["options"]


def test_a_recorded_vm_shows_every_setting(recorded):
    info = listings.vm_info(recorded("showvminfo_base"))
    file = settings_file.parse(recorded("settings_base"), "/x.vbox")
    found = dict(read.build_vm(info, file).hardware)
    assert set(found) == {item.name for item in hardware.TABLE} | {"boot_order"}
    assert found["execution_engine"] == "default"
    assert found["tpm_type"] == "none"
    assert found["boot_order"] == ("floppy", "dvd", "disk", "none")


@pytest.mark.parametrize(("table", "item"), ROWS, ids=str)
def test_words_survive_the_way_there_and_back(table, item):
    item = next(row for row in fields.rows(TABLES[table]) if row.name == item)
    if item.type == "list":
        return
    examples = {"int": (1, 50), "bool": (True, False), "str": EXAMPLES.get(item.name, ("a b",))}
    for value in item.choices or examples[item.type]:
        assert item.value(item.argument(value)) == value


@pytest.mark.parametrize("name", hardware.options())
def test_every_setting_is_documented(name):
    option = hardware.options()[name]
    assert DOCUMENTED[name]["type"] == option["type"]
    assert DOCUMENTED[name].get("choices") == option.get("choices")


@pytest.mark.parametrize("table", [name for name in TABLES if name])
def test_every_option_of_a_device_is_documented(table):
    offered = virtualbox_vm.OPTIONS[table]["options"]
    documented = DOCUMENTED[table]["suboptions"]
    assert set(documented) == set(offered)
    for name, option in offered.items():
        assert documented[name]["type"] == option["type"]
        assert documented[name].get("choices") == option.get("choices")


def test_every_option_of_a_nic_is_set_by_its_row_and_read_by_it(recorded):
    file = settings_file.parse(recorded("settings_clone"), "/x.vbox")
    nic = read.build_vm(listings.vm_info(recorded("showvminfo_clone")), file).nics[0]
    assert None not in fields.values(devices.Nic, nic).values()
    arguments, changed = fields.changes(devices.Nic, {}, vars(nic), nic.number)
    assert changed == [row.name for row in fields.rows(devices.Nic)]
    assert arguments[::2] == [f"{row.flag}1" for row in fields.rows(devices.Nic)]


def test_a_word_that_no_task_can_say_is_kept():
    chipset = next(item for item in hardware.TABLE if item.name == "chipset")
    assert chipset.value("armv8virtual") == "armv8virtual"


def test_a_short_boot_order_ends_with_nothing():
    assert hardware.wanted({"boot_order": ["disk"]}) == (
        ("boot_order", ("disk", "none", "none", "none")),
    )
    arguments, changed = hardware.modify((), hardware.wanted({"boot_order": ["net"]}))
    assert arguments[:2] == ["--boot1", "net"]
    assert changed == ["boot_order"]
