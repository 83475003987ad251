# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module virtualbox_vm against real VBoxManage: settings, clones, foreign VMs, leftovers."""

from __future__ import annotations

import os
import shutil
import signal
import time

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import fields, journal
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    devices,
)

MODULE = "virtualbox_vm"
pytestmark = pytest.mark.usefixtures("files_agree")
SSH = {"name": "ssh", "host_port": 2222, "guest_port": 22}
SATA = {"name": "SATA", "type": "sata", "port_count": 3}
HOSTILE = 'say "x" {y}\nVMState="running"\\ <&> é😀'


@pytest.fixture
def disk(world):
    """A disk of 8 MiB outside the folders of VMs."""
    path = str(world.vms / "base.vdi")
    world.run("virtualbox_medium", path=path, size_mb=8)
    return path


@pytest.fixture
def seed(world):
    """Something that VirtualBox takes for an ISO image."""
    path = world.folder / "seed.iso"
    path.write_bytes(bytes(102400))
    return str(path)


@pytest.fixture
def base(world, disk):
    """A VM of ours to be cloned."""
    return world.vm(
        "base",
        managed_by="lab",
        groups=["/lab"],
        os_type="Debian_64",
        nics=[],
        prune_nics=True,
        storage_controllers=[SATA],
        storage_attachments=[hdd(disk)],
        snapshot="base",
    )


def hdd(path, port=0):
    return {"controller": "SATA", "port": port, "type": "hdd", "medium": path}


def dvd(path=None, port=1):
    return {"controller": "SATA", "port": port, "type": "dvd", "medium": path}


def clone(world, name="clone", **options):
    defaults = {
        "name": name,
        "folder": str(world.vms),
        "groups": ["/lab"],
        "managed_by": "lab",
        "clone_from": "base",
        "clone_snapshot": "base",
    }
    return {**defaults, **options}


def few(result, processes):
    """So many calls; now and then one is made again because it took too long."""
    return processes <= result["processes"] <= processes + 2


# --- one VM -----------------------------------------------------------------------------------


def test_create_and_remove(world):
    made = world.change(MODULE, name="vm", folder=str(world.vms))
    assert [action["action"] for action in made["actions"]] == ["create"]
    assert made["vm"]["state"] == "stopped"
    assert made["vm"]["settings_file"] == f"{world.vms}/vm/vm.vbox"
    assert made["diff"]["before"] == {"state": "absent"}
    assert few(world.same(MODULE, name="vm", folder=str(world.vms)), 1)
    gone = world.change(MODULE, name="vm", folder=str(world.vms), state="absent", delete_media=True)
    assert gone["vm"] == {}
    assert os.listdir(world.vms) == []


def test_everything_at_once_and_in_few_calls(world, disk, seed):
    options = {
        "name": "vm",
        "folder": str(world.vms),
        "groups": ["/a/b"],
        "managed_by": "lab",
        "os_type": "Debian_64",
        "firmware": "efi64",
        "description": HOSTILE,
        "cpus": 2,
        "memory_mb": 256,
        "nics": [
            {"number": 1, "type": "nat", "adapter_type": "virtio", "port_forwards": [SSH]},
            {"number": 2, "type": "internal", "network": "lab-edge", "mac": "02-5E-00-00-00-01"},
        ],
        "storage_controllers": [SATA],
        "storage_attachments": [hdd(disk), dvd(seed), dvd(port=2)],
        "serial_ports": [
            {"number": 1, "mode": "file", "path": f"{world.folder}/console.log"},
            {"number": 2, "mode": "disconnected"},
        ],
        "snapshot": "first",
    }
    made = world.change(MODULE, **options)
    assert [action["action"] for action in made["actions"]] == (
        ["create", "mark", "modify", "controller", "attach", "attach", "attach", "snapshot"]
    )
    # The calls of the actions; the files tell the rest, before and after.
    assert few(made, len(made["actions"]))
    vm = made["vm"]
    assert vm["description"] == HOSTILE
    assert vm["firmware"] == "efi64" and vm["os_type"] == "Debian_64"
    assert vm["nics"][1]["mac"] == "02:5e:00:00:00:01"
    assert vm["groups"] == ["/a/b"]
    assert vm["storage_attachments"][2]["medium"] == ""
    assert vm["snapshots"][0]["name"] == "first"
    assert few(world.same(MODULE, **options), 1)


