# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pure functions from VBoxManage's lists about itself and its host to plain data."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    listings,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)

VERSION = re.compile(r"^(\d+)\.(\d+)\.(\d+)(\S*?)r(\d+)$")
# Wrappers of distributions may print warnings before an answer.
PAIR = re.compile(r"^(?!WARNING:)\s*(\S[^:]*?)\s*:\s*(.*?)\s*$")
# Keys of `list hostinfo` that say more in other words.
HOST_KEYS = {
    "processor_online_count": "cpus_online",
    "processor_count": "cpus",
    "processor_online_core_count": "cores_online",
    "processor_core_count": "cores",
    "processor_supports_hw_virtualization": "hw_virtualization",
    "processor_supports_nested_hw_virtualization": "nested_hw_virtualization",
    "processor_supports_nested_paging": "nested_paging",
    "processor_supports_unrestricted_guest": "unrestricted_guest",
    "processor_supports_pae": "pae",
    "processor_supports_long_mode": "long_mode",
    "processor_supports_virt_vmsave_vmload": "virtual_vmsave_vmload",
    "memory_size_mb": "memory_mb",
    "memory_available_mb": "memory_available_mb",
    "operating_system": "operating_system",
    "operating_system_version": "operating_system_version",
    "host_time": "time",
}
INTERFACE_KEYS = {
    "ipaddress": "ip_address",
    "networkmask": "network_mask",
    "ipv6address": "ipv6_address",
    "ipv6networkmaskprefixlength": "ipv6_prefix_length",
    "hardwareaddress": "mac",
    "mediumtype": "medium_type",
    "vboxnetworkname": "network",
}
UNITS = {
    "byte": "bytes",
    "bytes": "bytes",
    "mbyte": "mb",
    "mbytes": "mb",
    "megabyte": "mb",
    "megabytes": "mb",
    "mhz": "mhz",
}
WORDS = {
    "yes": True,
    "on": True,
    "true": True,
    "enabled": True,
    "no": False,
    "off": False,
    "false": False,
    "disabled": False,
}


def snake(text: str) -> str:
    """`Minimum guest RAM size` as minimum_guest_ram_size."""
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def value(key: str, text: str) -> tuple[str, t.Any]:
    """A text as number or truth; the unit goes into the key."""
    number = re.fullmatch(r"(\d+) ([A-Za-z]+)", text)
    if number and number.group(2).lower() in UNITS:
        return f"{key}_{UNITS[number.group(2).lower()]}", int(number.group(1))
    if re.fullmatch(r"\d+", text):
        return key, int(text)
    return key, WORDS.get(text.lower(), text)


def pairs(text: str) -> dict[str, t.Any]:
    """Lines `Key: value`; the first value of a key counts."""
    found: dict[str, t.Any] = {}
    for line in text.splitlines():
        match = PAIR.match(line)
        if match:
            key, data = value(snake(match.group(1)), match.group(2))
            found.setdefault(key, data)
    return found


def texts(text: str) -> dict[str, str]:
    """Lines `Key: value` as they are."""
    found: dict[str, str] = {}
    for match in filter(None, map(PAIR.match, text.splitlines())):
        found.setdefault(match.group(1), match.group(2))
    return found


def blocks(text: str, first: str) -> list[str]:
    """The parts of a list that begin with that key."""
    parts = re.split(rf"(?m)^(?={re.escape(first)}:)", text)
    return [part for part in parts if part.startswith(f"{first}:")]


def version(text: str) -> dict[str, t.Any]:
    """`--version`: the last line counts."""
    lines = text.strip().splitlines()
    match = VERSION.match(lines[-1].strip()) if lines else None
    if match is None:
        raise VirtualBoxError(
            "the answer of VBoxManage --version was not understood", stdout=text[-2000:]
        )
    major, minor, patch, edition, revision = match.groups()
    return {
        "full": match.group(0),
        "text": f"{major}.{minor}.{patch}",
        "major": int(major),
        "minor": int(minor),
        "patch": int(patch),
        "edition": edition.strip("_-"),
        "revision": int(revision),
    }


