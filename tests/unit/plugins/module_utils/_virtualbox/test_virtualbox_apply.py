# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrying plans out: exact calls, in order; power; leftovers; what an interruption leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change, processes
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    action as actions,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    instance,
    journal,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import (
    POLL_SECONDS,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    BusyError,
    CallTimeoutError,
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium import (
    apply as medium_apply,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium import (
    plan as medium_planner,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium.model import (
    Medium,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    apply,
    model,
    power,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    plan as planner,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.plan_data import (
    DesiredVm,
    VmPlan,
)

LOCKED = "VBoxManage: error: The machine 'x' is already locked for a session (or being unlocked)\n"
FAILED = "VBoxManage: error: No\nVBoxManage: error: Details: code VBOX_E_FILE_ERROR (0x80bb0004)\n"
INFO = ("showvminfo", "u1", "--machinereadable")


def shown(state: str) -> str:
    return f'UUID="u1"\nVMState="{state}"\n'


def vm(tmp_path, **fields):
    folder = tmp_path / "lab" / "cp01"
    return model.Vm("cp01", "u1", "poweroff", f"{folder}/cp01.vbox", groups=("/lab",), **fields)


def desired(tmp_path, state="present", **fields):
    wanted = model.Vm("cp01", groups=("/lab",))
    return DesiredVm(wanted, state, folder=str(tmp_path), new_uuid="u1", **fields)


def run(script, plan, wanted, note=None, patience=0.0):
    notes = journal.Journal(wanted.folder, "cp01")
    apply.apply_vm(script.client(), plan, wanted, notes, note or {}, patience)


# --- power ------------------------------------------------------------------------------------


def test_stop_by_the_power_button(script):
    script.expect(*INFO, out=shown("running")).expect("controlvm", "u1", "acpipowerbutton")
    script.expect(*INFO, out=shown("running")).expect(*INFO, out=shown("poweroff"))
    power.stop(script.client(), "u1", 60)


def test_stop_by_force_after_the_patience(script):
    script.expect(*INFO, out=shown("running")).expect("controlvm", "u1", "acpipowerbutton")
    for _poll in range(3):
        script.expect(*INFO, out=shown("running"))
    script.expect("controlvm", "u1", "poweroff").expect(*INFO, out=shown("poweroff"))
    power.stop(script.client(), "u1", 2 * POLL_SECONDS)


def test_stop_at_once(script):
    script.expect("controlvm", "u1", "poweroff").expect(*INFO, out=shown("aborted"))
    power.stop(script.client(), "u1", 0)


def test_stop_of_a_vm_that_has_just_gone_off(script, recorded_error):
    error = recorded_error("not_running")
    script.expect("controlvm", "u1", "poweroff", rc=error.rc, err=error.stderr)
    script.expect(*INFO, out=shown("poweroff"))
    power.stop(script.client(), "u1", 0)


def start_action():
    return actions.Action("start", "start", ("startvm", "u1", "--type", "headless"), "u1")


def test_start_waits_until_it_runs(script):
    script.expect("startvm", "u1", "--type", "headless")
    script.expect(*INFO, out=shown("starting")).expect(*INFO, out=shown("running"))
    power.start(script.client(), start_action())


def test_start_of_a_vm_that_somebody_else_has_started(script, recorded_error):
    error = recorded_error("start_running")
    script.expect("startvm", "u1", "--type", "headless", rc=1, err=error.stderr)
    for _look in range(3):
        script.expect(*INFO, out=shown("running"))
    power.start(script.client(), start_action())


def test_start_that_fails_later(script):
    script.expect("startvm", "u1", "--type", "headless")
    for _poll in range(3):
        script.expect(*INFO, out=shown("aborted"))
    with pytest.raises(VirtualBoxError, match="is aborted, not running"):
        power.start(script.client(timeout=POLL_SECONDS), start_action())


def test_a_locked_vm_is_looked_at_before_the_call_is_repeated(script):
    action = actions.Action("modify", "change", ("modifyvm", "u1", "--cpus", "2"), "u1")
    script.expect(*action.argv, rc=1, err=LOCKED).expect(*INFO, out=shown("poweroff"))
    script.expect(*action.argv)
    power.call(script.client(), action)
    script.expect(*action.argv, rc=1, err=LOCKED).expect(*INFO, out=shown("running"))
    with pytest.raises(VirtualBoxError, match="already locked"):
        power.call(script.client(), action)


def test_copies_may_take_longer(script):
    script.expect("clonevm").expect("modifyvm")
    client = script.client(timeout=10)
    power.call(client, actions.Action("clone", "", ("clonevm",), slow=True))
    power.call(client, actions.Action("modify", "", ("modifyvm",)))
    assert script.timeouts == [10 * actions.SLOW_FACTOR, 10]


# --- creation ---------------------------------------------------------------------------------


def test_a_note_is_there_during_the_creation_only(script, tmp_path):
    wanted = desired(tmp_path)
    plan = planner.plan_vm(None, wanted)
    seen = []
    notes = journal.Journal(str(tmp_path), "cp01")
    script.expect(*plan.actions[0].argv)
    client = script.client()
    real = client.write
    client.write = lambda *argv, **more: (seen.append(notes.read()), real(*argv, **more))
    apply.apply_vm(client, plan, wanted, notes, {}, 0)
    mine = {"pid": os.getpid(), "started": processes.started(os.getpid())}
    folder = f"{tmp_path}/lab/cp01"
    files = [f"{folder}/cp01.vbox", f"{folder}/cp01.vbox-prev", f"{folder}/cp01.vbox-tmp"]
    assert seen == [
        {
            "what": "create",
            "name": "cp01",
            "managed_by": None,
            "uuid": "u1",
            "folder": folder,
            "new_folder": True,
            "files": files,
            **mine,
        }
    ]
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("mark", "names"),
    [(None, ["lost", "mine", "old", "other"]), ("lab", ["mine", "old"]), ("x", ["old", "other"])],
)
def test_notes_are_of_the_data_center_that_a_vm_was_for(tmp_path, mark, names):
    for name, about in {
        "mine": {"managed_by": "lab"},
        "other": {"managed_by": "x"},
        "lost": {"managed_by": None},
        # Written by a version that noted no mark.
        "old": {},
    }.items():
        note = {"what": "create", "name": name, "uuid": "u", **about}
        journal.Journal(str(tmp_path), name).begin(note)
    assert journal.interrupted_vms(str(tmp_path), mark) == names


def test_a_creation_that_fails_leaves_nothing(script, tmp_path):
    wanted = desired(tmp_path)
    plan = planner.plan_vm(None, wanted)
    folder = tmp_path / "lab" / "cp01"
    script.expect(*plan.actions[0].argv, rc=1, err=FAILED)
    script.expect("list", "vms").expect("list", "hdds")
    client = script.client()
    real = client.write

    def half(*argv, **more):
        folder.mkdir(parents=True)
        (folder / "cp01.vbox").touch()
        (folder / "half.vdi").touch()
        return real(*argv, **more)

    client.write = half
    with pytest.raises(VirtualBoxError, match="No"):
        apply.apply_vm(client, plan, wanted, journal.Journal(str(tmp_path), "cp01"), {}, 0)
    assert os.listdir(tmp_path) == []


def test_files_that_were_there_before_a_failed_creation_stay(script, tmp_path):
    wanted = desired(tmp_path)
    plan = planner.plan_vm(None, wanted)
    folder = tmp_path / "lab" / "cp01"
    folder.mkdir(parents=True)
    (folder / "precious.vdi").touch()
    script.expect(*plan.actions[0].argv, rc=1, err=FAILED)
    script.expect("list", "vms").expect("list", "hdds")
    with pytest.raises(VirtualBoxError, match="No"):
        run(script, plan, wanted)
    assert os.listdir(folder) == ["precious.vdi"]


def test_two_runs_do_not_create_the_same_vm(script, tmp_path):
    wanted = desired(tmp_path)
    plan = planner.plan_vm(None, wanted)
    process = subprocess.Popen(["sleep", "60"])
    notes = journal.Journal(str(tmp_path), "cp01")
    notes.begin({"what": "create", "uuid": "other"})
    other = {**notes.read(), "pid": process.pid, "started": processes.started(process.pid)}
    with open(notes.path, "w", encoding="utf-8") as stream:
        json.dump(other, stream)
    try:
        with pytest.raises(BusyError) as caught:
            run(script, plan, wanted)
        assert caught.value.outcome_unknown and notes.read() == other
        assert os.listdir(notes.folder) == [os.path.basename(notes.path)]
    finally:
        process.kill()
        process.wait()
    # The other run is dead: its note is replaced.
    script.expect(*plan.actions[0].argv)
    run(script, plan, wanted)
    assert os.listdir(tmp_path) == []


def test_a_creation_that_hangs_leaves_its_note(script, tmp_path):
    wanted = desired(tmp_path)
    plan = planner.plan_vm(None, wanted)
    script.expect(*plan.actions[0].argv, hang=True)
    with pytest.raises(CallTimeoutError):
        run(script, plan, wanted)
    assert journal.interrupted_vms(str(tmp_path)) == ["cp01"]


def test_leftovers_of_a_creation_are_removed(script, tmp_path):
    wanted = desired(tmp_path)
    half = tmp_path / "lab" / "cp01" / "Snapshots"
    half.mkdir(parents=True)
    (half / "x.vdi").touch()
    (tmp_path / "other.vdi").touch()
    note = {"what": "create", "name": "cp01", "uuid": "u1", "folder": f"{tmp_path}/lab/cp01"}
    note["new_folder"] = True
    block = "UUID: {}\nParent UUID: {}\nLocation: {}\n\n"
    disks = (
        block.format("d0", "base", tmp_path / "other.vdi")
        + block.format("d1", "d0", half / "x.vdi")
        + block.format("d2", "d1", half / "y.vdi")
    )
    plan = planner.plan_vm(None, desired(tmp_path, "absent"), leftovers=True)
    script.expect("list", "hdds", out=disks)
    script.expect("closemedium", "disk", "d2", "--delete")
    script.expect("closemedium", "disk", "d1", "--delete")
    run(script, plan, wanted, note)
    assert os.listdir(tmp_path) == ["other.vdi"]


def test_a_run_that_still_works_is_waited_for(script, monkeypatch):
    process = subprocess.Popen(["sleep", "60"])
    started = processes.started(process.pid)
    note = {"what": "create", "uuid": "u1", "name": "cp01", "pid": process.pid, "started": started}
    client = script.client(timeout=2 * POLL_SECONDS)
    with pytest.raises(VirtualBoxError, match="an earlier run still works on cp01"):
        journal.wait_for_end(client, note)
    monkeypatch.setattr(client, "sleep", lambda seconds: (process.kill(), process.wait()))
    assert journal.wait_for_end(client, note)
    assert not journal.wait_for_end(client, note)
    # Its number may be given to another process.
    assert not journal.writer_lives({**note, "pid": os.getppid()})
    assert not journal.writer_lives({**note, "pid": os.getpid()})


def test_a_vboxmanage_that_outlives_its_module_is_waited_for(script, monkeypatch):
    program = ["bash", "-c", "exec -a VBoxManage sleep 60", "x"]
    process = subprocess.Popen([*program, "clonevm", "some-uuid"])
    note = {"what": "create", "uuid": "60", "pid": 0, "started": ""}
    try:
        end = time.monotonic() + 10
        while not instance.calls_under_way("60") and time.monotonic() < end:
            time.sleep(0.01)
        with pytest.raises(VirtualBoxError, match="still works on 60"):
            journal.wait_for_end(script.client(timeout=POLL_SECONDS), note)
    finally:
        process.kill()
        process.wait()
    assert not journal.wait_for_end(script.client(), note)


# --- removal ----------------------------------------------------------------------------------


def test_remove_without_files(script, tmp_path):
    found = vm(tmp_path)
    os.makedirs(found.folder)
    wanted = desired(tmp_path, "absent")
    script.expect("unregistervm", "u1")
    run(script, planner.plan_vm(found, wanted), wanted)
    assert os.path.isdir(found.folder)


def test_remove_with_files_keeps_what_is_elsewhere(script, tmp_path):
    found = vm(tmp_path, own_disks=("d1", "d2"))
    os.makedirs(f"{found.folder}/Logs")
    os.makedirs(f"{found.folder}/Snapshots")
    for name in (
        "cp01.vbox",
        "cp01.vbox-prev",
        "own.vdi",
        "Logs/VBox.log",
        "notes-of-the-user.txt",
    ):
        open(f"{found.folder}/{name}", "w").close()
    elsewhere = tmp_path / "shared.vdi"
    elsewhere.touch()
    block = "UUID: {}\nParent UUID: base\nLocation: {}\n\n"
    own = block.format("d1", f"{found.folder}/own.vdi")
    wanted = desired(tmp_path, "absent", delete_media=True)
    script.expect("unregistervm", "u1")
    script.expect("list", "hdds", out=own + block.format("d2", elsewhere))
    script.expect("closemedium", "disk", "d1", "--delete")
    plan = replace(
        planner.plan_vm(found, wanted), disks=(f"{found.folder}/own.vdi", str(elsewhere))
    )
    run(script, plan, wanted)
    assert elsewhere.exists()
    assert os.listdir(found.folder) == ["notes-of-the-user.txt"]
    assert sorted(os.listdir(tmp_path)) == ["lab", "shared.vdi"]


def test_an_interrupted_removal_can_be_finished(script, tmp_path):
    found = vm(tmp_path)
    os.makedirs(found.folder)
    open(found.settings_file, "w").close()
    wanted = desired(tmp_path, "absent", delete_media=True)
    script.expect("unregistervm", "u1", hang=True)
    with pytest.raises(CallTimeoutError):
        run(script, planner.plan_vm(found, wanted), wanted)
    note = journal.Journal(str(tmp_path), "cp01").read()
    assert note["what"] == "remove"
    script.expect("list", "hdds")
    run(script, planner.plan_vm(None, wanted, leftovers=True), wanted, note)
    assert os.listdir(tmp_path) == []


# --- media ------------------------------------------------------------------------------------


def medium_plan(path):
    return medium_planner.plan_medium(None, medium_planner.DesiredMedium(Medium(path, size_mb=8)))


def test_a_medium_that_cannot_be_made_leaves_nothing(script, tmp_path):
    path = str(tmp_path / "d.vdi")
    plan = medium_plan(path)
    script.expect(*plan.actions[0].argv, rc=1, err=FAILED)
    script.expect("list", "hdds", out=f"UUID: d1\nLocation: {path}\n")
    script.expect("closemedium", "disk", path)
    client = script.client()
    real = client.write

    def half(*argv, **more):
        open(path, "w").close()
        return real(*argv, **more)

    client.write = half
    with pytest.raises(VirtualBoxError):
        medium_apply.apply_medium(client, plan, path, journal.Journal(str(tmp_path), path))
    assert os.listdir(tmp_path) == []


def test_a_medium_that_another_run_has_made_stays(script, tmp_path):
    path = str(tmp_path / "d.vdi")
    open(path, "w").close()
    with pytest.raises(BusyError):
        notes = journal.Journal(str(tmp_path), path)
        medium_apply.apply_medium(script.client(), medium_plan(path), path, notes)
    assert os.listdir(tmp_path) == ["d.vdi"]


def test_a_medium_whose_making_hangs_leaves_its_note(script, tmp_path):
    path = str(tmp_path / "d.vdi")
    plan = medium_plan(path)
    notes = journal.Journal(str(tmp_path), path)
    script.expect(*plan.actions[0].argv, hang=True)
    with pytest.raises(CallTimeoutError):
        medium_apply.apply_medium(script.client(), plan, path, notes)
    assert notes.read()
    script.expect("list", "hdds").expect(*plan.actions[0].argv)
    again = medium_planner.plan_medium(
        None, medium_planner.DesiredMedium(Medium(path, size_mb=8)), True
    )
    medium_apply.apply_medium(script.client(), again, path, notes)
    assert not notes.read()


# --- the five steps ---------------------------------------------------------------------------


def plans(*found):
    """A reader that finds these plans, one after the other."""
    left = list(found)
    return lambda: left.pop(0)


CHANGE = VmPlan("old", "new", (actions.Action("modify", "change cpus"),))
NOTHING = VmPlan("new", "new")


def test_check_mode_stops_after_the_plan():
    outcome = change.converge(plans(CHANGE), pytest.fail, True, pytest.fail)
    assert outcome == ("old", "new", CHANGE.actions, True)


def test_nothing_to_do_reads_once():
    assert change.converge(plans(NOTHING), pytest.fail, False, pytest.fail).actions == ()


def test_what_was_done_is_read_again():
    done = []
    outcome = change.converge(plans(CHANGE, NOTHING), done.append, False, pytest.fail)
    assert done == [CHANGE]
    assert outcome == ("old", "new", CHANGE.actions, False)


def test_a_lie_is_noticed():
    found = plans(*[CHANGE] * (change.ATTEMPTS + 1))
    with pytest.raises(TaskError, match="still to be done: change cpus") as caught:
        change.converge(found, lambda plan: None, False, pytest.fail)
    assert caught.value.error_code == "NOT_CONVERGED"


def test_a_call_that_broke_off_is_planned_anew():
    tries = []

    def carry_out(plan):
        tries.append(plan)
        if len(tries) == 1:
            raise CallTimeoutError("no answer")

    rest = replace(CHANGE, actions=(actions.Action("attach", "the rest"),))
    outcome = change.converge(plans(CHANGE, rest, NOTHING), carry_out, False, lambda seconds: None)
    assert tries == [CHANGE, rest]
    assert [action.kind for action in outcome.actions] == ["modify", "attach"]


def test_a_refusal_is_final():
    def carry_out(plan):
        raise VirtualBoxError("no")

    with pytest.raises(VirtualBoxError, match="no"):
        change.converge(plans(CHANGE), carry_out, False, pytest.fail)


# --- notes ------------------------------------------------------------------------------------


def test_journal(tmp_path):
    notes = journal.Journal(str(tmp_path), "odd/name\n")
    assert notes.read() == {}
    notes.begin({"what": "create", "name": "odd/name\n"})
    other = journal.Journal(str(tmp_path), "b")
    other.begin({"what": "medium"})
    assert journal.interrupted_vms(str(tmp_path)) == ["odd/name\n"]
    notes.end()
    notes.end()
    assert os.path.isdir(other.folder)
    other.end()
    assert os.listdir(tmp_path) == []


def test_a_lock_of_the_notes_that_is_never_let_go(tmp_path, monkeypatch):
    notes = journal.Journal(str(tmp_path), "a")
    monkeypatch.setattr(notes, "lock_seconds", 0.2)
    os.makedirs(notes.folder)
    hold = "import fcntl, os, sys; h = os.open(sys.argv[1], os.O_RDONLY); "
    hold += "fcntl.flock(h, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()"
    argv = [sys.executable, "-c", hold, notes.folder]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(VirtualBoxError, match=f"process {other.pid} .*holds them") as caught:
            notes.begin({"what": "create", "name": "a"})
        assert caught.value.error_code == "TIMEOUT"
        other.stdin.close()
    notes.begin({"what": "create", "name": "a"})
    notes.end()


def test_half_a_note_counts_as_none(tmp_path):
    notes = journal.Journal(str(tmp_path), "a")
    os.makedirs(notes.folder)
    with open(notes.path, "w", encoding="utf-8") as stream:
        stream.write('{"what"')
    assert notes.read() == {}
    assert journal.interrupted_vms(str(tmp_path)) == []


def test_nothing_outside_the_folder_is_deleted(tmp_path):
    inside = tmp_path / "in"
    inside.mkdir()
    outside = tmp_path / "out"
    outside.touch()
    (inside / "link").symlink_to(outside)
    journal.remove_paths([str(outside), str(inside), str(inside / ".." / "out")], str(inside))
    journal.remove_paths([str(inside / "link")], str(inside))
    assert outside.exists() and inside.exists()
