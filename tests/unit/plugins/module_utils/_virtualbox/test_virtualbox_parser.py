# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parser on recorded answers and on hostile text."""

from __future__ import annotations

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    listings,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    devices,
    settings_file,
)
from hypothesis import given
from hypothesis import strategies as st

BASE = "11111111-1111-4111-8111-111111111111"
CLONE = "22222222-2222-4222-8222-222222222222"
HOSTILE = "33333333-3333-4333-8333-333333333333"
HOSTILE_TEXT = 'quote " back\\slash\nVMState="running"\n<b>&amp;\ttab é 😀'


def test_vm_list_with_quotes_and_newlines(recorded):
    assert listings.vm_list(recorded("list_vms")) == [
        ("lab-base", BASE),
        ("gate01", CLONE),
        ('say "x" {y}\nnext', HOSTILE),
    ]


def test_vm_list_of_running_vms_and_with_junk_before(recorded):
    assert listings.vm_list(recorded("list_runningvms")) == [("lab-base", BASE)]
    warning = "WARNING: The character device /dev/vboxdrv does not exist.\n\t Please install\n"
    assert listings.vm_list(warning + recorded("list_runningvms")) == [("lab-base", BASE)]


def test_vm_list_empty_and_inaccessible():
    assert listings.vm_list("") == []
    assert listings.vm_list(f'"<inaccessible>" {{{BASE}}}\n') == [(listings.INACCESSIBLE, BASE)]


def test_vm_info_scalars(recorded):
    scalars = listings.vm_info(recorded("showvminfo_clone"))
    assert scalars["name"] == "gate01"
    assert scalars["UUID"] == CLONE
    assert scalars["VMState"] == "poweroff"
    assert scalars["memory"] == "1536"
    assert scalars["SATA-1-0"] == "/srv/virtualbox/seed.iso"
    assert scalars["CfgFile"] == "/srv/virtualbox/vms/lab/gate01/gate01.vbox"


def test_vm_info_running(recorded):
    assert listings.vm_info(recorded("showvminfo_running"))["VMState"] == "running"


def test_the_port_forwards_that_showvminfo_shows_are_those_of_the_file(recorded):
    shown = [
        value
        for key, value in listings.tokens(recorded("showvminfo_clone"))
        if key.startswith("Forwarding(")
    ]
    assert shown == ["dns,udp,,5353,10.0.2.15,53", "ssh,tcp,127.0.0.1,2270,,22"]
    nics = settings_file.parse(recorded("settings_clone"), "/x.vbox").vm.nics
    assert [rule.rule() for rule in nics[0].port_forwards] == shown


def test_vm_info_is_not_fooled_by_descriptions_and_snapshot_names(recorded):
    text = recorded("showvminfo_hostile")
    scalars = listings.vm_info(text)
    assert scalars["VMState"] == "poweroff"
    assert scalars["cpus"] == "1"
    assert scalars["description"] == HOSTILE_TEXT
    assert scalars["name"] == 'say "x" {y}\nnext'
    assert scalars["CfgFile"].endswith('/say "x" {y}\nnext.vbox')


def test_vm_info_skips_junk_and_odd_lines(recorded):
    junk = "WARNING: no driver\n\t more of it\n"
    assert listings.vm_info(junk + recorded("showvminfo_clone")) == listings.vm_info(
        recorded("showvminfo_clone")
    )


def test_vm_info_refuses_what_is_no_vm():
    with pytest.raises(VirtualBoxError, match="not understood"):
        listings.vm_info("Oracle VirtualBox Command Line Management Interface\n")


@given(st.dictionaries(st.from_regex(r"[A-Za-z0-9() -]+", fullmatch=True), st.text()))
def test_tokens_round_trip(pairs):
    def quoted(text):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    text = "".join(f"{quoted(key)}={quoted(value)}\n" for key, value in pairs.items())
    assert dict(listings.tokens(text)) == pairs


@given(st.text())
def test_parsers_end_on_any_text(text):
    list(listings.tokens(text))
    listings.vm_list(text)
    listings.media_list(text.replace("UUID: ", "uuid"))


def test_settings_of_a_linked_clone(recorded):
    found = settings_file.parse(recorded("settings_clone"), "/x.vbox")
    assert found.vm.uuid == CLONE
    assert found.vm.os_type == "Debian_64"
    assert (found.vm.managed_by, found.vm.extra_data) == ("lab", ())
    assert found.vm.groups == ("/lab",)
    attached = [device.attachment for device in found.devices]
    assert [(item.type, item.port) for item in attached] == [("hdd", 0), ("dvd", 1)]
    assert len(found.vm.own_disks) == 1
    # showvminfo does not show the rules of a NIC that is switched off.
    assert found.vm.nics[2].port_forwards == (devices.PortForward("kept", "tcp", "", 8080, "", 80),)


def test_settings_disks_with_their_parents(recorded):
    found = settings_file.parse(recorded("settings_base"), "/srv/virtualbox/vms/b/b.vbox")
    (base, image), *above = found.images.items()
    assert image.path == "/srv/virtualbox/vms/base.vdi"
    assert [image.parent for _uuid, image in above] == [base, base]
    assert found.vm.snapshots[0].name == "base"
    assert len(found.vm.own_disks) == 2


def test_settings_hold_any_text(recorded):
    found = settings_file.parse(recorded("settings_hostile"), "/x.vbox").vm
    assert found.description == HOSTILE_TEXT
    assert found.groups == ("/b", "/a/c")
    assert [item.name for item in found.snapshots] == [
        's"1\nVMState="running"\ncpus=99',
        "s2",
    ]


@pytest.mark.parametrize("text", ["", "<VirtualBox", "<VirtualBox/>"])
def test_settings_refuse_what_is_broken(text):
    with pytest.raises(VirtualBoxError, match="settings file"):
        settings_file.parse(text, "/x.vbox")


def test_medium_info(recorded):
    found = listings.medium_info(recorded("showmediuminfo_base"))
    assert found["Location"] == "/srv/virtualbox/vms/base.vdi"
    assert found["Capacity"] == "64 MBytes"
    assert found["Parent UUID"] == "base"
    assert found["Type"] == "normal (base)"
    assert found["Format variant"] == "dynamic default"
    assert found["Child UUIDs"]


def test_media_list(recorded):
    media = listings.media_list(recorded("list_hdds"))
    assert [disk["Parent UUID"] == "base" for disk in media] == [True, False, False]
    assert media[0]["Location"] == "/srv/virtualbox/vms/base.vdi"
    assert media[2]["Location"].startswith("/srv/virtualbox/vms/lab/gate01/Snapshots/")


def test_default_folder(recorded):
    assert listings.default_folder(recorded("list_systemproperties")) == "/srv/virtualbox/vms"
    with pytest.raises(VirtualBoxError, match="machine folder"):
        listings.default_folder("")


def test_os_types_in_both_layouts(recorded):
    assert "Debian_64" in listings.os_types(recorded("list_ostypes"))
    assert listings.os_types("ID:          Debian_64\nDescription: Debian (64-bit)\n") == [
        "Debian_64"
    ]
