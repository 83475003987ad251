# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""NAT networks as plain data: the wanted and the actual state speak the same language.

In a wanted object None means: leave alone.
"""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import dataclass

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network import (
    addresses,
)


@dataclass(frozen=True)
class NatForward:
    """A port of the host that leads to a guest in the network."""

    family: str
    name: str
    protocol: str
    host_address: str
    host_port: int
    guest_address: str
    guest_port: int

    @property
    def key(self) -> tuple[str, str]:
        return self.family, self.name

    @property
    def option(self) -> str:
        return f"--port-forward-{self.family[-1]}"

    def rule(self) -> str:
        """As VBoxManage takes it."""
        host = f"[{self.host_address}]:{self.host_port}"
        return f"{self.name}:{self.protocol}:{host}:[{self.guest_address}]:{self.guest_port}"


@dataclass(frozen=True)
class NatNetwork:
    """A NAT network, wanted or actual."""

    name: str
    network: str | None = None
    dhcp_enabled: bool | None = None
    ipv6_enabled: bool | None = None
    ipv6_prefix: str | None = None
    ipv6_default_route: bool | None = None
    enabled: bool | None = None
    port_forwards: tuple[NatForward, ...] = ()
    # Address of the host and its place in the network.
    loopbacks: tuple[tuple[str, int], ...] = ()
    running: bool | None = None


def forward(family: str, **fields: t.Any) -> NatForward:
    """A rule with its addresses in one spelling."""
    for key in ("host_address", "guest_address"):
        fields[key] = addresses.spelled(fields[key])
    return NatForward(family, **fields)


def network(
    name: str,
    *,
    port_forwards: t.Iterable[NatForward] = (),
    loopbacks: t.Iterable[tuple[str, int]] = (),
    **fields: t.Any,
) -> NatNetwork:
    """A NAT network in one spelling and order."""
    for key in ("network", "ipv6_prefix"):
        if fields.get(key) is not None:
            fields[key] = addresses.spelled_network(fields[key])
    return NatNetwork(
        name,
        port_forwards=tuple(sorted(port_forwards, key=lambda item: item.key)),
        loopbacks=tuple(sorted((addresses.spelled(host), offset) for host, offset in loopbacks)),
        **fields,
    )


def moved(address: str, before: str, after: str) -> str:
    """Where VirtualBox leads a rule to when the network gets another address."""
    old, new = ipaddress.IPv4Network(before), ipaddress.IPv4Network(after)
    try:
        guest = ipaddress.IPv4Address(address)
    except ValueError:
        return address
    place = int(guest) - int(old.network_address)
    if guest not in old or place >= new.num_addresses:
        return address
    return str(new.network_address + place)


def describe(item: NatNetwork | None) -> dict[str, t.Any]:
    """A NAT network as results show it."""
    if item is None:
        return {}
    return {
        **vars(item),
        "port_forwards": [vars(rule).copy() for rule in item.port_forwards],
        "loopbacks": [{"address": host, "offset": offset} for host, offset in item.loopbacks],
    }
