# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading real VMs: all of them, and the ones that are asked for."""

from __future__ import annotations

import os
from pathlib import Path

import many_vms
import pytest

MODULE = "virtualbox_vm_info"


def names(world, **options):
    return [vm["name"] for vm in world.run(MODULE, **options)["vms"]]


def test_an_empty_world(world):
    found = world.run(MODULE)
    assert (found["vms"], found["inaccessible"], found["changed"]) == ([], [], False)


def test_vms_are_found_by_every_option(world):
    a = world.vm("a", groups=["/lab/x", "/other"], managed_by="lab", memory_mb=16)
    world.vm("b", groups=["/laboratory"], managed_by="prod")
    world.vm("c")
    world.vbox("startvm", "a", "--type", "headless")
    assert names(world) == ["a", "b", "c"]
    assert names(world, name="b") == ["b"]
    assert names(world, name="B") == []
    assert names(world, uuid=a["uuid"]) == ["a"]
    assert names(world, uuid=a["uuid"].upper()) == ["a"]
    assert names(world, uuid="nonsense") == []
    assert names(world, managed_by="lab") == ["a"]
    assert names(world, group="/lab") == ["a"]
    assert names(world, group="/lab/x") == ["a"]
    assert names(world, group="/other") == ["a"]
    assert names(world, group="/lab/y") == []
    assert names(world, group="/") == ["a", "b", "c"]
    assert names(world, running=True) == ["a"]
    assert names(world, running=False) == ["b", "c"]
    assert names(world, group="/lab", running=False) == []
    world.vbox("controlvm", "a", "pause")
    [paused] = world.run(MODULE, running=True)["vms"]
    assert paused["state"] == "paused"


def test_only_what_is_asked_for_is_read_in_full(world):
    for name in ("a", "b", "c"):
        world.vm(name)
    # A call that stalls is made a second time.
    assert world.run(MODULE, name="a")["processes"] < world.run(MODULE)["processes"]


def test_the_result_is_that_of_the_module_that_made_the_vm(world):
    made = world.vm(memory_mb=64, cpus=2, description="x\ny", groups=["/lab"])
    found = world.run(MODULE)
    assert found["vms"] == [made]
    checked = world.run(MODULE, check=True)
    assert checked["vms"] == found["vms"]


def test_guest_properties(world):
    for name in ("live", "off"):
        world.vm(name, memory_mb=16)
        world.vbox("guestproperty", "set", name, "/Test", "a\n/Foo = 'b")
    world.vbox("startvm", "live", "--type", "headless")
    live, off = world.run(MODULE, guest_properties=True)["vms"]
    assert off["guest_properties"] == {"/Test": "a\n/Foo = 'b"}
    assert live["guest_properties"]["/Test"] == "a\n/Foo = 'b"
    assert live["guest_properties"]["/VirtualBox/HostInfo/VBoxVer"]


@pytest.mark.parametrize("name", ['say "x" {y}\nnext', "-dash", "{{ 1 + 1 }}", "<inaccessible>"])
def test_odd_names(world, name):
    uuid = "11111111-1111-4111-8111-111111111111"
    world.vbox("createvm", "--uuid", uuid, "--register", f"--name={name}")
    world.vm("other")
    [found] = world.run(MODULE, name=name)["vms"]
    assert (found["name"], found["uuid"]) == (name, uuid)


def test_two_vms_of_one_name_are_both_read(world):
    for group in ("/a", "/b"):
        world.vbox("createvm", "--name", "twin", "--groups", group, "--register")
    found = world.run(MODULE, name="twin")["vms"]
    assert sorted(vm["groups"] for vm in found) == [["/a"], ["/b"]]


def test_inaccessible_vms_are_told(world):
    world.vm("whole")
    broken = world.vm("broken")
    gone = world.vm("gone")
    many_vms.stop_service(world)
    Path(broken["settings_file"]).write_text("<nonsense")
    os.unlink(gone["settings_file"])
    for leftover in Path(gone["settings_file"]).parent.glob("*.vbox-prev"):
        leftover.unlink()
    found = world.run(MODULE, name="whole")
    assert [vm["name"] for vm in found["vms"]] == ["whole"]
    told = {item["uuid"]: item for item in found["inaccessible"]}
    assert set(told) == {broken["uuid"], gone["uuid"]}
    assert told[gone["uuid"]]["reason"] == "its settings file is gone"
    assert told[gone["uuid"]]["settings_file"] == gone["settings_file"]
    assert "not valid" in told[broken["uuid"]]["reason"]
