# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the firewall of a machine lets in: a view of the plan, in the words of role host_firewall.

The order counts: what the inventory opens outright, what the roles of machines need, what is for
them alone, and then what segments reach.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan import reach
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.library import netaddr
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.model import Machine, Plan
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.segments import leg_number
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.ways import (
    COROSYNC_PORTS,
    ETCD_PORTS,
    PEERS_PORT,
    SSH_PORT,
    VXLAN_PORT,
    WAYS,
)

NODES = ("control_plane", "worker")
# Machines whose services the plan does not know are open to their own segment.
OWN_SERVICES = ("server", None)
SSH = "SSH, for the gateways"
ETCD = "etcd, for control planes"
COROSYNC = "corosync, for load balancers"
PAGES = "statistics and metrics of haproxy"
VXLAN = "VXLAN of the pod network, for nodes"
# One gateway, and two.
TEAMS = (["first"], ["first", "second"])
Rule = dict[str, Any]


def _rule(
    name: str,
    ports: Iterable[Any] = (),
    sources: Iterable[Any] = (),
    protocol: str = "tcp",
    action: str = "accept",
) -> Rule:
    return {
        "name": name,
        "action": action,
        "protocol": protocol,
        "ports": [str(port) for port in ports],
        "sources": [str(source) for source in sources],
    }


def _addresses(plan: Plan, *roles: str) -> list[str]:
    return [item.address for role in roles for item in plan.of_role(role) if item.address]


def _gateways(plan: Plan, machine: Machine) -> list[str]:
    """The addresses that gateways have in the segment of a machine, or may have.

    A gateway that becomes one of two, or the only one, has another address before the machines
    hear of it.
    """
    network = netaddr.IPNetwork(plan.segments[str(machine.segment)].subnet)
    others = {item.address for item in plan.machines.values() if item.role != "gateway"}
    others |= {item.address for item in plan.floating_ips.values()}
    numbers = {leg_number(name, team) for team in TEAMS for name in team}
    found = [str(network[number]) for number in sorted(numbers) if network.size > number]
    return [address for address in found if address not in others]


def _of_roles(plan: Plan, machine: Machine) -> Iterator[Rule]:
    """The connections that machines of other roles, or of the same, open to this one."""
    sources: dict[tuple[str, str, tuple[int, ...]], list[str]] = {}
    for way in WAYS:
        if way.target == machine.role:
            key = (way.purpose, way.protocol, way.ports)
            sources.setdefault(key, []).extend(_addresses(plan, way.source))
    for (purpose, protocol, ports), of in sources.items():
        if of:
            yield _rule(purpose, ports, of, protocol)


def _of_frontends(plan: Plan, machine: Machine) -> Iterator[Rule]:
    """What the load balancers serve, and what they ask for that."""
    balancers = _addresses(plan, "load_balancer")
    for frontend in plan.frontends:
        if machine.role == "load_balancer":
            bound = (frontend["bind_port"], frontend.get("redirect_http_port"))
            yield _rule(f"frontend {frontend['name']}", [port for port in bound if port])
        for server in frontend["backends"]:
            if server["address"] == machine.address:
                yield _rule(f"backend of {frontend['name']}", [server["port"]], balancers)


def _page_ports(pages: Mapping[str, Any]) -> list[int]:
    return [int(port) for port in pages.get("ports", []) if int(port) > 0]


def _of_load_balancers(plan: Plan, machine: Machine, pages: Mapping[str, Any]) -> Iterator[Rule]:
    """The cluster of the load balancers, and the pages that tell how they are."""
    if machine.role != "load_balancer":
        return
    members = _addresses(plan, "load_balancer")
    yield _rule(COROSYNC, COROSYNC_PORTS, members, "udp")
    yield _rule("haproxy peers, for load balancers", [PEERS_PORT], members)
    ports = _page_ports(pages)
    if ports:
        watchers = [*_gateways(plan, machine), *pages.get("sources", [])]
        yield _rule(PAGES, ports, watchers)


def _published(plan: Plan, machine: Machine) -> Iterator[Rule]:
    for port in plan.published_ports:
        if port["to_address"] == machine.address:
            yield _rule(f"published port {port['name']}", [port["to_port"]])


