# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry out the export or import of an appliance, whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import instance
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import (
    SLOW_FACTOR,
    Action,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.appliance import (
    ovf,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.appliance.ovf import (
    System,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.appliance.plan import (
    DesiredAppliance,
    afterwards,
    import_argv,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    BusyError,
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.journal import (
    Journal,
    writer_lives,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.recovery import (
    machine_entries,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    apply,
    power,
    read,
)

# A note is about a file or VM that is being made, then about one that only has to be finished.
MAKING, FINISHING = "making", "finishing"

Note = t.Dict[str, t.Any]


def wait_for_end(client: Client, note: Note) -> bool:
    """Wait until nobody works on an interrupted run any more; whether there was anybody."""

    def ended() -> bool:
        return not writer_lives(note) and not instance.calls_under_way(note["argument"])

    if ended():
        return False
    if not client.wait_until(ended, client.timeout * SLOW_FACTOR):
        raise BusyError(f"an earlier run still works on {note['path']}")
    return True


# --- export -----------------------------------------------------------------------------------


def workshop(journal: Journal) -> str:
    """Where an appliance is written before it gets its place: in the same file system."""
    return f"{journal.path}.export"


def clean_export(journal: Journal) -> None:
    """Remove what an interrupted export has written."""
    shutil.rmtree(workshop(journal), ignore_errors=True)
    journal.end()


def export(
    client: Client, action: Action, desired: DesiredAppliance, journal: Journal, replaces: bool
) -> None:
    """Write the appliance aside, then put it in its place."""
    folder = workshop(journal)
    output = os.path.join(folder, os.path.basename(desired.path))
    note = {"what": "export", "phase": MAKING, "path": desired.path, "argument": output}
    earlier = journal.read()
    # Files that an interrupted run was just putting in place stay noted until they are replaced.
    journal.begin(
        {**note, "files": earlier.get("files", []), "phase": earlier.get("phase", MAKING)}
    )
    try:
        # VBoxManage makes no folder, and overwrites no file.
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder, mode=0o700)
        argv = tuple(output if part == desired.path else part for part in action.argv)
        power.insist(client, Action(action.kind, action.text, argv, slow=True))
        _place(folder, desired, journal, note, replaces)
    except (VirtualBoxError, OSError) as error:
        # Put in place in part, it is done again by the next run.
        if journal.read().get("phase") == MAKING and not _unknown(error):
            clean_export(journal)
        raise
    clean_export(journal)


def _unknown(error: Exception) -> bool:
    return isinstance(error, VirtualBoxError) and error.outcome_unknown


def _place(
    folder: str, desired: DesiredAppliance, journal: Journal, note: Note, replaces: bool
) -> None:
    target, name_of_it = os.path.split(desired.path)
    # The descriptor last: without it, the other files are no appliance.
    names = sorted(os.listdir(folder), key=lambda name: (name == name_of_it, name))
    old = _old_files(desired.path) | set(journal.read().get("files", ()))
    mine = {name_of_it, *old} if replaces else set()
    taken = [
        name for name in names if name not in mine and os.path.lexists(os.path.join(target, name))
    ]
    if taken:
        raise VirtualBoxError(
            f"{os.path.join(target, taken[0])} is in the way of the appliance {desired.path}",
            hint="remove it, or export into another folder",
            error_code="VBOX_E_FILE_ERROR",
        )
    for name in names:
        with open(os.path.join(folder, name), "rb") as stream:
            os.fsync(stream.fileno())
    journal.begin({**note, "phase": FINISHING, "files": names})
    for name in names:
        os.replace(os.path.join(folder, name), os.path.join(target, name))
    for name in old - set(names):
        if os.path.isfile(os.path.join(target, name)):
            os.unlink(os.path.join(target, name))


def _old_files(path: str) -> set[str]:
    """The files of an OVF that is replaced; only those that lie beside it."""
    if path.lower().endswith(".ova") or not os.path.exists(path):
        return set()
    try:
        found = ovf.read(path)
    except VirtualBoxError:
        return set()
    # A descriptor may name anything: only what VBoxManage itself would have written goes.
    disks = {
        name
        for name in (found.files if found else ())
        if re.fullmatch(r"[^/]+-disk\d{3,}\.[a-z0-9]+", name)
    }
    return {*disks, f"{os.path.splitext(os.path.basename(path))[0]}.mf"}


# --- import -----------------------------------------------------------------------------------


def registered_below(folders: t.Sequence[str]) -> list[str]:
    """The UUIDs of VMs whose settings files lie in the folders, accessible or not."""
    try:
        entries = machine_entries()
    except FileNotFoundError:
        return []
    return [uuid for uuid, path in entries if os.path.dirname(path) in folders]


def clean_import(client: Client, note: Note, journal: Journal) -> None:
    """Remove the VMs, disks and folders of an interrupted import; may be repeated."""
    busy: list[VirtualBoxError] = []

    def removed() -> bool:
        try:
            for uuid in registered_below(note["folders"]):
                _unregister(client, uuid, note["folders"])
            for folder in note["folders"]:
                # It was not there when the note was written, so all of it is ours.
                apply.finish_removal(client, {"folder": folder, "new_folder": True}, note["base"])
        except VirtualBoxError as error:
            # The service goes on with an import whose client was killed.
            if not error.locked and error.error_code not in (
                "VBOX_E_INVALID_OBJECT_STATE",
                "VBOX_E_OBJECT_IN_USE",
            ):
                raise
            busy.append(error)
            return False
        return True

    if not client.wait_until(removed, client.timeout * SLOW_FACTOR) and busy:
        raise busy[-1]
    journal.end()


def _unregister(client: Client, uuid: str, folders: t.Sequence[str]) -> None:
    try:
        client.write("unregistervm", uuid, still_wanted=lambda: True)
    except VirtualBoxError:
        # For an inaccessible VM it reports a failure and does it.
        if uuid in registered_below(folders):
            raise


def import_vms(
    client: Client,
    action: Action,
    systems: t.Sequence[System],
    places: t.Mapping[str, str],
    desired: DesiredAppliance,
    journal: Journal,
) -> None:
    """Make the VMs of an appliance."""
    folders = sorted(os.path.dirname(path) for path in places.values())
    for folder in folders:
        if os.path.lexists(folder):
            raise VirtualBoxError(
                f"the folder {folder} exists, but VirtualBox has no such VM",
                hint="remove or rename it, or import under another name",
                error_code="VBOX_E_FILE_ERROR",
            )
    # Whether it can be read at all, before anything is made.
    client.read(*import_argv(systems, desired, dry_run=True))
    note = {
        "what": "import",
        "phase": MAKING,
        "path": desired.path,
        "argument": desired.path,
        "folders": folders,
        "base": desired.folder,
    }
    journal.begin(note)
    try:
        power.insist(client, action)
    except VirtualBoxError as error:
        if not error.outcome_unknown:
            clean_import(client, note, journal)
        raise
    journal.begin({**note, "phase": FINISHING})
    listed = read.list_vms(client)
    for system in systems:
        vm = read.read_vm(client, read.find_uuid(listed, system.name))
        for late in afterwards(vm, desired) if vm is not None else ():
            power.insist(client, late)
    journal.end()
