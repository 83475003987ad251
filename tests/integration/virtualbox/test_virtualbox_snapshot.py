# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module virtualbox_snapshot against real VBoxManage."""

from __future__ import annotations

import os
import random
import re
import signal

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import client, errors
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import model
from world import ROUNDS, killed

MODULE = "virtualbox_snapshot"
HOSTILE = [
    "-dash",
    "--description",
    "quo\"te's",
    "two\nlines",
    'x"\nSnapshotUUID="49269f3f-536a-4a07-a2bb-c6e6cd5b5a73',
    "49269f3f-536a-4a07-a2bb-c6e6cd5b5a73",
    " <b>&amp; ü 漢 \t",
    "$(id)`id`\\",
]


@pytest.fixture
def vms(world, boot_disk):
    """VMs with a disk that can run; their UUIDs by name."""
    raw = world.folder / "boot.raw"
    raw.write_bytes(boot_disk)

    def make(*names):
        made = {}
        for name in names:
            disk = world.vms / f"{name}.vdi"
            world.run("virtualbox_medium", path=str(disk), source_path=str(raw))
            made[name] = world.vm(
                name,
                memory_mb=32,
                managed_by="dc1",
                storage_controllers=[{"name": "SATA", "type": "sata", "port_count": 2}],
                storage_attachments=[
                    {"controller": "SATA", "port": 0, "type": "hdd", "medium": str(disk)}
                ],
            )["uuid"]
        return made

    return make


def snapshots(world, uuid):
    """Name and UUID of all snapshots, by VBoxManage's own list."""
    text = world.vbox("snapshot", uuid, "list", "--machinereadable", ok=False)
    names = re.findall(r'^SnapshotName[-\d]*="(.*?)"\nSnapshotUUID', text, re.M | re.S)
    return dict(zip(re.findall(r'^SnapshotUUID[-\d]*="(.*)"$', text, re.M), names))


def names(world, uuid):
    return sorted(snapshots(world, uuid).values())


def state(world, uuid):
    text = world.vbox("showvminfo", uuid, "--machinereadable")
    return re.search(r'^VMState="(.*)"$', text, re.M).group(1)


def power(world, uuid):
    # A VM that is off becomes aborted when a VBoxManage that holds it is killed.
    return model.power(state(world, uuid))


def notes(world):
    folder = world.folder / "home" / ".virtual.datacenter"
    return sorted(folder.iterdir()) if folder.exists() else []


def start(world, *uuids):
    for uuid in uuids:
        world.vbox("startvm", uuid, "--type", "headless")


def texts(result):
    return [action["action"] for action in result["actions"]]


# --- one VM -----------------------------------------------------------------------------------


def test_take_describe_remove(world, vms):
    uuid = vms("a")["a"]
    taken = world.change(MODULE, vms=["a"], name="one", description="first")
    assert texts(taken) == ["take"]
    shown = taken["snapshots"][0]
    assert snapshots(world, uuid) == {shown["uuid"]: "one"}
    assert shown["current"] and shown["unchanged_since"] and not shown["online"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}Z", shown["taken"])
    # Not set is left alone; set empty is emptied.
    assert world.same(MODULE, vms=[uuid], name="one")["snapshots"][0]["description"] == "first"
    changed = world.change(MODULE, vms=["a"], name="one", description="second")
    assert texts(changed) == ["describe"]
    assert changed["snapshots"][0]["uuid"] == shown["uuid"]
    assert (
        world.change(MODULE, vms=["a"], name="one", description="")["snapshots"][0]["description"]
        == ""
    )
    gone = world.change(MODULE, vms=["a"], name="one", state="absent")
    assert texts(gone) == ["remove"]
    assert gone["snapshots"] == [
        {"vm": "a", "vm_uuid": uuid, "vm_state": "stopped", "exists": False}
    ]
    assert snapshots(world, uuid) == {}
    assert gone["diff"]["before"]["snapshots"][0]["name"] == "one"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_and_descriptions(world, vms, name):
    vms("a")
    description = f'{name}\n--live\nVMState="running"\nCurrentSnapshotUUID="x"\r\n'
    world.run(MODULE, vms=["a"], name="other")
    taken = world.change(MODULE, vms=["a"], name=name, description=description)
    shown = taken["snapshots"][0]
    assert (shown["name"], shown["description"]) == (name, description)
    world.run(MODULE, vms=["a"], name="third")
    world.change(MODULE, vms=["a"], name=name, state="restored")
    world.run(MODULE, vms=["a"], name="third", state="absent")
    world.change(MODULE, vms=["a"], name=name, state="absent")


