# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of the address plan: the part that one role needs, in the words of that role."""

from __future__ import annotations

import ipaddress
from typing import Any

Plan = dict[str, Any]


def gateway_view(plan: Plan) -> dict[str, Any]:
    """What the gateway serves: its uplink, its segments, reserved hosts and further records."""
    legs = plan["machines"][plan["gateway"]]["nics"]
    keys = ("name", "subnet", "prefix", "dhcp_start", "dhcp_end", "reaches")
    hosts = [
        {
            "name": machine["name"],
            "mac": machine["nics"][0]["mac"],
            "address": machine["address"],
            "segment": machine["segment"],
        }
        for machine in plan["machines"].values()
        if machine["address"]
    ]
    floating = plan["floating_ip"]
    return {
        "uplink_interface": next(nic["name"] for nic in legs if nic["kind"] == "nat"),
        "segments": [
            {
                **{key: segment[key] for key in keys if segment[key] is not None},
                "interface": name,
                "address": segment["router"],
            }
            for name, segment in plan["segments"].items()
        ],
        "hosts": hosts,
        "records": [{"name": floating["name"], "address": floating["address"]}] if floating else [],
    }


def cluster_nodes(plan: Plan, names: list[str]) -> list[dict[str, Any]]:
    """The named machines as cluster nodes; the id is the host number, so that it stays."""
    nodes = []
    for name in names:
        machine = plan["machines"][name]
        subnet = ipaddress.IPv4Network(plan["segments"][machine["segment"]]["subnet"])
        number = int(ipaddress.IPv4Address(machine["address"])) - int(subnet.network_address)
        nodes.append({"name": name, "address": machine["address"], "id": number})
    return nodes


def members(plan: Plan, names: list[str]) -> list[dict[str, Any]]:
    """Name and address of the named machines."""
    return [{"name": name, "address": plan["machines"][name]["address"]} for name in names]


def backends(plan: Plan, names: list[str], port: int) -> list[dict[str, Any]]:
    """The named machines as servers behind a load balancer."""
    return [{**member, "port": port} for member in members(plan, names)]
