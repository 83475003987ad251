# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Host-only interfaces and networks as plain data, and the listings of VBoxManage read into it.

In a wanted object None means: leave alone.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t
from dataclasses import dataclass

INTERFACE = "interface"
NETWORK = "network"
# The whole block, so that a name may hold anything.
INTERFACE_BLOCK = re.compile(
    r"^Name: +(?P<name>.*?)\nGUID: +(?P<uuid>[0-9a-fA-F-]{36})\nDHCP: [^\n]*\n"
    r"IPAddress:[ ]*(?P<address>[^\n]*)\nNetworkMask:[ ]*(?P<netmask>[^\n]*)\n.*?"
    r"^VBoxNetworkName: +HostInterfaceNetworking-(?P=name)\n",
    re.M | re.S,
)
NETWORK_BLOCK = re.compile(
    r"^Name: +(?P<name>.*?)\nGUID: +(?P<uuid>[0-9a-fA-F-]{36})\n\s*State: +(?P<state>\w+)\n"
    r"NetworkMask: +(?P<netmask>[^\n]*)\nLowerIP: +(?P<address>[^\n]*)\n"
    r"UpperIP: +(?P<upper>[^\n]*)\n.*?^VBoxNetworkName: +(?P<network>hostonly-(?P=name))(?:\n|\Z)",
    re.M | re.S,
)


@dataclass(frozen=True)
class HostOnly:
    """A host-only interface (Linux) or network (macOS), wanted or actual."""

    kind: str
    name: str = ""
    uuid: str = ""
    # Of the host; in a network it gets the lowest.
    address: str | None = None
    netmask: str | None = None
    # Only of networks.
    upper_address: str | None = None
    enabled: bool | None = None

    @property
    def network_name(self) -> str:
        """What the DHCP server is for."""
        return ("hostonly-" if self.kind == NETWORK else "HostInterfaceNetworking-") + self.name

    @property
    def own_network(self) -> ipaddress.IPv4Network | None:
        """The addresses that it has; None if it has none yet."""
        try:
            found = ipaddress.IPv4Interface(f"{self.address}/{self.netmask}")
        except ValueError:
            return None
        return None if found.ip.is_unspecified else found.network


def interfaces(text: str) -> tuple[HostOnly, ...]:
    """`list hostonlyifs`."""
    return tuple(
        HostOnly(
            INTERFACE,
            match["name"],
            match["uuid"].lower(),
            match["address"].strip(),
            match["netmask"].strip(),
        )
        for match in INTERFACE_BLOCK.finditer(text)
    )


def networks(text: str) -> tuple[HostOnly, ...]:
    """`list hostonlynets`."""
    return tuple(
        HostOnly(
            NETWORK,
            match["name"],
            match["uuid"].lower(),
            match["address"].strip(),
            match["netmask"].strip(),
            match["upper"].strip(),
            match["state"] == "Enabled",
        )
        for match in NETWORK_BLOCK.finditer(text if text.endswith("\n") else f"{text}\n")
    )


def created(text: str) -> str:
    """The name in the answer of `hostonlyif create`; empty if there is none."""
    match = re.search(r"^Interface '(.+)' was successfully created", text, re.M)
    return match.group(1) if match else ""


def describe(item: HostOnly | None) -> dict[str, t.Any]:
    """A host-only interface or network as results show it."""
    return {} if item is None else {**vars(item), "network_name": item.network_name}
