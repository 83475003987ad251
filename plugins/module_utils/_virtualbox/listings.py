# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pure functions from VBoxManage's texts, and from the settings file of a VM, to plain data."""

from __future__ import annotations

import re
import typing as t
from xml.etree import ElementTree

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)

UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
VM_LINE = re.compile(r'^"(.*?)" \{(' + UUID + r")\}$", re.M | re.S)
# key="value", "key"="value" or key=bare. Inside quotes a backslash escapes; newlines are raw.
TOKEN = re.compile(
    r'(?:"((?:[^"\\]|\\.)*)"|([^"=\n][^=\n]*))=(?:"((?:[^"\\]|\\.)*)"|([^\n]*))(?:\n|\Z)', re.S
)
ESCAPE = re.compile(r"\\(.)", re.S)
NAMESPACE = "{http://www.virtualbox.org/}"
# Elements of a NIC in a settings file: its type as VBoxManage shows it, the attribute with the name
# of its network. What a NAT NIC has there is an address.
NIC_ELEMENTS = {
    "NAT": ("nat", None),
    "BridgedInterface": ("bridged", "name"),
    "InternalNetwork": ("intnet", "name"),
    "HostOnlyInterface": ("hostonly", "name"),
    "HostOnlyNetwork": ("hostonlynetwork", "name"),
    "NATNetwork": ("natnetwork", "name"),
    "GenericInterface": ("generic", "driver"),
    "CloudNetwork": ("cloud", "name"),
}
INACCESSIBLE = "<inaccessible>"


def vm_list(text: str) -> list[tuple[str, str]]:
    """`list vms` and `list runningvms`: name and UUID, names with raw quotes and newlines."""
    return [(name, uuid.lower()) for name, uuid in VM_LINE.findall(text)]


def tokens(text: str) -> t.Iterator[tuple[str, str]]:
    """`--machinereadable` output as pairs, in order; what is no pair is skipped by the line."""
    position = 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            end = text.find("\n", position)
            position = len(text) if end < 0 else end + 1
            continue
        position = match.end()
        quoted_key, bare_key, quoted_value, bare_value = match.groups()
        key = ESCAPE.sub(r"\1", quoted_key) if quoted_key is not None else bare_key
        value = ESCAPE.sub(r"\1", quoted_value) if quoted_value is not None else bare_value
        yield key, value


def vm_info(text: str) -> dict[str, t.Any]:
    """`showvminfo --machinereadable`: scalars, and the NAT rules of each NIC under `forwardings`.

    The first value of a key counts: snapshots come last and their names are not escaped, so a name
    can look like any line. A NAT rule has no NIC number; it belongs to the last `natnetN` above it.
    """
    scalars: dict[str, str] = {}
    forwardings: dict[int, list[str]] = {}
    nat_nic = 0
    for key, value in tokens(text):
        if key == "SnapshotName":
            break
        match = re.fullmatch(r"natnet(\d+)", key)
        if match:
            nat_nic = int(match.group(1))
        if re.fullmatch(r"Forwarding\(\d+\)", key):
            forwardings.setdefault(nat_nic, []).append(value)
        else:
            scalars.setdefault(key, value)
    if "UUID" not in scalars or "VMState" not in scalars:
        raise VirtualBoxError(
            "the answer of VBoxManage showvminfo was not understood", stdout=text[-2000:]
        )
    return {"scalars": scalars, "forwardings": forwardings}


