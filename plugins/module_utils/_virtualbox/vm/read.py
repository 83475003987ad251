# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actual state: VBoxManage's answers and the settings file of a VM put into one model."""

from __future__ import annotations

import os
import re
import typing as t
from dataclasses import replace

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    listings,
    recovery,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium import (
    read,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    bandwidth,
    extra_data,
    model,
    shared_folders,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    lost as lost_vms,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    settings as hardware,
)

LONGEST_CHAIN = 64


def list_vms(client: Client) -> list[tuple[str, str]]:
    """Name and UUID of all registered VMs."""
    listed = listings.vm_list(client.read("list", "vms"))
    lost = {uuid for name, uuid in listed if name == listings.INACCESSIBLE}
    if lost and client.saves.finish_machines(lost):
        listed = listings.vm_list(client.read("list", "vms"))
    return listed


def find_uuid(listed: t.Sequence[tuple[str, str]], name: str, uuid: str = "") -> str:
    """The UUID of the VM of that name, empty if there is none; two of one name are an error."""
    found = [known for text, known in listed if text == name]
    if uuid:
        if uuid.lower() in (known for _text, known in listed):
            return uuid.lower()
        if not found:
            return ""
        raise VirtualBoxError(
            f"there is no VM {uuid}, but one with the name '{name}': {', '.join(found)}",
            error_code="AMBIGUOUS_NAME",
        )
    if len(found) > 1:
        raise VirtualBoxError(
            f"there are {len(found)} VMs with the name '{name}': {', '.join(found)}",
            hint="rename all but one of them, or name one by the option uuid",
            error_code="AMBIGUOUS_NAME",
        )
    return found[0] if found else ""


def read_vm(client: Client, uuid: str) -> model.Vm | None:
    """The VM of that UUID; None if it is gone."""
    sources = read_sources(client, uuid)
    return None if sources is None else build_vm(sources[0], listings.settings(sources[1]))


def read_sources(client: Client, uuid: str) -> tuple[dict[str, t.Any], bytes] | None:
    """What showvminfo and the settings file say of a VM; None if it is gone."""
    try:
        info = listings.vm_info(client.read("showvminfo", uuid, "--machinereadable"))
    except VirtualBoxError as error:
        if error.not_found:
            return None
        if error.inaccessible:
            raise lost_vms.LostVmError(lost_vms.lost_vm(uuid)) from error
        raise
    path = info["scalars"].get("CfgFile", "")
    try:
        return info, recovery.read_settings(path)
    except FileNotFoundError as error:
        raise lost_vms.LostVmError(lost_vms.lost_vm(uuid, path)) from error
    except OSError as error:
        raise VirtualBoxError(
            f"the settings file {path} of VM {uuid} cannot be read: {error.strerror}",
            hint="run as the user that the VM belongs to, on the host where it lives",
        ) from error


def settings_uuid(path: str, default: str) -> str:
    """The UUID in a settings file; the default if there is no file or it was never completed."""
    try:
        return str(listings.settings(recovery.read_settings(path))["uuid"])
    except (OSError, VirtualBoxError):
        return default


def with_guest_properties(client: Client, vm: model.Vm, names: t.Collection[str]) -> model.Vm:
    """A VM that runs keeps its guest properties to itself until it is off."""
    if vm.off or vm.saved or not names:
        return vm
    found = dict(vm.guest_properties)
    for name in names:
        value = listings.guest_property(client.read("guestproperty", "get", vm.uuid, name))
        found.pop(name, None)
        if value is not None:
            found[name] = value
    return replace(vm, guest_properties=tuple(sorted(found.items())))


def read_state(client: Client, uuid: str) -> str:
    """The VMState alone."""
    return str(
        listings.vm_info(client.read("showvminfo", uuid, "--machinereadable"))["scalars"]["VMState"]
    )


