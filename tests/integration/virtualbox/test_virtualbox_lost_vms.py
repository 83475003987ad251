# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VMs whose folder somebody has removed, or whose disk is not mounted: never made a second time."""

from __future__ import annotations

import os
import shutil
import time

import pytest
from test_provider_virtualbox import ALL, play  # noqa: F401
from test_virtualbox_inventory import inventory  # noqa: F401
from test_virtualbox_vm import base, clone, disk  # noqa: F401

MODULE = "virtualbox_vm"


def service_ends(world) -> None:
    """As it does by itself 5 s after its last client, but without the wait."""
    world.kill("VBoxSVC")
    while world.processes("VBoxSVC"):
        time.sleep(0.05)


def uuids(world) -> list:
    return sorted(
        line.rpartition("{")[2].rstrip("}") for line in world.vbox("list", "vms").splitlines()
    )


def info(world) -> list:
    return world.run("virtualbox_info", gather=["vms"])["vms"]


def refused(world, **options) -> dict:
    """In check mode as in a real run, and nothing is registered by it."""
    before = uuids(world)
    foreseen = world.fail(MODULE, check=True, **options)
    done = world.fail(MODULE, **options)
    assert foreseen["msg"] == done["msg"]
    assert uuids(world) == before
    return done


@pytest.mark.parametrize("service", ["has ended", "still runs"])
def test_a_folder_deleted_by_hand(world, service):
    options = {"name": "worker01", "folder": str(world.vms), "managed_by": "dc", "cpus": 1}
    made = world.run(MODULE, **options)["vm"]
    shutil.rmtree(world.vms / "worker01")
    if service == "has ended":
        service_ends(world)
    for _run in (2, 3):
        told = refused(world, **options)
        assert told["error_code"] == "VM_LOST"
        for words in ("worker01", made["uuid"], "not mounted", "state absent"):
            assert words in told["msg"]
    assert "state absent" in refused(world, **{**options, "uuid": made["uuid"]})["msg"]
    # It can be removed, once.
    gone = world.change(MODULE, **{**options, "state": "absent", "delete_media": True})
    assert [action["action"] for action in gone["actions"]] == ["forget"]
    assert uuids(world) == []
    world.change(MODULE, **options)


def test_a_disk_that_is_not_mounted(world):
    options = {"name": "worker01", "folder": str(world.vms), "managed_by": "dc", "memory_mb": 64}
    made = world.run(MODULE, **options)["vm"]
    away = world.folder / "away"
    shutil.move(world.vms / "worker01", away)
    service_ends(world)
    refused(world, **options)
    refused(world, **{**options, "state": "stopped", "create": False})
    told = world.run("virtualbox_vm_info")
    assert told["vms"] == [] and [item["uuid"] for item in told["inaccessible"]] == [made["uuid"]]
    assert world.vms.exists() and not (world.vms / "worker01").exists()

    shutil.move(away, world.vms / "worker01")
    assert world.same(MODULE, **options)["vm"] == made


def test_a_mark_that_cannot_be_read_is_not_guessed(world):
    """By its name only what lies in the folder of the task is forgotten, by its UUID anything."""
    elsewhere = world.folder / "elsewhere"
    vm = world.run(MODULE, name="worker01", folder=str(elsewhere), managed_by="other")["vm"]
    shutil.rmtree(elsewhere)
    service_ends(world)
    options = {"name": "worker01", "folder": str(world.vms), "managed_by": "dc", "state": "absent"}
    assert refused(world, **options)["error_code"] == "NOT_OURS"
    world.change(MODULE, **{**options, "uuid": vm["uuid"]})


def test_made_a_second_time_by_an_older_version(world):
    """Two entries with one path: the VM works, and both go with it."""
    vbox = ("createvm", "--name", "worker01", "--basefolder", str(world.vms), "--register")
    options = {"name": "worker01", "folder": str(world.vms)}
    world.vbox(*vbox)
    shutil.rmtree(world.vms / "worker01")
    service_ends(world)
    world.vbox(*vbox)
    service_ends(world)
    assert len(uuids(world)) == 2
    changed = world.change(MODULE, **options, cpus=2)
    (warning,) = changed["warnings"]
    assert "worker01" in str(warning) and "state absent" in str(warning)
    world.same(MODULE, **options, cpus=2)
    told = world.run("virtualbox_vm_info")
    assert [vm["name"] for vm in told["vms"]] == ["worker01"]
    assert "another VM" in told["inaccessible"][0]["reason"]
    world.change(MODULE, **options, state="absent", delete_media=True)
    assert uuids(world) == [] and os.listdir(world.vms) == []


@pytest.mark.parametrize("service", ["has ended", "still runs"])
def test_the_base_of_a_linked_clone_whose_folder_is_gone(world, base, service):  # noqa: F811
    world.run(MODULE, **clone(world, "gone"))
    world.run(MODULE, **clone(world, "there"))
    shutil.rmtree(world.vms / "lab" / "gone")
    if service == "has ended":
        service_ends(world)
    removal = {"name": "base", "folder": str(world.vms), "state": "absent", "delete_media": True}
    # While VirtualBox has the clone, its disk may only not be mounted.
    assert "carries linked clones" in refused(world, **removal)["msg"]
    world.run(MODULE, **{**clone(world, "gone"), "state": "absent", "delete_media": True})
    assert "carries linked clones" in refused(world, **removal)["msg"]
    world.run(MODULE, **{**clone(world, "there"), "state": "absent", "delete_media": True})
    gone = world.change(MODULE, **removal)
    kinds = [action["action"] for action in gone["actions"]]
    assert kinds in (["close", "remove"], ["remove"])
    world.run("virtualbox_medium", path=f"{world.vms}/base.vdi", state="absent", delete_media=True)
    assert os.listdir(world.vms) == [] and uuids(world) == []
    assert world.vbox("list", "hdds").strip() == ""


