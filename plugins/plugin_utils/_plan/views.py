# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of the plan: the part that one role needs, in the words of that role.

Each takes the plan as the plain data that `address_plan` returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.floating_ips import API
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.frontends import (
    API_FRONTEND,
    API_HOST,
    API_PORT,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.library import netaddr
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.model import Plan


def _port_forwards(plan: Plan) -> list[dict[str, Any]]:
    """What leads from the gateway's uplink to what is behind it."""
    api = plan.floating_ips.get(API)
    if api is None:
        return plan.published_ports
    first = {"name": API, "port": API_PORT, "to_address": api.address, "to_port": API_PORT}
    return [first, *plan.published_ports]


def host_ports(data: Mapping[str, Any], ssh_port: int, api_port: int) -> list[dict[str, Any]]:
    """The loopback ports of the gateway's host, and the ports of the gateway that they lead to."""
    plan = Plan.from_dict(data)
    return [
        {"name": "ssh", "host_port": ssh_port, "guest_port": 22},
        *(
            {
                "name": port["name"],
                "host_port": api_port if port["name"] == API else port["port"],
                "guest_port": port["port"],
            }
            for port in _port_forwards(plan)
        ),
    ]


def balancer_view(data: Mapping[str, Any], api_ca_path: str = "") -> dict[str, Any]:
    """What the load balancers serve: floating IPs and frontends, as the role ha_lb takes them.

    With the path of the cluster's certificate authority, servers of the API are held to it.
    """
    plan = Plan.from_dict(data)
    held = {"ca_path": api_ca_path, "host": API_HOST} if api_ca_path else {}
    return {
        "floating_ips": [
            {
                "name": item.name,
                "address": item.address,
                "prefix": item.prefix,
                **({"prefer": item.prefer} if item.prefer else {}),
            }
            for item in plan.floating_ips.values()
        ],
        "frontends": [
            {**item, "check": {**item["check"], **held}}
            if held and item["name"] == API_FRONTEND
            else item
            for item in plan.frontends
        ],
    }


def gateway_view(data: Mapping[str, Any]) -> dict[str, Any]:
    """What the gateway serves: its uplink, its segments, reserved hosts and further records."""
    plan = Plan.from_dict(data)
    legs = plan.machines[plan.gateway].nics if plan.gateway else []
    keys = ("name", "subnet", "prefix", "dhcp_start", "dhcp_end", "reaches", "dhcp_options")
    return {
        "uplink_interface": next(nic.name for nic in legs if nic.kind == "nat"),
        "segments": [
            {
                **{key: getattr(segment, key) for key in keys if getattr(segment, key) is not None},
                "interface": name,
                "address": segment.router,
            }
            for name, segment in plan.segments.items()
        ],
        "hosts": [
            {
                "name": machine.name,
                "mac": machine.nics[0].mac,
                "address": machine.address,
                "segment": machine.segment,
            }
            for machine in plan.machines.values()
            if machine.address
        ],
        "records": plan.records,
        "port_forwards": _port_forwards(plan),
    }


def cluster_nodes(data: Mapping[str, Any], role: str) -> list[dict[str, Any]]:
    """The machines of a role as cluster nodes; the id is the host number, so that it stays."""
    plan = Plan.from_dict(data)
    nodes = []
    for machine in plan.of_role(role):
        network = netaddr.IPNetwork(plan.segments[str(machine.segment)].subnet)
        number = int(netaddr.IPAddress(machine.address)) - int(network.network)
        nodes.append({"name": machine.name, "address": machine.address, "id": number})
    return nodes


def members(data: Mapping[str, Any], role: str | None = None) -> list[dict[str, Any]]:
    """Name and address of the machines of a role; of all machines without a role."""
    plan = Plan.from_dict(data)
    return [{"name": item.name, "address": item.address} for item in plan.of_role(role)]


def names(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Full name and address of all that has one address: machines and floating IPs."""
    plan = Plan.from_dict(data)
    machines = [(item.fqdn, item.address) for item in plan.machines.values()]
    floating = [(item.fqdn, item.address) for item in plan.floating_ips.values()]
    return [{"name": name, "address": at} for name, at in machines + floating if at]