def medium_info(text: str) -> dict[str, str]:
    """`showmediuminfo`: the lines `Key:   value`; the first value of a key counts."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = re.match(r"([A-Z][A-Za-z ]*):\s*(.*)$", line)
        if match:
            found.setdefault(match.group(1), match.group(2))
    if "UUID" not in found:
        raise VirtualBoxError(
            "the answer of VBoxManage showmediuminfo was not understood", stdout=text[-2000:]
        )
    return found


def media_list(text: str) -> list[dict[str, str]]:
    """`list hdds` and `list dvds`: one block of `Key: value` lines per medium."""
    blocks = re.split(r"(?m)^(?=UUID: )", text)
    return [medium_info(block) for block in blocks if block.startswith("UUID: ")]


def guest_property(text: str) -> str | None:
    """`guestproperty get`: the value, which can hold anything; None if there is none."""
    match = re.fullmatch(r"Value: (.*?)\n?", text, re.S)
    return None if match is None else match.group(1)


def default_folder(text: str) -> str:
    """`list systemproperties`: where VMs go when nothing else is said."""
    match = re.search(r"^Default machine folder:\s+(.+)$", text, re.M)
    if match is None:
        raise VirtualBoxError(
            "VBoxManage does not tell its default machine folder", hint="set the option folder"
        )
    return match.group(1)


def os_types(text: str) -> list[str]:
    """`list ostypes`: the identifiers, in either layout (7.1 and older; 7.2)."""
    return re.findall(r"^ID(?: / Description)?:\s+(\S+)", text, re.M)


def identity(value: str | None) -> str:
    """A UUID as the settings files write it, without its braces."""
    return (value or "").strip("{}").lower()


def _flag(value: str | None, default: bool) -> bool:
    return default if value is None else value.lower() in ("true", "1")


def _disks(element: ElementTree.Element, parent: str = "") -> t.Iterator[dict[str, str]]:
    for child in element.findall(f"{NAMESPACE}HardDisk"):
        uuid = identity(child.get("uuid"))
        yield {"uuid": uuid, "location": child.get("location", ""), "parent": parent}
        yield from _disks(child, uuid)


def _snapshots(element: ElementTree.Element) -> t.Iterator[dict[str, str]]:
    for child in element.findall(f"{NAMESPACE}Snapshot"):
        yield {"uuid": identity(child.get("uuid")), "name": child.get("name", "")}
        for below in child.findall(f"{NAMESPACE}Snapshots"):
            yield from _snapshots(below)


def _mode(adapter: ElementTree.Element) -> tuple[str, str | None]:
    """The type that a NIC has, and its network; types that it has not lie one level deeper."""
    for child in adapter:
        found = NIC_ELEMENTS.get(child.tag.replace(NAMESPACE, ""))
        if found is not None:
            return found[0], child.get(found[1]) if found[1] else None
    return "null", None


def _forwarding(element: ElementTree.Element) -> dict[str, t.Any]:
    return {
        "name": element.get("name", ""),
        "protocol": "udp" if element.get("proto") == "0" else "tcp",
        "host_address": element.get("hostip", ""),
        "host_port": int(element.get("hostport", "0")),
        "guest_address": element.get("guestip", ""),
        "guest_port": int(element.get("guestport", "0")),
    }


def settings(text: str | bytes) -> dict[str, t.Any]:
    """The settings file of a VM: what showvminfo hides or does not escape, without defaults."""
    try:
        machine = ElementTree.fromstring(text).find(f"{NAMESPACE}Machine")
    except ElementTree.ParseError as error:
        raise VirtualBoxError(f"the settings file of the VM is not valid: {error}") from error
    if machine is None:
        raise VirtualBoxError("the settings file of the VM has no Machine element")
    hardware = machine.find(f"{NAMESPACE}Hardware")
    adapters: dict[int, dict[str, t.Any]] = {}
    # Below the machine itself lie the hardware of its snapshots too.
    inside = hardware if hardware is not None else ElementTree.Element("none")
    module = inside.find(f"{NAMESPACE}TrustedPlatformModule")
    devices: list[dict[str, t.Any]] = []
    if hardware is not None:
        for adapter in hardware.iterfind(f"{NAMESPACE}Network/{NAMESPACE}Adapter"):
            mode, network = _mode(adapter)
            adapters[int(adapter.get("slot", "0")) + 1] = {
                "mode": mode,
                "mac": adapter.get("MACAddress", ""),
                "adapter_type": adapter.get("type", ""),
                "cable": _flag(adapter.get("cable"), True),
                "network": network,
                "promiscuous": adapter.get("promiscuousModePolicy", "Deny"),
                "bandwidth_group": adapter.get("bandwidthGroup", ""),
                "properties": {
                    item.get("name", ""): item.get("value", "")
                    for item in adapter.iterfind(
                        f".//{NAMESPACE}GenericInterface/{NAMESPACE}Property"
                    )
                },
                "forwardings": [
                    _forwarding(rule)
                    for rule in adapter.iterfind(f".//{NAMESPACE}NAT/{NAMESPACE}Forwarding")
                ],
            }
        for controller in hardware.iterfind(
            f"{NAMESPACE}StorageControllers/{NAMESPACE}StorageController"
        ):
            for device in controller.iterfind(f"{NAMESPACE}AttachedDevice"):
                image = device.find(f"{NAMESPACE}Image")
                devices.append(
                    {
                        "controller": controller.get("name", ""),
                        "type": {"HardDisk": "hdd", "DVD": "dvd", "Floppy": "floppy"}.get(
                            device.get("type", ""), "hdd"
                        ),
                        "port": int(device.get("port", "0")),
                        "device": int(device.get("device", "0")),
                        "uuid": identity(image.get("uuid")) if image is not None else "",
                    }
                )
    registry = machine.find(f"{NAMESPACE}MediaRegistry/{NAMESPACE}HardDisks")
    own = {
        identity(image.get("uuid"))
        for device in machine.iter(f"{NAMESPACE}AttachedDevice")
        if device.get("type") == "HardDisk"
        for image in device.findall(f"{NAMESPACE}Image")
    }
    return {
        "uuid": identity(machine.get("uuid")),
        "name": machine.get("name", ""),
        "os_type": machine.get("OSType", ""),
        "description": machine.findtext(f"{NAMESPACE}Description") or "",
        "groups": [
            group.get("name", "/")
            for group in machine.iterfind(f"{NAMESPACE}Groups/{NAMESPACE}Group")
        ]
        or ["/"],
        "extra_data": {
            item.get("name", ""): item.get("value", "")
            for item in machine.iterfind(f"{NAMESPACE}ExtraData/{NAMESPACE}ExtraDataItem")
        },
        "snapshots": list(_snapshots(machine)),
        "adapters": adapters,
        "devices": devices,
        "disks": list(_disks(registry)) if registry is not None else [],
        "own_disks": sorted(own),
        "execution_engine": machine.get("executionEngine", "Default"),
        "tpm_type": "none" if module is None else module.get("type", "none"),
        "bandwidth_groups": [
            (group.get("name", ""), int(group.get("maxBytesPerSec", "0")))
            for group in inside.iterfind(f".//{NAMESPACE}BandwidthGroup")
            if group.get("type") == "Network"
        ],
        "shared_folders": [
            {
                "name": folder.get("name", ""),
                "host_path": folder.get("hostPath", ""),
                "read_only": not _flag(folder.get("writable"), False),
                "auto_mount": _flag(folder.get("autoMount"), False),
                "mount_point": folder.get("autoMountPoint", ""),
            }
            for folder in inside.iterfind(f"{NAMESPACE}SharedFolders/{NAMESPACE}SharedFolder")
        ],
        "guest_properties": {
            item.get("name", ""): item.get("value", "")
            for item in inside.iterfind(f"{NAMESPACE}GuestProperties/{NAMESPACE}GuestProperty")
        },
    }
