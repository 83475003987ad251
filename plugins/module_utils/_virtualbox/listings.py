# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pure functions from VBoxManage's texts to plain data."""

from __future__ import annotations

import re
import typing as t

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


def vm_info(text: str) -> dict[str, str]:
    """`showvminfo --machinereadable`: the values by their keys.

    The first value of a key counts: snapshots come last and their names are not escaped, so a name
    can look like any line.
    """
    found: dict[str, str] = {}
    for key, value in tokens(text):
        if key == "SnapshotName":
            break
        found.setdefault(key, value)
    if "UUID" not in found or "VMState" not in found:
        raise VirtualBoxError(
            "the answer of VBoxManage showvminfo was not understood", stdout=text[-2000:]
        )
    return found


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