def build_vm(info: dict[str, t.Any], settings: dict[str, t.Any]) -> model.Vm:
    """One model from both read paths; pure."""
    scalars: dict[str, str] = info["scalars"]
    settings_file = scalars["CfgFile"]
    return model.Vm(
        name=settings["name"],
        uuid=scalars["UUID"].lower(),
        state=scalars["VMState"],
        settings_file=settings_file,
        cpus=int(scalars["cpus"]),
        memory_mb=int(scalars["memory"]),
        os_type=settings["os_type"],
        firmware=scalars["firmware"].lower(),
        description=settings["description"],
        groups=tuple(settings["groups"]),
        managed_by=settings["extra_data"].get(model.MARK),
        address=settings["extra_data"].get(model.ADDRESS),
        nics=tuple(_nics(info, settings)),
        storage_controllers=tuple(sorted(_controllers(scalars), key=lambda item: item.name)),
        storage_attachments=tuple(
            sorted(
                _attachments(scalars, settings, os.path.dirname(settings_file)),
                key=lambda item: item.key,
            )
        ),
        serial_ports=tuple(_serial_ports(scalars)),
        snapshots=tuple(
            model.Snapshot(item["name"], item["uuid"]) for item in settings["snapshots"]
        ),
        hardware=hardware.read(scalars, settings),
        **extras_of(settings),
        own_disks=tuple(settings["own_disks"]),
    )