def test_what_xml_cannot_hold_is_refused(world, vms):
    vms("a")
    for options in ({"name": "a\x01"}, {"name": "a", "description": "\x1b"}, {"name": ""}):
        assert world.fail(MODULE, vms=["a"], **options)["error_code"] == "BAD_OPTION"


def test_two_of_one_name_are_told_apart_by_uuid(world, vms):
    uuid = vms("a")["a"]
    world.vbox("snapshot", uuid, "take", "twin")
    world.vbox("snapshot", uuid, "take", "twin")
    known = list(snapshots(world, uuid))
    for wanted in ("present", "absent", "restored"):
        failed = world.fail(MODULE, vms=["a"], name="twin", state=wanted)
        assert failed["error_code"] == "AMBIGUOUS_NAME"
        assert all(item in failed["msg"] for item in known)
    world.change(MODULE, vms=["a"], uuid=known[0].upper(), state="restored")
    wrong = world.fail(MODULE, vms=["a"], uuid=known[0], name="other", state="absent")
    assert wrong["error_code"] == "BAD_OPTION"
    world.change(MODULE, vms=["a"], uuid=known[1], state="absent")
    assert list(snapshots(world, uuid)) == [known[0]]
    world.same(MODULE, vms=["a"], name="twin")


def test_bad_options(world, vms):
    made = vms("a", "b")
    some = "49269f3f-536a-4a07-a2bb-c6e6cd5b5a73"
    for options in (
        {"vms": [], "name": "x"},
        {"vms": ["a", made["a"]], "name": "x"},
        {"vms": ["a"], "uuid": "x", "state": "absent"},
        {"vms": ["a", "b"], "uuid": some, "state": "absent"},
        {"vms": ["a"], "uuid": some, "name": "x", "state": "present"},
    ):
        assert world.fail(MODULE, **options)["error_code"] == "BAD_OPTION"
    for wanted in ("present", "absent", "restored"):
        lost = world.fail(MODULE, vms=["a", "nobody"], name="x", state=wanted)
        assert lost["error_code"] == "VBOX_E_OBJECT_NOT_FOUND" and "nobody" in lost["msg"]
    assert names(world, made["a"]) == []
    assert world.run(MODULE, check=True, vms=["a", "nobody"], name="x")["changed"]
    assert world.fail(MODULE, vms=["a"], name="x", state="restored")["error_code"] == (
        "VBOX_E_OBJECT_NOT_FOUND"
    )
    # Two VMs of one name cannot be told apart either.
    world.vbox("createvm", "--name", "a", "--basefolder", str(world.vms / "other"), "--register")
    assert world.fail(MODULE, vms=["a"], name="x")["error_code"] == "AMBIGUOUS_NAME"


def test_restore_what_was_changed_and_only_then(world, vms):
    uuid = vms("a")["a"]
    world.run(MODULE, vms=["a"], name="one")
    world.same(MODULE, vms=["a"], name="one", state="restored")
    world.vbox("modifyvm", uuid, "--memory", "48")
    back = world.change(MODULE, vms=["a"], name="one", state="restored")
    assert texts(back) == ["restore"]
    assert "memory=32\n" in world.vbox("showvminfo", uuid, "--machinereadable")
    # A VM that has run has changed, although its settings are the same.
    start(world, uuid)
    world.vbox("controlvm", uuid, "poweroff")
    world.change(MODULE, vms=["a"], name="one", state="restored")
    # The mark is no part of a snapshot.
    world.change(MODULE, vms=["a"], name="two", managed_by="dc1")
    world.change(MODULE, vms=["a"], name="one", state="restored", managed_by="dc1")


def test_restore_a_running_vm(world, vms):
    uuid = vms("a")["a"]
    world.run(MODULE, vms=["a"], name="off")
    start(world, uuid)
    world.change(MODULE, vms=["a"], name="on")
    assert state(world, uuid) == "running"
    refused = world.fail(MODULE, vms=["a"], name="off", state="restored")
    assert refused["error_code"] == "POWER_CYCLE_NEEDED"
    assert "allow_power_cycle" in refused["msg"]
    assert state(world, uuid) == "running"
    for name in ("off", "on"):
        back = world.run(MODULE, vms=["a"], name=name, state="restored", allow_power_cycle=True)
        assert texts(back) == ["stop", "restore", "start"]
        assert back["snapshots"][0]["vm_state"] == "running" == state(world, uuid)
        assert back["snapshots"][0]["current"]
    world.vbox("controlvm", uuid, "poweroff")
    # One that was off gets its memory back, but is not started.
    saved = world.change(MODULE, vms=["a"], name="on", state="restored")
    assert saved["snapshots"][0]["vm_state"] == "saved"
    world.vbox("discardstate", uuid)
    world.change(MODULE, vms=["a"], name="on", state="restored")
    assert notes(world) == []


