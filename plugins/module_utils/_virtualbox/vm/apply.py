# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry out the actions of a plan."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    listings,
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
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium import (
    apply as medium,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    model,
    power,
    read,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.plan_data import (
    DesiredVm,
    VmPlan,
)

# Steps with a VM that is made already.
AFTER_MAKING = ("start", "pause", "resume", "save")


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
        "managed_by": vm.managed_by,
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
    desired: DesiredVm,
    journal: Journal,
    note: dict[str, t.Any],
    patience: float,
) -> None:
    """Carry out a plan for a VM; one that this run has begun to make is taken back if it fails."""
    for action in plan.actions:
        try:
            _apply(client, action, plan, desired, journal, note, patience)
        except VirtualBoxError as error:
            if not error.outcome_unknown and action.kind not in AFTER_MAKING:
                _take_back(client, desired, journal)
            raise
    journal.end()


def _take_back(client: Client, desired: DesiredVm, journal: Journal) -> None:
    note = journal.read()
    made = note.get("what") == "create" and note.get("uuid") == desired.new_uuid
    if not made or not note["new_folder"]:
        # Somebody else's files are beside those of the VM: the next run goes on with it.
        return
    # The first error is the one to be told; what is left here, the next run removes.
    with contextlib.suppress(VirtualBoxError):
        power.insist(client, Action("forget", "", ("unregistervm", desired.new_uuid)))
        finish_removal(client, note, desired.folder)
        journal.end()


def _apply(
    client: Client,
    action: Action,
    plan: VmPlan,
    desired: DesiredVm,
    journal: Journal,
    note: dict[str, t.Any],
    patience: float,
) -> None:
    if action.kind == "clean":
        finish_removal(client, note, desired.folder)
        journal.end()
    elif action.kind in ("create", "clone"):
        _create(client, action, desired, journal)
    elif action.kind == "stop":
        # Fencing starts a VM again whose power it has cut, but not one that is being stopped here.
        if plan.before is not None and plan.before.managed_by:
            power.note_stopping(client, action.vm, patience)
        power.stop(client, action.vm, patience)
    elif action.kind == "start":
        stops = any(other.kind == "stop" for other in plan.actions)
        if plan.before is not None and plan.before.managed_by and (stops or plan.before.stopping):
            power.forget_stopping(client, action.vm)
        power.start(client, action)
    elif action.kind in power.REACHED:
        power.change_state(client, action)
    elif action.kind == "remove" and plan.before is not None:
        _remove(client, action, plan.before, plan.disks, desired, journal)
    elif action.kind == "forget":
        _forget(client, action)
    elif action.kind == "disk_clean":
        medium.forget_medium(client, action.path)
        _disk_journal(action).end()
    elif action.kind == "disk_create":
        medium.create_medium(client, action, action.path, _disk_journal(action))
        _disk_journal(action).end()
    else:
        power.call(client, action)


def _disk_journal(action: Action) -> Journal:
    return Journal(os.path.dirname(action.path), action.path)


def _registered(client: Client, uuid: str) -> bool:
    return any(found == uuid for _name, found in read.list_vms(client))


def _create(client: Client, action: Action, desired: DesiredVm, journal: Journal) -> None:
    path = model.settings_path(desired.folder, desired.vm.groups, desired.vm.name)
    folder = os.path.dirname(path)
    note = {
        "what": "create",
        "name": desired.vm.name,
        "managed_by": desired.vm.managed_by,
        "uuid": desired.new_uuid,
        "folder": folder,
        "new_folder": not os.path.lexists(folder),
        "files": [path, f"{path}-prev", f"{path}-tmp"],
    }
    journal.begin(note)
    if os.path.lexists(path):
        # Made since we looked; with the note in our hands no further run can come.
        journal.end()
        raise BusyError(f"another run has just made VM '{desired.vm.name}'")
    try:
        power.call(client, action)
    except VirtualBoxError as error:
        if not error.outcome_unknown and not _registered(client, desired.new_uuid):
            finish_removal(client, note, desired.folder)
            journal.end()
        raise


def _forget(client: Client, action: Action) -> None:
    try:
        power.insist(client, action)
    except VirtualBoxError:
        # VirtualBox may call it a failure and do it.
        if _registered(client, action.argv[1]):
            raise


def _remove(
    client: Client,
    action: Action,
    vm: model.Vm,
    disks: t.Sequence[str],
    desired: DesiredVm,
    journal: Journal,
) -> None:
    if not desired.delete_media:
        power.call(client, action)
        return
    note = leftover_note(vm, disks)
    journal.begin(note)
    power.call(client, action)
    finish_removal(client, note, desired.folder)
