# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be done to the snapshots of a set of VMs, decided without touching anything."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.snapshot import (
    model as sm,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.snapshot.model import (
    Snapshot,
    SnapshotVm,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import model


@dataclass(frozen=True)
class DesiredSnapshot:
    """What a task wants of the snapshots of its VMs."""

    name: str = ""
    state: str = "present"
    # Names one of several snapshots of one name; then there is one VM.
    uuid: str = ""
    description: str | None = None
    managed_by: str | None = None
    allow_power_cycle: bool = False
    # UUIDs of VMs that this run has put back and started, so that they have changed since.
    reached: tuple[str, ...] = ()


@dataclass(frozen=True)
class Child:
    """An image that is built on another one."""

    uuid: str
    location: str


# By the UUID of an image: the images that are built on it.
Children = t.Mapping[str, t.Sequence[Child]]


@dataclass(frozen=True)
class SnapshotPlan:
    before: tuple[SnapshotVm, ...]
    after: tuple[SnapshotVm, ...]
    actions: tuple[Action, ...] = ()


def target(vm: SnapshotVm, desired: DesiredSnapshot) -> Snapshot | None:
    """The snapshot that the task means; several of its name are an error."""
    if desired.uuid:
        found = vm.by_uuid(desired.uuid)
        if found is not None and desired.name and found.name != desired.name:
            raise VirtualBoxError(
                f"the snapshot {desired.uuid} of VM '{vm.name}' has the name '{found.name}', "
                f"not '{desired.name}'",
                error_code="BAD_OPTION",
            )
        return found
    named = vm.named(desired.name)
    if len(named) > 1:
        raise VirtualBoxError(
            f"the VM '{vm.name}' has {len(named)} snapshots with the name '{desired.name}': "
            f"{', '.join(item.uuid for item in named)}",
            hint="name one by the option uuid, in a task for this VM alone",
            error_code="AMBIGUOUS_NAME",
        )
    return named[0] if named else None


def plan_snapshots(
    vms: t.Sequence[SnapshotVm], desired: DesiredSnapshot, children: Children
) -> SnapshotPlan:
    """The way of all VMs to the wanted state; whatever forbids it for one, forbids it for all."""
    check_marks(vms, desired)
    check_states(vms)
    found = [(vm, target(vm, desired)) for vm in vms]
    if desired.state == "absent":
        return _absent(found, children)
    if desired.state == "restored":
        return _restored(found, desired)
    return _present(found, desired)


def check_marks(vms: t.Sequence[SnapshotVm], desired: DesiredSnapshot) -> None:
    """Every VM belongs to the datacenter that the task names."""
    if desired.managed_by is None:
        return
    strangers = [vm for vm in vms if vm.managed_by != desired.managed_by]
    if strangers:
        owners = ", ".join(
            f"'{vm.name}' {{{vm.uuid}}} ({vm.managed_by or 'no mark'})" for vm in strangers
        )
        raise VirtualBoxError(
            f"not managed by '{desired.managed_by}', so no VM was changed: {owners}",
            hint="take them out of the option vms, or hand one over with: VBoxManage setextradata "
            f"{strangers[0].uuid} {model.MARK} {desired.managed_by}",
            error_code="NOT_OURS",
        )


def check_states(vms: t.Sequence[SnapshotVm]) -> None:
    """No VM is in the middle of something, or has crashed."""
    odd = [f"'{vm.name}' is {vm.state}" for vm in vms if vm.state not in sm.SETTLED_STATES]
    if odd:
        raise VirtualBoxError(
            f"the VM {', '.join(odd)}: nothing was changed",
            hint="wait for it, or power it off",
            error_code="VBOX_E_INVALID_VM_STATE",
        )


def set_power(vm: SnapshotVm, kind: str, text: str) -> Action:
    verbs = {
        "pause": ("controlvm", vm.uuid, "pause"),
        "resume": ("controlvm", vm.uuid, "resume"),
        "start": ("startvm", vm.uuid, "--type", "headless"),
        "stop": ("controlvm", vm.uuid, "poweroff"),
    }
    return Action(kind, f"{text} VM '{vm.name}'", verbs[kind], vm.uuid, True, kind == "start")


def _pauses(vms: t.Iterable[SnapshotVm]) -> list[SnapshotVm]:
    """The VMs to be paused for one point in time; VBoxManage does it itself for a single one."""
    running = [vm for vm in vms if vm.state == "running"]
    return running if len(running) > 1 else []


# --- present ----------------------------------------------------------------------------------


def _present(
    found: t.Sequence[tuple[SnapshotVm, Snapshot | None]], desired: DesiredSnapshot
) -> SnapshotPlan:
    vms = tuple(vm for vm, _snapshot in found)
    having = [vm.name for vm, snapshot in found if snapshot is not None]
    lacking = [vm.name for vm, snapshot in found if snapshot is None]
    if having and lacking:
        raise VirtualBoxError(
            f"the VMs {', '.join(map(repr, having))} have a snapshot '{desired.name}', but "
            f"{', '.join(map(repr, lacking))} have none: taken now, it would be of another moment",
            hint="take one of another name, or remove it from all VMs first",
            error_code="INCOMPLETE_SET",
        )
    if having:
        return _described(found, desired)
    paused = _pauses(vms)
    actions = [set_power(vm, "pause", "pause") for vm in paused]
    actions += [_take(vm, desired.name, desired.description or "") for vm in vms]
    actions += [set_power(vm, "resume", "resume") for vm in paused]
    after = tuple(sm.with_snapshot(vm, desired.name, desired.description or "") for vm in vms)
    return SnapshotPlan(vms, after, tuple(actions))


def _take(vm: SnapshotVm, name: str, description: str) -> Action:
    argv: tuple[str, ...] = ("snapshot", vm.uuid, "take", name)
    if description:
        argv += ("--description", description)
    return Action("take", f"take snapshot '{name}' of VM '{vm.name}'", argv, vm.uuid, True, True)


def _described(
    found: t.Sequence[tuple[SnapshotVm, Snapshot | None]], desired: DesiredSnapshot
) -> SnapshotPlan:
    after: list[SnapshotVm] = []
    actions: list[Action] = []
    for vm, snapshot in found:
        if (
            snapshot is None
            or desired.description is None
            or snapshot.description == desired.description
        ):
            after.append(vm)
            continue
        after.append(sm.with_description(vm, snapshot.uuid, desired.description))
        argv = ("snapshot", vm.uuid, "edit", snapshot.uuid, "--description", desired.description)
        text = f"describe snapshot '{snapshot.name}' of VM '{vm.name}'"
        actions.append(Action("describe", text, argv, vm.uuid, True))
    return SnapshotPlan(tuple(vm for vm, _snapshot in found), tuple(after), tuple(actions))


# --- absent -----------------------------------------------------------------------------------


def _absent(
    found: t.Sequence[tuple[SnapshotVm, Snapshot | None]], children: Children
) -> SnapshotPlan:
    reasons = [
        reason
        for vm, snapshot in found
        if snapshot is not None
        for reason in blockers(vm, snapshot, children)
    ]
    if reasons:
        raise VirtualBoxError(
            f"cannot be removed, so no VM was changed: {'; '.join(reasons)}",
            hint="remove the linked clones, or the other snapshots above it, first",
            error_code="VBOX_E_OBJECT_IN_USE",
        )
    after = tuple(
        vm if snapshot is None else sm.without_snapshot(vm, snapshot) for vm, snapshot in found
    )
    actions = tuple(remove(vm, snapshot) for vm, snapshot in found if snapshot is not None)
    return SnapshotPlan(tuple(vm for vm, _snapshot in found), after, actions)


def remove(vm: SnapshotVm, snapshot: Snapshot) -> Action:
    """The removal of one snapshot; its disks are merged."""
    argv = ("snapshot", vm.uuid, "delete", snapshot.uuid)
    text = f"remove snapshot '{snapshot.name}' of VM '{vm.name}'"
    return Action("remove", text, argv, vm.uuid, True, True)


def blockers(vm: SnapshotVm, snapshot: Snapshot, children: Children) -> t.Iterator[str]:
    """Why VirtualBox cannot remove a snapshot, or would destroy a linked clone if it did.

    It removes a snapshot without children although a linked clone is built on it, reports success,
    and the clone has lost its disk.
    """
    label = f"snapshot '{snapshot.name}' of VM '{vm.name}'"
    above = [f"'{item.name}'" for item in vm.children(snapshot.uuid)]
    if len(above) > 1:
        yield f"{label} has {len(above)} snapshots on it: {', '.join(above)}"
    for disk in snapshot.disks:
        built = children.get(disk, ())
        foreign = [child.location for child in built if child.uuid not in vm.own_disks]
        if foreign:
            yield f"{label} carries linked clones: {', '.join(foreign)}"
        elif len(built) > 1 and len(above) <= 1:
            yield f"{label} has {', '.join([*above, 'the current state'])} on it"
            return


# --- restored ---------------------------------------------------------------------------------


def _restored(
    found: t.Sequence[tuple[SnapshotVm, Snapshot | None]], desired: DesiredSnapshot
) -> SnapshotPlan:
    lacking = [f"'{vm.name}'" for vm, snapshot in found if snapshot is None]
    if lacking:
        raise VirtualBoxError(
            f"there is no snapshot '{desired.uuid or desired.name}' of {', '.join(lacking)}, "
            "so no VM was changed",
            error_code="VBOX_E_OBJECT_NOT_FOUND",
        )
    vms = tuple(vm for vm, _snapshot in found)
    back = [
        (vm, snapshot)
        for vm, snapshot in found
        if snapshot
        and not vm.at(snapshot)
        and not (vm.uuid in desired.reached and vm.on and vm.current == snapshot.uuid)
    ]
    on = [vm for vm, _snapshot in back if vm.on]
    if on and not desired.allow_power_cycle:
        names = ", ".join(f"'{vm.name}' is {vm.state}" for vm in on)
        raise VirtualBoxError(
            f"the VM {names} and has to be off to go back to snapshot "
            f"'{desired.name or desired.uuid}'",
            hint="stop it first, or set allow_power_cycle to true",
            error_code="POWER_CYCLE_NEEDED",
        )
    actions: list[Action] = []
    guarded = [vm for vm, _snapshot in back] if len(back) > 1 else []
    actions += [set_power(vm, "pause", "pause") for vm in _pauses(guarded)]
    actions += [_guard(vm) for vm in guarded]
    actions += [set_power(vm, "stop", "power off") for vm in on]
    actions += [restore(vm, snapshot) for vm, snapshot in back]
    actions += [_unguard(vm) for vm in guarded]
    actions += [set_power(vm, "start", "start") for vm in on]
    changed = {vm.uuid: sm.restored(vm, snapshot) for vm, snapshot in back}
    return SnapshotPlan(vms, tuple(changed.get(vm.uuid, vm) for vm in vms), tuple(actions))


def _guard(vm: SnapshotVm) -> Action:
    # Its name is made up, and its UUID known, only when it is taken.
    return Action(
        "guard", f"take a safety snapshot of VM '{vm.name}'", (), vm.uuid, live=True, slow=True
    )


def _unguard(vm: SnapshotVm) -> Action:
    return Action(
        "unguard", f"remove the safety snapshot of VM '{vm.name}'", (), vm.uuid, True, True
    )


def restore(vm: SnapshotVm, snapshot: Snapshot) -> Action:
    argv = ("snapshot", vm.uuid, "restore", snapshot.uuid)
    text = f"put VM '{vm.name}' back to snapshot '{snapshot.name}'"
    return Action("restore", text, argv, vm.uuid, True, True)