def host(text: str) -> dict[str, t.Any]:
    """`list hostinfo`: processors, memory and what they can do for VMs."""
    found = pairs(text)
    if "processor_count" not in found:
        raise VirtualBoxError(
            "the answer of VBoxManage list hostinfo was not understood", stdout=text[-2000:]
        )
    shown = {HOST_KEYS[key]: data for key, data in found.items() if key in HOST_KEYS}
    # The release of a system may look like a number.
    for key in ("operating_system", "operating_system_version", "time"):
        shown[key] = str(shown.get(key, ""))
    shown["cpu_model"] = str(found.get("processor_0_description", ""))
    shown["cpu_mhz"] = found.get("processor_0_speed_mhz")
    return shown


def system_properties(text: str) -> dict[str, t.Any]:
    """`list systemproperties`: limits and defaults."""
    found = pairs(text)
    if "default_machine_folder" not in found:
        raise VirtualBoxError(
            "the answer of VBoxManage list systemproperties was not understood",
            stdout=text[-2000:],
        )
    found["default_machine_folder"] = listings.default_folder(text)
    # Headings, as `Host platform properties:`.
    return {key: data for key, data in found.items() if data != "" or "_properties" not in key}


def os_types(text: str) -> list[dict[str, t.Any]]:
    """`list ostypes`, in the layout of 7.1 and older or of 7.2, with --long or without."""
    found = []
    long = re.search(r"^ID:\s", text, re.M) is not None
    for block in blocks(text, "ID" if long else "ID / Description"):
        entry = texts(block)
        architecture = entry.get("Architecture", "")
        if long:
            identity, description = entry["ID"], entry.get("Description", "")
            family = entry.get("Family ID", "")
            wide = entry.get("64 bit", "").lower() == "true"
        else:
            identity, _dashes, description = entry["ID / Description"].partition(" -- ")
            family = re.split(r" \(| / ", entry.get("Family", ""))[0]
            wide = architecture.endswith("(64-bit)")
        found.append(
            {
                "id": identity,
                "description": description,
                "family": family,
                "architecture": architecture.partition(" (")[0] or "x86",
                "bits": 64 if wide else 32,
            }
        )
    return found


def interfaces(text: str) -> list[dict[str, t.Any]]:
    """`list bridgedifs` and `list hostonlyifs`."""
    found = []
    for block in blocks(text, "Name"):
        entry = {INTERFACE_KEYS.get(key, key): data for key, data in pairs(block).items()}
        status = re.search(r"^Status:\s+(.+?)\s*$", block, re.M)
        name = re.search(r"^Name:\s+(.*)$", block, re.M)
        entry["name"] = name.group(1) if name else ""
        entry["up"] = status is not None and status.group(1) == "Up"
        entry.pop("status", None)
        found.append(entry)
    return found


def media(listed: t.Iterable[dict[str, str]]) -> list[dict[str, t.Any]]:
    """Entries of `list hdds` and `list dvds`, in the words of the module for media."""
    found = []
    for medium in listed:
        size = re.match(r"(\d+)", medium.get("Capacity", ""))
        kind, _space, form = medium.get("Type", "").partition(" ")
        parent = medium.get("Parent UUID", "base")
        found.append(
            {
                "path": medium.get("Location", ""),
                "uuid": medium["UUID"].lower(),
                "parent_uuid": "" if parent == "base" else parent.lower(),
                "format": medium.get("Storage format", "").lower(),
                "size_mb": int(size.group(1)) if size else None,
                "type": kind,
                "differencing": form == "(differencing)",
                "state": medium.get("State", ""),
                "encrypted": medium.get("Encryption", "disabled") != "disabled",
            }
        )
    return found


def groups(text: str) -> list[str]:
    """`list groups`; VirtualBox lets no quote into a group's name."""
    return re.findall(r'^"(/[^"\n]*)"$', text, re.M)


def internal_networks(text: str) -> list[str]:
    """`list intnets`."""
    return re.findall(r"^Name: +(.+)$", text, re.M)


def extension_packs(text: str) -> list[dict[str, t.Any]]:
    """`list extpacks`."""
    found = []
    for block in re.split(r"(?m)^(?=Pack no\.)", text)[1:]:
        entry = texts(block)
        name = next((data for key, data in entry.items() if key.startswith("Pack no.")), "")
        found.append(
            {
                "name": name,
                "version": entry.get("Version", ""),
                "revision": entry.get("Revision", ""),
                "edition": entry.get("Edition", ""),
                "description": entry.get("Description", ""),
                "usable": entry.get("Usable", "").lower() == "true",
                "why_unusable": entry.get("Why unusable", ""),
            }
        )
    return found
