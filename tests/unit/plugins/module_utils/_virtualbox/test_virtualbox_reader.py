# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One model from showvminfo and the settings file, on recorded answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    listings,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    devices,
    model,
    read,
    settings_file,
)

CLONE = "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def vm(recorded):
    def build(name: str, info: str = "") -> model.Vm:
        return read.build_vm(
            listings.vm_info(recorded(f"showvminfo_{info or name}")),
            settings_file.parse(recorded(f"settings_{name}"), "/x.vbox"),
        )

    return build


def test_linked_clone(vm):
    found = vm("clone")
    assert (found.name, found.uuid, found.state) == ("gate01", CLONE, "poweroff")
    assert (found.cpus, found.memory_mb, found.os_type, found.firmware) == (
        2,
        1536,
        "Debian_64",
        "bios",
    )
    assert found.managed_by == "lab"
    assert found.groups == ("/lab",)
    assert found.folder == "/srv/virtualbox/vms/lab/gate01"
    assert model.base_folder(found) == "/srv/virtualbox/vms"
    first = {
        "number": 1,
        "type": "nat",
        "network": None,
        "adapter_type": "virtio",
        "mac": "02:5e:00:00:00:01",
        "cable_connected": True,
        "port_forwards": (
            devices.PortForward("dns", "udp", "", 5353, "10.0.2.15", 53),
            devices.PortForward("ssh", "tcp", "127.0.0.1", 2270, "", 22),
        ),
        "promiscuous": "deny",
        "bandwidth_group": "",
        "properties": (),
    }
    second = {
        **first,
        "number": 2,
        "type": "internal",
        "network": "lab-edge",
        "mac": "02:5e:00:00:00:02",
        "cable_connected": False,
        "port_forwards": (),
    }
    for nic, expected in zip(found.nics, (first, second)):
        assert {name: getattr(nic, name) for name in expected} == expected
    assert found.nics[2].type == "none"
    assert [rule.name for rule in found.nics[2].port_forwards] == ["kept"]
    assert found.serial_ports[:3] == (
        devices.SerialPort(1, "file", "/srv/virtualbox/console.log", "0x3f8", 4),
        devices.SerialPort(2, "disconnected", None, "0x2f8", 3),
        devices.SerialPort(3, "off"),
    )
    assert found.storage_controllers == (devices.Controller("SATA", "sata", 2, True),)
    disk, dvd = found.storage_attachments
    assert disk.type == "hdd" and disk.medium.startswith(
        "/srv/virtualbox/vms/lab/gate01/Snapshots/"
    )
    assert (dvd.type, dvd.port, dvd.medium) == ("dvd", 1, "/srv/virtualbox/seed.iso")


def test_hostile_vm(vm):
    found = vm("hostile")
    assert found.firmware == "efi64"
    assert found.snapshot("s2")
    drive = found.storage_attachments[0]
    assert (drive.controller, drive.port, drive.device, drive.medium) == ("IDE-0-0", 1, 1, "")


def test_results_hide_what_is_switched_off(vm):
    shown = model.describe_vm(vm("clone"))
    assert [nic["number"] for nic in shown["nics"]] == [1, 2]
    assert [port["number"] for port in shown["serial_ports"]] == [1, 2]
    assert shown["state"] == "stopped"


def test_running_vm(vm):
    assert model.describe_vm(vm("base", "running"))["state"] == "running"


def test_find_uuid():
    listed = [("a", "1"), ("b", "2"), ("a", "3")]
    assert read.find_uuid(listed, "b") == "2"
    assert read.find_uuid(listed, "nosuch") == ""
    assert read.find_uuid(listed, "a", "3") == "3"
    assert read.find_uuid(listed, "c", "9") == ""
    with pytest.raises(VirtualBoxError, match="2 VMs with the name 'a': 1, 3"):
        read.find_uuid(listed, "a")
    with pytest.raises(VirtualBoxError, match="no VM 9, but one"):
        read.find_uuid(listed, "b", "9")


def test_read_vm_that_is_gone(script, recorded_error):
    error = recorded_error("missing_vm")
    script.expect("showvminfo", "u", "--machinereadable", rc=error.rc, err=error.stderr)
    assert read.read_vm(script.client(), "u") is None


def test_read_vm_reads_the_settings_file(script, recorded, tmp_path):
    text = recorded("showvminfo_clone").replace("/srv/virtualbox/vms/lab/gate01", str(tmp_path))
    script.expect("showvminfo", CLONE, "--machinereadable", out=text)
    (tmp_path / "gate01.vbox").write_text(recorded("settings_clone"), encoding="utf-8")
    assert read.read_vm(script.client(), CLONE).memory_mb == 1536


def test_read_vm_of_somebody_else(script, recorded):
    script.expect("showvminfo", CLONE, "--machinereadable", out=recorded("showvminfo_clone"))
    with pytest.raises(VirtualBoxError, match="cannot be read") as caught:
        read.read_vm(script.client(), CLONE)
    assert "as the user" in caught.value.hint


def test_ancestors_are_asked_for_only_when_needed(script, vm):
    clone = vm("clone")
    assert read.with_ancestors(script.client(), clone, []) == clone
    disk = clone.storage_attachments[0]
    info = "UUID: {}\nParent UUID: {}\nLocation: {}\n"
    script.expect("showmediuminfo", disk.medium, out=info.format("u2", "u1", disk.medium))
    script.expect("showmediuminfo", "u1", out=info.format("u1", "base", "/base.vdi"))
    wanted = replace(disk, medium="/base.vdi")
    found = read.with_ancestors(script.client(), clone, [wanted])
    assert found.storage_attachments[0].ancestors == ("/base.vdi",)


def test_a_vm_with_linked_clones_is_not_removed(script, vm, recorded):
    script.expect("list", "hdds", out=recorded("list_hdds"))
    with pytest.raises(
        VirtualBoxError, match="carries linked clones: /srv/virtualbox/vms/lab/gate01"
    ):
        read.disks_to_remove(script.client(), vm("base"))
    script.expect("list", "hdds", out=recorded("list_hdds"))
    disks = read.disks_to_remove(script.client(), vm("clone"))
    assert disks == ((vm("clone").storage_attachments[0].medium,), ())


def test_os_type_must_be_known(script, recorded):
    script.expect("list", "ostypes", out=recorded("list_ostypes"))
    read.check_os_type(script.client(), "Debian_64")
    script.expect("list", "ostypes", out=recorded("list_ostypes"))
    with pytest.raises(VirtualBoxError, match="no guest system 'Debian_65'") as caught:
        read.check_os_type(script.client(), "Debian_65")
    assert "Debian_64" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cp01", "cp01"),
        ("we ird/.name", "we ird_.name"),
        ("é😀.x.", "é____.x_"),
        ("-dash", "_dash"),
        (" pad ", "_pad_"),
    ],
)
def test_file_names_as_virtualbox_makes_them(name, expected):
    assert model.file_name(name) == expected


@pytest.mark.parametrize(
    ("groups", "expected"),
    [(None, "/v/a/a.vbox"), (("/",), "/v/a/a.vbox"), (("/lab/x", "/b"), "/v/lab/x/a/a.vbox")],
)
def test_settings_path(groups, expected):
    assert model.settings_path("/v/", groups, "a") == expected
