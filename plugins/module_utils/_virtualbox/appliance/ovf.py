# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is in an appliance, read from its OVF descriptor.

VBoxManage's own listing does not escape names and descriptions, so it cannot be read safely.
"""

from __future__ import annotations

import os
import tarfile
import typing as t
from dataclasses import dataclass
from xml.etree import ElementTree

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)

LARGEST_DESCRIPTOR = 16 * 1024 * 1024
CPUS, MEMORY = "3", "4"


@dataclass(frozen=True)
class System:
    """One VM in an appliance."""

    name: str
    cpus: int | None = None
    memory_mb: int | None = None
    eula: str = ""


@dataclass(frozen=True)
class Appliance:
    """An OVA or OVF file."""

    path: str
    systems: tuple[System, ...] = ()
    # Names of the files that an OVF descriptor refers to.
    files: tuple[str, ...] = ()


def _unreadable(path: str, reason: object) -> VirtualBoxError:
    return VirtualBoxError(
        f"the appliance {path} cannot be read: {reason}",
        hint="copy it again, or remove it",
        error_code="BAD_APPLIANCE",
    )


def descriptor(path: str) -> bytes:
    """The OVF descriptor: the file itself, or the first of its kind in the archive."""
    try:
        if not path.lower().endswith(".ova"):
            with open(path, "rb") as stream:
                return stream.read(LARGEST_DESCRIPTOR)
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if member.name.lower().endswith(".ovf"):
                    content = archive.extractfile(member)
                    return content.read(LARGEST_DESCRIPTOR) if content else b""
    except tarfile.TarError as error:
        raise _unreadable(path, error) from error
    except OSError as error:
        raise _unreadable(path, error.strerror) from error
    raise _unreadable(path, "it holds no OVF descriptor")


def _local(tag: str) -> str:
    # Each version of OVF has namespaces of its own.
    return tag.rpartition("}")[2]


def _kind(element: ElementTree.Element) -> str:
    """The name of an element; OVF 0.9 says it by a type instead."""
    declared = element.get("{http://www.w3.org/2001/XMLSchema-instance}type", "")
    name, _underscore, kind = declared.rpartition(":")[2].rpartition("_")
    return name if kind == "Type" else _local(element.tag)


def _children(element: ElementTree.Element, *names: str) -> t.Iterator[ElementTree.Element]:
    for child in element:
        if _kind(child) == names[0]:
            if len(names) == 1:
                yield child
            else:
                yield from _children(child, *names[1:])


def _attribute(element: ElementTree.Element, name: str) -> str:
    return next((value for key, value in element.items() if _local(key) == name), "")


def _text(element: ElementTree.Element, *names: str) -> str:
    return next((child.text or "" for child in _children(element, *names)), "")


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def _system(element: ElementTree.Element) -> System:
    hardware = {
        _text(item, "ResourceType"): item
        for item in reversed(list(_children(element, "VirtualHardwareSection", "Item")))
    }
    memory = hardware.get(MEMORY)
    units = _text(memory, "AllocationUnits").lower() if memory is not None else ""
    in_mib = units in ("megabytes", "mb", "byte * 2^20")
    return System(
        name=_text(element, "Name") or _attribute(element, "id"),
        cpus=_number(_text(hardware[CPUS], "VirtualQuantity")) if CPUS in hardware else None,
        memory_mb=_number(_text(memory, "VirtualQuantity"))
        if memory is not None and in_mib
        else None,
        eula=_text(element, "EulaSection", "License"),
    )


def parse(path: str, text: bytes) -> Appliance:
    """The VMs of a descriptor."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise _unreadable(path, error) from error
    collections = [root, *_children(root, "VirtualSystemCollection")]
    systems = [
        _system(element)
        for collection in collections
        for element in _children(collection, "VirtualSystem")
    ]
    if not systems:
        raise _unreadable(path, "its descriptor describes no VM")
    files = [_attribute(item, "href") for item in _children(root, "References", "File")]
    return Appliance(path, tuple(systems), tuple(files))


def read(path: str) -> Appliance | None:
    """The appliance; None if there is no such file."""
    if not os.path.lexists(path):
        return None
    return parse(path, descriptor(path))
