# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module virtualbox_vm against real VBoxManage: each option made, changed in place, read back."""

from __future__ import annotations

import os

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import journal
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    settings,
)

MODULE = "virtualbox_vm"
pytestmark = pytest.mark.usefixtures("files_agree")
SATA = {"name": "SATA", "type": "sata", "port_count": 3}
HOSTILE = 'say "x"\nVMState="running"\\ <&> é'

# Two values of each setting, neither of them what VirtualBox chooses by itself.
VALUES = {
    "cpu_cap_percent": (50, 70),
    "chipset": ("ich9", "piix3"),
    "vram_mb": (16, 24),
    "graphics_controller": ("vmsvga", "vboxsvga"),
    "monitor_count": (2, 3),
    "accelerate_3d": (True, False),
    "rtc_utc": (True, False),
    "io_apic": (False, True),
    "hpet": (True, False),
    "large_pages": (True, False),
    "nested_paging": (False, True),
    "nested_virtualization": (True, False),
    "paravirt_provider": ("kvm", "legacy"),
    "iommu": ("intel", "none"),
    "tpm_type": ("2.0", "1.2"),
    "execution_engine": ("interpreter", "native_api"),
    "process_priority": ("low", "flat"),
    "clipboard_mode": ("bidirectional", "host_to_guest"),
    "drag_and_drop_mode": ("guest_to_host", "bidirectional"),
    "usb_ohci": (True, False),
    "usb_ehci": (True, False),
    "usb_xhci": (True, False),
    "vrde": (True, False),
    "autostart_delay_seconds": (5, 7),
    "boot_order": (["disk", "net"], ["net", "disk", "dvd"]),
}


def vm(world, **options):
    return {"name": "vm", "folder": str(world.vms), **options}


def as_shown(name, value):
    return (value + ["none"] * 4)[:4] if name == "boot_order" else value


def test_no_graphics_card(world):
    world.vm("vm", graphics_controller="vmsvga", accelerate_3d=True)
    done = world.change(MODULE, **vm(world, graphics_controller="none"))
    assert done["vm"]["graphics_controller"] == "none"


def test_the_table_of_values_is_complete():
    # autostart needs a database of the whole host, see its own test.
    names = {item.name for item in settings.TABLE} | {"boot_order"}
    assert names - {"autostart"} == set(VALUES)


@pytest.mark.parametrize("which", [0, 1])
def test_all_settings_at_creation(world, which):
    given = {name: values[which] for name, values in VALUES.items()}
    made = world.change(MODULE, **vm(world, **given))
    assert [action["action"] for action in made["actions"]] == ["create", "modify"]
    for name, value in given.items():
        assert made["vm"][name] == as_shown(name, value), name


def test_each_setting_alone_and_in_one_call(world):
    world.vm("vm", **{name: values[0] for name, values in VALUES.items()})
    for name, values in VALUES.items():
        done = world.run(MODULE, **vm(world, **{name: values[1]}))
        assert [action["action"] for action in done["actions"]] == ["modify"], name
        assert done["vm"][name] == as_shown(name, values[1])
    world.same(MODULE, **vm(world, **{name: values[1] for name, values in VALUES.items()}))


def test_a_clone_takes_the_settings_of_its_source_into_account(world):
    world.vm("base", vram_mb=16, extra_data={"a": "1"}, snapshot="base")
    made = world.change(
        MODULE,
        **vm(world, clone_from="base", clone_snapshot="base", vram_mb=24, extra_data={"a": ""}),
    )
    assert made["vm"]["vram_mb"] == 24
    assert made["vm"]["extra_data"] == {}


def test_autostart_needs_its_database(world):
    world.vm("vm")
    refused = world.fail(MODULE, **vm(world, autostart=True, autostart_delay_seconds=3))
    assert "autostart database" in refused["msg"]
    assert world.run("virtualbox_vm_info")["vms"][0]["autostart_delay_seconds"] == 0
    folder = world.folder / "autostart"
    folder.mkdir(mode=0o1777, exist_ok=True)
    os.chmod(folder, 0o1777)
    world.vbox("setproperty", "autostartdbpath", str(folder))
    world.change(MODULE, **vm(world, autostart=True, autostart_delay_seconds=3))
    world.change(MODULE, **vm(world, autostart=False))


# --- NICs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "network"),
    [
        ("not_attached", None),
        ("nat", None),
        ("nat_network", 'net "é"'),
        ("bridged", "lo"),
        ("internal", "edge"),
        ("host_only", "vboxnet7"),
        ("generic", "UDPTunnel"),
    ],
)
def test_every_type_of_nic(world, kind, network):
    nic = {"number": 2, "type": kind, "network": network, "mac": "02:00:00:00:00:09"}
    made = world.change(MODULE, **vm(world, nics=[nic], prune_nics=True))
    (found,) = made["vm"]["nics"]
    assert (found["type"], found["network"]) == (kind, network)
    world.change(MODULE, **vm(world, nics=[{"number": 2, "type": "none"}]))
    again = world.change(MODULE, **vm(world, nics=[nic]))
    assert again["vm"]["nics"] == made["vm"]["nics"]