def extras_of(settings: dict[str, t.Any]) -> dict[str, t.Any]:
    """What a VM has beside hardware, all of it from the settings file; pure."""
    return {
        "bandwidth_groups": tuple(
            bandwidth.BandwidthGroup(name, limit // bandwidth.KIB)
            for name, limit in sorted(settings["bandwidth_groups"])
        ),
        "shared_folders": tuple(
            sorted(
                (shared_folders.SharedFolder(**folder) for folder in settings["shared_folders"]),
                key=lambda folder: folder.name,
            )
        ),
        "extra_data": tuple(
            (name, value)
            for name, value in sorted(settings["extra_data"].items())
            if not name.startswith(extra_data.OURS)
        ),
        "guest_properties": tuple(sorted(settings["guest_properties"].items())),
    }


def _nics(info: dict[str, t.Any], settings: dict[str, t.Any]) -> t.Iterator[model.Nic]:
    scalars: dict[str, str] = info["scalars"]
    adapters = {value.lower(): key for key, value in model.ADAPTER_TYPES.items()}
    for key, value in scalars.items():
        match = re.fullmatch(r"nic(\d+)", key)
        if match is None:
            continue
        number = int(match.group(1))
        hidden = settings["adapters"].get(number, {"forwardings": [], "properties": {}})
        rules = tuple(
            sorted(
                (model.PortForward(**rule) for rule in hidden["forwardings"]),
                key=lambda rule: rule.name,
            )
        )
        properties = tuple(sorted(hidden["properties"].items()))
        if value == "none":
            yield model.Nic(number, "none", port_forwards=rules, properties=properties)
            continue
        kind = model.nic_type(value)
        network = None
        if kind in model.NIC_NETWORKS:
            # showvminfo does not escape the names of all kinds of networks.
            shown = scalars.get(f"{model.NIC_NETWORKS[kind][1]}{number}")
            network = hidden.get("network") or shown
        chip = scalars.get(f"nictype{number}", "")
        yield model.Nic(
            number,
            kind,
            network,
            model.mac_readable(scalars.get(f"macaddress{number}", "")),
            adapters.get(chip.lower(), chip.lower()),
            scalars.get(f"cableconnected{number}") == "on",
            rules,
            model.PROMISCUOUS_POLICIES.get(hidden.get("promiscuous", ""), "deny"),
            hidden.get("bandwidth_group", ""),
            properties,
        )


def _controllers(scalars: dict[str, str]) -> t.Iterator[model.Controller]:
    for key, name in scalars.items():
        match = re.fullmatch(r"storagecontrollername(\d+)", key)
        if match:
            index = match.group(1)
            chip = scalars.get(f"storagecontrollertype{index}", "")
            yield model.Controller(
                name,
                model.CONTROLLER_CHIPS.get(chip, chip.lower()),
                int(scalars.get(f"storagecontrollerportcount{index}", "0")),
                scalars.get(f"storagecontrollerbootable{index}") == "on",
            )


def _attachments(
    scalars: dict[str, str], settings: dict[str, t.Any], folder: str
) -> t.Iterator[model.Attachment]:
    disks = {disk["uuid"]: disk for disk in settings["disks"]}
    for device in settings["devices"]:
        place = f"{device['controller']}-{device['port']}-{device['device']}"
        medium = scalars.get(place, "")
        ancestors: list[str] = []
        parent = disks.get(device["uuid"], {}).get("parent", "")
        while parent in disks:
            location = disks[parent]["location"]
            ancestors.append(os.path.normpath(os.path.join(folder, location)))
            parent = disks[parent]["parent"]
        yield model.Attachment(
            device["controller"],
            device["port"],
            device["device"],
            device["type"],
            "" if medium in ("none", "emptydrive") else medium,
            tuple(ancestors),
        )


def _serial_ports(scalars: dict[str, str]) -> t.Iterator[model.SerialPort]:
    for number in model.SERIAL_PORTS:
        value = scalars.get(f"uart{number}", "off")
        if value == "off":
            yield model.SerialPort(number, "off")
            continue
        io_base, _comma, irq = value.partition(",")
        mode, _comma, path = scalars.get(f"uartmode{number}", "disconnected").partition(",")
        yield model.SerialPort(
            number, mode.lower(), path or None, f"0x{int(io_base, 16):x}", int(irq)
        )


def with_ancestors(client: Client, vm: model.Vm, wanted: t.Sequence[model.Attachment]) -> model.Vm:
    """Ask for the chain below an attached disk where the settings file does not hold it."""
    named = {item.key: item.medium for item in wanted if item.type == "hdd" and item.medium}
    found: list[model.Attachment] = []
    for item in vm.storage_attachments:
        asked = named.get(item.key)
        if (
            item.type == "hdd"
            and item.medium
            and asked
            and asked not in (item.medium, *item.ancestors)
        ):
            item = model.replace_ancestors(item, chain(client, item.medium))
        found.append(item)
    return model.replace_attachments(vm, found)


def chain(client: Client, medium: str) -> tuple[str, ...]:
    """The paths of all media below a differencing image, nearest first."""
    below: list[str] = []
    parent = listings.medium_info(client.read("showmediuminfo", medium)).get("Parent UUID", "base")
    while parent != "base" and len(below) < LONGEST_CHAIN:
        info = listings.medium_info(client.read("showmediuminfo", parent))
        below.append(info.get("Location", ""))
        parent = info.get("Parent UUID", "base")
    return tuple(below)


class DisksToRemove(t.NamedTuple):
    """What goes with a VM."""

    # Paths of the disks of the VM and its snapshots.
    own: t.Tuple[str, ...]
    # What is left in VirtualBox's list of linked clones that are gone.
    dangling: t.Tuple[read.Entry, ...]


def disks_to_remove(client: Client, vm: model.Vm) -> DisksToRemove:
    """The disks of a VM; linked clones on them are an error."""
    own = set(vm.own_disks)
    media = read.media(client)
    children = [
        disk
        for disk in media
        if disk.get("Parent UUID", "").lower() in own and disk["UUID"].lower() not in own
    ]
    dangling = read.dangling(client, media, children)
    clones = [disk["Location"] for disk in children if disk not in dangling]
    if clones:
        raise VirtualBoxError(
            f"the VM '{vm.name}' carries linked clones: {', '.join(clones)}",
            hint="remove the clones first",
            error_code="VBOX_E_OBJECT_IN_USE",
        )
    paths = tuple(disk["Location"] for disk in media if disk["UUID"].lower() in own)
    return DisksToRemove(paths, tuple(dangling))


def check_os_type(client: Client, os_type: str) -> None:
    """modifyvm takes any text as type; only the list tells the good ones."""
    known = listings.os_types(client.read("list", "ostypes"))
    if os_type not in known:
        near = [name for name in known if name.lower().startswith(os_type.lower()[:3])]
        raise VirtualBoxError(
            f"VirtualBox knows no guest system '{os_type}'",
            hint=f"similar ones: {', '.join(near[:12]) or 'see VBoxManage list ostypes'}",
            error_code="BAD_OPTION",
        )