def test_remove_from_a_running_and_from_a_paused_vm(world, vms):
    uuid = vms("a")["a"]
    start(world, uuid)
    world.run(MODULE, vms=["a"], name="one")
    world.run(MODULE, vms=["a"], name="two")
    world.change(MODULE, vms=["a"], name="one", state="absent")
    assert state(world, uuid) == "running"
    world.vbox("controlvm", uuid, "pause")
    world.change(MODULE, vms=["a"], name="two", state="absent")
    assert state(world, uuid) == "paused"


# --- a set ------------------------------------------------------------------------------------


def test_set_of_running_paused_saved_and_stopped(world, vms):
    made = vms("a", "b", "c", "d", "e")
    start(world, made["a"], made["b"], made["c"], made["d"])
    world.vbox("controlvm", made["c"], "pause")
    world.vbox("controlvm", made["d"], "savestate")
    before = [state(world, uuid) for uuid in made.values()]
    assert before == ["running", "running", "paused", "saved", "poweroff"]
    taken = world.change(MODULE, vms=list(made), name="set", description="of five")
    assert texts(taken) == ["pause", "pause", *["take"] * 5, "resume", "resume"]
    assert [state(world, uuid) for uuid in made.values()] == before
    assert [item["online"] for item in taken["snapshots"]] == [True, True, True, True, False]
    assert notes(world) == []
    back = world.run(MODULE, vms=list(made), name="set", state="restored", allow_power_cycle=True)
    # The two that were off or saved have not changed since.
    assert texts(back) == [
        *["pause"] * 2,
        *["guard"] * 3,
        *["stop"] * 3,
        *["restore"] * 3,
        *["unguard"] * 3,
        *["start"] * 3,
    ]
    assert [item["vm_state"] for item in back["snapshots"]] == [
        "running",
        "running",
        "running",
        "saved",
        "stopped",
    ]
    for uuid in made.values():
        assert names(world, uuid) == ["set"]
    world.change(MODULE, vms=list(made), name="set", state="absent")
    assert notes(world) == []


def test_an_incomplete_set_is_an_error(world, vms):
    made = vms("a", "b")
    world.run(MODULE, vms=["a"], name="one")
    failed = world.fail(MODULE, vms=["a", "b"], name="one")
    assert failed["error_code"] == "INCOMPLETE_SET"
    assert world.fail(MODULE, vms=["a", "b"], name="one", state="restored")["error_code"] == (
        "VBOX_E_OBJECT_NOT_FOUND"
    )
    assert names(world, made["b"]) == []
    world.change(MODULE, vms=["a", "b"], name="one", state="absent")


@pytest.mark.parametrize("wanted", ["present", "absent", "restored"])
def test_a_foreign_vm_stops_the_whole_set(world, vms, wanted):
    made = vms("a", "b")
    world.run(MODULE, vms=["a", "b"], name="one")
    world.run("virtualbox_vm", name="b", managed_by=None, memory_mb=40)
    world.vbox("setextradata", made["b"], "virtual.datacenter/managed-by", "dc2")
    world.vbox("modifyvm", made["a"], "--memory", "40")
    name = "two" if wanted == "present" else "one"
    failed = world.fail(MODULE, vms=["a", "b"], name=name, state=wanted, managed_by="dc1")
    assert failed["error_code"] == "NOT_OURS" and "dc2" in failed["msg"]
    assert names(world, made["a"]) == ["one"]
    assert "memory=40\n" in world.vbox("showvminfo", made["a"], "--machinereadable")


def test_a_snapshot_with_two_on_it_stops_the_whole_removal(world, vms):
    made = vms("a", "b")
    for name in ("one", "two"):
        world.run(MODULE, vms=["a", "b"], name=name)
    world.run(MODULE, vms=["b"], name="one", state="restored")
    # One snapshot and the current state: VirtualBox fails only in the middle.
    failed = world.fail(MODULE, vms=["a", "b"], name="one", state="absent")
    assert failed["error_code"] == "VBOX_E_OBJECT_IN_USE"
    assert "'two', the current state" in failed["msg"]
    world.run(MODULE, vms=["b"], name="three")
    failed = world.fail(MODULE, vms=["a", "b"], name="one", state="absent")
    assert "'two', 'three'" in failed["msg"]
    assert names(world, made["a"]) == ["one", "two"]
    world.change(MODULE, vms=["b"], name="two", state="absent")
    world.change(MODULE, vms=["a", "b"], name="one", state="absent")


