# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machines of a data center: their roles, addresses, cards, memory and disks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.inventory import ROLE_GROUPS
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.library import netaddr
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.model import Machine, Nic
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import (
    Problems,
    ends,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.segments import (
    UPLINK,
    Segment,
)

Taken = dict[Any, str]  # addresses of netaddr, and who has them


def mac_address(datacenter: str, machine: str, number: int) -> str:
    """A stable, locally administered unicast MAC for NIC `number` of a machine."""
    # Of a name with half a character the plan says that it is none; here it must only be read.
    text = f"{datacenter}\0{machine}\0{number}".encode(errors="surrogatepass")
    digest = hashlib.sha256(text).digest()
    return ":".join(f"{octet:02x}" for octet in b"\x02" + digest[:5])


def _machine_address(
    machine: dict[str, Any],
    segments: dict[str, Segment],
    taken: Taken,
    problems: Problems,
) -> tuple[Segment, netaddr.IPAddress] | None:
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
    address = problems.address(machine["address"], where)
    if address is None:
        return None
    if address not in segment.network:
        problems.add(
            f"The address of {name} lies in its segment {segment.name} ({segment.network})",
            f"{address} is outside",
            where,
        )
    elif address in ends(segment.network):
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
    if address in taken:
        problems.add(
            "Every machine has an address of its own",
            f"{address} is of both {taken[address]} and {name}",
            where,
        )
    taken.setdefault(address, name)
    return segment, address


def _nic(
    datacenter: str, machine: str, number: int, segment: Segment | None, address: str | None
) -> Nic:
    return Nic(
        number=number,
        name=segment.name if segment else UPLINK,
        kind="internal" if segment else "nat",
        segment=segment.name if segment else None,
        mac=mac_address(datacenter, machine, number),
        address=address,
        prefix=segment.network.prefixlen if segment else None,
    )


def take_legs(taken: Taken, segments: dict[str, Segment]) -> None:
    """The gateways have addresses of their own in each segment, if there are two."""
    for segment in segments.values():
        for address, gateway in segment.own.items():
            taken.setdefault(address, f"the gateway {gateway}")


def check_roles(config: dict[str, Any], problems: Problems) -> list[str]:
    """How many machines there are of each role; returns the names of the gateways."""
    names = {
        role: [m["name"] for m in config["machines"] if m["role"] == role] for role in ROLE_GROUPS
    }
    if len(names["gateway"]) not in (1, 2):
        problems.add(
            "A data center has one or two gateways",
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
    if planes and config.get("floating_ips") and not config.get("floating_ip"):
        problems.add(
            "Control planes have a floating IP, that of the Kubernetes API",
            "none is given",
            "datacenter_floating_ip",
        )
    for machine in config["machines"]:
        if machine["role"] is None:
            problems.add(
                f"Machine {machine['name']} is in exactly one of the groups"
                f" {', '.join(ROLE_GROUPS)}",
                f"it is in {', '.join(machine['roles']) or 'none'}",
                "the inventory groups",
            )
    return names["gateway"]


def check_memory(config: dict[str, Any], problems: Problems) -> None:
    for host, available in config["host_memory_mb"].items():
        wanted = sum(int(m["memory_mb"]) for m in config["machines"] if m["host"] == host)
        if wanted > available:
            problems.add(
                f"The machines on {host} fit into its memory ({available} MB)",
                f"they want {wanted} MB",
                "machine_memory_mb of some machines, or machine_host",
            )


def _plain(value: Any) -> Any:
    """A copy in Python's own containers: those of Ansible cannot be copied by their type."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _storage(machine: dict[str, Any], problems: Problems) -> bool:
    """Whether disks and volume groups have the shape that the layers take."""
    name = machine["name"]
    found = len(problems.messages)
    for option, key, what in (
        ("machine_disks", "size_mb", "a list of disks, each with its size_mb"),
        ("machine_volume_groups", "name", "a list of volume groups, each with its name"),
    ):
        value = machine[option.removeprefix("machine_")]
        if not isinstance(value, list) or not all(
            isinstance(item, dict) and item.get(key) for item in value
        ):
            problems.add(f"{option} of {name} is {what}", f"found {value!r}", f"{option} of {name}")
        elif key == "size_mb" and not all(str(item[key]).isdigit() for item in value):
            problems.add(
                f"The disks of {name} have a size_mb in whole megabytes",
                f"found {', '.join(str(item[key]) for item in value)}",
                f"{option} of {name}",
            )
    return len(problems.messages) == found


def _gateway_nics(datacenter: str, name: str, segments: dict[str, Segment]) -> list[Nic]:
    legs = [_nic(datacenter, name, 1, None, None)]
    for number, segment in enumerate(segments.values(), start=2):
        legs.append(_nic(datacenter, name, number, segment, str(segment.leg_of(name))))
    return legs


def plan_machines(
    config: dict[str, Any], segments: dict[str, Segment], taken: Taken, problems: Problems
) -> dict[str, Machine]:
    """The machines that have a place. `taken` names who has an address already."""
    machines: dict[str, Machine] = {}
    datacenter = config["name"]
    for machine in config["machines"]:
        name = machine["name"]
        storage = _storage(machine, problems)
        segment: Segment | None = None
        address: str | None = None
        if machine["role"] == "gateway":
            nics = _gateway_nics(datacenter, name, segments)
        else:
            place = _machine_address(machine, segments, taken, problems)
            if place is None:
                continue
            segment, address = place[0], str(place[1])
            nics = [_nic(datacenter, name, 1, segment, address)]
        machines[name] = Machine(
            name=name,
            fqdn=f"{name}.{config['domain']}",
            role=machine["role"],
            cpus=machine["cpus"],
            memory_mb=machine["memory_mb"],
            disks=_plain(machine["disks"]) if storage else [],
            volume_groups=_plain(machine["volume_groups"]) if storage else [],
            host=machine["host"],
            segment=segment.name if segment else None,
            address=address,
            prefix=segment.network.prefixlen if segment else None,
            router=str(segment.router) if segment else None,
            nics=nics,
        )
    return machines
