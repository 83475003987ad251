# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings file of a VM as data: one parse of its XML, no call of VBoxManage; pure.

VirtualBox saves the file before VBoxManage returns, and leaves out what has its default value.
Which value that is, is only known of the versions that the tests compare with showvminfo, so a
file tells its doubts too.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace
from xml.etree import ElementTree

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    fields,
    listings,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium import (
    registry,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium.registry import (  # noqa: E501
    tag,
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

WRITER = re.compile(rb"Written by VirtualBox (\d+\.\d+)\.")
COMPARED = (b"7.2",)
# Elements of a NIC that have the name of its network, and the attribute with it. Other modes of the
# NIC, which it has not now, lie one level deeper.
NETWORKS = {
    "NAT": "",
    "BridgedInterface": "name",
    "InternalNetwork": "name",
    "HostOnlyInterface": "name",
    "HostOnlyNetwork": "name",
    "NATNetwork": "name",
    "GenericInterface": "driver",
    "CloudNetwork": "name",
}
# Elements of which there are several, and the attribute that tells them apart.
SEVERAL = {"Controller": "type", "Order": "position"}

Element = ElementTree.Element


@dataclass(frozen=True)
class Device:
    """What is attached, and the UUID of the image in it; empty: none."""

    attachment: devices.Attachment
    image: str


@dataclass(frozen=True)
class SettingsFile:
    """What the settings file of a VM tells."""

    # Without its attachments, whose images may be in the list of another file.
    vm: model.Vm
    devices: tuple[Device, ...]
    images: t.Mapping[str, registry.Image]
    # UUID of the snapshot that the VM comes from, and whether it differs from that.
    current_snapshot: str
    modified: bool
    # Why the file does not tell all that showvminfo tells.
    doubts: tuple[str, ...]
    # It may have a saved state of which the file does not tell.
    state_doubted: bool = False

    @property
    def guest_properties(self) -> dict[str, str]:
        return dict(self.vm.guest_properties)


def machine_in(text: str | bytes) -> Element:
    """The element with the VM."""
    try:
        found = ElementTree.fromstring(text).find(tag("Machine"))
    except ElementTree.ParseError as error:
        raise VirtualBoxError(f"the settings file of the VM is not valid: {error}") from error
    if found is None:
        raise VirtualBoxError("the settings file of the VM has no Machine element")
    return found


def uuid_in(text: str | bytes) -> str:
    return listings.identity(machine_in(text).get("uuid"))


def name_in(path: str, uuid: str) -> str:
    """The name of the VM of that UUID; only the beginning of its file is looked at."""
    with open(path, "rb") as stream:
        for _event, element in ElementTree.iterparse(stream, events=("start",)):
            if element.tag == tag("Machine"):
                if listings.identity(element.get("uuid")) != uuid:
                    raise ValueError("it is that of another VM")
                return str(element.get("name", ""))
    raise ValueError("there is no Machine in it")


def parse(text: bytes | str, path: str) -> SettingsFile:
    """The text of the settings file at that path."""
    machine = machine_in(text)
    hardware = machine.find(tag("Hardware"))
    if hardware is None:
        raise VirtualBoxError("the settings file of the VM has no Hardware element")
    find = _finder(machine)
    images = registry.images_of(machine.find(tag("MediaRegistry")), path)
    data = dict(_pairs(machine, "ExtraData/ExtraDataItem"))
    scalars = settings.in_file(find)
    chipset = dict(scalars)["chipset"]
    vm = model.Vm(
        name=machine.get("name", ""),
        uuid=listings.identity(machine.get("uuid")),
        state=_state(machine),
        settings_file=path,
        **fields.in_file(model.Vm, find),
        description=machine.findtext(tag("Description")) or "",
        groups=tuple(item.get("name", "/") for item in machine.iterfind(tag("Groups/Group")))
        or ("/",),
        managed_by=data.get(model.MARK),
        address=data.get(model.ADDRESS),
        stopping=data.get(model.STOPPING, ""),
        nics=tuple(_nics(hardware, limits.NIC_COUNTS.get(chipset, 0))),
        storage_controllers=tuple(sorted(_controllers(hardware), key=lambda item: item.name)),
        serial_ports=tuple(_serial_ports(hardware)),
        snapshots=tuple(_snapshots(machine)),
        hardware=scalars,
        bandwidth_groups=tuple(sorted(_bandwidth_groups(hardware), key=lambda item: item.name)),
        shared_folders=tuple(sorted(_shared_folders(hardware), key=lambda item: item.name)),
        extra_data=tuple(
            pair for pair in sorted(data.items()) if not pair[0].startswith(extra_data.OURS)
        ),
        guest_properties=tuple(
            sorted(dict(_pairs(hardware, "GuestProperties/GuestProperty")).items())
        ),
        own_disks=tuple(sorted(set(_disks(machine.iter(tag("AttachedDevice")))))),
    )
    return SettingsFile(
        vm,
        tuple(_devices(hardware, images)),
        images,
        listings.identity(machine.get("currentSnapshot")),
        # VirtualBox writes this attribute only when nothing was modified.
        machine.get("currentStateModified", "true").lower() not in ("false", "0"),
        tuple(_doubts(text, vm, hardware, chipset)),
    )


def _finder(machine: Element) -> fields.Find:
    """Looks for the attribute of an element: newer versions keep some apart from the hardware."""
    inside = [machine.find(tag(part)) for part in ("Hardware", "Platform")]
    places = [part.iter() for part in inside if part is not None] + [iter(machine)]
    found: dict[str, list[Element]] = {"Machine": [machine]}
    for place in places:
        first: dict[str, Element] = {}
        for element in place:
            name = element.tag[len(listings.NAMESPACE) :]
            if name in SEVERAL:
                name = f"{name}[{element.get(SEVERAL[name])}]"
            first.setdefault(name, element)
        for name, element in first.items():
            found.setdefault(name, []).append(element)

    def find(name: str, attribute: str) -> str | None:
        for element in found.get(name, ()):
            text = element.get(attribute)
            if text is not None:
                return text
        return None

    return find


def _doubts(text: bytes | str, vm: model.Vm, hardware: Element, chipset: str) -> t.Iterator[str]:
    head = text[:1024]
    writer = WRITER.search(head if isinstance(head, bytes) else head.encode())
    if writer is None or writer.group(1) not in COMPARED:
        yield "it was not written by a version that is known well enough"
    if vm.memory_mb is None:
        yield "it tells no memory"
    if chipset not in limits.NIC_COUNTS:
        yield f"it has the chipset {chipset}"
    if next(hardware.iter(tag("HostDrive")), None) is not None:
        yield "a drive of the host is attached"
    for port in vm.serial_ports:
        if port.mode not in ("off", "file", "disconnected"):
            yield f"serial port {port.number} has the mode {port.mode}"
        elif port.mode != "off" and None in (port.io_base, port.irq):
            yield f"serial port {port.number} has no place"


def _state(machine: Element) -> str:
    """The VMState of a VM without a process."""
    aborted = machine.get("aborted") == "true"
    if machine.get("stateFile"):
        return "aborted-saved" if aborted else "saved"
    return "aborted" if aborted else "poweroff"


def _pairs(element: Element, place: str) -> t.Iterator[tuple[str, str]]:
    for item in element.iterfind(tag(place)):
        yield item.get("name", ""), item.get("value", "")


def _attributes(element: Element) -> fields.Find:
    return lambda _element, attribute: element.get(attribute)


# --- devices ----------------------------------------------------------------------------------


def _nics(hardware: Element, count: int) -> t.Iterator[devices.Nic]:
    """As many as the chipset has, whether the file names them or not."""
    named = {
        int(adapter.get("slot", "0")) + 1: adapter
        for adapter in hardware.iterfind(tag("Network/Adapter"))
    }
    for number in range(1, (count or max(named, default=0)) + 1):
        adapter = named.get(number)
        if adapter is None:
            yield devices.Nic(number, "none", port_forwards=(), properties=())
        else:
            yield _nic(number, adapter)


def _nic(number: int, adapter: Element) -> devices.Nic:
    rules = (_port_forward(rule) for rule in adapter.iterfind(tag(".//NAT/Forwarding")))
    nic = devices.Nic(
        number,
        port_forwards=tuple(sorted(rules, key=lambda rule: rule.name)),
        properties=tuple(sorted(dict(_pairs(adapter, ".//GenericInterface/Property")).items())),
    )
    if adapter.get("enabled") != "true":
        return nic.switched_off()
    modes = ((child, child.tag[len(listings.NAMESPACE) :]) for child in adapter)
    mode = next(((child, name) for child, name in modes if name in NETWORKS), None)
    return replace(
        nic,
        type=devices.nic_type(mode[1] if mode else "null"),
        network=mode[0].get(NETWORKS[mode[1]]) if mode else None,
        **fields.in_file(devices.Nic, _adapter_attributes(adapter)),
    )


def _adapter_attributes(adapter: Element) -> fields.Find:
    """Of a NIC, and of its NAT engine, which is one level deeper where the NIC has another mode."""

    def find(element: str, attribute: str) -> str | None:
        found = adapter.find(tag(".//NAT")) if element == "NAT" else adapter
        return None if found is None else found.get(attribute)

    return find


def _port_forward(rule: Element) -> devices.PortForward:
    return devices.PortForward(
        rule.get("name", ""),
        "udp" if rule.get("proto") == "0" else "tcp",
        rule.get("hostip", ""),
        int(rule.get("hostport", "0")),
        rule.get("guestip", ""),
        int(rule.get("guestport", "0")),
    )


def _storage(hardware: Element) -> t.Iterator[Element]:
    return hardware.iterfind(tag("StorageControllers/StorageController"))


def _controllers(hardware: Element) -> t.Iterator[devices.Controller]:
    for item in _storage(hardware):
        found = fields.in_file(devices.Controller, _attributes(item))
        yield devices.Controller(item.get("name", ""), **found)


def _devices(hardware: Element, images: t.Mapping[str, registry.Image]) -> t.Iterator[Device]:
    for controller in _storage(hardware):
        for item in controller.iterfind(tag("AttachedDevice")):
            image = item.find(tag("Image"))
            uuid = "" if image is None else listings.identity(image.get("uuid"))
            attachment = devices.Attachment(
                controller.get("name", ""),
                int(item.get("port", "0")),
                int(item.get("device", "0")),
                **fields.in_file(devices.Attachment, _attributes(item)),
                ancestors=tuple(_ancestors(uuid, images)),
            )
            yield Device(attachment, uuid)


def _ancestors(uuid: str, images: t.Mapping[str, registry.Image]) -> t.Iterator[str]:
    """The paths of the images below one, as far as they are in the list."""
    above = images.get(uuid)
    while above is not None:
        above = images.get(above.parent)
        if above is not None and above.path:
            yield above.path


def _serial_ports(hardware: Element) -> t.Iterator[devices.SerialPort]:
    used = {
        int(port.get("slot", "0")) + 1: port
        for port in hardware.iterfind(tag("UART/Port"))
        if port.get("enabled") == "true"
    }
    for number in devices.SERIAL_PORTS:
        port = used.get(number)
        if port is None:
            yield devices.SerialPort(number, "off")
            continue
        found = devices.SerialPort(number, **fields.in_file(devices.SerialPort, _attributes(port)))
        yield replace(found, path=None) if found.mode == "disconnected" else found


def _bandwidth_groups(hardware: Element) -> t.Iterator[bandwidth.BandwidthGroup]:
    for group in hardware.iter(tag("BandwidthGroup")):
        if group.get("type") == "Network":
            limit = int(group.get("maxBytesPerSec", "0")) // bandwidth.KIB
            yield bandwidth.BandwidthGroup(group.get("name", ""), limit)


def _shared_folders(hardware: Element) -> t.Iterator[shared_folders.SharedFolder]:
    for folder in hardware.iterfind(tag("SharedFolders/SharedFolder")):
        yield shared_folders.SharedFolder(
            folder.get("name", ""),
            folder.get("hostPath", ""),
            read_only=folder.get("writable") not in fields.TRUE,
            auto_mount=folder.get("autoMount") in fields.TRUE,
            mount_point=folder.get("autoMountPoint", ""),
        )


# --- snapshots --------------------------------------------------------------------------------


def _disks(attached: t.Iterable[Element]) -> t.Iterator[str]:
    """The UUIDs of the hard disk images of attached devices."""
    for device in attached:
        if device.get("type") == "HardDisk":
            for image in device.iterfind(tag("Image")):
                yield listings.identity(image.get("uuid"))


def _snapshots(element: Element, parent: str = "") -> t.Iterator[model.Snapshot]:
    """VBoxManage's own list does not escape names and descriptions, so it cannot be read safely."""
    for child in element.iterfind(tag("Snapshot")):
        uuid = listings.identity(child.get("uuid"))
        # Only the snapshot's own hardware: its child snapshots are elements below it.
        own = [child.find(tag(part)) for part in ("Hardware", "StorageControllers")]
        attached = [part.iter(tag("AttachedDevice")) for part in own if part is not None]
        yield model.Snapshot(
            child.get("name", ""),
            uuid,
            child.findtext(tag("Description")) or "",
            taken=child.get("timeStamp", ""),
            online=bool(child.get("stateFile")),
            parent=parent,
            disks=tuple(disk for part in attached for disk in _disks(part)),
        )
        for below in child.iterfind(tag("Snapshots")):
            yield from _snapshots(below, uuid)