CHANGES = [
    {"cpus": 2},
    {"memory_mb": 333},
    {"os_type": "Debian_64"},
    {"firmware": "efi"},
    {"description": "new\ntext"},
    {"description": "-dash"},
    {"description": ""},
    {"groups": ["/other"]},
    {"groups": ["/lab", "/b"]},
    {"nics": [{"number": 1, "type": "nat"}]},
    {"nics": [{"number": 1, "type": "internal", "network": "net one"}]},
    {"nics": [{"number": 1, "adapter_type": "am79c973"}]},
    {"nics": [{"number": 1, "mac": "02:00:00:00:00:99"}]},
    {"nics": [{"number": 1, "cable_connected": False}]},
    {"nics": [{"number": 1, "type": "none"}]},
    {"nics": [{"number": 8, "type": "internal", "network": "x"}]},
    {"nics": [], "prune_nics": True},
    {"storage_controllers": [{"name": "SATA", "port_count": 5, "bootable": False}]},
    {"storage_controllers": [{"name": "IDE 0-0", "type": "ide"}]},
    {"storage_attachments": [{"controller": "SATA", "port": 1, "type": "none"}]},
    {"storage_attachments": [{"controller": "SATA", "port": 2, "type": "dvd"}]},
    {"storage_attachments": [], "prune_attachments": True},
    {"serial_ports": [{"number": 1, "mode": "disconnected"}]},
    {"serial_ports": [{"number": 1, "mode": "off"}]},
    {"serial_ports": [{"number": 3, "mode": "file", "path": "/tmp/with space"}]},
    {"snapshot": 'a "b"\nVMState="running"'},
]


def test_each_option_changes_in_place(world, seed):
    world.vm(
        "vm",
        groups=["/lab"],
        description="old",
        nics=[{"number": 1, "type": "internal", "network": "old", "mac": "02:00:00:00:00:01"}],
        storage_controllers=[SATA],
        storage_attachments=[dvd(seed)],
        serial_ports=[{"number": 1, "mode": "file", "path": "/tmp/x"}],
    )
    uuid = world.run(MODULE, name="vm")["vm"]["uuid"]
    for options in CHANGES:
        done = world.change(MODULE, name="vm", **options)
        assert len(done["actions"]) == 1, done["actions"]
        assert done["vm"]["uuid"] == uuid


@pytest.mark.parametrize("kind", sorted(fields.options(devices.Controller)["type"]["choices"]))
def test_controllers_of_every_kind(world, kind):
    world.change(
        MODULE,
        name="vm",
        folder=str(world.vms),
        storage_controllers=[{"name": "c-0-0", "type": kind}],
    )


def test_port_forwards(world):
    def nic(*rules):
        return [{"number": 1, "type": "nat", "port_forwards": list(rules)}]

    dns = {
        "name": "dns",
        "protocol": "udp",
        "host_address": "",
        "host_port": 53,
        "guest_address": "10.0.2.15",
        "guest_port": 53,
    }
    world.vm("vm", nics=nic(SSH))
    world.change(MODULE, name="vm", nics=nic(dns))
    world.change(MODULE, name="vm", nics=nic({**SSH, "host_port": 2223}))
    # The names are exchanged: both are deleted before one is added.
    exchanged = [{**SSH, "name": "dns"}, {**dns, "name": "ssh"}]
    world.change(MODULE, name="vm", nics=nic(*exchanged))
    # A NIC that is off hides its rules, and they come back with it.
    world.change(MODULE, name="vm", nics=[{"number": 1, "type": "none"}])
    back = world.change(MODULE, name="vm", nics=nic(SSH), prune_port_forwards=True)
    assert [rule["name"] for rule in back["vm"]["nics"][0]["port_forwards"]] == ["ssh"]
    world.change(MODULE, name="vm", nics=nic(), prune_port_forwards=True)


