# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What VirtualBox cannot do with a VM, refused before anything is changed; pure.

The numbers are those of VBoxManage 7.2.22; an integration test asks it at and beyond each edge.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import fields
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    bad_option,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    devices,
    model,
    settings,
)

check_number = fields.check_number

PORT = (1, 65535)
BANDWIDTH = (0, 9007199254740991)
NIC_COUNTS = {"piix3": 8, "ich9": 36}
DEFAULT_CHIPSET = "piix3"
# In bytes, without the zero that ends them.
PROPERTY_NAME_BYTES = 63
PROPERTY_VALUE_BYTES = 1023
PROPERTY_PATTERNS = "*?|"


@dataclass(frozen=True)
class ControllerLimits:
    """What a storage controller of one type can have."""

    port_counts: tuple[int, int]
    devices: int = 1
    attachments: tuple[str, ...] = ("hdd", "dvd")
    # How many of them a VM can have with the chipset ich9; with piix3 it is one.
    with_ich9: int = 8


CONTROLLERS = {
    "ide": ControllerLimits((2, 2), devices=2, with_ich9=1),
    "sata": ControllerLimits((1, 30)),
    "scsi": ControllerLimits((16, 16)),
    "sas": ControllerLimits((1, 255)),
    "nvme": ControllerLimits((1, 255), attachments=("hdd",)),
    "virtio": ControllerLimits((1, 256)),
    "floppy": ControllerLimits((1, 1), devices=2, attachments=("floppy",), with_ich9=1),
}


def check_alone(wanted: model.Vm) -> None:
    """What can be told from the task alone."""
    fields.check(model.Vm, vars(wanted), f"VM '{wanted.name}'")
    fields.check(settings.TABLE, dict(wanted.hardware), f"VM '{wanted.name}'")
    for group in wanted.bandwidth_groups:
        if group.name in ("", "none"):
            raise bad_option(f"'{group.name}' cannot be the name of a bandwidth group")
        what = f"limit_kib_per_second of bandwidth group '{group.name}'"
        check_number(what, group.limit_kib_per_second, BANDWIDTH)
    for nic in wanted.nics:
        fields.check(devices.Nic, vars(nic), f"NIC {nic.number} of VM '{wanted.name}'")
        for rule in nic.port_forwards or ():
            _check_forward(f"port forward '{rule.name}' of NIC {nic.number}", rule)
        for name, _value in nic.properties or ():
            if not name or "=" in name:
                raise bad_option(f"'{name}' cannot be the name of a property of NIC {nic.number}")
    for name, value in wanted.guest_properties:
        _check_property(name, value)


def _check_forward(what: str, rule: devices.PortForward) -> None:
    check_number(f"host_port of {what}", rule.host_port, PORT)
    check_number(f"guest_port of {what}", rule.guest_port, PORT)
    for option, address in (
        ("host_address", rule.host_address),
        ("guest_address", rule.guest_address),
    ):
        try:
            ipaddress.ip_address(address or "0.0.0.0")
        except ValueError as error:
            raise bad_option(f"{option} of {what} is '{address}', which is no address") from error


def _check_property(name: str, value: str) -> None:
    length = len(name.encode("utf-8", "surrogateescape"))
    if not 0 < length <= PROPERTY_NAME_BYTES or set(name) & set(PROPERTY_PATTERNS):
        raise bad_option(
            f"'{name}' cannot be the name of a guest property",
            f"use 1 to {PROPERTY_NAME_BYTES} bytes and none of {PROPERTY_PATTERNS}",
        )
    length = len(value.encode("utf-8", "surrogateescape"))
    if length > PROPERTY_VALUE_BYTES:
        raise bad_option(
            f"the value of guest property '{name}' has {length} bytes, and VirtualBox takes "
            f"{PROPERTY_VALUE_BYTES}"
        )


# --- what has to fit together when everything is done -------------------------------------------


def chipset_of(vm: model.Vm) -> str:
    return str(dict(vm.hardware).get("chipset", DEFAULT_CHIPSET))


def nics_within(after: model.Vm) -> tuple[devices.Nic, ...]:
    """The NICs that the chipset has; those beyond are gone with the former chipset."""
    count = NIC_COUNTS.get(chipset_of(after))
    return tuple(
        nic
        for nic in after.nics
        if count is None or nic.number <= count or nic.type not in (None, "none")
    )


def check_together(wanted: model.Vm, after: model.Vm) -> None:
    """The VM as it would be; only what the task names is looked at."""
    _check_nics(wanted, after)
    _check_controllers(wanted, after)
    controllers = {item.name: item for item in after.storage_controllers}
    for item in wanted.storage_attachments:
        if item.type != "none":
            _check_attachment(item, controllers.get(item.controller))
    _check_disks(wanted, after)