def test_another_network_of_the_same_type(world):
    for network in ("one", "two"):
        nic = {"number": 1, "type": "nat_network", "network": network}
        world.change(MODULE, **vm(world, nics=[nic]))


def test_properties_of_a_generic_driver(world):
    def nic(**properties):
        driver = {"number": 1, "type": "generic", "network": "UDPTunnel"}
        return vm(world, nics=[{**driver, "properties": properties}])

    world.change(MODULE, **nic(dest="127.0.0.1", sport="1"))
    done = world.change(MODULE, **nic(sport="2"))
    assert done["vm"]["nics"][0]["properties"] == {"dest": "127.0.0.1", "sport": "2"}
    done = world.change(MODULE, **nic(sport=""))
    assert done["vm"]["nics"][0]["properties"] == {"dest": "127.0.0.1"}


def test_promiscuous_mode_and_bandwidth(world):
    def nic(mode, group):
        card = {"number": 1, "type": "nat", "promiscuous": mode, "bandwidth_group": group}
        return [card]

    limits = [{"name": 'a "b" é', "limit_kib_per_second": 100}]
    made = world.change(
        MODULE, **vm(world, bandwidth_groups=limits, nics=nic("allow_all", 'a "b" é'))
    )
    assert made["vm"]["bandwidth_groups"] == limits
    limits[0]["limit_kib_per_second"] = 0
    done = world.change(MODULE, **vm(world, bandwidth_groups=limits, nics=nic("allow_vms", "")))
    assert done["vm"]["nics"][0]["promiscuous"] == "allow_vms"
    assert done["vm"]["nics"][0]["bandwidth_group"] == ""
    world.change(MODULE, **vm(world, nics=nic("deny", None)))


def test_the_speed_that_a_guest_is_told(world, files_agree):
    def nic(speed):
        return [{"number": 2, "type": "nat", "speed_kbit_per_second": speed}]

    made = world.change(MODULE, **vm(world, nics=nic(500000)))
    assert made["vm"]["nics"][-1]["speed_kbit_per_second"] == 500000
    assert "Reported speed: 500 Mbps" in world.vbox("showvminfo", "vm")
    done = world.change(MODULE, **vm(world, nics=nic(0)))
    assert "--nic-speed2" in done["actions"][0]["command"]
    world.same(MODULE, **vm(world, nics=nic(None)))
    assert world.run("virtualbox_vm_info")["vms"][0]["nics"][-1]["speed_kbit_per_second"] == 0


def test_a_guest_reaches_the_loopback_address_of_the_host(world, files_agree):
    def nic(reachable, kind="nat"):
        return [{"number": 2, "type": kind, "localhost_reachable": reachable}]

    assert not world.vm("vm", nics=nic(None))["nics"][-1]["localhost_reachable"]
    done = world.change(MODULE, **vm(world, nics=nic(True)))
    assert done["vm"]["nics"][-1]["localhost_reachable"] is True
    assert "--nat-localhostreachable2" in done["actions"][0]["command"]
    assert 'localhostReachable="1"' in world.vbox("showvminfo", "vm", "--machinereadable")
    world.same(MODULE, **vm(world, nics=nic(None)))
    refused = world.fail(MODULE, **vm(world, nics=nic(True, "not_attached")))
    assert "has localhost_reachable, which only type nat can have" in refused["msg"]
    world.change(MODULE, **vm(world, nics=nic(False)))


# --- shared folders, extra data, guest properties -----------------------------------------------


def test_shared_folders(world):
    def folder(name="data", **options):
        return {"name": name, "host_path": str(world.folder), **options}

    world.change(MODULE, **vm(world, shared_folders=[folder(), folder('é"x')]))
    done = world.change(
        MODULE,
        **vm(world, shared_folders=[folder(read_only=True, auto_mount=True, mount_point="/mnt")]),
    )
    assert [item["name"] for item in done["vm"]["shared_folders"]] == ["data", 'é"x']
    assert done["vm"]["shared_folders"][0]["mount_point"] == "/mnt"
    done = world.change(
        MODULE, **vm(world, shared_folders=[folder("other")], prune_shared_folders=True)
    )
    assert [item["name"] for item in done["vm"]["shared_folders"]] == ["other"]
    world.change(MODULE, **vm(world, shared_folders=[], prune_shared_folders=True))


@pytest.mark.parametrize("option", ["extra_data", "guest_properties"])
def test_dictionaries_of_texts(world, option):
    first = {"/lab/a": HOSTILE, "/lab/b": "1", "-dash": "-v"}
    if option == "guest_properties":
        # VBoxManage takes no name with a dash in front, whatever stands before it.
        del first["-dash"]
    made = world.change(MODULE, **vm(world, **{option: first}))
    assert made["vm"][option] == first
    done = world.change(MODULE, **vm(world, **{option: {"/lab/a": "", "/lab/c": 5}}))
    assert done["vm"][option] == {
        **{k: v for k, v in first.items() if k != "/lab/a"},
        "/lab/c": "5",
    }
    world.same(MODULE, **vm(world, **{option: {"/lab/a": ""}}))