def test_a_disk_under_a_linked_clone_whose_folder_is_gone(world, base):  # noqa: F811
    """The base VM was removed before; only its disk is left, and VirtualBox knows more on it."""
    world.run(MODULE, **clone(world, "gone"))
    shutil.rmtree(world.vms / "lab" / "gone")
    service_ends(world)
    world.run(MODULE, **{**clone(world, "gone"), "state": "absent"})
    world.vbox("unregistervm", "base")
    medium = {"path": f"{world.vms}/base.vdi", "state": "absent", "delete_media": True}
    world.change("virtualbox_medium", **medium)
    assert world.vbox("list", "hdds").strip() == ""


def test_a_base_vm_whose_folder_is_gone_is_made_anew_unless_machines_depend_on_it(world, play):  # noqa: F811
    play(("hypervisors", "prepare"))
    made = world.run("virtualbox_vm_info", name="lab-base")["vms"][0]
    shutil.rmtree(world.vms / "lab" / "lab-base")
    service_ends(world)
    play(*ALL)
    again = world.run("virtualbox_vm_info", name="lab-base")["vms"][0]
    assert again["uuid"] != made["uuid"]
    assert world.names() == ['"cp01"', '"gate01"', '"lab-base"', '"lb01"']
    shutil.rmtree(world.vms / "lab" / "lab-base")
    service_ends(world)
    before = uuids(world)
    words = " ".join(play(("hypervisors", "prepare"), ok=False)[1].split())
    assert "The folder of the VM lab-base in VirtualBox on host1 is gone, or on a disk" in words
    assert "else destroy the data center" in words
    assert uuids(world) == before


def shape(world, name):
    """A VM as it is told, but for what VirtualBox itself forgets with the end of its service."""
    (vm,) = world.run("virtualbox_vm_info", name=name)["vms"]
    for nic in vm["nics"]:
        del nic["localhost_reachable"]
    return vm


def test_machines_that_somebody_broke_are_named_and_made_anew_when_told_so(world, play):  # noqa: F811
    play(*ALL)
    home = world.vms / "lab"
    data = home / "lb01" / "lb01-SATA-2-0.vdi"
    data.unlink()
    shutil.rmtree(home / "cp01")
    gate = shape(world, "gate01")
    world.vbox("modifyvm", "gate01", "--name", "mine")
    service_ends(world)
    before = uuids(world)
    # Machines alone, as with --limit, do not pass by that either.
    for step in (("hypervisors", "preflight"), ("hypervisors", "prepare"), ("machines", "define")):
        _changed, output = play(step, ok=False)
        words = " ".join(output.split())
        assert f"Name it so again while it is off: VBoxManage modifyvm {gate['uuid']}" in words
        lost = f"are gone, or on a disk that is not mounted: {data}, {home}/cp01/cp01.vbox."
        assert f"Files of the VMs lb01, cp01 in VirtualBox on host1 {lost}" in words
        assert "-e destroy_confirm=lab -e destroy_lost=true" in words
    only = {"provider_lost_only": "true"}
    destroy = ("hypervisors", "destroy")
    assert play(destroy, check=True, **only)[0] == 1
    assert uuids(world) == before
    assert play(destroy, **only)[0] == 1
    assert world.names() == ['"lab-base"', '"mine"']
    # As the message says; the machine that nobody gave up is as it was.
    world.vbox("modifyvm", gate["uuid"], "--name", "gate01")
    assert play(*ALL)[0] == 2
    assert shape(world, "gate01") == gate

    # All machines are built on the base medium.
    medium = world.vms / "lab-base.vdi"
    medium.unlink()
    (seen,) = {tuple(vm["missing_files"]) for vm in info(world)}
    assert seen == (str(medium),)
    play(destroy, **only)
    assert world.names() == []
    assert play(*ALL)[0] == 5
    assert play(*ALL)[0] == 0
    assert {tuple(vm["missing_files"]) for vm in info(world)} == {()}


def test_destroy_and_inventory_with_a_machine_whose_folder_is_gone(world, play, inventory):  # noqa: F811
    play(*ALL)
    other = world.run(MODULE, name="other", folder=str(world.folder / "own"))["vm"]
    shutil.rmtree(world.vms / "lab" / "cp01")
    shutil.rmtree(world.folder / "own")
    service_ends(world)
    _changed, output = play(*ALL, ok=False)
    assert "cp01" in output and "destroy_lost=true" in output
    found, warnings = inventory.list()
    assert "lb01" in found["_meta"]["hostvars"] and "cp01" not in found["_meta"]["hostvars"]
    assert "lab/cp01/cp01.vbox" in "".join(warnings.split())

    changed, _output = play(("hypervisors", "destroy"), check=True)
    assert changed == 2
    changed, _output = play(("hypervisors", "destroy"))
    assert changed == 3
    assert os.listdir(world.vms) == []
    # What is not of the data center stays in the list, whatever became of its files.
    assert uuids(world) == [other["uuid"]]
    again, _output = play(("hypervisors", "destroy"))
    assert again == 0
    play(*ALL)
