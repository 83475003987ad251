# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address plan as pure functions: from the inventory's words to every address, MAC and name.

Input is plain data (what the inventory says), output is plain data (what every layer uses).
Nothing here reads a file, a host or the network.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
from typing import Any

UPLINK = "uplink"
FLOATING_NAME = "api"


class Problems:
    """Collects what is wrong, each as one sentence that says which option to change."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def add(self, wanted: str, found: str, change: str) -> None:
        self.messages.append(f"{wanted}: {found}. Change {change}.")


def mac_address(datacenter: str, machine: str, number: int) -> str:
    """A stable, locally administered unicast MAC for NIC `number` of a machine."""
    digest = hashlib.sha256(f"{datacenter}\0{machine}\0{number}".encode()).digest()
    return ":".join(f"{octet:02x}" for octet in b"\x02" + digest[:5])


def _network(value: Any, where: str, problems: Problems) -> ipaddress.IPv4Network | None:
    try:
        return ipaddress.IPv4Network(str(value))
    except ValueError as error:
        problems.add(f"{where} must be an IPv4 network such as 10.70.1.0/24", str(error), where)
        return None


def _address(value: Any, where: str, problems: Problems) -> ipaddress.IPv4Address | None:
    try:
        return ipaddress.IPv4Address(str(value))
    except ValueError as error:
        problems.add(f"{where} must be an IPv4 address", str(error), where)
        return None


class Segment:
    """One layer-2 network with its subnet, router and DHCP pool."""

    def __init__(self, data: dict[str, Any], network: ipaddress.IPv4Network) -> None:
        self.name = str(data["name"])
        self.network = network
        self.router = network.network_address + 1
        self.reaches = [str(name) for name in data.get("reaches") or []]
        self.dhcp_start: ipaddress.IPv4Address | None = None
        self.dhcp_end: ipaddress.IPv4Address | None = None

    def in_pool(self, address: ipaddress.IPv4Address) -> bool:
        if self.dhcp_start is None or self.dhcp_end is None:
            return False
        return self.dhcp_start <= address <= self.dhcp_end

    def as_data(self, datacenter: str) -> dict[str, Any]:
        return {
            "name": self.name,
            "subnet": str(self.network),
            "prefix": self.network.prefixlen,
            "netmask": str(self.network.netmask),
            "broadcast": str(self.network.broadcast_address),
            "router": str(self.router),
            "dhcp_start": str(self.dhcp_start) if self.dhcp_start else None,
            "dhcp_end": str(self.dhcp_end) if self.dhcp_end else None,
            "reaches": self.reaches,
            "internal_network": f"{datacenter}-{self.name}",
            "bridge": f"br-{self.name}",
        }


def _pool(segment: Segment, data: dict[str, Any], problems: Problems) -> None:
    where = f"dhcp_start/dhcp_end of segment {segment.name} in datacenter_segments"
    if not data.get("dhcp_start") and not data.get("dhcp_end"):
        return
    start = _address(data.get("dhcp_start"), where, problems)
    end = _address(data.get("dhcp_end"), where, problems)
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


def _segments(config: dict[str, Any], problems: Problems) -> dict[str, Segment]:
    segments: dict[str, Segment] = {}
    for data in config["segments"]:
        name = str(data["name"])
        where = f"subnet of segment {name} in datacenter_segments"
        if name in segments or name == UPLINK:
            problems.add("Segment names are unique and not 'uplink'", f"{name} is taken", where)
            continue
        if len(name) > 12 or not name.replace("-", "").isalnum():
            problems.add(
                "A segment name has at most 12 letters, digits or hyphens (it names interfaces)",
                f"found '{name}'",
                "datacenter_segments",
            )
        network = _network(data["subnet"], where, problems)
        if network is None:
            continue
        if network.prefixlen > 29:
            problems.add("A segment holds at least 6 hosts", f"{name} is {network}", where)
            continue
        segment = Segment(data, network)
        _pool(segment, data, problems)
        for other in segments.values():
            if other.network.overlaps(network):
                problems.add(
                    "Segments do not overlap",
                    f"{name} ({network}) overlaps {other.name} ({other.network})",
                    where,
                )
        segments[name] = segment
    for segment in segments.values():
        for name in segment.reaches:
            if name not in segments:
                problems.add(
                    f"Segment {segment.name} reaches known segments only",
                    f"'{name}' is none of {', '.join(segments)}",
                    f"reaches of segment {segment.name} in datacenter_segments",
                )
    return segments


def _ranges_apart(config: dict[str, Any], segments: dict[str, Segment], problems: Problems) -> None:
    """Segments keep away from the cluster's own ranges and from what the hosts already route."""
    taken = [(str(value), option) for option, value in config["reserved_ranges"].items() if value]
    parsed = [(_network(value, option, problems), option) for value, option in taken]
    for index, (network, option) in enumerate(parsed):
        for other, other_option in parsed[:index]:
            if network and other and network.overlaps(other):
                problems.add(
                    "The pod and service ranges do not overlap",
                    f"{option} ({network}) overlaps {other_option} ({other})",
                    option,
                )
        for segment in segments.values():
            if network and segment.network.overlaps(network):
                problems.add(
                    f"Segment {segment.name} ({segment.network}) lies outside of {option}",
                    f"it overlaps {network}",
                    f"subnet of segment {segment.name} in datacenter_segments, or {option}",
                )
    for route in config["host_networks"]:
        network = ipaddress.IPv4Network(route["network"], strict=False)
        for segment in segments.values():
            if segment.network.overlaps(network):
                problems.add(
                    f"Segment {segment.name} ({segment.network}) does not collide with a network"
                    f" that {route['host']} already has",
                    f"{network} is on {route['interface']}",
                    f"subnet of segment {segment.name} in datacenter_segments",
                )