def _opened(plan: Plan, machine: Machine) -> list[Rule]:
    return [
        _rule(item["name"], item["ports"], item["sources"], item["protocol"])
        for item in plan.open_ports
        if machine.name in item["machines"]
    ]


def _reached(plan: Plan, machine: Machine, whole: bool) -> Iterator[Rule]:
    """What other segments reach of this machine's: all of it, or its ports."""
    for segment in plan.segments.values():
        for entry in map(reach.read, segment.reaches):
            if entry is None or entry.segment != machine.segment or bool(entry.protocol) == whole:
                continue
            name = f"segment {segment.name} reaches {machine.segment}"
            if whole:
                yield _rule(name, (), [segment.subnet], "any")
            else:
                ports = reach.merged([(entry.first, entry.last)])
                yield _rule(name, ports, [segment.subnet], entry.protocol)


def _refused(name: str, ports: Iterable[int], protocol: str = "tcp") -> Rule:
    return _rule(name, ports, (), protocol, "refuse")


def _once(rules: Iterable[Rule]) -> list[Rule]:
    """Without what an earlier rule says already under another name."""
    found: dict[tuple[Any, ...], Rule] = {}
    for rule in rules:
        key = (rule["action"], rule["protocol"], *map(tuple, (rule["ports"], rule["sources"])))
        found.setdefault(key, rule)
    return list(found.values())


def _rules(plan: Plan, machine: Machine, pages: Mapping[str, Any]) -> Iterator[Rule]:
    node = machine.role in NODES
    opened = _opened(plan, machine)
    yield from opened
    yield _rule(SSH, [SSH_PORT], _gateways(plan, machine))
    yield from _of_roles(plan, machine)
    yield from _of_load_balancers(plan, machine, pages)
    yield from _of_frontends(plan, machine)
    yield from _published(plan, machine)
    if node:
        yield _refused(ETCD, ETCD_PORTS)
        yield _refused(VXLAN, [VXLAN_PORT], "udp")
    # Opened to some is closed to others, whatever segments reach.
    for rule in opened:
        if rule["sources"]:
            yield {**rule, "sources": [], "action": "refuse"}
    yield from _reached(plan, machine, whole=False)
    yield _refused(SSH, [SSH_PORT])
    if machine.role == "load_balancer":
        yield _refused(COROSYNC, COROSYNC_PORTS, "udp")
        if _page_ports(pages):
            yield _refused(PAGES, _page_ports(pages))
    if node:
        yield _rule("nodes among themselves", (), _addresses(plan, *NODES), "any")
    yield from _reached(plan, machine, whole=True)
    if machine.role in OWN_SERVICES:
        subnet = plan.segments[str(machine.segment)].subnet
        yield _rule(f"machines of segment {machine.segment}", (), [subnet], "any")


def host_firewall_view(
    data: Mapping[str, Any], name: str, pages: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What a machine that is no gateway lets in, for the options of the role host_firewall.

    `pages` of a load balancer are `ports` with its statistics and metrics, of which 0 is none, and
    the `sources` that may ask for them besides the gateways.
    """
    plan = Plan.from_dict(data)
    machine = plan.machines.get(name)
    if machine is None or machine.role == "gateway":
        others = [item.name for item in plan.machines.values() if item.role != "gateway"]
        raise ValueError(f"wanted: a machine ({', '.join(others)}); found: {name}")
    node = machine.role in NODES
    homes = {item.segment for role in NODES for item in plan.of_role(role)}
    refusals = [
        {"name": SSH, "protocol": "tcp", "ports": [str(SSH_PORT)]},
        {"name": ETCD, "protocol": "tcp", "ports": [str(port) for port in ETCD_PORTS]},
        {"name": VXLAN, "protocol": "udp", "ports": [str(VXLAN_PORT)]},
    ]
    return {
        "interfaces": [nic.name for nic in machine.nics],
        "rules": _once(_rules(plan, machine, pages or {})),
        "container_refusals": refusals if node else [],
        "machine_subnets": [
            segment.subnet for segment in plan.segments.values() if node and segment.name in homes
        ],
    }
