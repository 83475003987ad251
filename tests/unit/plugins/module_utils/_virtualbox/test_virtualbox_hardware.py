# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of settings: what is asked for is what is read back; documented and offered alike."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    listings,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    read,
    settings_file,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    settings as hardware,
)
from ansible_collections.virtual.datacenter.plugins.modules import virtualbox_vm

DOCUMENTED = yaml.safe_load(virtualbox_vm.DOCUMENTATION)["options"]


def test_a_recorded_vm_shows_every_setting(recorded):
    info = listings.vm_info(recorded("showvminfo_base"))
    file = settings_file.parse(recorded("settings_base"), "/x.vbox")
    found = dict(read.build_vm(info, file).hardware)
    assert set(found) == {item.name for item in hardware.TABLE} | {"boot_order"}
    assert found["execution_engine"] == "default"
    assert found["tpm_type"] == "none"
    assert found["boot_order"] == ("floppy", "dvd", "disk", "none")


@pytest.mark.parametrize("item", hardware.TABLE, ids=lambda item: item.name)
def test_words_survive_the_way_there_and_back(item):
    for value in item.choices or ((1, 50) if item.kind == "int" else (True, False)):
        assert item.value(item.argument(value)) == value


@pytest.mark.parametrize("name", hardware.options())
def test_every_setting_is_documented(name):
    option = hardware.options()[name]
    assert DOCUMENTED[name]["type"] == option["type"]
    assert DOCUMENTED[name].get("choices") == option.get("choices")


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