def _floating_ip(
    config: dict[str, Any], segments: dict[str, Segment], problems: Problems
) -> dict[str, Any] | None:
    balancers = [m for m in config["machines"] if m["role"] == "load_balancer"]
    if not config.get("floating_ip"):
        if balancers:
            problems.add(
                "Load balancers have a floating IP", "none is given", "datacenter_floating_ip"
            )
        return None
    address = _address(config["floating_ip"], "datacenter_floating_ip", problems)
    if address is None:
        return None
    home = next((s for s in segments.values() if address in s.network), None)
    of_balancers = sorted({str(m["segment"]) for m in balancers})
    if home is None or (balancers and of_balancers != [home.name]):
        problems.add(
            "The floating IP lies in the segment of every load balancer"
            f" ({', '.join(of_balancers) or 'none'})",
            f"{address} is in {home.name if home else 'no segment'}",
            "datacenter_floating_ip, or machine_segment of the load balancers",
        )
        return None
    where = "datacenter_floating_ip"
    if home.in_pool(address):
        problems.add(
            "The floating IP is not in a DHCP pool",
            f"{address} is in the pool {home.dhcp_start} to {home.dhcp_end} of {home.name}",
            where,
        )
    if address == home.router:
        problems.add("The floating IP is not the router", f"{address} is of {home.name}", where)
    if address in (home.network.network_address, home.network.broadcast_address):
        problems.add("The floating IP is a host address", f"{address} of {home.network}", where)
    return {
        "name": FLOATING_NAME,
        "fqdn": f"{FLOATING_NAME}.{config['domain']}",
        "address": str(address),
        "prefix": home.network.prefixlen,
        "segment": home.name,
    }


def _machine_address(
    machine: dict[str, Any],
    segments: dict[str, Segment],
    seen: dict[ipaddress.IPv4Address, str],
    problems: Problems,
) -> tuple[Segment, ipaddress.IPv4Address] | None:
    name = machine["name"]
    if not machine.get("segment"):
        problems.add(
            f"Machine {name} is on a segment", "none is given", f"machine_segment of {name}"
        )
        return None
    segment = segments.get(str(machine["segment"]))
    if segment is None:
        problems.add(
            f"Machine {name} is on a known segment ({', '.join(segments)})",
            f"found '{machine['segment']}'",
            f"machine_segment of {name}",
        )
        return None
    where = f"machine_address of {name}"
    if not machine.get("address"):
        problems.add(f"Machine {name} has an explicit address", "none is given", where)
        return None
    address = _address(machine["address"], where, problems)
    if address is None:
        return None
    if address not in segment.network:
        problems.add(
            f"The address of {name} lies in its segment {segment.name} ({segment.network})",
            f"{address} is outside",
            where,
        )
    elif address in (segment.network.network_address, segment.network.broadcast_address):
        problems.add(f"The address of {name} is a host address", f"found {address}", where)
    if segment.in_pool(address):
        problems.add(
            f"The address of {name} is not in the DHCP pool of {segment.name}",
            f"{address} is between {segment.dhcp_start} and {segment.dhcp_end}",
            where,
        )
    if address == segment.router:
        problems.add(
            f"The address of {name} is not the router of {segment.name}", f"found {address}", where
        )
    if address in seen:
        problems.add(
            "Every machine has an address of its own",
            f"{address} is of both {seen[address]} and {name}",
            where,
        )
    seen.setdefault(address, name)
    return segment, address


