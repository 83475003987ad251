# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots of VMs as plain data."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    model,
    settings_file,
)

RUNNING_STATES = ("running", "paused")
# Everything else passes by itself, or is a VM that has crashed.
SETTLED_STATES = (*model.OFF_STATES, *model.SAVED_STATES, *RUNNING_STATES)
NEW = model.NEW
Snapshot = model.Snapshot


@dataclass(frozen=True)
class SnapshotVm:
    """A VM as far as its snapshots go."""

    name: str
    uuid: str
    state: str = "poweroff"
    settings_file: str = ""
    managed_by: str | None = None
    # UUID of the snapshot that the current state comes from.
    current: str = ""
    # Whether the current state differs from it.
    modified: bool = True
    snapshots: tuple[Snapshot, ...] = ()
    own_disks: tuple[str, ...] = ()

    @property
    def on(self) -> bool:
        return self.state in RUNNING_STATES

    @property
    def saved(self) -> bool:
        return self.state in model.SAVED_STATES

    def named(self, name: str) -> tuple[Snapshot, ...]:
        return tuple(item for item in self.snapshots if item.name == name)

    def by_uuid(self, uuid: str) -> Snapshot | None:
        return next((item for item in self.snapshots if item.uuid == uuid), None)

    def children(self, uuid: str) -> tuple[Snapshot, ...]:
        return tuple(item for item in self.snapshots if item.parent == uuid)

    def at(self, snapshot: Snapshot) -> bool:
        """Whether the VM is exactly as it was in the snapshot."""
        return self.current == snapshot.uuid and not self.modified and self.saved == snapshot.online


def from_settings(found: settings_file.SettingsFile, state: str) -> SnapshotVm:
    """A VM with its snapshots, from its settings file and its VMState."""
    return SnapshotVm(
        found.vm.name,
        found.vm.uuid,
        state,
        found.vm.settings_file,
        found.vm.managed_by,
        found.current_snapshot,
        found.modified,
        found.vm.snapshots,
        found.vm.own_disks,
    )


def with_snapshot(vm: SnapshotVm, name: str, description: str = "") -> SnapshotVm:
    """The VM after a snapshot was taken."""
    made = Snapshot(
        name, description=description, online=vm.on or vm.saved, parent=vm.current, taken=""
    )
    return replace(vm, snapshots=(*vm.snapshots, made), current=NEW, modified=vm.on)


def without_snapshot(vm: SnapshotVm, gone: Snapshot) -> SnapshotVm:
    """The VM after a snapshot was removed: its children hang on its parent."""
    at_current = vm.current == gone.uuid
    return replace(
        vm,
        current=gone.parent if at_current else vm.current,
        modified=vm.modified or at_current,
        snapshots=tuple(
            replace(item, parent=gone.parent) if item.parent == gone.uuid else item
            for item in vm.snapshots
            if item.uuid != gone.uuid
        ),
    )


def with_description(vm: SnapshotVm, uuid: str, description: str) -> SnapshotVm:
    """The VM after the description of a snapshot was changed."""
    return replace(
        vm,
        snapshots=tuple(
            replace(item, description=description) if item.uuid == uuid else item
            for item in vm.snapshots
        ),
    )


def restored(vm: SnapshotVm, snapshot: Snapshot) -> SnapshotVm:
    """The VM after going back to a snapshot; one that was on is started again."""
    if vm.on:
        return replace(vm, state="running", current=snapshot.uuid, modified=True)
    state = "saved" if snapshot.online else "poweroff"
    return replace(vm, state=state, current=snapshot.uuid, modified=False)


def describe(vm: SnapshotVm, snapshot: Snapshot | None) -> dict[str, t.Any]:
    """A VM and the snapshot of the task as the module returns them."""
    shown: dict[str, t.Any] = {
        "vm": vm.name,
        "vm_uuid": vm.uuid,
        "vm_state": model.power(vm.state),
        "exists": snapshot is not None,
    }
    if snapshot is not None:
        shown.update(
            name=snapshot.name,
            uuid="" if snapshot.uuid == NEW else snapshot.uuid,
            description=snapshot.description,
            taken=snapshot.taken,
            online=snapshot.online,
            current=vm.current == snapshot.uuid,
            unchanged_since=vm.at(snapshot),
        )
    return shown


def comparable(vm: SnapshotVm, snapshot: Snapshot | None) -> dict[str, t.Any]:
    """The same as diffs show it: without what is only known after the snapshot was taken."""
    shown = describe(vm, snapshot)
    for key in ("uuid", "taken"):
        shown.pop(key, None)
    return shown
