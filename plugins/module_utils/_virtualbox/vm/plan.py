# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be done, decided without touching anything.

A plan is made from two whole models: the state before and the state after. The diff shows the same
two models, check mode stops here, and apply carries the actions out, so the three cannot disagree.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import (
    Action,
    filled,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    extras,
    limits,
    model,
    settings,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.calls import (
    difference,
    take_snapshot,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.model import (
    Attachment,
    Controller,
    Nic,
    SerialPort,
    Vm,
)

Items = t.TypeVar("Items", Nic, Controller, SerialPort)


@dataclass(frozen=True)
class VmWish:
    """What a task wants of a VM."""

    vm: Vm
    state: str = "present"
    create: bool = True
    folder: str = ""
    snapshot: str | None = None
    clone_snapshot: str | None = None
    clone_type: str = "linked"
    allow_power_cycle: bool = False
    delete_media: bool = False
    prune_nics: bool = False
    prune_port_forwards: bool = False
    prune_attachments: bool = False
    prune_shared_folders: bool = False
    discard_saved_state: bool = False
    start_type: str = "headless"
    # The calls for disks that the task names by size.
    disk_actions: tuple[Action, ...] = ()
    # UUID for a VM that has to be made.
    new_uuid: str = ""
    # The VM is ours although it has no mark yet: its creation was interrupted.
    adopt: bool = False
    # Check mode: an earlier task would have made the source of the clone.
    source_unknown: bool = False


@dataclass(frozen=True)
class VmPlan:
    before: Vm | None
    after: Vm | None
    actions: tuple[Action, ...] = ()
    # Before a removal: the disks of the VM and its snapshots, as paths.
    disks: tuple[str, ...] = ()

    @property
    def makes_vm(self) -> bool:
        return self.before is None and self.after is not None

    @property
    def removes_vm(self) -> bool:
        return self.before is not None and self.after is None


def plan_vm(
    actual: Vm | None, wish: VmWish, source: Vm | None = None, leftovers: bool = False
) -> VmPlan:
    """The way from the actual VM (None: there is none) to the wanted one."""
    clean = (
        (Action("clean", f"remove what an interrupted run left of VM '{wish.vm.name}'"),)
        if leftovers
        else ()
    )
    if actual is None or wish.adopt:
        # A clone begins with the address of its source, which is not its own.
        wish = replace(wish, vm=replace(wish.vm, address=wish.vm.address or ""))
    if wish.state != "absent":
        limits.check_alone(wish.vm)
    if wish.state == "absent":
        if actual is None:
            return VmPlan(None, None, clean)
        _check_mark(actual, wish)
        return VmPlan(actual, None, (*_stop_to_remove(actual, wish), _remove(actual, wish)))
    if actual is not None:
        _check_mark(actual, wish)
        after = merge(actual, wish)
        limits.check_together(wish.vm, after)
        actions = tuple(_power_around(actual, after, wish))
        _check_start(actions, after)
        if wish.state == "present" and any(action.kind == "discard" for action in actions):
            after = replace(after, state="poweroff")
        return VmPlan(actual, after, actions)
    if not wish.create:
        if wish.state in ("running", "paused", "saved"):
            raise VirtualBoxError(
                f"there is no VM '{wish.vm.name}' that could be {wish.state}",
                hint="define it first",
                error_code="VBOX_E_OBJECT_NOT_FOUND",
            )
        return VmPlan(None, None)
    fresh, creation = _creation(wish, source)
    after = merge(fresh, wish)
    if not wish.source_unknown:
        limits.check_together(wish.vm, after)
    changes = difference(fresh, after)
    power = tuple(_power(fresh, wish, "poweroff", wish.state))
    _check_start(power, after)
    return VmPlan(None, after, (*clean, *creation, *wish.disk_actions, *changes, *power))


def _check_start(actions: t.Iterable[Action], after: Vm) -> None:
    if any(action.kind == "start" for action in actions):
        limits.check_start(after)


def _check_mark(actual: Vm, wish: VmWish) -> None:
    if wish.adopt and actual.managed_by is None:
        return
    if wish.vm.managed_by is not None and actual.managed_by != wish.vm.managed_by:
        owner = (
            f"belongs to '{actual.managed_by}'"
            if actual.managed_by
            else "was not made by this collection"
        )
        raise VirtualBoxError(
            f"the VM '{actual.name}' {{{actual.uuid}}} exists and {owner}, so it is left as it is",
            hint="rename or remove it, or hand it over with: VBoxManage setextradata "
            f"{actual.uuid} {model.MARK} {wish.vm.managed_by}",
            error_code="NOT_OURS",
        )


def _stop(vm: Vm) -> Action:
    return Action("stop", f"stop VM '{vm.name}'", vm=vm.uuid, live=True)


def _start(vm: Vm, wish: VmWish) -> Action:
    argv = ("startvm", vm.uuid, "--type", wish.start_type)
    return Action("start", f"start VM '{vm.name}'", argv, vm.uuid)


def _pause(vm: Vm) -> Action:
    argv = ("controlvm", vm.uuid, "pause")
    return Action("pause", f"pause VM '{vm.name}'", argv, vm.uuid, live=True)


def _resume(vm: Vm) -> Action:
    argv = ("controlvm", vm.uuid, "resume")
    return Action("resume", f"resume VM '{vm.name}'", argv, vm.uuid, live=True)


def _save(vm: Vm) -> Action:
    argv = ("controlvm", vm.uuid, "savestate")
    return Action("save", f"save the state of VM '{vm.name}'", argv, vm.uuid, live=True, slow=True)


def _discard(vm: Vm) -> Action:
    argv = ("discardstate", vm.uuid)
    return Action("discard", f"discard the saved state of VM '{vm.name}'", argv, vm.uuid)


def _stop_to_remove(actual: Vm, wish: VmWish) -> tuple[Action, ...]:
    if actual.off or actual.saved:
        return ()
    if not wish.allow_power_cycle:
        raise VirtualBoxError(
            f"the VM '{actual.name}' is {actual.state} and cannot be removed",
            hint="stop it first, or set allow_power_cycle to true",
            error_code="POWER_CYCLE_NEEDED",
        )
    return (_stop(actual),)


def _remove(actual: Vm, wish: VmWish) -> Action:
    # Never with --delete: that deletes disks wherever they are, and leaves half of them on failure.
    files = "with" if wish.delete_media else "but not"
    text = f"remove VM '{actual.name}', {files} its files"
    return Action("remove", text, ("unregistervm", actual.uuid), actual.uuid)


def _power_around(actual: Vm, after: Vm, wish: VmWish) -> t.Iterator[Action]:
    """The changes, with the stop and start that they and the wanted state ask for."""
    changes = (*wish.disk_actions, *difference(actual, after))
    blocked = [action for action in changes if not action.live]
    reasons = "; ".join(action.text for action in blocked)
    runs = not (actual.off or actual.saved)
    stop_wanted = wish.state == "stopped" and not actual.off
    discard = actual.saved and (bool(blocked) or stop_wanted)
    if discard and not wish.discard_saved_state:
        what = "which stopping would lose" if stop_wanted else f"and cannot be changed: {reasons}"
        raise VirtualBoxError(
            f"the VM '{actual.name}' has a saved state, {what}",
            hint="start it and run again, or set discard_saved_state to true",
            error_code="VBOX_E_INVALID_VM_STATE",
        )
    if blocked and runs and not stop_wanted and not wish.allow_power_cycle:
        raise VirtualBoxError(
            f"the VM '{actual.name}' is {actual.state} and has to be off for: {reasons}",
            hint="stop it first, or set allow_power_cycle to true",
            error_code="POWER_CYCLE_NEEDED",
        )
    cycle = bool(blocked) and runs
    if discard:
        yield _discard(actual)
    elif stop_wanted or cycle:
        yield _stop(actual)
    yield from changes
    state = "poweroff" if cycle or discard or stop_wanted else actual.state or "poweroff"
    # What ran before it was stopped for a change, runs after it again.
    goal = actual.state if cycle and wish.state == "present" else wish.state
    yield from _power(actual, wish, state, goal or "present")


def _power(vm: Vm, wish: VmWish, state: str, goal: str) -> t.Iterator[Action]:
    """From a state of VirtualBox to the wanted one; stopping comes before all changes."""
    runs = state not in (*model.OFF_STATES, *model.SAVED_STATES)
    if goal == "saved" and state in model.OFF_STATES:
        raise VirtualBoxError(
            f"the VM '{vm.name}' is off, so there is no state to save",
            hint="start it first, or use the state stopped",
            error_code="VBOX_E_INVALID_VM_STATE",
        )
    if goal == "saved" and runs:
        yield _save(vm)
    if goal in ("running", "paused") and state in model.SAVED_STATES and vm.lost_state:
        if not wish.discard_saved_state:
            raise VirtualBoxError(
                f"the VM '{vm.name}' is to be {goal}, and its saved state {vm.lost_state} is gone",
                hint="bring the file back, or set discard_saved_state to true to start it anew",
                error_code="VBOX_E_INVALID_VM_STATE",
            )
        yield _discard(vm)
    if goal in ("running", "paused") and not runs:
        yield _start(vm, wish)
        state = "running"
    if goal == "running" and state == "paused":
        yield _resume(vm)
    if goal == "paused" and state != "paused":
        yield _pause(vm)


# --- creation ---------------------------------------------------------------------------------


def _creation(wish: VmWish, source: Vm | None) -> tuple[Vm, tuple[Action, ...]]:
    """The VM as it is right after its creation, as far as that is known, and the creating calls."""
    wanted = wish.vm
    group = wanted.groups[0] if wanted.groups else "/"
    # Further groups come with modifyvm: clonevm would take the folder of none of them.
    place = ("--basefolder", wish.folder, "--groups", group)
    if source is None:
        os_type = ("--ostype", wanted.os_type) if wanted.os_type else ()
        argv = (
            "createvm",
            "--name",
            wanted.name,
            "--uuid",
            wish.new_uuid,
            *place,
            *os_type,
            "--register",
        )
        fresh = Vm(
            name=wanted.name,
            uuid=wish.new_uuid,
            state="poweroff",
            groups=(group,),
            os_type=wanted.os_type,
            # With a guest system VirtualBox gives the first NIC a type of its own choice.
            nics=tuple(
                Nic(number, None if number == 1 and wanted.os_type else "none")
                for number in range(1, 9)
            ),
        )
        return fresh, (Action("create", f"create VM '{wanted.name}'", argv, slow=True),)
    actions: list[Action] = []
    if wish.clone_snapshot and source.snapshot(wish.clone_snapshot) is None:
        actions.append(take_snapshot(source, wish.clone_snapshot))
    snapshot = source.snapshot(wish.clone_snapshot) if wish.clone_snapshot else None
    argv = (
        "clonevm",
        source.uuid,
        "--name",
        wanted.name,
        "--uuid",
        wish.new_uuid,
        *place,
        *(
            ("--snapshot", snapshot.uuid if snapshot else wish.clone_snapshot)
            if wish.clone_snapshot
            else ()
        ),
        "--mode",
        "machine",
        *(("--options", "link") if wish.clone_type == "linked" else ()),
        "--register",
    )
    text = f"create VM '{wanted.name}' as a {wish.clone_type} clone of '{source.name}'"
    actions.append(Action("clone", text, argv, slow=True))
    fresh = Vm(
        name=wanted.name,
        uuid=wish.new_uuid,
        state="poweroff",
        groups=(group,),
        # A clone inherits settings and extra data, so also the mark.
        cpus=source.cpus,
        memory_mb=source.memory_mb,
        os_type=source.os_type,
        firmware=source.firmware,
        description=source.description,
        managed_by=source.managed_by,
        address=source.address,
        nics=tuple(
            replace(nic, mac=None, adapter_type=None, cable_connected=None) for nic in source.nics
        ),
        storage_controllers=source.storage_controllers,
        storage_attachments=tuple(
            replace(item, medium=None, ancestors=(*item.ancestors, item.medium or ""))
            if item.type == "hdd"
            else item
            for item in source.storage_attachments
        ),
        serial_ports=source.serial_ports,
        hardware=source.hardware,
        bandwidth_groups=source.bandwidth_groups,
        shared_folders=source.shared_folders,
        extra_data=source.extra_data,
        guest_properties=source.guest_properties,
    )
    return fresh, tuple(actions)


# --- the state after --------------------------------------------------------------------------


def merge(actual: Vm, wish: VmWish) -> Vm:
    """The actual VM with everything that the task names."""
    wanted = wish.vm
    state = actual.state
    if wish.state != "present" and model.power(state) != wish.state:
        state = "poweroff" if wish.state == "stopped" else wish.state
    snapshots = actual.snapshots
    if wish.snapshot and actual.snapshot(wish.snapshot) is None:
        snapshots = (*snapshots, model.Snapshot(wish.snapshot, ""))

    def either(name: str) -> t.Any:
        value = getattr(wanted, name)
        return getattr(actual, name) if value is None else value

    merged = replace(
        actual,
        state=state,
        cpus=either("cpus"),
        memory_mb=either("memory_mb"),
        os_type=either("os_type"),
        firmware=either("firmware"),
        description=either("description"),
        groups=either("groups"),
        managed_by=either("managed_by"),
        address=either("address") or None,
        nics=_merge_nics(actual.nics, wish),
        storage_controllers=_merge_controllers(
            actual.storage_controllers, wanted.storage_controllers
        ),
        storage_attachments=_merge_attachments(actual.storage_attachments, wish),
        serial_ports=_merge_keyed(
            actual.serial_ports, wanted.serial_ports, "number", _merge_serial
        ),
        snapshots=snapshots,
        hardware=settings.merged(actual.hardware, wanted.hardware),
        bandwidth_groups=extras.by_name(actual.bandwidth_groups, wanted.bandwidth_groups, False),
        shared_folders=extras.by_name(
            actual.shared_folders, wanted.shared_folders, wish.prune_shared_folders
        ),
        extra_data=extras.pairs(actual.extra_data, wanted.extra_data),
        guest_properties=extras.pairs(actual.guest_properties, wanted.guest_properties),
    )
    return replace(merged, nics=limits.nics_within(merged))


def _merge_keyed(
    actual: tuple[Items, ...],
    wanted: tuple[Items, ...],
    key: str,
    one: t.Callable[[Items | None, Items], Items],
) -> tuple[Items, ...]:
    """Items of the same key are merged, others stay."""
    merged = {getattr(item, key): item for item in actual}
    for item in wanted:
        merged[getattr(item, key)] = one(merged.get(getattr(item, key)), item)
    return tuple(merged[name] for name in sorted(merged))


def _merge_nics(actual: tuple[Nic, ...], wish: VmWish) -> tuple[Nic, ...]:
    wanted = wish.vm.nics

    def one(before: Nic | None, nic: Nic) -> Nic:
        name = f"NIC {nic.number} of VM '{wish.vm.name}'"
        start = before or Nic(nic.number, "none")
        rules = start.port_forwards
        if nic.port_forwards is not None:
            kept = () if wish.prune_port_forwards else tuple(rules or ())
            named = {rule.name: rule for rule in (*kept, *nic.port_forwards)}
            rules = tuple(named[name] for name in sorted(named))
        merged: Nic = filled(
            start,
            type=nic.type,
            network=nic.network,
            mac=nic.mac,
            adapter_type=nic.adapter_type,
            cable_connected=nic.cable_connected,
            promiscuous=nic.promiscuous,
            bandwidth_group=nic.bandwidth_group,
        )
        properties = extras.pairs(start.properties or (), nic.properties or ())
        merged = replace(merged, port_forwards=rules, properties=properties)
        if nic.properties and merged.type != "generic":
            raise VirtualBoxError(
                f"{name} has properties, which only type generic can have",
                error_code="BAD_OPTION",
            )
        if merged.type == "none":
            return _hidden(start)
        if merged.type not in model.NIC_NETWORKS:
            merged = replace(merged, network=None)
        elif not merged.network:
            raise VirtualBoxError(
                f"{name} is of type {merged.type} and needs a network",
                error_code="BAD_OPTION",
            )
        if nic.port_forwards and merged.type != "nat":
            raise VirtualBoxError(
                f"{name} has port forwards, which only type nat can have",
                error_code="BAD_OPTION",
            )
        return merged

    merged = _merge_keyed(actual, wanted, "number", one)
    if not wish.prune_nics:
        return merged
    numbers = {nic.number for nic in wanted}
    return tuple(nic if nic.number in numbers else _hidden(nic) for nic in merged)


def _hidden(nic: Nic) -> Nic:
    """VirtualBox hides what a NIC that is off has, and brings it back with the next type."""
    return Nic(nic.number, "none", port_forwards=nic.port_forwards, properties=nic.properties)


def _merge_controllers(
    actual: tuple[Controller, ...], wanted: tuple[Controller, ...]
) -> tuple[Controller, ...]:
    def one(before: Controller | None, item: Controller) -> Controller:
        if before is None:
            if item.type is None:
                raise VirtualBoxError(
                    f"there is no storage controller '{item.name}', and making one needs a type",
                    error_code="BAD_OPTION",
                )
            return item
        if item.type not in (None, before.type):
            raise VirtualBoxError(
                f"the storage controller '{item.name}' is of type {before.type}, not {item.type}",
                hint="a controller cannot change its type: use another name for a new one",
                error_code="BAD_OPTION",
            )
        merged: Controller = filled(before, port_count=item.port_count, bootable=item.bootable)
        return merged

    return _merge_keyed(actual, wanted, "name", one)


def _merge_attachments(actual: tuple[Attachment, ...], wish: VmWish) -> tuple[Attachment, ...]:
    merged = {item.key: item for item in actual}
    for item in wish.vm.storage_attachments:
        before = merged.pop(item.key, None)
        if item.type == "none":
            continue
        # Below the differencing image of a snapshot or linked clone it is still the same disk.
        same = (
            before is not None
            and before.type == item.type
            and item.medium in (before.medium, *before.ancestors)
        )
        size = item.size_mb or (before.size_mb if before is not None and same else None)
        kept = before if before is not None and same else item
        merged[item.key] = replace(kept, size_mb=size)
    if wish.prune_attachments:
        named = {item.key for item in wish.vm.storage_attachments}
        merged = {key: item for key, item in merged.items() if key in named}
    return tuple(merged[key] for key in sorted(merged))


def _merge_serial(before: SerialPort | None, port: SerialPort) -> SerialPort:
    start = before or SerialPort(port.number, "off")
    merged: SerialPort = filled(
        start, mode=port.mode, path=port.path, io_base=port.io_base, irq=port.irq
    )
    if merged.mode == "off":
        return SerialPort(port.number, "off")
    io_base, irq = model.SERIAL_PORTS[port.number]
    merged = replace(
        merged,
        io_base=(merged.io_base or io_base).lower(),
        irq=irq if merged.irq is None else merged.irq,
    )
    return merged if merged.mode == "file" else replace(merged, path=None)