def test_disks_move_and_change(world, disk, seed):
    other = disk.replace("base", "other")
    world.run("virtualbox_medium", path=other, size_mb=8)
    world.vm("vm", storage_controllers=[SATA], storage_attachments=[hdd(disk)])
    world.change(MODULE, name="vm", storage_attachments=[hdd(other)])
    # Attached on one port, wanted on another: set free first.
    moved = [hdd(other, 2), {"controller": "SATA", "port": 0, "type": "none"}]
    world.change(MODULE, name="vm", storage_attachments=moved)
    world.change(MODULE, name="vm", storage_attachments=[dvd(seed, 2)])
    world.change(MODULE, name="vm", storage_attachments=[dvd(port=2)])
    assert os.path.exists(disk) and os.path.exists(other)


def test_an_immutable_disk_below_its_differencing_image(world, disk):
    world.run("virtualbox_medium", path=disk, type="immutable")
    options = {"storage_controllers": [SATA], "storage_attachments": [hdd(disk)]}
    made = world.change(MODULE, name="vm", folder=str(world.vms), **options)
    assert made["vm"]["storage_attachments"][0]["medium"] != disk


@pytest.mark.parametrize(
    "name", [HOSTILE.replace("/", ""), "-dash", "we ird/.name.", "<inaccessible", "é"]
)
def test_any_name(world, name):
    world.change(MODULE, name=name, folder=str(world.vms), managed_by=name, snapshot=name)
    world.change(
        MODULE,
        name=name,
        folder=str(world.vms),
        managed_by=name,
        state="absent",
        delete_media=True,
    )
    assert os.listdir(world.vms) == []


# --- clones -----------------------------------------------------------------------------------


def test_linked_clone(world, base, seed):
    options = clone(
        world,
        os_type="Debian_64",
        cpus=2,
        memory_mb=256,
        nics=[{"number": 1, "type": "internal", "network": "lab-edge", "mac": "02:00:00:00:00:01"}],
        prune_nics=True,
        storage_attachments=[dvd(seed)],
    )
    made = world.change(MODULE, **options)
    assert [action["action"] for action in made["actions"]] == ["clone", "modify", "attach"]
    # One for each action; the files tell of the source, and of the clone.
    assert few(made, 3)
    assert made["vm"]["managed_by"] == "lab"
    medium = made["vm"]["storage_attachments"][0]["medium"]
    assert medium.startswith(f"{world.vms}/lab/clone/Snapshots/")
    # The wanted base disk is recognised below the differencing image.
    with_disk = {**options, "storage_attachments": [hdd(f"{world.vms}/base.vdi"), dvd(seed)]}
    assert world.same(MODULE, **with_disk)
    assert world.run(MODULE, name="base")["vm"] == base


def test_full_clone_and_missing_snapshot(world, base):
    full = world.change(MODULE, **clone(world, "full", clone_type="full", clone_snapshot="new"))
    assert full["actions"][0]["action"] == "snapshot"
    disk = full["vm"]["storage_attachments"][0]["medium"]
    assert "Parent UUID:    base" in world.vbox("showmediuminfo", disk)
    # Without a snapshot: from the state that the source is in.
    world.change(MODULE, **{**clone(world, "now", clone_type="full"), "clone_snapshot": None})


def test_clone_of_what_is_not_there(world):
    missing = world.fail(MODULE, **clone(world))
    assert missing["error_code"] == "VBOX_E_OBJECT_NOT_FOUND"
    foreseen = world.run(MODULE, check=True, **clone(world))
    assert foreseen["changed"], "an earlier task of the same play may make the source"
    assert world.names() == []


