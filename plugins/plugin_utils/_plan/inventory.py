# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the address plan needs to know of an inventory, read from hostvars and groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.library import netaddr

ROLE_GROUPS = ("gateway", "load_balancer", "control_plane", "worker", "server")


def inventory_machines(
    names: list[str],
    hostvars: Mapping[str, Any],
    groups: Mapping[str, list[str]],
    defaults: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """One dictionary per machine; `role` is None unless it is in exactly one role group."""
    machines = []
    for name in names:
        variables = hostvars[name]
        roles = [role for role in ROLE_GROUPS if name in groups.get(role, [])]
        machines.append(
            {
                "name": str(name),
                "roles": roles,
                "role": roles[0] if len(roles) == 1 else None,
                "groups": [str(group) for group, hosts in groups.items() if name in hosts],
                "segment": variables.get("machine_segment"),
                "address": variables.get("machine_address"),
                "cpus": int(variables.get("machine_cpus", defaults["cpus"])),
                "memory_mb": int(variables.get("machine_memory_mb", defaults["memory_mb"])),
                "disks": variables.get("machine_disks") or [],
                "volume_groups": variables.get("machine_volume_groups") or [],
                "host": str(variables.get("machine_host", defaults["host"])),
            }
        )
    return machines


def host_networks(hosts: list[str], hostvars: Mapping[str, Any]) -> list[dict[str, str]]:
    """The IPv4 networks of the hosts' interfaces, from their facts."""
    networks = []
    for host in hosts:
        facts = hostvars[host].get("ansible_facts", {})
        for interface in facts.get("interfaces", []):
            found = facts.get(str(interface).replace("-", "_"), {})
            for entry in [found.get("ipv4"), *found.get("ipv4_secondaries", [])]:
                if not entry or not entry.get("network"):
                    continue
                network = netaddr.IPNetwork(f"{entry['network']}/{entry['netmask']}").cidr
                if network.is_loopback() or network.prefixlen == 0:
                    continue
                networks.append(
                    {"host": str(host), "interface": str(interface), "network": str(network)}
                )
    return networks


def host_memory_mb(hosts: list[str], hostvars: Mapping[str, Any]) -> dict[str, int]:
    """The memory of the hosts in MB, from their facts; a host without facts has no entry."""
    found = {
        str(host): hostvars[host].get("ansible_facts", {}).get("memtotal_mb") for host in hosts
    }
    return {host: int(memory) for host, memory in found.items() if memory}