def _check_nics(wanted: model.Vm, after: model.Vm) -> None:
    chipset = chipset_of(after)
    count = NIC_COUNTS.get(chipset)
    if count is None:
        return
    named = {nic.number for nic in wanted.nics}
    for nic in after.nics:
        used = nic.type not in (None, "none")
        if (nic.number in named and nic.number < 1) or (nic.number > count and used):
            more = nic.number <= max(NIC_COUNTS.values()) and chipset == DEFAULT_CHIPSET
            raise bad_option(
                f"VM '{wanted.name}' is to have NIC {nic.number}, and with the chipset {chipset} "
                f"VirtualBox has the NIC numbers 1 to {count}",
                "set chipset to ich9, or change nics" if more else "change the number in nics",
            )
    groups = {group.name for group in after.bandwidth_groups}
    for nic in wanted.nics:
        if nic.bandwidth_group and nic.bandwidth_group not in groups:
            raise bad_option(
                f"NIC {nic.number} of VM '{wanted.name}' is to be in the bandwidth group "
                f"'{nic.bandwidth_group}', which the VM does not have",
                "name it in bandwidth_groups too",
            )
    for nic in after.nics:
        if nic.number in named:
            _check_forwards_together(nic)


def _check_forwards_together(nic: devices.Nic) -> None:
    taken: dict[tuple[str, str, int], str] = {}
    for rule in nic.port_forwards or ():
        place = rule.protocol, rule.host_address, rule.host_port
        other = taken.setdefault(place, rule.name)
        if other != rule.name:
            raise bad_option(
                f"the port forwards '{other}' and '{rule.name}' of NIC {nic.number} both take "
                f"{rule.protocol} port {rule.host_port} of '{rule.host_address}'",
                "choose another host_port, or set prune_port_forwards to true",
            )


def _check_controllers(wanted: model.Vm, after: model.Vm) -> None:
    chipset = chipset_of(after)
    found = {item.name: item for item in after.storage_controllers}
    named = {item.type for item in (found[item.name] for item in wanted.storage_controllers)}
    if "chipset" in dict(wanted.hardware):
        # VirtualBox takes a chipset that has too few, and then cannot read the VM any more.
        named = {item.type for item in after.storage_controllers}
    for kind, limits in CONTROLLERS.items():
        most = limits.with_ich9 if chipset == "ich9" else 1
        same = [item.name for item in after.storage_controllers if item.type == kind]
        if kind in named and chipset in NIC_COUNTS and len(same) > most:
            raise bad_option(
                f"VM '{wanted.name}' is to have {len(same)} storage controllers of type {kind} "
                f"({', '.join(same)}), and with the chipset {chipset} VirtualBox has {most}",
                "set chipset to ich9, or use another type"
                if most < limits.with_ich9
                else "use another type",
            )
    for item in wanted.storage_controllers:
        if not item.name:
            raise bad_option("a storage controller needs a name")
        known = CONTROLLERS.get(found[item.name].type or "")
        if known is not None:
            what = f"port_count of storage controller '{item.name}'"
            check_number(what, item.port_count, known.port_counts)
        for attached in after.storage_attachments:
            cut = item.port_count is not None and attached.port >= item.port_count
            if attached.controller == item.name and cut:
                raise bad_option(
                    f"storage controller '{item.name}' is to have port_count {item.port_count}, "
                    f"and its port {attached.port} is in use",
                    "raise port_count, or detach that first by the type none",
                )


def _check_attachment(item: devices.Attachment, controller: devices.Controller | None) -> None:
    place = f"port {item.port} device {item.device} of storage controller '{item.controller}'"
    if controller is None:
        raise bad_option(
            f"a {item.type} is wanted at {place}, and there is no such controller",
            "name it in storage_controllers",
        )
    limits = CONTROLLERS.get(controller.type or "")
    if limits is None:
        return
    if item.type not in limits.attachments:
        raise bad_option(
            f"a {item.type} is wanted at {place}, and a controller of type {controller.type} takes "
            f"only {' and '.join(limits.attachments)}",
            "use a controller of another type",
        )
    check_number(f"the port of {place}", item.port, (0, limits.port_counts[1] - 1))
    check_number(f"the device of {place}", item.device, (0, limits.devices - 1))


def _check_disks(wanted: model.Vm, after: model.Vm) -> None:
    named = {item.medium for item in wanted.storage_attachments if item.type == "hdd"}
    places: dict[str, devices.Attachment] = {}
    for item in after.storage_attachments:
        if item.type != "hdd" or not item.medium or item.medium not in named:
            continue
        other = places.setdefault(item.medium, item)
        if other is not item:
            raise bad_option(
                f"the disk {item.medium} is wanted at port {other.port} of '{other.controller}' "
                f"and at port {item.port} of '{item.controller}', and a VM has a disk only once",
                "detach it at one of them by the type none",
            )


def check_start(after: model.Vm) -> None:
    """What may be written down, but does not start."""
    iommu = dict(after.hardware).get("iommu", "none")
    if iommu != "none" and chipset_of(after) == DEFAULT_CHIPSET:
        raise bad_option(
            f"VM '{after.name}' is to run with iommu {iommu} and the chipset {DEFAULT_CHIPSET}, "
            "which has none",
            "set chipset to ich9, or iommu to none",
        )