def test_the_base_of_clones_is_not_removed(world, base):
    world.run(MODULE, **clone(world))
    options = {"name": "base", "folder": str(world.vms), "state": "absent", "delete_media": True}
    for check in (True, False):
        refused = world.fail(MODULE, check=check, **options)
        assert refused["error_code"] == "VBOX_E_OBJECT_IN_USE"
        assert "carries linked clones" in refused["msg"]
    assert world.run(MODULE, name="base")["vm"] == base
    world.change(MODULE, **{**options, "name": "clone"})
    world.change(MODULE, **options)
    # The disk lies outside the folder of the VM and stays.
    assert os.listdir(world.vms) == ["base.vdi"]


def test_eight_clones_at_once(world, base):
    started = [world.start(MODULE, **clone(world, f"c{number}", cpus=2)) for number in range(8)]
    results = [world.finish(process) for process in started]
    assert [result.get("changed") for result in results] == [True] * 8, results
    for number in range(8):
        world.same(MODULE, **clone(world, f"c{number}", cpus=2))


def test_the_same_clone_wanted_by_five_runs_at_once(world, base):
    started = [world.start(MODULE, **clone(world, cpus=2)) for _run in range(5)]
    results = [world.finish(process) for process in started]
    assert not any(result.get("failed") for result in results), results
    assert world.names() == ['"base"', '"clone"']
    assert sorted(os.listdir(world.vms)) == ["base.vdi", "lab"]
    world.same(MODULE, **clone(world, cpus=2))


# --- whose VM is it ---------------------------------------------------------------------------


def test_foreign_vms_are_left_alone(world):
    world.vbox("createvm", "--name", "vm", "--register")
    world.vbox("modifyvm", "vm", "--description", "precious")
    before = world.run("virtualbox_vm_info")["vms"]
    for options in ({"cpus": 2}, {"state": "absent", "delete_media": True}, {"state": "running"}):
        for check in (True, False):
            refused = world.fail(MODULE, check=check, name="vm", managed_by="lab", **options)
            assert refused["error_code"] == "NOT_OURS"
            assert "setextradata" in refused["msg"]
    assert world.run("virtualbox_vm_info")["vms"] == before
    # Named outright, without a data center: the user means this VM.
    world.change(MODULE, name="vm", cpus=2)


def test_vms_of_another_data_center_are_left_alone(world):
    world.vm("vm", managed_by="other")
    assert "belongs to 'other'" in world.fail(MODULE, name="vm", managed_by="lab", cpus=2)["msg"]


def test_two_vms_of_one_name_are_no_guess(world):
    world.vm("vm")
    second = "5d1e5f5e-8d9c-4a52-9a1e-0b6c7d8e9f00"
    folder = str(world.folder / "second")
    world.vbox("createvm", "--name", "vm", "--uuid", second, "--basefolder", folder, "--register")
    refused = world.fail(MODULE, name="vm", cpus=2)
    assert refused["error_code"] == "AMBIGUOUS_NAME" and second in refused["msg"]
    world.change(MODULE, name="vm", uuid=second, cpus=2)
    world.change(MODULE, name="vm", uuid=second, state="absent", folder=folder, delete_media=True)
    assert "no VM" in world.fail(MODULE, name="vm", uuid=second, cpus=3)["msg"]


def test_foreign_files_are_in_the_way_and_stay(world):
    # Without --register only the file is there, and VirtualBox does not list the VM.
    world.vbox("createvm", "--name", "vm", "--basefolder", str(world.vms))
    path = world.vms / "vm" / "vm.vbox"
    before = path.read_bytes()
    refused = world.fail(MODULE, name="vm", folder=str(world.vms))
    assert refused["error_code"] == "VBOX_E_FILE_ERROR" and "registervm" in refused["msg"]
    assert not world.run(MODULE, name="vm", folder=str(world.vms), state="absent")["changed"]
    assert path.read_bytes() == before


# --- interruptions ----------------------------------------------------------------------------


