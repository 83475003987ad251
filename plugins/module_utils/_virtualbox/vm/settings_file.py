# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole VM, and the list of all, without a call of VBoxManage.

VirtualBox saves its settings files before VBoxManage returns. What they leave out has its default
value; which that is, is only known of the versions that the tests compare with showvminfo. Where
anything is in doubt, VBoxManage is asked.
"""

from __future__ import annotations

import os
import re
import typing as t
from xml.etree import ElementTree

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    listings,
    recovery,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    limits,
    machine_file,
    model,
    read,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    settings as hardware,
)

NAMESPACE = listings.NAMESPACE
WRITER = re.compile(rb"Written by VirtualBox (\d+\.\d+)\.")
COMPARED = (b"7.2",)
# As showvminfo names what the settings file calls otherwise.
CHIPS = {"AHCI": "IntelAhci"}
DEFAULT_CHIP = "Am79C973"
SERIAL_MODES = {"RawFile": "file,{path}", "Disconnected": "disconnected"}


class DoubtError(Exception):
    """The file alone does not tell."""


def find(machine: ElementTree.Element) -> t.Callable[[str, str], str | None]:
    """Gives an attribute of an element: newer versions keep some apart from the hardware."""
    inside = [machine.find(f"{NAMESPACE}{part}") for part in ("Hardware", "Platform")]

    def attribute(element: str, name: str) -> str | None:
        if element == "Machine":
            return machine.get(name)
        tag = f"{NAMESPACE}{element}"
        found = [part.find(f".//{tag}") for part in inside if part is not None]
        values = [item.get(name) for item in (*found, machine.find(tag)) if item is not None]
        return next((value for value in values if value is not None), None)

    return attribute


def shown(
    text: bytes, path: str, locate: t.Callable[[str], str | None]
) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """What showvminfo shows of a VM without a process, and its settings; pure.

    `locate` gives the path of an image by its UUID.
    """
    writer = WRITER.search(text[:1024])
    if writer is None or writer.group(1) not in COMPARED:
        raise DoubtError(f"{path} was not written by a version that is known well enough")
    told = machine_file.machine_file(text, path)
    plain, settings = told.vm, told.settings
    machine = ElementTree.fromstring(text).find(f"{NAMESPACE}Machine")
    if machine is None or plain.memory_mb is None:
        raise DoubtError(f"{path} tells no memory")
    scalars = {
        "UUID": plain.uuid,
        "VMState": plain.state or "",
        "CfgFile": path,
        "cpus": str(plain.cpus),
        "memory": str(plain.memory_mb),
        "firmware": plain.firmware or "",
        **hardware.shown_of(find(machine)),
    }
    scalars.update(_nics(machine, settings, limits.NIC_COUNTS[scalars["chipset"]]))
    scalars.update(_storage(machine, settings, locate))
    scalars.update(_serial_ports(machine))
    return {"scalars": scalars, "forwardings": {}}, settings


def _nics(
    machine: ElementTree.Element, settings: dict[str, t.Any], count: int
) -> t.Iterator[tuple[str, str]]:
    adapters = machine.findall(f"{NAMESPACE}Hardware/{NAMESPACE}Network/{NAMESPACE}Adapter")
    enabled = {
        int(adapter.get("slot", "0")) + 1
        for adapter in adapters
        if adapter.get("enabled") == "true"
    }
    for number in range(1, count + 1):
        if number not in enabled:
            yield f"nic{number}", "none"
            continue
        adapter = settings["adapters"][number]
        yield f"nic{number}", adapter["mode"]
        yield f"macaddress{number}", adapter["mac"]
        yield f"nictype{number}", adapter["adapter_type"] or DEFAULT_CHIP
        yield f"cableconnected{number}", "on" if adapter["cable"] else "off"


def _storage(
    machine: ElementTree.Element,
    settings: dict[str, t.Any],
    locate: t.Callable[[str], str | None],
) -> t.Iterator[tuple[str, str]]:
    place = f"{NAMESPACE}Hardware/{NAMESPACE}StorageControllers/{NAMESPACE}StorageController"
    for index, item in enumerate(machine.findall(place)):
        kind = item.get("type", "")
        yield f"storagecontrollername{index}", item.get("name", "")
        yield f"storagecontrollertype{index}", CHIPS.get(kind, kind)
        yield f"storagecontrollerportcount{index}", item.get("PortCount", "0")
        yield f"storagecontrollerbootable{index}", "on" if item.get("Bootable") == "true" else "off"
        if item.findall(f".//{NAMESPACE}HostDrive"):
            raise DoubtError("a drive of the host is attached")
    for device in settings["devices"]:
        key = f"{device['controller']}-{device['port']}-{device['device']}"
        if not device["uuid"]:
            yield key, "emptydrive"
            continue
        medium = locate(device["uuid"])
        if medium is None:
            raise DoubtError(f"no settings name the image {device['uuid']}")
        yield key, medium


def _serial_ports(machine: ElementTree.Element) -> t.Iterator[tuple[str, str]]:
    for port in machine.findall(f"{NAMESPACE}Hardware/{NAMESPACE}UART/{NAMESPACE}Port"):
        if port.get("enabled") != "true":
            continue
        number, mode = int(port.get("slot", "0")) + 1, port.get("hostMode", "")
        if mode not in SERIAL_MODES:
            raise DoubtError(f"serial port {number} has the mode {mode}")
        yield f"uart{number}", f"{port.get('IOBase')},{port.get('IRQ')}"
        yield f"uartmode{number}", SERIAL_MODES[mode].format(path=port.get("path", ""))


# --- media ------------------------------------------------------------------------------------


def media_in(text: bytes, folder: str) -> dict[str, str]:
    """The paths of all images that settings have in their list, by UUID; pure."""
    registry = next(ElementTree.fromstring(text).iter(f"{NAMESPACE}MediaRegistry"), None)
    found: dict[str, str] = {}
    for element in () if registry is None else registry.iter():
        uuid, location = listings.identity(element.get("uuid")), element.get("location")
        if uuid and location:
            found[uuid] = os.path.normpath(os.path.join(folder, location))
    return found


def locator(own: str) -> t.Callable[[str], str | None]:
    """Looks for images in the settings of the VM, of VirtualBox, and then of all other VMs."""

    def locate(uuid: str) -> str | None:
        return recovery.look_up(
            uuid, lambda text, path: media_in(text, os.path.dirname(path)).get(uuid), first=own
        )

    return locate


# --- VMs --------------------------------------------------------------------------------------


def _name(path: str, uuid: str) -> str:
    """The name in the settings file of a VM, of which only the beginning is looked at."""
    with open(path, "rb") as stream:
        for _event, element in ElementTree.iterparse(stream, events=("start",)):
            if element.tag == f"{NAMESPACE}Machine":
                if listings.identity(element.get("uuid")) != uuid:
                    raise ValueError("it is that of another VM")
                return str(element.get("name", ""))
    raise ValueError("there is no Machine in it")


def list_vms(client: Client) -> list[tuple[str, str]]:
    """Name and UUID of all registered VMs."""
    client.saves.finish_settings()
    try:
        listed = [(_name(path, uuid), uuid) for uuid, path in recovery.machine_entries()]
    except (OSError, ValueError, ElementTree.ParseError):
        # A new world, or a VM that VirtualBox calls inaccessible.
        listed = []
    return listed or read.list_vms(client)


def read_vm(client: Client, uuid: str) -> model.Vm | None:
    """A VM that has no process, or whose power does not matter; None if it is gone."""
    try:
        path = dict(recovery.machine_entries())[uuid]
        text = recovery.read_settings(path)
        info, settings = shown(text, path, locator(path))
        if info["scalars"]["UUID"] != uuid:
            raise DoubtError(f"{path} is that of another VM")
        if recovery.unnamed_state(text, path):
            raise DoubtError("there is a saved state that the file does not name")
        return read.build_vm(info, settings)
    except (DoubtError, VirtualBoxError, OSError, KeyError, ValueError, ElementTree.ParseError):
        return read.read_vm(client, uuid)


def read_vm_with_power(client: Client, uuid: str) -> model.Vm | None:
    """A VM whose power only tells how it is changed; None if it is gone.

    The list of running VMs costs a third of showvminfo. It leaves out the moments of starting,
    saving and stopping, in which VBoxManage refuses changes by itself.
    """
    if uuid in {found for _name, found in listings.vm_list(client.read("list", "runningvms"))}:
        return read.read_vm(client, uuid)
    return read_vm(client, uuid)