def test_a_linked_clone_stops_the_removal(world, vms):
    made = vms("a", "b")
    world.run(MODULE, vms=["a", "b"], name="one")
    world.run(MODULE, vms=["a", "b"], name="two")
    clone = world.vm("clone", clone_from="b", clone_snapshot="two")
    disk = clone["storage_attachments"][0]["medium"]
    for back in ("two", "one"):
        # As a leaf, VirtualBox would remove it, report success, and destroy the clone.
        world.run(MODULE, vms=["a", "b"], name=back, state="restored")
        failed = world.fail(MODULE, vms=["a", "b"], name="two", state="absent")
        assert failed["error_code"] == "VBOX_E_OBJECT_IN_USE" and disk in failed["msg"]
    assert names(world, made["a"]) == ["one", "two"] == names(world, made["b"])
    start(world, clone["uuid"])
    world.vbox("controlvm", clone["uuid"], "poweroff")
    world.run("virtualbox_vm", name="clone", state="absent", delete_media=True)
    world.change(MODULE, vms=["a", "b"], name="two", state="absent")


# --- failures in the middle -------------------------------------------------------------------


def failing(monkeypatch, uuid, *words, unknown=False):
    """VBoxManage fails for that VM, as if its disk were full."""
    real = client.Client._call

    def call(self, runner, argv, timeout):
        if uuid in argv and all(word in argv for word in words):
            if unknown:
                monkeypatch.setattr(client.Client, "_call", real)
                real(self, runner, argv, timeout)
                raise errors.CallTimeoutError("no answer", error_code="TIMEOUT", cmd=argv)
            raise errors.VirtualBoxError("the disk is full", cmd=argv, rc=1)
        return real(self, runner, argv, timeout)

    monkeypatch.setattr(client.Client, "_call", call)


@pytest.mark.parametrize("words", [("take",), ("pause",)])
def test_failed_taking_leaves_nothing(world, vms, monkeypatch, words):
    made = vms("a", "b", "c")
    start(world, *made.values())
    failing(monkeypatch, made["b"], *words)
    failed = world.fail(MODULE, vms=list(made), name="set")
    assert "the disk is full" in failed["msg"]
    for uuid in made.values():
        assert state(world, uuid) == "running" and names(world, uuid) == []
    assert notes(world) == []


def test_failed_restoring_gives_all_back(world, vms, monkeypatch):
    made = vms("a", "b", "c")
    world.run(MODULE, vms=list(made), name="set")
    start(world, made["a"], made["b"])
    world.vbox("modifyvm", made["c"], "--memory", "48")
    world.vbox("snapshot", made["a"], "take", "later")
    failing(monkeypatch, made["c"], "restore", next(iter(snapshots(world, made["c"]))))
    failed = world.fail(
        MODULE, vms=list(made), name="set", state="restored", allow_power_cycle=True
    )
    assert "the disk is full" in failed["msg"]
    assert [state(world, uuid) for uuid in made.values()] == ["running", "running", "poweroff"]
    assert names(world, made["a"]) == ["later", "set"]
    assert names(world, made["b"]) == names(world, made["c"]) == ["set"]
    assert "memory=48\n" in world.vbox("showvminfo", made["c"], "--machinereadable")
    shown = world.run(MODULE, vms=["a"], name="later")["snapshots"][0]
    assert shown["current"]
    assert notes(world) == []


def test_a_call_without_an_answer_is_looked_at_again(world, vms, monkeypatch):
    made = vms("a", "b")
    start(world, *made.values())
    failing(monkeypatch, made["b"], "take", unknown=True)
    taken = world.run(MODULE, vms=list(made), name="set")
    assert taken["changed"]
    for uuid in made.values():
        assert state(world, uuid) == "running" and names(world, uuid) == ["set"]


def test_one_that_will_not_start_is_told_once(world, vms, monkeypatch):
    made = vms("a", "b")
    world.run(MODULE, vms=list(made), name="set")
    start(world, *made.values())
    with monkeypatch.context() as patch:
        failing(patch, made["a"], "startvm")
        failed = world.fail(
            MODULE, vms=list(made), name="set", state="restored", allow_power_cycle=True
        )
    assert "the disk is full" in failed["msg"]
    assert [state(world, uuid) for uuid in made.values()] == ["poweroff", "running"]
    assert names(world, made["a"]) == names(world, made["b"]) == ["set"]
    assert notes(world) == []
    world.same(MODULE, vms=["a"], name="set", state="restored")