def _nic(
    datacenter: str, machine: str, number: int, segment: Segment | None, address: str | None
) -> dict[str, Any]:
    return {
        "number": number,
        "name": segment.name if segment else UPLINK,
        "kind": "internal" if segment else "nat",
        "segment": segment.name if segment else None,
        "mac": mac_address(datacenter, machine, number),
        "address": address,
        "prefix": segment.network.prefixlen if segment else None,
    }


def _roles(config: dict[str, Any], problems: Problems) -> str | None:
    names = {
        role: [m["name"] for m in config["machines"] if m["role"] == role]
        for role in ("gateway", "load_balancer", "control_plane", "worker")
    }
    if len(names["gateway"]) != 1:
        problems.add(
            "A data center has exactly one gateway",
            f"group gateway holds {', '.join(names['gateway']) or 'no machine'}",
            "the inventory group gateway",
        )
    planes = len(names["control_plane"])
    if planes and planes % 2 == 0:
        problems.add(
            "The number of control planes is odd (stacked etcd needs a majority)",
            f"group control_plane holds {planes}: {', '.join(names['control_plane'])}",
            "the inventory group control_plane",
        )
    if names["worker"] and not planes:
        problems.add(
            "Workers have a control plane to join",
            f"group worker holds {len(names['worker'])}, group control_plane none",
            "the inventory group control_plane",
        )
    if planes and not names["load_balancer"]:
        problems.add(
            "Control planes stand behind load balancers",
            "group load_balancer is empty",
            "the inventory group load_balancer",
        )
    for machine in config["machines"]:
        if machine["role"] is None:
            problems.add(
                f"Machine {machine['name']} is in exactly one of the groups gateway,"
                " load_balancer, control_plane, worker",
                f"it is in {', '.join(machine['roles']) or 'none'}",
                "the inventory groups",
            )
    return names["gateway"][0] if names["gateway"] else None


def _memory(config: dict[str, Any], problems: Problems) -> None:
    for host, available in config["host_memory_mb"].items():
        wanted = sum(int(m["memory_mb"]) for m in config["machines"] if m["host"] == host)
        if wanted > available:
            problems.add(
                f"The machines on {host} fit into its memory ({available} MB)",
                f"they want {wanted} MB",
                "machine_memory_mb of some machines, or machine_host",
            )


def _machines(
    config: dict[str, Any], segments: dict[str, Segment], problems: Problems
) -> dict[str, Any]:
    plans: dict[str, Any] = {}
    seen: dict[ipaddress.IPv4Address, str] = {}
    if config.get("floating_ip"):
        with contextlib.suppress(ValueError):
            seen[ipaddress.IPv4Address(str(config["floating_ip"]))] = "the floating IP"
    datacenter = config["name"]
    for machine in config["machines"]:
        name = machine["name"]
        plan: dict[str, Any] = {
            "name": name,
            "fqdn": f"{name}.{config['domain']}",
            "role": machine["role"],
            "cpus": machine["cpus"],
            "memory_mb": machine["memory_mb"],
            "host": machine["host"],
            "segment": None,
            "address": None,
            "prefix": None,
            "router": None,
        }
        if machine["role"] == "gateway":
            legs = [_nic(datacenter, name, 1, None, None)]
            for number, segment in enumerate(segments.values(), start=2):
                legs.append(_nic(datacenter, name, number, segment, str(segment.router)))
            plan["nics"] = legs
        else:
            place = _machine_address(machine, segments, seen, problems)
            if place is None:
                continue
            segment, address = place
            plan.update(
                segment=segment.name,
                address=str(address),
                prefix=segment.network.prefixlen,
                router=str(segment.router),
                nics=[_nic(datacenter, name, 1, segment, str(address))],
            )
        plans[name] = plan
    return plans


def address_plan(config: dict[str, Any]) -> dict[str, Any]:
    """The whole plan of a data center, with the list of what is wrong with it.

    `config` holds name, domain, floating_ip, segments [{name, subnet, dhcp_start, dhcp_end,
    reaches}], machines [{name, role, roles, segment, address, cpus, memory_mb, host}],
    reserved_ranges {option: network}, host_networks [{host, interface, network}] and
    host_memory_mb {host: MB}. Returns {"plan": ..., "problems": [sentence, ...]}.
    """
    problems = Problems()
    segments = _segments(config, problems)
    _ranges_apart(config, segments, problems)
    gateway = _roles(config, problems)
    floating_ip = _floating_ip(config, segments, problems)
    machines = _machines(config, segments, problems)
    _memory(config, problems)
    plan = {
        "name": config["name"],
        "domain": config["domain"],
        "gateway": gateway,
        "floating_ip": floating_ip,
        "segments": {name: segment.as_data(config["name"]) for name, segment in segments.items()},
        "machines": machines,
    }
    return {"plan": plan, "problems": problems.messages}