def test_leftovers_of_an_interrupted_creation(world):
    uuid = "5d1e5f5e-8d9c-4a52-9a1e-0b6c7d8e9f00"
    world.vbox("createvm", "--name", "vm", "--uuid", uuid, "--basefolder", str(world.vms))
    (world.vms / "vm" / "half.vdi").write_bytes(b"half")
    note = {"what": "create", "name": "vm", "uuid": uuid, "folder": f"{world.vms}/vm"}
    note["new_folder"] = True
    journal.Journal(str(world.vms), "vm").begin(note)
    info = world.run("virtualbox_vm_info", folder=str(world.vms))
    assert info["interrupted"] == ["vm"] and info["vms"] == []
    made = world.change(MODULE, name="vm", folder=str(world.vms), managed_by="lab")
    assert [action["action"] for action in made["actions"]] == ["clean", "create", "mark"]
    assert os.listdir(world.vms) == ["vm"]
    assert not (world.vms / "vm" / "half.vdi").exists()


def test_a_note_does_not_cover_the_vm_of_somebody_else(world):
    note = {"what": "create", "name": "vm", "uuid": "not-this-one", "folder": f"{world.vms}/vm"}
    journal.Journal(str(world.vms), "vm").begin(note)
    world.vbox("createvm", "--name", "vm", "--basefolder", str(world.vms))
    assert "registervm" in world.fail(MODULE, name="vm", folder=str(world.vms))["msg"]
    assert (world.vms / "vm" / "vm.vbox").exists()


def test_interrupted_before_the_mark(world):
    vm = world.vm("vm")
    note = {"what": "create", "name": "vm", "uuid": vm["uuid"], "folder": f"{world.vms}/vm"}
    journal.Journal(str(world.vms), "vm").begin(note)
    made = world.change(MODULE, name="vm", folder=str(world.vms), managed_by="lab")
    assert [action["action"] for action in made["actions"]] == ["mark"]


def test_removal_of_leftovers(world):
    (world.vms / "vm").mkdir(parents=True)
    (world.vms / "vm" / "vm.vbox").write_text("<half")
    note = {"what": "create", "name": "vm", "uuid": "u", "folder": f"{world.vms}/vm"}
    note["new_folder"] = True
    journal.Journal(str(world.vms), "vm").begin(note)
    world.change(MODULE, name="vm", folder=str(world.vms), state="absent")
    assert os.listdir(world.vms) == []


@pytest.mark.parametrize("moment", [0.0, 0.1, 0.2, 0.35])
def test_killed_in_the_middle(world, base, moment):
    options = clone(world, cpus=2, serial_ports=[{"number": 1, "mode": "disconnected"}])
    process = world.start(MODULE, **options)
    notes = world.vms / ".virtual.datacenter"
    end = time.monotonic() + 20
    while not notes.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    world.run(MODULE, **options)
    world.same(MODULE, **options)
    assert sorted(os.listdir(world.vms)) == ["base.vdi", "lab"]
    assert world.names() == ['"base"', '"clone"']
    assert world.vbox("list", "hdds").count("Location:") == 3


@pytest.mark.parametrize("moment", [0.3, 0.6, 0.9])
def test_service_killed_in_the_middle(world, base, moment):
    started = [world.start(MODULE, **clone(world, f"c{number}", cpus=2)) for number in range(3)]
    time.sleep(moment)
    world.kill("VBoxSVC")
    for process in started:
        process.communicate(timeout=180)
    for number in range(3):
        world.run(MODULE, **clone(world, f"c{number}", cpus=2))
        world.same(MODULE, **clone(world, f"c{number}", cpus=2))
    assert sorted(os.listdir(world.vms)) == ["base.vdi", "lab"]
    assert sorted(os.listdir(world.vms / "lab")) == ["base", "c0", "c1", "c2"]


def cut_off(path):
    """The files that VBoxSVC leaves when it is killed between the two renames of a save."""
    os.rename(path, f"{path}-prev")
    shutil.copy(f"{path}-prev", f"{path}-tmp")


