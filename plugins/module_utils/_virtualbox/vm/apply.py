# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry out the actions of a plan."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    instance,
    listings,
    recovery,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    BusyError,
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.journal import (
    Journal,
    remove_empty,
    remove_paths,
    writer_lives,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium.plan import (
    MediumPlan,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    model,
    read,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.plan import (
    VmPlan,
    VmWish,
)

# A copy of a disk may take this many times the ordinary timeout.
SLOW_FACTOR = 30
# How long a power-off, which asks nobody, may take.
POWER_OFF_SECONDS = 60.0
# Steps with a VM that is made already.
AFTER_MAKING = ("start", "pause", "resume", "save")
# What a note about a medium is about: its making, its move, its compaction.
MEDIUM_NOTES = ("medium", "move", "compact")


def call(client: Client, action: Action) -> None:
    """One action that is a call of VBoxManage."""

    def still_wanted() -> bool:
        # The lock of a VM that has been started meanwhile will not go away by waiting.
        return action.live or read.read_state(client, action.vm) in (
            *model.OFF_STATES,
            *model.SAVED_STATES,
        )

    client.write(
        *action.argv,
        still_wanted=still_wanted if action.vm else None,
        timeout=_timeout(client, action),
    )


def insist(client: Client, action: Action) -> None:
    """One action that is called again as long as only a lock is in the way."""
    client.write(*action.argv, still_wanted=lambda: True, timeout=_timeout(client, action))


def _timeout(client: Client, action: Action) -> float | None:
    return client.timeout * SLOW_FACTOR if action.slow else None


def wait_for(client: Client, uuid: str, states: t.Container[str], seconds: float) -> bool:
    """Poll the VMState until it is one of the given."""
    return client.wait_until(lambda: read.read_state(client, uuid) in states, seconds)


def stop(client: Client, uuid: str, patience: float) -> None:
    """Ask the guest by its power button, then, after that many seconds, cut the power."""
    if patience > 0 and read.read_state(client, uuid) == "running":
        client.write("controlvm", uuid, "acpipowerbutton")
        if wait_for(client, uuid, model.OFF_STATES, patience):
            return
    try:
        client.write("controlvm", uuid, "poweroff", still_wanted=lambda: True)
    except VirtualBoxError as error:
        # It may have gone off by itself in this moment.
        if "not currently running" not in error.stderr:
            raise
    if not wait_for(client, uuid, model.OFF_STATES, POWER_OFF_SECONDS):
        raise VirtualBoxError(
            f"the VM {uuid} did not go off within {POWER_OFF_SECONDS:g} s", error_code="TIMEOUT"
        )


def start(client: Client, action: Action) -> None:
    """Start the VM and wait until VirtualBox calls it running."""
    try:
        call(client, action)
    except VirtualBoxError as error:
        if not error.locked or read.read_state(client, action.vm) != "running":
            raise
    if not wait_for(client, action.vm, ("running",), client.timeout):
        raise VirtualBoxError(
            f"the VM was started but is {read.read_state(client, action.vm)}, not running",
            hint="read VBox.log in the folder Logs of the VM",
            error_code="TIMEOUT",
        )


# What controlvm is asked for, and the states that show that it was done.
REACHED: dict[str, tuple[str, ...]] = {
    "pause": ("paused",),
    "resume": ("running",),
    "save": model.SAVED_STATES,
}


def change_state(client: Client, action: Action) -> None:
    """Pause, resume or save, and wait until VirtualBox says so."""
    states = REACHED[action.kind]
    try:
        call(client, action)
    except VirtualBoxError as error:
        # Somebody else may have done the same in this moment.
        if error.outcome_unknown or read.read_state(client, action.vm) not in states:
            raise
    if not wait_for(client, action.vm, states, client.timeout):
        raise VirtualBoxError(
            f"the VM {action.vm} is {read.read_state(client, action.vm)}, "
            f"not {model.power(states[0])}",
            error_code="TIMEOUT",
        )


def keep_saved_state(client: Client, vm: model.Vm) -> None:
    """See that the file of a saved VM names its state: each change has it written once more."""
    try:
        unnamed = recovery.unnamed_state(recovery.read_settings(vm.settings_file), vm.settings_file)
    except OSError:
        return
    if unnamed:
        for value in ((unnamed,), ()):
            client.write("setextradata", vm.uuid, model.SAVED, *value, still_wanted=lambda: True)


# --- leftovers and removal --------------------------------------------------------------------


def wait_for_end(client: Client, note: dict[str, t.Any]) -> bool:
    """Wait until nobody works on an interrupted creation or removal any more.

    Ansible may be gone while the module that it started, or the VBoxManage that that one started,
    still works. Tells whether there was anything to wait for.
    """
    needle = note["path"] if note["what"] in MEDIUM_NOTES else note["uuid"]

    def ended() -> bool:
        return not writer_lives(note) and not instance.calls_under_way(needle)

    if ended():
        return False
    if not client.wait_until(ended, client.timeout):
        raise VirtualBoxError(
            f"an earlier run still works on {note.get('name') or needle}",
            hint=f"wait for it, or end process {note.get('pid')}",
            error_code="TIMEOUT",
        )
    return True


def leftover_note(vm: model.Vm, all_disks: t.Sequence[str]) -> dict[str, t.Any]:
    """All that has to be known to finish a removal after an interruption."""
    folder = vm.folder
    stem = (
        vm.settings_file[: -len(".vbox")]
        if vm.settings_file.endswith(".vbox")
        else vm.settings_file
    )
    disks = [path for path in all_disks if path.startswith(f"{folder}/")]
    files = [
        vm.settings_file,
        f"{vm.settings_file}-prev",
        f"{vm.settings_file}-tmp",
        f"{stem}.nvram",
    ]
    return {
        "what": "remove",
        "name": vm.name,
        "uuid": vm.uuid,
        "folder": folder,
        "files": [*files, *disks, f"{folder}/Logs", f"{folder}/Snapshots"],
        "disks": disks,
    }


def finish_removal(client: Client, note: dict[str, t.Any], base: str) -> None:
    """Delete what an unregistered VM has left; may be repeated."""
    folder = note["folder"]
    listed = listings.media_list(client.read("list", "hdds"))
    inside = [disk for disk in listed if disk.get("Location", "").startswith(f"{folder}/")]
    if not note.get("new_folder"):
        inside = [disk for disk in inside if disk["Location"] in note.get("disks", ())]
    # Differencing images are listed after the images that they are built on.
    for disk in reversed(inside):
        client.write("closemedium", "disk", disk["UUID"], "--delete")
    if note.get("new_folder"):
        # The folder was not there when the note was written, so all of it is ours.
        remove_paths([folder], inside=base)
    else:
        remove_paths(note["files"], inside=folder)
    remove_empty(folder, inside=base)
    remove_empty(os.path.dirname(folder), inside=base)


def apply_vm(
    client: Client,
    plan: VmPlan,
    wish: VmWish,
    journal: Journal,
    note: dict[str, t.Any],
    patience: float,
) -> None:
    """Carry out a plan for a VM; one that this run has begun to make is taken back if it fails."""
    for action in plan.actions:
        try:
            _apply(client, action, plan, wish, journal, note, patience)
        except VirtualBoxError as error:
            if not error.outcome_unknown and action.kind not in AFTER_MAKING:
                _take_back(client, wish, journal)
            raise
    journal.end()


def _take_back(client: Client, wish: VmWish, journal: Journal) -> None:
    note = journal.read()
    made = note.get("what") == "create" and note.get("uuid") == wish.new_uuid
    if not made or not note["new_folder"]:
        # Somebody else's files are beside those of the VM: the next run goes on with it.
        return
    # The first error is the one to be told; what is left here, the next run removes.
    with contextlib.suppress(VirtualBoxError):
        insist(client, Action("forget", "", ("unregistervm", wish.new_uuid)))
        finish_removal(client, note, wish.folder)
        journal.end()


def _apply(
    client: Client,
    action: Action,
    plan: VmPlan,
    wish: VmWish,
    journal: Journal,
    note: dict[str, t.Any],
    patience: float,
) -> None:
    if action.kind == "clean":
        finish_removal(client, note, wish.folder)
        journal.end()
    elif action.kind in ("create", "clone"):
        _create(client, action, wish, journal)
    elif action.kind == "stop":
        stop(client, action.vm, patience)
    elif action.kind == "start":
        start(client, action)
    elif action.kind in REACHED:
        change_state(client, action)
    elif action.kind == "remove" and plan.before is not None:
        _remove(client, action, plan.before, plan.disks, wish, journal)
    elif action.kind == "forget":
        _forget(client, action)
    elif action.kind == "disk_clean":
        forget_medium(client, action.path)
        _disk_journal(action).end()
    elif action.kind == "disk_create":
        _create_medium(client, action, action.path, _disk_journal(action))
        _disk_journal(action).end()
    else:
        call(client, action)


def _disk_journal(action: Action) -> Journal:
    return Journal(os.path.dirname(action.path), action.path)


def _registered(client: Client, uuid: str) -> bool:
    return any(found == uuid for _name, found in read.list_vms(client))


def _create(client: Client, action: Action, wish: VmWish, journal: Journal) -> None:
    path = model.settings_path(wish.folder, wish.vm.groups, wish.vm.name)
    folder = os.path.dirname(path)
    note = {
        "what": "create",
        "name": wish.vm.name,
        "uuid": wish.new_uuid,
        "folder": folder,
        "new_folder": not os.path.lexists(folder),
        "files": [path, f"{path}-prev", f"{path}-tmp"],
    }
    journal.begin(note)
    if os.path.lexists(path):
        # Made since we looked; with the note in our hands no further run can come.
        journal.end()
        raise BusyError(f"another run has just made VM '{wish.vm.name}'")
    try:
        call(client, action)
    except VirtualBoxError as error:
        if not error.outcome_unknown and not _registered(client, wish.new_uuid):
            finish_removal(client, note, wish.folder)
            journal.end()
        raise


def _forget(client: Client, action: Action) -> None:
    try:
        insist(client, action)
    except VirtualBoxError:
        # VirtualBox may call it a failure and do it.
        if _registered(client, action.argv[1]):
            raise


def _remove(
    client: Client,
    action: Action,
    vm: model.Vm,
    disks: t.Sequence[str],
    wish: VmWish,
    journal: Journal,
) -> None:
    if not wish.delete_media:
        call(client, action)
        return
    note = leftover_note(vm, disks)
    journal.begin(note)
    call(client, action)
    finish_removal(client, note, wish.folder)


# --- media ------------------------------------------------------------------------------------


def forget_medium(client: Client, path: str) -> None:
    """Delete a half-made image, whether VirtualBox knows it or not."""
    if any(
        disk.get("Location") == path for disk in listings.media_list(client.read("list", "hdds"))
    ):
        client.write("closemedium", "disk", path)
    remove_paths([path], inside=os.path.dirname(path))


def apply_medium(client: Client, plan: MediumPlan, path: str, journal: Journal) -> None:
    """Carry out a plan for a medium."""
    for action in plan.actions:
        if action.kind == "clean":
            forget_medium(client, path)
            journal.end()
        elif action.kind in ("create", "convert", "clone"):
            _create_medium(client, action, path, journal)
        elif action.kind == "move":
            _move_medium(client, action, path, journal)
        elif action.kind == "compact":
            _compact_medium(client, action, path, journal)
        else:
            call(client, action)
    journal.end()


def _claim(journal: Journal, note: dict[str, t.Any]) -> None:
    """Note that a medium is going to be at its path, where nothing may be by now."""
    journal.begin(note)
    if os.path.lexists(note["path"]):
        journal.end()
        raise BusyError(f"another run has just made medium {note['path']}")


def _noted_call(
    client: Client, action: Action, journal: Journal, undo: t.Callable[[], None] = lambda: None
) -> None:
    """A call under a note, which stays for the next run if nobody knows what came of the call."""
    try:
        call(client, action)
    except VirtualBoxError as error:
        if not error.outcome_unknown:
            undo()
            journal.end()
        raise


def _move_medium(client: Client, action: Action, path: str, journal: Journal) -> None:
    """Within one file system a move is a renaming, else a copy that may be left half made."""

    def undo() -> None:
        if os.path.lexists(action.path):
            remove_paths([path], inside=os.path.dirname(path))

    _claim(journal, {"what": "move", "path": path, "from": action.path})
    _noted_call(client, action, journal, undo)


def _compact_medium(client: Client, action: Action, path: str, journal: Journal) -> None:
    journal.begin({"what": "compact", "path": path})
    _noted_call(client, action, journal)


def _create_medium(client: Client, action: Action, path: str, journal: Journal) -> None:
    _claim(journal, {"what": "medium", "path": path})
    _noted_call(client, action, journal, lambda: forget_medium(client, path))
