# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actual state: VBoxManage's answers, and from the settings file of a VM what they hide."""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    fields,
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
    devices,
    model,
    settings,
    settings_file,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    lost as lost_vms,
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
    return None if sources is None else build_vm(*sources)


def read_sources(
    client: Client, uuid: str
) -> tuple[dict[str, str], settings_file.SettingsFile] | None:
    """What showvminfo and the settings file say of a VM; None if it is gone."""
    try:
        scalars = listings.vm_info(client.read("showvminfo", uuid, "--machinereadable"))
    except VirtualBoxError as error:
        if error.not_found:
            return None
        if error.inaccessible:
            raise lost_vms.LostVmError(lost_vms.lost_vm(uuid)) from error
        raise
    path = scalars.get("CfgFile", "")
    try:
        text = recovery.read_settings(path)
    except FileNotFoundError as error:
        raise lost_vms.LostVmError(lost_vms.lost_vm(uuid, path)) from error
    except OSError as error:
        raise VirtualBoxError(
            f"the settings file {path} of VM {uuid} cannot be read: {error.strerror}",
            hint="run as the user that the VM belongs to, on the host where it lives",
        ) from error
    return scalars, settings_file.parse(text, path)


def settings_uuid(path: str, default: str) -> str:
    """The UUID in a settings file; the default if there is no file or it was never completed."""
    try:
        return settings_file.uuid_in(recovery.read_settings(path))
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
    return listings.vm_info(client.read("showvminfo", uuid, "--machinereadable"))["VMState"]


def build_vm(scalars: t.Mapping[str, str], file: settings_file.SettingsFile) -> model.Vm:
    """One model from what showvminfo shows, and from the file what it hides; pure."""
    vm = file.vm
    return replace(
        vm,
        uuid=scalars["UUID"].lower(),
        state=scalars["VMState"],
        settings_file=scalars["CfgFile"],
        **fields.in_showvminfo(model.Vm, scalars),
        nics=tuple(_nics(scalars, vm)),
        storage_controllers=tuple(sorted(_controllers(scalars), key=lambda item: item.name)),
        storage_attachments=tuple(
            sorted(_attachments(scalars, file.devices), key=lambda item: item.key)
        ),
        serial_ports=tuple(_serial_ports(scalars)),
        hardware=settings.merged(_only_in_file(vm.hardware), settings.in_showvminfo(scalars)),
    )


def _only_in_file(found: settings.Settings) -> settings.Settings:
    hidden = {item.name for item in settings.TABLE if not item.key}
    return tuple((name, value) for name, value in found if name in hidden)


def _nics(scalars: t.Mapping[str, str], vm: model.Vm) -> t.Iterator[devices.Nic]:
    defaults = fields.in_file(devices.Nic, lambda _element, _attribute: None)
    known = {nic.number: nic for nic in vm.nics}
    for key, value in scalars.items():
        match = re.fullmatch(r"nic(\d+)", key)
        if match is None:
            continue
        number = int(match.group(1))
        nic = known.get(number) or devices.Nic(number, "none", port_forwards=(), properties=())
        kind = devices.nic_type(value)
        if kind == "none":
            yield nic.switched_off()
            continue
        network = None
        if kind in devices.NIC_NETWORKS:
            # showvminfo does not escape the names of all kinds of networks.
            network = nic.network or scalars.get(f"{devices.NIC_NETWORKS[kind][1]}{number}")
        shown = fields.in_showvminfo(devices.Nic, scalars, number)
        found = {**defaults, **_known_values(nic), **shown}
        yield replace(nic, type=kind, network=network, **found)


def _known_values(nic: devices.Nic) -> dict[str, t.Any]:
    found = fields.values(devices.Nic, nic)
    return {name: value for name, value in found.items() if value is not None}


def _controllers(scalars: t.Mapping[str, str]) -> t.Iterator[devices.Controller]:
    for key, name in scalars.items():
        match = re.fullmatch(r"storagecontrollername(\d+)", key)
        if match:
            found = fields.in_showvminfo(devices.Controller, scalars, match.group(1))
            yield devices.Controller(name, **found)


def _attachments(
    scalars: t.Mapping[str, str], attached: t.Iterable[settings_file.Device]
) -> t.Iterator[devices.Attachment]:
    for device in attached:
        item = device.attachment
        medium = scalars.get(f"{item.controller}-{item.port}-{item.device}", "")
        yield replace(item, medium="" if medium in ("none", "emptydrive") else medium)


def _serial_ports(scalars: t.Mapping[str, str]) -> t.Iterator[devices.SerialPort]:
    for number in devices.SERIAL_PORTS:
        if scalars.get(f"uart{number}", "off") == "off":
            yield devices.SerialPort(number, "off")
            continue
        found = fields.in_showvminfo(devices.SerialPort, scalars, number)
        yield devices.SerialPort(number, **{"mode": "disconnected", **found})


def with_ancestors(
    client: Client, vm: model.Vm, wanted: t.Sequence[devices.Attachment]
) -> model.Vm:
    """Ask for the chain below an attached disk where the settings file does not hold it."""
    named = {item.key: item.medium for item in wanted if item.type == "hdd" and item.medium}
    found: list[devices.Attachment] = []
    for item in vm.storage_attachments:
        asked = named.get(item.key)
        if (
            item.type == "hdd"
            and item.medium
            and asked
            and asked not in (item.medium, *item.ancestors)
        ):
            item = replace(item, ancestors=chain(client, item.medium))
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
