# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The segments of a data center: subnets, routers and DHCP pools, and what they collide with."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan import model, reach
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.library import netaddr
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import (
    Problems,
    overlap,
    shown,
)

UPLINK = "uplink"
# How many addresses a segment has at least; two of them no host can have.
SMALLEST = 8
DHCP_NAME = re.compile(r"[a-z][a-z0-9-]{1,40}\Z")
DHCP_VALUE = re.compile(r"[^\"'\\#]{1,255}\Z")
# What every segment is told already, by name and number.
OWN_OPTIONS = {"router": 3, "dns-server": 6, "ntp-server": 42, "domain-search": 119}


def leg_number(gateway: str, gateways: list[str]) -> int:
    """Which address of a segment a gateway has: of two, the router's belongs to neither."""
    return gateways.index(gateway) + 2 if len(gateways) == 2 else 1


def own_addresses(network: netaddr.IPNetwork, gateways: list[str]) -> dict[netaddr.IPAddress, str]:
    """The addresses behind the router's, and which of two gateways has them. One has none."""
    if len(gateways) != 2 or network.size < SMALLEST:
        return {}
    return {network[leg_number(name, gateways)]: name for name in gateways}


class Segment:
    """A segment while the plan is made, with addresses that can be compared."""

    def __init__(
        self, data: dict[str, Any], network: netaddr.IPNetwork, gateways: list[str]
    ) -> None:
        self.name = str(data["name"])
        self.network = network
        self.router = network[1]
        # Two gateways share the router's address, and each has the one of its own behind it.
        self.own: dict[netaddr.IPAddress, str] = own_addresses(network, gateways)
        self.reaches = [str(name) for name in data.get("reaches") or []]
        self.dhcp_options: list[dict[str, str]] = [
            {"option": str(item["option"]), "value": str(item["value"])}
            for item in data.get("dhcp_options") or []
        ]
        self.dhcp_start: netaddr.IPAddress | None = None
        self.dhcp_end: netaddr.IPAddress | None = None

    def leg_of(self, gateway: str) -> netaddr.IPAddress:
        """The address of a gateway here: its own, or the router's if it is the only one."""
        own = {name: address for address, name in self.own.items()}
        return own.get(gateway, self.router)

    def in_pool(self, address: netaddr.IPAddress) -> bool:
        if self.dhcp_start is None or self.dhcp_end is None:
            return False
        return bool(self.dhcp_start <= address <= self.dhcp_end)

    def planned(self) -> model.Segment:
        return model.Segment(
            name=self.name,
            subnet=str(self.network),
            prefix=self.network.prefixlen,
            router=str(self.router),
            dhcp_start=str(self.dhcp_start) if self.dhcp_start else None,
            dhcp_end=str(self.dhcp_end) if self.dhcp_end else None,
            reaches=self.reaches,
            dhcp_options=self.dhcp_options,
        )


def _pool(segment: Segment, data: dict[str, Any], problems: Problems) -> None:
    where = f"dhcp_start/dhcp_end of segment {segment.name} in datacenter_segments"
    if not data.get("dhcp_start") and not data.get("dhcp_end"):
        return
    start = problems.address(data.get("dhcp_start"), where)
    end = problems.address(data.get("dhcp_end"), where)
    if start is None or end is None:
        return
    if start > end:
        problems.add("A DHCP pool starts before it ends", f"{start} is behind {end}", where)
    for address in (start, end):
        if address not in segment.network:
            problems.add(
                f"The DHCP pool lies inside its segment {segment.name} ({segment.network})",
                f"{address} is outside",
                where,
            )
    segment.dhcp_start, segment.dhcp_end = start, end
    if segment.in_pool(segment.router):
        problems.add(
            f"The router {segment.router} of segment {segment.name} is not in the DHCP pool",
            f"the pool is {start} to {end}",
            where,
        )
    for address, gateway in segment.own.items():
        if segment.in_pool(address):
            problems.add(
                f"The address {address} of {gateway} in segment {segment.name} is not in the DHCP"
                " pool",
                f"the pool is {start} to {end}",
                where,
            )


