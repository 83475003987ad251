# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state after: the actual VM with everything that a task names."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import fields
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import (
    filled,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
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
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.plan_data import (
    DesiredVm,
)

Items = t.TypeVar("Items", Nic, Controller, SerialPort)
Named = t.TypeVar("Named", bandwidth.BandwidthGroup, shared_folders.SharedFolder)


def merge(actual: Vm, desired: DesiredVm) -> Vm:
    """The actual VM with everything that the task names."""
    wanted = desired.vm
    state = actual.state
    if desired.state != "present" and model.power(state) != desired.state:
        state = "poweroff" if desired.state == "stopped" else desired.state
    snapshots = actual.snapshots
    if desired.snapshot and actual.snapshot(desired.snapshot) is None:
        snapshots = (*snapshots, model.Snapshot(desired.snapshot, ""))

    def either(name: str) -> t.Any:
        value = getattr(wanted, name)
        return getattr(actual, name) if value is None else value

    merged = replace(
        actual,
        state=state,
        **{item.name: either(item.name) for item in fields.rows(Vm)},
        managed_by=either("managed_by"),
        address=either("address") or None,
        nics=_merge_nics(actual.nics, desired),
        storage_controllers=_merge_controllers(
            actual.storage_controllers, wanted.storage_controllers
        ),
        storage_attachments=_merge_attachments(actual.storage_attachments, desired),
        serial_ports=_merge_keyed(
            actual.serial_ports, wanted.serial_ports, "number", _merge_serial
        ),
        snapshots=snapshots,
        hardware=settings.merged(actual.hardware, wanted.hardware),
        bandwidth_groups=_merge_named(actual.bandwidth_groups, wanted.bandwidth_groups, False),
        shared_folders=_merge_named(
            actual.shared_folders, wanted.shared_folders, desired.prune_shared_folders
        ),
        extra_data=extra_data.merged(actual.extra_data, wanted.extra_data),
        guest_properties=extra_data.merged(actual.guest_properties, wanted.guest_properties),
    )
    return replace(merged, nics=limits.nics_within(merged))


def _merge_named(
    actual: tuple[Named, ...], wanted: tuple[Named, ...], prune: bool
) -> tuple[Named, ...]:
    """The actual ones with those that are wanted; others stay unless pruned."""
    found: dict[str, Named] = {} if prune else {item.name: item for item in actual}
    found.update((item.name, item) for item in wanted)
    return tuple(found[name] for name in sorted(found))


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


def _merge_nics(actual: tuple[Nic, ...], desired: DesiredVm) -> tuple[Nic, ...]:
    wanted = desired.vm.nics

    def one(before: Nic | None, nic: Nic) -> Nic:
        name = f"NIC {nic.number} of VM '{desired.vm.name}'"
        start = before or Nic(nic.number, "none")
        rules = start.port_forwards
        if nic.port_forwards is not None:
            kept = () if desired.prune_port_forwards else tuple(rules or ())
            named = {rule.name: rule for rule in (*kept, *nic.port_forwards)}
            rules = tuple(named[name] for name in sorted(named))
        merged: Nic = filled(start, type=nic.type, network=nic.network, **fields.values(Nic, nic))
        properties = extra_data.merged(start.properties or (), nic.properties or ())
        merged = replace(merged, port_forwards=rules, properties=properties)
        if nic.properties and merged.type != "generic":
            raise VirtualBoxError(
                f"{name} has properties, which only type generic can have",
                error_code="BAD_OPTION",
            )
        if merged.type == "none":
            return start.switched_off()
        if merged.type not in devices.NIC_NETWORKS:
            merged = replace(merged, network=None)
        elif not merged.network:
            raise VirtualBoxError(
                f"{name} is of type {merged.type} and needs a network",
                error_code="BAD_OPTION",
            )
        for option in ("port_forwards", "localhost_reachable"):
            if getattr(nic, option) and merged.type != "nat":
                raise VirtualBoxError(
                    f"{name} has {option}, which only type nat can have",
                    error_code="BAD_OPTION",
                )
        return merged

    merged = _merge_keyed(actual, wanted, "number", one)
    if not desired.prune_nics:
        return merged
    numbers = {nic.number for nic in wanted}
    return tuple(nic if nic.number in numbers else nic.switched_off() for nic in merged)


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
        merged: Controller = filled(before, **fields.values(Controller, item))
        return merged

    return _merge_keyed(actual, wanted, "name", one)


def _merge_attachments(
    actual: tuple[Attachment, ...], desired: DesiredVm
) -> tuple[Attachment, ...]:
    merged = {item.key: item for item in actual}
    for item in desired.vm.storage_attachments:
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
    if desired.prune_attachments:
        named = {item.key for item in desired.vm.storage_attachments}
        merged = {key: item for key, item in merged.items() if key in named}
    return tuple(merged[key] for key in sorted(merged))


def _merge_serial(before: SerialPort | None, port: SerialPort) -> SerialPort:
    start = before or SerialPort(port.number, "off")
    merged: SerialPort = filled(start, **fields.values(SerialPort, port))
    if merged.mode == "off":
        return SerialPort(port.number, "off")
    io_base, irq = devices.SERIAL_PORTS[port.number]
    merged = replace(
        merged,
        io_base=(merged.io_base or io_base).lower(),
        irq=irq if merged.irq is None else merged.irq,
    )
    return merged if merged.mode == "file" else replace(merged, path=None)
