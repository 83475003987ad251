# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry out what was planned for the snapshots of a set of VMs, all or nothing."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    listings,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.snapshot import (
    model as sm,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.snapshot import (
    notes,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.snapshot import (
    plan as snapshot_planner,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.snapshot.model import (
    SnapshotVm,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.snapshot.plan import (
    SnapshotPlan,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    power,
    read,
)

# From the first of these on, all VMs are where they should be, and nothing is undone any more.
COMMITTED = ("resume", "unguard", "start")


def read_vm(client: Client, uuid: str) -> SnapshotVm | None:
    """A VM with its snapshots; None if it is gone."""
    sources = read.read_sources(client, uuid)
    return None if sources is None else sm.from_settings(sources[1], sources[0]["VMState"])


def settled(client: Client, uuid: str) -> SnapshotVm | None:
    """A VM as it is when VirtualBox has ended what it was doing with it."""
    vm = read_vm(client, uuid)
    if vm is None or vm.state in sm.SETTLED_STATES:
        return vm
    power.wait_for(client, uuid, sm.SETTLED_STATES, client.timeout)
    return read_vm(client, uuid)


def read_children(client: Client) -> dict[str, list[snapshot_planner.Child]]:
    """Which images are built on which."""
    found: dict[str, list[snapshot_planner.Child]] = {}
    for disk in listings.media_list(client.read("list", "hdds")):
        child = snapshot_planner.Child(disk["UUID"].lower(), disk.get("Location", ""))
        found.setdefault(disk.get("Parent UUID", "").lower(), []).append(child)
    return found


class Run:
    """One pass through a plan, with the note that undoes it."""

    def __init__(self, client: Client, plan: SnapshotPlan, name: str) -> None:
        self.client = client
        self.plan = plan
        kinds = {action.kind for action in plan.actions}
        what = notes.RESTORE if "restore" in kinds else notes.TAKE
        alone = kinds == {"take"} and len(plan.before) == 1
        # Where one call does all there is to do, VirtualBox itself does it whole or not at all.
        self.noted = bool(kinds & {"take", "guard", "stop"}) and not alone
        touched = {action.vm for action in plan.actions}
        vms = [vm for vm in plan.before if vm.uuid in touched]
        self.note = notes.make_note(what, vms, name)

    def carry_out(self) -> None:
        """All actions in order; a failure before the last snapshot is in place undoes them all."""
        if self.noted:
            notes.journal_of(self.note).begin(self.note)
        try:
            for action in self.plan.actions:
                if self.noted and action.kind in COMMITTED:
                    self._commit()
                self._do(action)
        except VirtualBoxError as error:
            if not self.noted:
                raise
            try:
                recover(self.client, self.note)
            except VirtualBoxError as second:
                raise VirtualBoxError(
                    f"{error.message}; and it could not be undone: {second.message}",
                    hint="run again, which does what is left to do",
                    error_code=error.error_code,
                    cmd=error.cmd,
                    rc=error.rc,
                    stdout=error.stdout,
                    stderr=error.stderr,
                ) from error
            raise
        if self.noted:
            notes.journal_of(self.note).end()

    def _commit(self) -> None:
        if self.note["phase"] == notes.UNDO:
            self.note = {**self.note, "phase": notes.FINISH}
            notes.journal_of(self.note).begin(self.note)

    def _do(self, action: Action) -> None:
        if action.kind == "guard":
            argv = ("snapshot", action.vm, "take", self.note["guard"])
            power.insist(self.client, Action("guard", action.text, argv, action.vm, True, True))
        elif action.kind == "unguard":
            vm = settled(self.client, action.vm)
            if vm is not None:
                _drop_guard(self.client, vm, self.note)
        elif action.kind == "stop":
            # What the guest has not yet written is given up anyway.
            power.stop(self.client, action.vm, 0)
        elif action.kind == "start":
            power.start(self.client, action)
        else:
            power.insist(self.client, action)


def _drop_guard(client: Client, vm: SnapshotVm, note: notes.Note) -> None:
    guard = notes.guard_of(vm, note)
    if guard is not None:
        power.insist(client, snapshot_planner.remove(vm, guard))


def _go_back(client: Client, vm: SnapshotVm, note: notes.Note) -> SnapshotVm:
    guard = notes.guard_of(vm, note)
    if guard is None or not notes.goes_back(vm, note):
        return vm
    if vm.on:
        power.stop(client, vm.uuid, 0)
    power.insist(client, snapshot_planner.restore(vm, guard))
    return settled(client, vm.uuid) or vm


def recover(client: Client, note: notes.Note) -> None:
    """Undo an interrupted run, or do what it had left; may itself be interrupted and repeated."""
    uuids = [item["uuid"] for item in note["vms"]]
    notes.wait_for_calls(client, uuids)
    found = [vm for vm in (settled(client, uuid) for uuid in uuids) if vm is not None]
    back = [_go_back(client, vm, note) for vm in found]
    failed = [error for error in (_power(client, vm, note) for vm in back) if error is not None]
    # Services first, merging of disks after.
    for vm in back:
        for snapshot in notes.half_taken(vm, note):
            power.insist(client, snapshot_planner.remove(vm, snapshot))
        _drop_guard(client, vm, note)
    notes.journal_of(note).end()
    if failed:
        # Told once: a VM that will not start must not stand in the way for ever.
        raise failed[0]


def _power(client: Client, vm: SnapshotVm, note: notes.Note) -> VirtualBoxError | None:
    for verb in notes.power_owed(vm, note, vm.state):
        action = snapshot_planner.set_power(vm, verb, verb)
        try:
            if verb == "start":
                power.start(client, action)
            else:
                power.insist(client, action)
        except VirtualBoxError as error:
            if error.outcome_unknown:
                raise
            return error
    return None


def resolve(names: t.Sequence[str], listed: list[tuple[str, str]]) -> list[str]:
    """The UUIDs of VMs that are named by name or UUID, empty for one that does not exist."""
    found: list[str] = []
    for name in names:
        uuid = ""
        if re.fullmatch(listings.UUID, name):
            uuid = read.find_uuid(listed, "", name)
        uuid = uuid or read.find_uuid(listed, name)
        if uuid and uuid in found:
            raise VirtualBoxError(
                f"the VM '{name}' {{{uuid}}} is named twice", error_code="BAD_OPTION"
            )
        found.append(uuid)
    return found
