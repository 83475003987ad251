# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How VMs become hosts and groups of an inventory; pure functions on described VMs."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)

# What ssh would take for an option, or Ansible for something else than this host.
RESERVED_HOSTS = ("all", "ungrouped", "localhost", "127.0.0.1", "::1")
RESERVED_GROUPS = ("all", "ungrouped")
HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.\-]{0,252}[A-Za-z0-9_])?")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# Where nothing else is given, a rule of the host leads in at any of its addresses.
ANY_ADDRESS = ("", "0.0.0.0", "::")

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Named:
    """The hosts by name, and what the user should know of them."""

    hosts: dict[str, Record]
    warnings: tuple[str, ...]


def is_address(text: str | None) -> bool:
    """Whether a connection can go there; a text that ssh takes for an option cannot be one."""
    if not text:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return HOST_NAME.fullmatch(text) is not None
    return True


def _candidate(record: Record, hostnames: Sequence[str], prefix: str) -> str:
    for source in hostnames:
        text = str(record[source] or "")
        if source == "description":
            text = text if HOST_NAME.fullmatch(text) else ""
        if text:
            return prefix + text
    return prefix + str(record["uuid"])


def host_names(records: Sequence[Record], hostnames: Sequence[str], prefix: str) -> Named:
    """Give every VM a host name of its own; two VMs never become one host."""
    wanted = [_candidate(record, hostnames, prefix) for record in records]
    count = Counter(wanted)
    hosts: dict[str, Record] = {}
    warnings: list[str] = []
    for name, record in zip(wanted, records):
        given = name
        if name.startswith("-") or CONTROL.search(name) or name in RESERVED_HOSTS:
            given = str(record["uuid"])
            warnings.append(f"the VM {name!r} cannot be a host of this name, it is {given}")
        elif count[name] > 1:
            given = f"{name}-{record['uuid']}"
            warnings.append(f"another VM would be the host {name!r} too, this one is {given}")
        if given in hosts or (given != name and count[given]):
            raise VirtualBoxError(
                f"two VMs would be the host {given!r}",
                hint="rename one of them, or name hosts by uuid in the option hostnames",
            )
        hosts[given] = record
    return Named(hosts, tuple(warnings))


def group_name(path: str, taken: Sequence[str] | Mapping[str, Any] = ()) -> str:
    """The Ansible group of a VirtualBox group; `/lab/web` is lab_web."""
    name = re.sub(r"^\d|\W", "_", path.strip("/"))
    return f"virtualbox_{name}" if name in RESERVED_GROUPS or name in taken else name


def group_paths(record: Record) -> list[list[str]]:
    """The VirtualBox groups of a VM, each with those above it; without the root."""
    chains = []
    for path in record["groups"]:
        parts = [part for part in path.split("/") if part]
        if parts:
            chains.append(["/" + "/".join(parts[: end + 1]) for end in range(len(parts))])
    return chains


def group_collisions(records: Iterable[Record]) -> list[str]:
    """VirtualBox groups that become the same Ansible group, as warnings."""
    paths = {path for record in records for chain in group_paths(record) for path in chain}
    same: dict[str, list[str]] = {}
    for path in sorted(paths):
        same.setdefault(group_name(path), []).append(path)
    return [
        f"the VirtualBox groups {', '.join(map(repr, found))} are the same Ansible group {name}"
        for name, found in same.items()
        if len(found) > 1
    ]


def forwarded(record: Record, guest_port: int) -> dict[str, Any]:
    """The port of this host that leads to a port of the guest of a NAT NIC."""
    for nic in record["nics"]:
        for rule in nic["port_forwards"] if nic["type"] == "nat" else ():
            if rule["protocol"] == "tcp" and rule["guest_port"] == guest_port:
                local = rule["host_address"] in ANY_ADDRESS
                address = "127.0.0.1" if local else rule["host_address"]
                return {"ansible_host": address, "ansible_port": rule["host_port"]}
    return {}


def connection(record: Record, sources: Sequence[str], guest_port: int) -> dict[str, Any]:
    """Where the VM answers, from the first source that knows it."""
    for source in sources:
        if source == "port_forward":
            found = forwarded(record, guest_port)
            if is_address(found.get("ansible_host")):
                return found
        else:
            address = record["address" if source == "plan" else "guest_address"]
            if is_address(address):
                return {"ansible_host": address}
    return {}