# --- killed -----------------------------------------------------------------------------------


def test_taking_killed_after_each_call(world, vms, monkeypatch):
    made = vms("a", "b")
    start(world, *made.values())
    for calls in range(20):
        cut = killed(world, monkeypatch, MODULE, calls, vms=list(made), name="set")
        foreseen = world.run(MODULE, check=True, vms=list(made), name="set")
        done = world.run(MODULE, vms=list(made), name="set")
        assert foreseen["changed"] == done["changed"] == (cut or foreseen["changed"])
        assert foreseen["diff"] == done["diff"]
        assert [state(world, uuid) for uuid in made.values()] == ["running", "running"]
        assert names(world, made["a"]) == names(world, made["b"]) == ["set"]
        assert notes(world) == []
        world.run(MODULE, vms=list(made), name="set", state="absent")
        if not cut:
            break
    assert calls == 6


# Taking a snapshot, killed after each call, is in every run.
@pytest.mark.nightly
def test_restoring_killed_after_each_call(world, vms, monkeypatch):
    made = vms("a", "b")
    world.run(MODULE, vms=list(made), name="set")
    start(world, made["a"])
    options = {"vms": list(made), "name": "set", "state": "restored", "allow_power_cycle": True}
    for calls in range(20):
        world.vbox("modifyvm", made["b"], "--memory", "48")
        cut = killed(world, monkeypatch, MODULE, calls, **options)
        done = world.run(MODULE, **options)
        assert [state(world, uuid) for uuid in made.values()] == ["running", "poweroff"]
        assert names(world, made["a"]) == names(world, made["b"]) == ["set"]
        assert [item["current"] for item in done["snapshots"]] == [True, True]
        assert "memory=32\n" in world.vbox("showvminfo", made["b"], "--machinereadable")
        assert notes(world) == []
        if not cut:
            break
    assert calls == 8


def test_another_task_on_one_vm_undoes_the_killed_run(world, vms, monkeypatch):
    made = vms("a", "b")
    start(world, *made.values())
    assert killed(world, monkeypatch, MODULE, 3, vms=list(made), name="set")
    assert [state(world, uuid) for uuid in made.values()] == ["paused", "paused"]
    done = world.run(MODULE, vms=["b"], name="other", state="absent")
    assert texts(done) == ["recover"]
    assert [state(world, uuid) for uuid in made.values()] == ["running", "running"]
    assert names(world, made["a"]) == []


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_sigkill_at_a_random_moment(world, vms, seed):
    made = vms("a", "b", "c")
    start(world, made["a"], made["b"])
    options = {"vms": list(made), "name": "set"}
    chance = random.Random(seed)
    for _time in range(2):
        process = world.start(MODULE, **options)
        try:
            process.wait(timeout=0.3 + chance.random() * 1.5)
        except Exception:
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        if chance.random() < 0.5:
            # The call that it had made goes with it.
            world.kill("VBoxManage")
    done = world.run(MODULE, **options)
    assert [item["exists"] for item in done["snapshots"]] == [True] * 3
    assert [power(world, uuid) for uuid in made.values()] == ["running", "running", "stopped"]
    for uuid in made.values():
        assert names(world, uuid) == ["set"]
    assert notes(world) == []
    world.same(MODULE, **options)
    restore = {**options, "state": "restored", "allow_power_cycle": True}
    process = world.start(MODULE, **restore)
    try:
        process.wait(timeout=0.5 + chance.random() * 3)
    except Exception:
        os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    world.run(MODULE, **restore)
    assert [power(world, uuid) for uuid in made.values()] == ["running", "running", "stopped"]
    for uuid in made.values():
        assert names(world, uuid) == ["set"]
    assert notes(world) == []


def test_two_runs_at_once_take_one_set(world, vms):
    made = vms("a", "b")
    start(world, *made.values())
    first = world.start(MODULE, vms=["a", "b"], name="set")
    second = world.start(MODULE, vms=["b", "a"], name="set")
    results = [world.finish(first), world.finish(second)]
    changed = [result.get("changed", result) for result in results]
    assert changed in ([False, True], [True, False])
    for uuid in made.values():
        assert names(world, uuid) == ["set"] and state(world, uuid) == "running"
