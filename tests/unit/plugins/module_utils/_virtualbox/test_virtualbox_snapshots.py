# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots: what is read, planned, and done after an interruption."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    BusyError,
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.snapshot import (
    model,
    notes,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.snapshot.model import (
    Snapshot,
    SnapshotVm,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.snapshot.plan import (
    Child,
    DesiredSnapshot,
    plan_snapshots,
    target,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import settings_file
from hypothesis import given
from hypothesis import strategies as st

ONE = Snapshot("one", "u1", disks=("base",))
TWO = Snapshot("two", "u2", parent="u1", online=True, disks=("diff",))


def vm(name="a", **values):
    given_values = {
        "current": "u2",
        "snapshots": (ONE, TWO),
        "own_disks": ("base", "diff", "now", "other"),
        **values,
    }
    return SnapshotVm(name, f"uuid-{name}", **given_values)


def kinds(plan):
    return [f"{action.kind} {action.vm[5:]}" for action in plan.actions]


def refused(vms, desired, children=None):
    with pytest.raises(VirtualBoxError) as caught:
        plan_snapshots(vms, desired, children or {})
    return caught.value


# --- reading ----------------------------------------------------------------------------------


def snapshot_vm(text, path=""):
    return model.from_settings(settings_file.parse(text, path), "poweroff")


def test_snapshots_of_a_settings_file(recorded):
    found = snapshot_vm(recorded("settings_base"), "/x.vbox")
    assert (found.name, found.managed_by, found.settings_file) == ("lab-base", "lab", "/x.vbox")
    (only,) = found.snapshots
    assert (only.name, only.parent, only.online, only.description) == ("base", "", False, "")
    assert only.taken.endswith("Z")
    assert found.current == only.uuid
    assert found.at(only) and not replace(found, modified=True).at(only)
    assert not replace(found, state="saved").at(only)
    # The snapshot holds the base image, the current state the image on it.
    assert len(only.disks) == 1 and set(only.disks) < set(found.own_disks)


def test_hostile_snapshot_names_are_data(recorded):
    text = recorded("settings_hostile")
    found = snapshot_vm(text)
    first, second = found.snapshots
    assert first.description == 'z"\nVMState="paused"'
    assert (second.name, second.parent, second.description) == ("s2", first.uuid, "")
    assert found.current == second.uuid


def test_no_snapshots_and_online_ones(recorded):
    found = snapshot_vm(recorded("settings_clone"))
    assert found.snapshots == () and found.current == "" and found.modified
    text = recorded("settings_base").replace('name="base" ', 'name="base" stateFile="x.sav" ')
    assert snapshot_vm(text).snapshots[0].online


# --- planning ---------------------------------------------------------------------------------


def test_running_vms_are_paused_only_as_a_set():
    desired = DesiredSnapshot("new")
    assert kinds(plan_snapshots([vm(state="running")], desired, {})) == ["take a"]
    one = [vm("a", state="running"), vm("b"), vm("c", state="paused")]
    assert kinds(plan_snapshots(one, desired, {})) == ["take a", "take b", "take c"]
    two = [vm("a", state="running"), vm("b"), vm("c", state="running")]
    assert kinds(plan_snapshots(two, desired, {})) == [
        "pause a",
        "pause c",
        "take a",
        "take b",
        "take c",
        "resume a",
        "resume c",
    ]


def test_an_incomplete_set_and_a_crashed_vm_are_refused():
    lacking = vm("b", snapshots=(ONE,), current="u1")
    assert refused([vm(), lacking], DesiredSnapshot("two")).error_code == "INCOMPLETE_SET"
    crashed = vm("b", state="gurumeditation")
    assert refused([vm(), crashed], DesiredSnapshot("new")).error_code == "VBOX_E_INVALID_VM_STATE"


def test_marks_are_checked_on_all():
    strangers = [vm("a", managed_by="dc1"), vm("b"), vm("c", managed_by="dc2")]
    error = refused(strangers, DesiredSnapshot("new", managed_by="dc1"))
    assert error.error_code == "NOT_OURS"
    assert "'b' {uuid-b} (no mark), 'c' {uuid-c} (dc2)" in error.message


def test_twins_are_named_by_their_uuids():
    twins = vm(snapshots=(ONE, replace(TWO, name="one")))
    error = refused([twins], DesiredSnapshot("one", "absent"))
    assert error.error_code == "AMBIGUOUS_NAME" and "u1, u2" in error.message
    assert target(twins, DesiredSnapshot(uuid="u2")) == replace(TWO, name="one")


@pytest.mark.parametrize(
    ("built", "snapshots", "text"),
    [
        ({"base": ["diff", "other"]}, (ONE, TWO), "'two', the current state"),
        (
            {"base": ["diff", "other"]},
            (ONE, TWO, Snapshot("three", "u3", parent="u1")),
            "has 2 snapshots on it: 'two', 'three'",
        ),
        ({"base": ["diff", "clone"]}, (ONE, TWO), "linked clones: /clone"),
        # VirtualBox would remove this one, and the clone with it.
        ({"base": ["clone"]}, (ONE,), "linked clones: /clone"),
    ],
)
def test_what_cannot_be_removed(built, snapshots, text):
    children = {key: [Child(disk, f"/{disk}") for disk in disks] for key, disks in built.items()}
    bad = vm("b", snapshots=snapshots, current=snapshots[-1].uuid)
    free = vm("a", snapshots=(replace(ONE, disks=("free",)),), current="u1")
    error = refused([free, bad], DesiredSnapshot("one", "absent"), children)
    assert error.error_code == "VBOX_E_OBJECT_IN_USE" and text in error.message


def test_removal_merges_into_one_child():
    children = {"base": [Child("diff", "/diff")], "diff": [Child("now", "/now")]}
    plan = plan_snapshots([vm()], DesiredSnapshot("one", "absent"), children)
    assert kinds(plan) == ["remove a"]
    assert plan.after[0].snapshots == (replace(TWO, parent=""),)


def test_restoring_a_set_takes_safety_snapshots():
    vms = [vm("a", state="running"), vm("b"), vm("c", state="saved", modified=False)]
    error = refused(vms, DesiredSnapshot("two", "restored"))
    assert error.error_code == "POWER_CYCLE_NEEDED" and "allow_power_cycle" in error.hint
    plan = plan_snapshots(vms, DesiredSnapshot("two", "restored", allow_power_cycle=True), {})
    assert kinds(plan) == [
        "guard a",
        "guard b",
        "stop a",
        "restore a",
        "restore b",
        "unguard a",
        "unguard b",
        "start a",
    ]
    assert [item.state for item in plan.after] == ["running", "saved", "saved"]
    alone = plan_snapshots([vm("b")], DesiredSnapshot("one", "restored"), {})
    assert kinds(alone) == ["restore b"]
    assert alone.after[0].state == "poweroff"


def test_a_missing_snapshot_stops_the_whole_set():
    error = refused([vm("a"), vm("b", snapshots=())], DesiredSnapshot("one", "restored"))
    assert error.error_code == "VBOX_E_OBJECT_NOT_FOUND" and "'b'" in error.message


@st.composite
def machines(draw):
    """A VM with a tree of snapshots, with names that come more than once."""
    found = []
    for number in range(draw(st.integers(0, 4))):
        parent = draw(st.sampled_from(["", *(item.uuid for item in found)])) if found else ""
        found.append(
            Snapshot(
                draw(st.sampled_from(["x", "y", "z"])),
                f"u{number}",
                draw(st.sampled_from(["", "d"])),
                online=draw(st.booleans()),
                parent=parent if number else "",
                disks=(f"disk{number}",),
            )
        )
    current = draw(st.sampled_from([item.uuid for item in found])) if found else ""
    return {
        "state": draw(st.sampled_from(model.SETTLED_STATES)),
        "current": current,
        "modified": draw(st.booleans()),
        "snapshots": tuple(found),
    }


@given(
    st.lists(machines(), min_size=1, max_size=4),
    st.sampled_from(["present", "absent", "restored"]),
    st.sampled_from(["x", "new"]),
    st.sampled_from([None, "", "text"]),
)
def test_a_second_plan_is_empty(drawn, state, name, description):
    vms = [SnapshotVm(str(at), f"uuid-{at}", **values) for at, values in enumerate(drawn)]
    desired = DesiredSnapshot(name, state, description=description, allow_power_cycle=True)
    try:
        plan = plan_snapshots(vms, desired, {})
    except VirtualBoxError as error:
        assert error.error_code in (
            "AMBIGUOUS_NAME",
            "INCOMPLETE_SET",
            "VBOX_E_OBJECT_NOT_FOUND",
            "VBOX_E_OBJECT_IN_USE",
        )
        return
    started = tuple(action.vm for action in plan.actions if action.kind == "start")
    again = plan_snapshots(plan.after, replace(desired, reached=started), {})
    assert again.actions == () and again.after == plan.after
    assert [item.on for item in plan.after] == [item.on for item in vms]
    names = {item.name for item in vms[0].snapshots} - {name}
    assert names == {item.name for item in plan.after[0].snapshots} - {name}


# --- after an interruption --------------------------------------------------------------------


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VBOX_USER_HOME", str(tmp_path))
    return tmp_path


def test_a_half_taken_set_is_undone():
    before = [vm("a", state="running"), vm("b", state="paused")]
    note = notes.make_note(notes.TAKE, before, "new")
    half = Snapshot("new", "u3", parent="u2", online=True)
    now = replace(vm("a", state="paused"), snapshots=(ONE, TWO, half), current="u3", modified=False)
    undone = notes.settled_vm(now, note)
    assert undone.snapshots == (ONE, TWO)
    assert (undone.state, undone.current) == ("running", "u2")
    # One that was paused before stays so.
    assert notes.settled_vm(before[1], note) == before[1]
    # When all are taken, only the power is owed.
    finished = notes.settled_vm(now, {**note, "phase": notes.FINISH})
    assert finished.snapshots == now.snapshots and finished.state == "running"
    # An older snapshot of that name is not ours.
    old = notes.make_note(notes.TAKE, [now], "new")
    assert notes.half_taken(now, old) == ()


@pytest.mark.parametrize(
    ("was", "now", "back", "owed"),
    [
        ("running", "paused", False, ("resume",)),
        ("running", "running", False, ()),
        ("running", "poweroff", True, ("start",)),
        ("paused", "paused", False, ()),
        ("paused", "saved", True, ("start", "pause")),
        ("poweroff", "poweroff", False, ()),
    ],
)
def test_an_unfinished_restoration_is_undone(was, now, back, owed):
    note = notes.make_note(notes.RESTORE, [vm(state=was)], "one")
    guard = Snapshot(note["guard"], "g", parent="u2", online=was != "poweroff")
    found = vm(state=now, snapshots=(ONE, TWO, guard), current="g", modified=False)
    assert notes.goes_back(found, note) == back
    assert notes.power_owed(found, note, "saved" if back else now) == owed
    undone = notes.settled_vm(found, note)
    assert undone.state == was and undone.snapshots == (ONE, TWO) and undone.current == "u2"
    # Put back already, and then killed.
    moved = replace(found, state="poweroff", current="u1")
    assert notes.goes_back(moved, note)
    assert notes.settled_vm(moved, note).current == "u2"
    finished = notes.settled_vm(moved, {**note, "phase": notes.FINISH})
    assert finished.current == "u1" and finished.snapshots == (ONE, TWO)
    assert finished.on == (was != "poweroff")


def test_notes_are_found_by_any_of_their_vms(home):
    note = notes.make_note(notes.TAKE, [vm("a"), vm("b")], "new")
    place = notes.journal_of(note)
    place.begin(note)
    (home / ".virtual.datacenter" / "broken.json").write_text("{")
    assert [item["id"] for item in notes.notes_about(["uuid-b"])] == [note["id"]]
    assert notes.notes_about(["uuid-c"]) == []
    place.end()
    assert notes.notes_about(["uuid-a"]) == []


def test_locks_keep_a_second_run_out(tmp_path, script):
    folders = [str(tmp_path / name) for name in ("a", "b")]
    for folder in folders:
        os.mkdir(folder)
    first, second = notes.Locks(), notes.Locks()
    # The same folder twice is one lock.
    first.take([*folders, folders[0]], script.client())
    with pytest.raises(BusyError):
        second.take(folders[:1], script.client())
    first.release()
    second.take(folders, script.client())
    second.release()