def test_the_mark_is_no_extra_data_of_a_task(world):
    world.vm("vm", managed_by="lab")
    refused = world.fail(MODULE, **vm(world, extra_data={"virtual.datacenter/managed-by": "me"}))
    assert "managed_by" in refused["msg"]
    assert world.run("virtualbox_vm_info")["vms"][0]["extra_data"] == {}


def test_planned_address(world):
    made = world.change(MODULE, **vm(world, address="10.1.0.7"))["vm"]
    assert (made["address"], made["extra_data"]) == ("10.1.0.7", {})
    shown = world.vbox("getextradata", "vm", "virtual.datacenter/address")
    assert shown == "Value: 10.1.0.7\n"
    world.change(MODULE, **vm(world, address="2001:db8::1"))
    world.same(MODULE, **vm(world, address="2001:0db8::0001"))
    # A clone is another machine, so what it inherits is not its own.
    world.vm("vm", snapshot="base")
    clone = {"name": "clone", "folder": str(world.vms), "clone_from": "vm"}
    made = world.change(MODULE, **clone, clone_snapshot="base", address="10.1.0.8")
    assert made["vm"]["address"] == "10.1.0.8"
    clone["name"] = "another"
    assert world.change(MODULE, **clone, clone_snapshot="base")["vm"]["address"] is None
    assert world.change(MODULE, **vm(world, address=""))["vm"]["address"] is None
    assert "no IP address" in world.fail(MODULE, **vm(world, address="10.1.0.256"))["msg"]


# --- disks by size ------------------------------------------------------------------------------


def disk(size_mb, **options):
    return {"controller": "SATA", "port": 0, "type": "hdd", "size_mb": size_mb, **options}


def with_disk(world, *items, **options):
    return vm(world, storage_controllers=[SATA], storage_attachments=list(items), **options)


def test_disk_by_size(world):
    made = world.change(MODULE, **with_disk(world, disk(8)))
    kinds = [action["action"] for action in made["actions"]]
    assert kinds == ["create", "disk_create", "controller", "attach"]
    (found,) = made["vm"]["storage_attachments"]
    assert found["medium"] == f"{world.vms}/vm/vm-SATA-0-0.vdi"
    assert found["size_mb"] == 8
    done = world.change(MODULE, **with_disk(world, disk(12)))
    assert [action["action"] for action in done["actions"]] == ["disk_grow"]
    assert "cannot shrink" in world.fail(MODULE, **with_disk(world, disk(8)))["msg"]
    world.change(MODULE, **vm(world, state="absent", delete_media=True))
    assert os.listdir(world.vms) == []


def test_disk_by_size_with_a_path(world):
    path = str(world.vms / "own.vdi")
    world.change(MODULE, **with_disk(world, disk(8, medium=path)))
    world.change(MODULE, **vm(world, state="absent", delete_media=True))
    assert os.path.exists(path)
    world.change(MODULE, **with_disk(world, disk(8, medium=path)))


def test_half_made_disk_of_an_interrupted_run(world):
    world.vm("vm", storage_controllers=[SATA])
    path = f"{world.vms}/vm/vm-SATA-0-0.vdi"
    with open(path, "wb") as stream:
        stream.write(b"half")
    journal.Journal(os.path.dirname(path), path).begin({"what": "medium", "path": path})
    done = world.change(MODULE, **with_disk(world, disk(8)))
    kinds = [action["action"] for action in done["actions"]]
    assert kinds == ["disk_clean", "disk_create", "attach"]
    assert sorted(os.listdir(world.vms / "vm"))[0] != ".virtual.datacenter"


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cpu_cap_percent": 101}, "cpu_cap_percent of VM 'vm' is to be 101"),
        ({"vram_mb": 100000}, "VRAM"),
        ({"nics": [{"number": 1, "type": "bridged"}]}, "needs a network"),
        ({"nics": [{"number": 1, "type": "nat", "properties": {"a": "b"}}]}, "only type generic"),
        ({"nics": [{"number": 1, "type": "nat", "bandwidth_group": "none such"}]}, "none such"),
        ({"shared_folders": [{"name": "a b", "host_path": "/tmp"}]}, "without spaces"),
        ({"shared_folders": [{"name": "a", "host_path": "relative"}]}, "absolute path"),
        ({"shared_folders": [{"name": "a", "host_path": "/nonexistent"}]}, "/nonexistent"),
        ({"state": "saved"}, "is off"),
        (
            {"storage_attachments": [{"controller": "S", "port": 0, "type": "dvd", "size_mb": 1}]},
            "only type hdd",
        ),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_changed(world, options, message):
    world.vm("vm")
    before = world.run("virtualbox_vm_info")["vms"]
    refused = world.fail(MODULE, **vm(world, **options))
    assert message.lower() in refused["msg"].lower()
    assert world.run("virtualbox_vm_info")["vms"] == before
