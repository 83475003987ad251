# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls of VBoxManage that lead a VM from one state to another, power aside."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import fields
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    bandwidth,
    devices,
    extra_data,
    limits,
    model,
    settings,
    shared_folders,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.devices import (
    Attachment,
    Controller,
    Nic,
    SerialPort,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.model import Vm


def take_snapshot(vm: Vm, name: str) -> Action:
    return Action(
        "snapshot",
        f"take snapshot '{name}' of VM '{vm.name}'",
        ("snapshot", vm.uuid, "take", name),
        vm.uuid,
        live=True,
        slow=True,
    )


def difference(before: Vm, after: Vm) -> tuple[Action, ...]:
    """The calls from one state to the other, power aside; one modifyvm for all settings."""
    uuid, name = before.uuid, before.name
    actions: list[Action] = []
    argv: tuple[str, ...]
    if after.managed_by != before.managed_by and after.managed_by is not None:
        argv = ("setextradata", uuid, model.MARK, after.managed_by)
        actions.append(
            Action(
                "mark",
                f"mark VM '{name}' as managed by '{after.managed_by}'",
                argv,
                uuid,
                live=True,
            )
        )
    if after.address != before.address:
        argv = ("setextradata", uuid, model.ADDRESS, *((after.address,) if after.address else ()))
        text = f"{'note' if after.address else 'forget'} the planned address of VM '{name}'"
        actions.append(Action("address", text, argv, uuid, live=True))
    actions += bandwidth.actions(uuid, name, before.bandwidth_groups, after.bandwidth_groups)
    if _needs_chipset_first(before, after):
        chipset = (("chipset", limits.chipset_of(after)),)
        argv = ("modifyvm", uuid, "--chipset", limits.chipset_of(after))
        actions.append(Action("modify", f"change chipset of VM '{name}'", argv, uuid))
        before = replace(before, hardware=settings.merged(before.hardware, chipset))
    arguments, changed = _modify(before, after)
    if arguments:
        argv = ("modifyvm", uuid, *arguments)
        actions.append(Action("modify", f"change {', '.join(changed)} of VM '{name}'", argv, uuid))
    # A controller that loses ports would take what is attached there with it.
    cut = _beyond_ports(before, after)
    kept = replace(
        before,
        storage_attachments=tuple(item for item in before.storage_attachments if item not in cut),
    )
    actions += _attachments(
        replace(before, storage_attachments=cut), replace(after, storage_attachments=())
    )
    actions += _controllers(before, after)
    actions += _attachments(kept, after)
    actions += shared_folders.actions(uuid, name, before.shared_folders, after.shared_folders)
    actions += extra_data.extra_data_actions(uuid, name, before.extra_data, after.extra_data)
    actions += extra_data.guest_property_actions(
        uuid, name, before.guest_properties, after.guest_properties
    )
    known = {snapshot.name for snapshot in before.snapshots}
    actions += [
        take_snapshot(before, snapshot.name)
        for snapshot in after.snapshots
        if snapshot.name not in known
    ]
    return tuple(actions)


def _needs_chipset_first(before: Vm, after: Vm) -> bool:
    """VBoxManage counts the NICs of a VM before it begins with the options of a call."""
    count = limits.NIC_COUNTS.get(limits.chipset_of(before))
    changes = limits.chipset_of(before) != limits.chipset_of(after)
    used = [nic.number for nic in after.nics if nic.type not in (None, "none")]
    return changes and count is not None and max(used, default=0) > count


def _modify(before: Vm, after: Vm) -> tuple[list[str], list[str]]:
    """The arguments of modifyvm, and the names of what they change."""
    arguments, changed = fields.changes(Vm, vars(before), vars(after))
    found, names = settings.modify(before.hardware, after.hardware)
    arguments += found
    changed += names
    nics = {nic.number: nic for nic in before.nics}
    for nic in after.nics:
        words = _modify_nic(nics.get(nic.number) or Nic(nic.number, "none"), nic)
        if words:
            arguments += words
            changed.append(f"NIC {nic.number}")
    ports = {port.number: port for port in before.serial_ports}
    for port in after.serial_ports:
        words = _modify_serial(ports.get(port.number) or SerialPort(port.number, "off"), port)
        if words:
            arguments += words
            changed.append(f"serial port {port.number}")
    return arguments, changed


def _modify_nic(before: Nic, after: Nic) -> list[str]:
    number = after.number
    arguments: list[str] = []
    if after.type != before.type and after.type is not None:
        arguments += [f"--nic{number}", devices.NIC_TYPES[after.type]]
    if after.type == "none":
        return arguments
    if after.network and (after.network != before.network or after.type != before.type):
        arguments += [f"{devices.NIC_NETWORKS[after.type or ''][0]}{number}", after.network]
    arguments += fields.changes(Nic, vars(before), vars(after), number)[0]
    if after.type == "generic":
        had, has = dict(before.properties or ()), dict(after.properties or ())
        for key in sorted({*had, *has}):
            if had.get(key, "") != has.get(key, ""):
                arguments += [f"--nic-property{number}", f"{key}={has.get(key, '')}"]
    old, new = set(before.port_forwards or ()), set(after.port_forwards or ())
    # All deletions first: a changed rule keeps its name, and a new one may take over a port.
    for rule in sorted(old - new, key=lambda item: item.name):
        arguments += [f"--nat-pf{number}", "delete", rule.name]
    for rule in sorted(new - old, key=lambda item: item.name):
        arguments += [f"--nat-pf{number}", rule.rule()]
    return arguments


def _modify_serial(before: SerialPort, after: SerialPort) -> list[str]:
    number = after.number
    if before == after:
        return []
    if after.mode == "off":
        return [f"--uart{number}", "off"]
    mode = ["file", after.path or ""] if after.mode == "file" else [after.mode or ""]
    return [f"--uart{number}", after.io_base or "", str(after.irq), f"--uart-mode{number}", *mode]


def _beyond_ports(before: Vm, after: Vm) -> tuple[Attachment, ...]:
    """What is attached to ports that a controller will not have any more."""
    counts = {item.name: item.port_count for item in after.storage_controllers}
    return tuple(
        item
        for item in before.storage_attachments
        if item.port >= (counts.get(item.controller) or item.port + 1)
    )


def _controllers(before: Vm, after: Vm) -> t.Iterator[Action]:
    known = {item.name: item for item in before.storage_controllers}
    for item in after.storage_controllers:
        old = known.get(item.name)
        start = old or Controller(item.name)
        arguments, _names = fields.changes(Controller, vars(start), vars(item))
        if arguments:
            verb = "change" if old else "add"
            argv = ("storagectl", before.uuid, "--name", item.name, *arguments)
            yield Action(
                "controller",
                f"{verb} storage controller '{item.name}' of VM '{before.name}'",
                argv,
                before.uuid,
            )


def _attachments(before: Vm, after: Vm) -> t.Iterator[Action]:
    old = {item.key: item for item in before.storage_attachments}
    new = {item.key: item for item in after.storage_attachments}

    def attach(item: Attachment, medium: str, kind: str, live: bool) -> Action:
        place = f"{item.controller} port {item.port} device {item.device}"
        verb = f"attach {medium} to" if kind == "attach" else f"detach the {item.type} from"
        arguments = [
            "--storagectl",
            item.controller,
            "--port",
            str(item.port),
            "--device",
            str(item.device),
        ]
        if kind == "attach":
            empty = vars(Attachment("", 0))
            arguments += fields.changes(Attachment, empty, vars(item))[0]
        argv = ("storageattach", before.uuid, *arguments, "--medium", medium)
        return Action(kind, f"{verb} {place} of VM '{before.name}'", argv, before.uuid, live=live)

    # Detaching first sets a disk free that moves to another port.
    for key, item in sorted(old.items()):
        if key not in new or new[key].type != item.type:
            yield attach(item, "none", "detach", live=False)
    for key, item in sorted(new.items()):
        was = old.get(key)
        if was is None or replace(was, size_mb=item.size_mb) != item:
            swap = was is not None and was.type == item.type and item.type != "hdd"
            yield attach(item, item.medium or "emptydrive", "attach", live=swap)
