# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address plan as a pure function: from the inventory's words to every address, MAC and name.

Input is plain data (what the inventory says), output is the plan (what every layer uses) as plain
data. Nothing here reads a file, a host or the network.
"""

from __future__ import annotations

import contextlib
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.library import netaddr
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.machines import (
    Taken,
    check_memory,
    check_roles,
    plan_machines,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.model import FloatingIp, Plan
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import (
    Problems,
    ends,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.segments import (
    Segment,
    check_ranges,
    read_segments,
)

FLOATING_NAME = "api"


def _floating_ip(
    config: dict[str, Any], segments: dict[str, Segment], problems: Problems
) -> FloatingIp | None:
    balancers = [m for m in config["machines"] if m["role"] == "load_balancer"]
    if not config.get("floating_ip"):
        if balancers:
            problems.add(
                "Load balancers have a floating IP", "none is given", "datacenter_floating_ip"
            )
        return None
    address = problems.address(config["floating_ip"], "datacenter_floating_ip")
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
    if address in ends(home.network):
        problems.add("The floating IP is a host address", f"{address} of {home.network}", where)
    return FloatingIp(
        name=FLOATING_NAME,
        fqdn=f"{FLOATING_NAME}.{config['domain']}",
        address=str(address),
        prefix=home.network.prefixlen,
        segment=home.name,
    )


def _taken(config: dict[str, Any]) -> Taken:
    """The addresses that no machine may have."""
    with contextlib.suppress(netaddr.AddrFormatError, ValueError):
        if config.get("floating_ip"):
            return {netaddr.IPAddress(str(config["floating_ip"]), version=4): "the floating IP"}
    return {}


def address_plan(config: dict[str, Any]) -> dict[str, Any]:
    """The whole plan of a data center, with the list of what is wrong with it.

    `config` holds name, domain, floating_ip, segments [{name, subnet, dhcp_start, dhcp_end,
    reaches}], machines [{name, role, roles, segment, address, cpus, memory_mb, disks,
    volume_groups, host}], reserved_ranges {option: network}, host_networks [{host, interface,
    network}], host_memory_mb {host: MB} and jump. Returns {"plan": `model.Plan` as plain data,
    "problems": [sentence, ...]}.
    """
    problems = Problems()
    segments = read_segments(config, problems)
    check_ranges(config, segments, problems)
    gateway = check_roles(config, problems)
    floating_ip = _floating_ip(config, segments, problems)
    machines = plan_machines(config, segments, _taken(config), problems)
    check_memory(config, problems)
    plan = Plan(
        name=config["name"],
        domain=config["domain"],
        gateway=gateway,
        floating_ip=floating_ip,
        segments={name: segment.planned() for name, segment in segments.items()},
        machines=machines,
        jump=config.get("jump", ""),
    )
    return {"plan": plan.as_dict(), "problems": problems.messages}