def stop_service(world):
    """End the service, so that the next one reads all files anew."""
    world.kill("VBoxSVC")
    while world.processes("VBoxSVC"):
        time.sleep(0.05)


def test_service_killed_in_the_middle_of_a_save(world):
    vm = world.vm("vm")
    stop_service(world)
    settings = str(world.folder / "home" / "VirtualBox.xml")
    cut_off(settings)
    # Another program was faster: a service without settings answers that there is no VM.
    world.settle()
    assert world.names() == []
    found = world.run("virtualbox_vm_info")
    assert [item["uuid"] for item in found["vms"]] == [vm["uuid"]]
    assert settings in str(found["warnings"][0])
    assert not os.path.exists(f"{settings}-tmp")


def test_service_killed_while_it_saved_a_vm(world):
    vm = world.vm("vm")
    stop_service(world)
    cut_off(vm["settings_file"])
    world.settle()
    assert world.names() == ['"<inaccessible>"']
    world.same(MODULE, name="vm", folder=str(world.vms))
    assert world.names() == ['"vm"']


# --- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"os_type": "Debian_65"}, "no guest system"),
        ({"memory_mb": 1}, "memory_mb of VM 'vm' is to be 1, and VirtualBox takes 4 to 2097152"),
        ({"cpus": 9999}, "cpus of VM 'vm' is to be 9999, and VirtualBox takes 1 to 64"),
        ({"groups": ["lab"]}, "must begin with a slash"),
        ({"folder": "relative"}, "absolute path"),
        ({"nics": [{"number": 1, "mac": "02:00"}]}, "no MAC address"),
        ({"nics": [{"number": 1, "mac": "01:00:00:00:00:01"}]}, "multicast"),
        ({"nics": [{"number": 99, "type": "nat"}]}, "NIC number"),
        ({"nics": [{"number": 2, "type": "internal"}]}, "needs a network"),
        (
            {"nics": [{"number": 1, "port_forwards": [{**SSH, "name": "a,b"}]}]},
            "cannot be the name",
        ),
        ({"storage_attachments": [hdd("/nonexistent.vdi")]}, "no such controller"),
        ({"storage_attachments": [hdd(None)]}, "needs a medium"),
        ({"serial_ports": [{"number": 1, "mode": "file"}]}, "needs a path"),
        ({"clone_from": "base"}, "clone_snapshot"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_changed(world, options, message):
    if "clone_from" in options:
        world.vm("base")
    else:
        world.vm("vm")
    before = world.run("virtualbox_vm_info")["vms"]
    refused = world.fail(MODULE, name="vm", **{"folder": str(world.vms), **options})
    assert message in refused["msg"]
    foreseen = world.fail(MODULE, check=True, name="vm", **{"folder": str(world.vms), **options})
    assert foreseen["msg"] == refused["msg"]
    assert world.run("virtualbox_vm_info")["vms"] == before


def test_a_vm_that_cannot_be_created_leaves_nothing(world):
    refused = world.fail(MODULE, name="vm", folder=str(world.vms), os_type="nonsense")
    assert "no guest system 'nonsense'" in refused["msg"]
    # It is refused before anything is made, the folder for VMs included.
    assert not world.vms.exists()


def test_vms_that_must_not_be_made(world):
    assert not world.run(MODULE, name="vm", state="stopped", create=False)["changed"]
    assert "define it first" in world.fail(MODULE, name="vm", state="running", create=False)["msg"]
    assert world.names() == []


# --- reading ----------------------------------------------------------------------------------


def test_info(world, base):
    world.vm("other", description=HOSTILE)
    found = world.run("virtualbox_vm_info")
    assert [vm["name"] for vm in found["vms"]] == ["base", "other"]
    assert found["changed"] is False and few(found, 3)
    assert found["vms"][0] == base
    assert found["vms"][1]["description"] == HOSTILE
    assert [vm["name"] for vm in world.run("virtualbox_vm_info", managed_by="lab")["vms"]] == [
        "base"
    ]
    assert world.run("virtualbox_vm_info", name="nosuch")["vms"] == []
