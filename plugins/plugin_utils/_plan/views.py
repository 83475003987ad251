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
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.library import netaddr
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.model import Plan
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.ways import API_PORT


def _port_forwards(plan: Plan) -> list[dict[str, Any]]:
    """What leads from the gateway's uplink to what is behind it."""
    api = plan.floating_ips.get(API)
    if api is None:
        return plan.published_ports
    first = {"name": API, "port": API_PORT, "to_address": api.address, "to_port": API_PORT}
    return [first, *plan.published_ports]


def host_ports(
    data: Mapping[str, Any], ssh_port: int, api_port: int, second_step: int
) -> list[dict[str, Any]]:
    """The loopback ports of the gateways' host, and the ports of a gateway that they lead to.

    Those that lead through the second gateway are `second_step` higher.
    """
    plan = Plan.from_dict(data)
    ports = [("ssh", ssh_port, 22)] + [
        (port["name"], api_port if port["name"] == API else port["port"], port["port"])
        for port in _port_forwards(plan)
    ]
    return [
        {
            "name": f"{name}-{gateway}" if number else name,
            "host_port": host_port + number * second_step,
            "guest_port": guest_port,
            "machine": gateway,
        }
        for number, gateway in enumerate(plan.gateways)
        for name, host_port, guest_port in ports
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


def _legs(plan: Plan, gateway: str) -> dict[str, str]:
    """The addresses of a gateway by the names of segments."""
    nics = plan.machines[gateway].nics
    return {nic.segment: nic.address for nic in nics if nic.segment and nic.address}


def gateway_view(data: Mapping[str, Any], gateway: str = "") -> dict[str, Any]:
    """What a gateway serves: its uplink, its segments, reserved hosts and further records.

    Without a name it is the first one. Of two, each has an address of its own in each segment, and
    knows those of the other, its peer.
    """
    plan = Plan.from_dict(data)
    gateway = gateway or plan.gateways[0]
    if gateway not in plan.gateways:
        raise ValueError(f"wanted: a gateway ({', '.join(plan.gateways)}); found: {gateway}")
    legs = plan.machines[gateway].nics
    peers = [name for name in plan.gateways if name != gateway]
    own = _legs(plan, gateway) if peers else {}
    keys = ("name", "subnet", "prefix", "dhcp_start", "dhcp_end", "reaches", "dhcp_options")
    return {
        "uplink_interface": next(nic.name for nic in legs if nic.kind == "nat"),
        "segments": [
            {
                **{key: getattr(segment, key) for key in keys if getattr(segment, key) is not None},
                "interface": name,
                "address": segment.router,
                **({"own_address": own[name]} if name in own else {}),
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
        "peer": {"name": peers[0], "addresses": _legs(plan, peers[0])} if peers else {},
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
