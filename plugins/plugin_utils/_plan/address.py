# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address plan as a pure function: from the inventory's words to every address, MAC and name.

Input is plain data (what the inventory says), output is the plan (what every layer uses) as plain
data. Nothing here reads a file, a host or the network.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.dns_records import (
    dns_records,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.floating_ips import (
    floating_ips,
    taken_addresses,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.frontends import frontends
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.machines import (
    check_memory,
    check_roles,
    plan_machines,
    take_legs,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.model import Plan
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.open_ports import open_ports
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import Problems
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.published_ports import (
    published_ports,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.segments import (
    check_ranges,
    read_segments,
)


def address_plan(config: dict[str, Any]) -> dict[str, Any]:
    """The whole plan of a data center, with the list of what is wrong with it.

    `config` holds name, domain, floating_ip, floating_ips [{name, address, prefer}], frontends,
    dns_records, published_ports [{name, port, to, to_port}], open_ports [{name, to, from, protocol,
    ports}], host_ports {port: what has it},
    segments [{name, subnet, dhcp_start, dhcp_end, dhcp_options, reaches}], machines [{name, role,
    roles, groups, segment, address, cpus, memory_mb, disks, volume_groups, host}], reserved_ranges
    {option: network}, host_networks [{host, interface, network}], host_memory_mb {host: MB} and
    jump. Returns {"plan": `model.Plan` as plain data, "problems": [sentence, ...]}.
    """
    problems = Problems()
    segments = read_segments(config, problems)
    check_ranges(config, segments, problems)
    gateways = check_roles(config, problems)
    floating = floating_ips(config, segments, problems)
    taken = taken_addresses(config)
    take_legs(taken, segments)
    machines = plan_machines(config, segments, taken, problems)
    check_memory(config, problems)
    plan = Plan(
        name=config["name"],
        domain=config["domain"],
        gateway=gateways[0] if gateways else None,
        gateways=gateways,
        floating_ips=floating,
        segments={name: segment.planned() for name, segment in segments.items()},
        machines=machines,
        frontends=frontends(config, floating, segments, machines, problems),
        records=dns_records(config, floating, machines, problems),
        published_ports=published_ports(config, floating, machines, problems),
        open_ports=open_ports(config, segments, machines, problems),
        jump=config.get("jump", ""),
    )
    return {"plan": plan.as_dict(), "problems": problems.messages}