def _dhcp_options(segment: Segment, problems: Problems) -> None:
    """Options of DHCP that dnsmasq can bear, and that are not the gateway's own."""
    where = f"dhcp_options of segment {segment.name} in datacenter_segments"
    for item in segment.dhcp_options:
        option, value = item["option"], item["value"]
        number = int(option) if option.isascii() and option.isdigit() and len(option) < 4 else 0
        if not DHCP_NAME.match(option) and not 1 <= number <= 254:
            problems.add(
                "An option of DHCP is its number from 1 to 254 or its name in dnsmasq, such as mtu",
                f"found {shown(option)}",
                where,
            )
        elif option in OWN_OPTIONS or number in OWN_OPTIONS.values():
            problems.add(
                "The gateway itself sets router, dns-server, ntp-server and domain-search",
                f"found {option}",
                where,
            )
        if not DHCP_VALUE.match(value):
            problems.add(
                f"The value of the DHCP option {option} has 1 to 255 characters and none of"
                " quotes, backslashes and #",
                f"found {shown(value)}",
                where,
            )


def _named(name: str, segments: dict[str, Segment], problems: Problems) -> bool:
    """Whether a segment can have this name at all; what is wrong with it is noted."""
    if name in segments or name == UPLINK:
        problems.add("Segment names are unique and not 'uplink'", f"{name} is taken", _subnet(name))
        return False
    if len(name) > 12 or not name.replace("-", "").isalnum():
        problems.add(
            "A segment name has at most 12 letters, digits or hyphens (it names interfaces)",
            f"found '{name}'",
            "datacenter_segments",
        )
    return True


def _subnet(name: str) -> str:
    return f"subnet of segment {name} in datacenter_segments"


def _reaches(segments: dict[str, Segment], problems: Problems) -> None:
    for segment in segments.values():
        where = f"reaches of segment {segment.name} in datacenter_segments"
        for text in segment.reaches:
            name, ports = text.partition(":")[::2]
            if name not in segments:
                problems.add(
                    f"Segment {segment.name} reaches known segments only",
                    f"'{name}' is none of {', '.join(segments)}",
                    where,
                )
            elif reach.read(text) is None:
                problems.add(
                    f"What segment {segment.name} reaches is written as {reach.EXAMPLE}",
                    f"found {shown(ports)} for ports of {name}",
                    where,
                )


def read_segments(config: dict[str, Any], problems: Problems) -> dict[str, Segment]:
    segments: dict[str, Segment] = {}
    gateways = [m["name"] for m in config["machines"] if m["role"] == "gateway"]
    for data in config["segments"]:
        name = str(data["name"])
        if not _named(name, segments, problems):
            continue
        network = problems.network(data["subnet"], _subnet(name))
        if network is None:
            continue
        if network.size < SMALLEST:
            problems.add("A segment holds at least 6 hosts", f"{name} is {network}", _subnet(name))
            continue
        segment = Segment(data, network, gateways)
        _pool(segment, data, problems)
        _dhcp_options(segment, problems)
        for other in segments.values():
            if overlap(other.network, network):
                problems.add(
                    "Segments do not overlap",
                    f"{name} ({network}) overlaps {other.name} ({other.network})",
                    _subnet(name),
                )
        segments[name] = segment
    _reaches(segments, problems)
    return segments


def check_ranges(config: dict[str, Any], segments: dict[str, Segment], problems: Problems) -> None:
    """Segments keep away from the cluster's own ranges and from what the hosts already route."""
    taken = [(str(value), option) for option, value in config["reserved_ranges"].items() if value]
    parsed = [(problems.network(value, option), option) for value, option in taken]
    for index, (network, option) in enumerate(parsed):
        for other, other_option in parsed[:index]:
            if network and other and overlap(network, other):
                problems.add(
                    "The pod and service ranges do not overlap",
                    f"{option} ({network}) overlaps {other_option} ({other})",
                    option,
                )
        for segment in segments.values():
            if network and overlap(segment.network, network):
                problems.add(
                    f"Segment {segment.name} ({segment.network}) lies outside of {option}",
                    f"it overlaps {network}",
                    f"{_subnet(segment.name)}, or {option}",
                )
    for route in config["host_networks"]:
        network = netaddr.IPNetwork(route["network"]).cidr
        for segment in segments.values():
            if overlap(segment.network, network):
                problems.add(
                    f"Segment {segment.name} ({segment.network}) does not collide with a network"
                    f" that {route['host']} already has",
                    f"{network} is on {route['interface']}",
                    _subnet(segment.name),
                )
