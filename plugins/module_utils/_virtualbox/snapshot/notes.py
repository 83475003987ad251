# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an interrupted run on snapshots has left, and who may work on a VM.

A note lies next to VirtualBox's own settings, because a set of VMs has no folder of its own.
"""

from __future__ import annotations

import contextlib
import os
import typing as t
import uuid
from dataclasses import replace

from ansible_collections.virtual.datacenter.plugins.module_utils._core import files
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import instance
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import BusyError
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.journal import (
    Journal,
    all_notes,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.recovery import (
    settings_home,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.snapshot import (
    model,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.snapshot.model import (
    Snapshot,
    SnapshotVm,
)

TAKE, RESTORE = "snapshot-take", "snapshot-restore"
# Until this word is in the note, the run is undone; from then on, it is finished.
UNDO, FINISH = "undo", "finish"
# Calls that may still come through after the module that made them was killed.
VERBS = ("snapshot", "controlvm", "startvm")
POLL_SECONDS = 0.1

Note = t.Dict[str, t.Any]


def journal_of(note: Note) -> Journal:
    """The place of a note."""
    return Journal(settings_home(), note["id"])


def make_note(what: str, vms: t.Sequence[SnapshotVm], name: str) -> Note:
    """All that is needed to undo what is about to be done."""
    token = uuid.uuid4().hex
    return {
        "what": what,
        "id": token,
        "phase": UNDO,
        "name": name,
        "guard": f"virtual.datacenter {token}",
        "vms": [
            {
                "uuid": vm.uuid,
                "name": vm.name,
                "state": vm.state,
                "before": [item.uuid for item in vm.snapshots],
            }
            for vm in vms
        ],
    }


def notes_about(uuids: t.Collection[str]) -> list[Note]:
    """The notes about any of these VMs."""
    return [
        note
        for note in all_notes(settings_home())
        if note.get("what") in (TAKE, RESTORE)
        and any(item["uuid"] in uuids for item in note["vms"])
    ]


class Locks:
    """One run at a time works on a VM; the locks end with the process, however that ends."""

    def __init__(self) -> None:
        self._held = contextlib.ExitStack()

    def take(self, folders: t.Iterable[str], client: Client) -> None:
        """Lock all VMs by their folders, always in the same order, so that no two runs wait."""
        self.release()
        places: dict[tuple[int, int], str] = {}
        for folder in folders:
            status = os.stat(folder)
            places[status.st_dev, status.st_ino] = folder
        end = client.clock() + client.timeout
        for _identity, folder in sorted(places.items()):
            handle = os.open(folder, os.O_RDONLY)
            self._held.callback(os.close, handle)
            left = end - client.clock()
            if not files.lock(handle, left, sleep=client.sleep, clock=client.clock):
                who = files.holder(handle)
                raise BusyError(f"another run works on the snapshots in {folder}: {who}")

    def release(self) -> None:
        """Let the next run in."""
        self._held.close()


def calls_under_way(uuids: t.Collection[str]) -> bool:
    """Whether a VBoxManage of a module that was killed still works on one of the VMs."""
    return any(
        len(argv) > 2 and argv[1] in VERBS and argv[2] in uuids for argv in instance.running_calls()
    )


def wait_for_calls(client: Client, uuids: t.Collection[str]) -> None:
    """Wait until no VBoxManage of another run works on the VMs any more."""
    if not client.wait_until(lambda: not calls_under_way(uuids), client.timeout, POLL_SECONDS):
        raise BusyError("a VBoxManage of another run works on the VMs")


# --- what becomes of a VM, told without touching it ---------------------------------------------


def noted_vm(vm: SnapshotVm, note: Note) -> Note:
    """What the note says about a VM; empty if it says nothing."""
    return next((item for item in note["vms"] if item["uuid"] == vm.uuid), {})


def half_taken(vm: SnapshotVm, note: Note) -> tuple[Snapshot, ...]:
    """The snapshots of a set that an interrupted run has taken and has to give back."""
    if note["what"] != TAKE or note["phase"] != UNDO:
        return ()
    before = noted_vm(vm, note)["before"]
    return tuple(item for item in vm.named(note["name"]) if item.uuid not in before)


def guard_of(vm: SnapshotVm, note: Note) -> Snapshot | None:
    """The safety snapshot of a VM."""
    return next(iter(vm.named(note["guard"])), None)


def goes_back(vm: SnapshotVm, note: Note) -> bool:
    """Whether a VM has to be put back to its safety snapshot."""
    guard = guard_of(vm, note)
    if guard is None or note["phase"] != UNDO:
        return False
    if noted_vm(vm, note)["state"] in model.RUNNING_STATES:
        # Whatever was restored was powered off before.
        return not vm.on
    return not vm.at(guard)


def power_owed(vm: SnapshotVm, note: Note, state: str) -> tuple[str, ...]:
    """How a VM, now in that state, gets the power back that it had before the interrupted run."""
    was = noted_vm(vm, note)["state"]
    if was not in model.RUNNING_STATES:
        return ()
    if state == "paused":
        # A set that went back is running afterwards, also where it was paused before.
        return ("resume",) if was == "running" else ()
    if state == "running" or note["what"] == TAKE:
        return ()
    return ("start", "pause") if was == "paused" and note["phase"] == UNDO else ("start",)


def settled_vm(vm: SnapshotVm, note: Note) -> SnapshotVm:
    """What a VM will be when an interrupted run was undone or finished."""
    if not noted_vm(vm, note):
        return vm
    guard = guard_of(vm, note)
    back = goes_back(vm, note)
    if guard is not None and back:
        state = "saved" if guard.online else "poweroff"
        vm = replace(vm, state=state, current=guard.uuid, modified=False)
    for verb in power_owed(vm, note, vm.state):
        state = "paused" if verb == "pause" else "running"
        vm = replace(vm, state=state, modified=True)
    gone = half_taken(vm, note) + ((guard,) if guard else ())
    for snapshot in gone:
        vm = model.without_snapshot(vm, snapshot)
    return vm
