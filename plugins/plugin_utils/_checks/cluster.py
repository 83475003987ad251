# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what machines are together. Each takes what was seen, and yields what it found."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.virtual.datacenter.plugins.module_utils._kubernetes import details
from ansible_collections.virtual.datacenter.plugins.plugin_utils._checks.check import (
    FAILED,
    NOTE,
    UNKNOWN,
    WARNING,
    Check,
    listing,
    one,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._checks.seen import Seen, having

LOAD_BALANCERS = "load balancers"
GATEWAYS = "gateways"
PACEMAKER_HINT = (
    "Look at crm_mon -1 on a load balancer. The playbook virtual.datacenter.load_balancer "
    "puts the cluster in order."
)
CLUSTER = "kubernetes"
STONITH = "stonith:"


def holders(seen: Seen, address: str) -> list[str]:
    """The machines that have a floating IP."""
    if seen.held_by is not None:
        return seen.held_by.get(address, [])
    return [
        name for name, health in seen.health.items() if address in (health.get("addresses") or [])
    ]


def held_since(seen: Seen, address: str) -> str:
    """When pacemaker started the address where it is."""
    found = next(iter(having("connected", seen.pacemaker).values()), {})
    resource = found.get("resources", {}).get(f"ha_lb_address_{seen.floating_names.get(address)}")
    return ", ".join(filter(None, (resource or {}).get("since", {}).values()))


def floating_ips_are_held_once(seen: Seen) -> Iterator[Check]:
    """Exactly one machine holds each floating IP."""
    asked = seen.of_role("load_balancer")
    silent = [name for name in asked if name not in seen.health]
    for address in seen.floating_ips:
        found = holders(seen, address)
        if asked and silent == asked:
            sentence = f"Who holds the floating IP {address} is not known: nobody answers."
            yield Check(LOAD_BALANCERS, UNKNOWN, sentence)
            continue
        problem = ""
        if len(found) != 1:
            problem = (
                f"The floating IP {address} is to be held by exactly one load balancer, "
                f"and is held by {listing(found)}{' of those that answer' if silent else ''}."
            )
        since = held_since(seen, address)
        well = (
            f"The floating IP {address} is held by {listing(found)}"
            f"{f' since {since}' if since else ''}."
        )
        yield one(LOAD_BALANCERS, problem, well, PACEMAKER_HINT)


def routers_are_held_once(seen: Seen) -> Iterator[Check]:
    """Exactly one of two gateways holds the routers' addresses, the same one in all segments."""
    asked = [name for name in seen.gateways if name in seen.health]
    if len(seen.gateways) < 2 or not asked:
        return
    held = {
        segment: [name for name in asked if router in (seen.health[name].get("addresses") or [])]
        for segment, router in seen.routers.items()
    }
    wrong = {segment: names for segment, names in held.items() if len(names) != 1}
    hint = (
        f"Look at: {seen.ssh} {asked[0]} systemctl status keepalived. The playbook "
        "virtual.datacenter.gateway puts the gateways in order."
    )
    silent = " of those that answer" if len(asked) < len(seen.gateways) else ""
    if wrong:
        found = ", ".join(
            f"that of {segment} is held by {' and '.join(names) or f'none{silent}'}"
            for segment, names in wrong.items()
        )
        sentence = f"The address of each router is to be held by exactly one gateway, and {found}."
        yield Check(GATEWAYS, FAILED, sentence, hint)
        return
    holding = list(dict.fromkeys(names[0] for names in held.values()))
    problem = ""
    if len(holding) > 1:
        problem = (
            f"One gateway is to be the router of all segments, and {' and '.join(holding)} are "
            "that of some each."
        )
    well = f"The router of all segments is {listing(holding)}."
    yield one(GATEWAYS, problem, well, hint, WARNING)


def load_balancers_have_quorum(seen: Seen) -> Iterator[Check]:
    """The load balancers are one cluster with quorum, and each of them is a member."""
    if not seen.pacemaker:
        return
    connected = {name: found for name, found in seen.pacemaker.items() if found.get("connected")}
    quorate = {name: found for name, found in connected.items() if found.get("quorate")}
    if not quorate:
        sentence = (
            "No load balancer is in a cluster with quorum; in one without it: "
            f"{listing(connected)}."
        )
        yield Check(LOAD_BALANCERS, FAILED, sentence, PACEMAKER_HINT)
        return
    name = min(quorate)
    found = quorate[name]
    wanted = seen.of_role("load_balancer") or list(seen.pacemaker)
    away = [member for member in wanted if member not in found["online"]]
    problem = (
        f"The cluster of the load balancers has quorum, but not its members {listing(away)}."
        if away
        else ""
    )
    yield one(
        LOAD_BALANCERS,
        problem,
        f"The load balancers {listing(wanted)} are one cluster with quorum.",
        PACEMAKER_HINT,
        WARNING,
    )
    aside = [
        member for member, node in found["nodes"].items() if node["standby"] or node["maintenance"]
    ]
    if aside:
        hint = (
            f"End it when the work is done: {seen.ssh} {aside[0]} sudo crm_standby --node "
            f"{aside[0]} --delete"
        )
        yield Check(
            LOAD_BALANCERS, WARNING, f"{listing(aside)} is in standby or maintenance.", hint
        )
    for failure in found["failures"]:
        reason = f": {failure['exitreason']}" if failure["exitreason"] else ""
        sentence = (
            f"{failure['op_key']} failed on {failure['node']} at {failure['last_rc_change']} "
            f"({failure['exitstatus']}{reason})."
        )
        hint = f"Once the cause is gone: {seen.ssh} {name} sudo crm_resource --cleanup"
        yield Check(failure["node"] or LOAD_BALANCERS, WARNING, sentence, hint)


def load_balancers_are_fenced(seen: Seen) -> Iterator[Check]:
    """The host can take the power from each load balancer that does not answer."""
    found = next((item for item in seen.pacemaker.values() if item.get("quorate")), None)
    if found is None or len(found["nodes"]) < 2:
        return
    devices = {
        name: item for name, item in found["resources"].items() if item["agent"].startswith(STONITH)
    }
    if not devices:
        sentence = (
            "The load balancers do not fence each other: two that do not see each other would both "
            "hold the floating IPs."
        )
        yield Check(LOAD_BALANCERS, NOTE, sentence)
        return
    whole = all(
        node["online"] and not node["standby"] and not node["maintenance"]
        for node in found["nodes"].values()
    )
    # A device never runs on the node that it is for: that one is left alone while another is away.
    idle = [name for name, item in devices.items() if not item["nodes"] and whole]
    failed = [name for name, item in devices.items() if item["failed"] or name in idle]
    problem = ""
    if failed:
        problem = (
            f"The load balancers are to fence each other, and these devices do not answer: "
            f"{listing(failed)}."
        )
    well = f"The load balancers fence each other by {listing(devices)}."
    hint = (
        "Who does not see a load balancer waits with its floating IPs until the device answers. "
        "The playbook virtual.datacenter.load_balancer puts the devices in order."
    )
    yield one(LOAD_BALANCERS, problem, well, hint, WARNING)


def backends_are_up(seen: Seen) -> Iterator[Check]:
    """Each load balancer sees every server behind it up."""
    for name, health in seen.health.items():
        servers = health.get("servers") or []
        down = [server for server in servers if not server["status"].startswith(("UP", "no check"))]
        if not servers:
            continue
        seen_down = listing(
            f"{server['name']} {server['status']} ({server['check']})" for server in down
        )
        problem = f"{name} sees behind it: {seen_down}." if down else ""
        state = FAILED if len(down) == len(servers) else WARNING
        well = f"{name} sees {listing(server['name'] for server in servers)} up."
        yield one(name, problem, well, "Look at the machines that are down.", state)


def members_are_whole(seen: Seen) -> Iterator[Check]:
    """Each machine of the cluster is a healthy member of it, with its etcd where it has one."""
    for name, found in seen.members.items():
        gaps = listing(found.get("gaps") or [], f"its state is {found.get('state')}")
        problem = (
            "" if found.get("healthy") else f"{name} is no healthy member of the cluster: {gaps}."
        )
        layer = "control_plane" if name in seen.control_planes else "workers"
        hint = (
            f"Look at: {seen.ssh} {name} sudo journalctl -u kubelet -n 50. The playbook "
            f"virtual.datacenter.{layer} completes it."
        )
        yield one(name, problem, f"{name} is a healthy member of the cluster.", hint)


def cause(complaint: str) -> str:
    """The innermost text of what a Python client complains about."""
    inside = re.search(r"""Caused by .*?["']([^"']{5,})["']\)""", complaint)
    return (inside.group(1) if inside else complaint).rpartition(">: ")[2].rstrip(". ")


def api_answers(seen: Seen) -> Iterator[Check]:
    """The API answers through the floating IP."""
    if seen.api_complaint is None:
        return
    problem = ""
    if seen.api_complaint:
        problem = f"The API of Kubernetes does not answer: {cause(seen.api_complaint)}."
    hint = "Look at the floating IP and at the control planes."
    yield one(CLUSTER, problem, "The API of Kubernetes answers through the floating IP.", hint)


def nodes_are_ready(seen: Seen) -> Iterator[Check]:
    """Every planned node is Ready."""
    if seen.found_nodes is None:
        return
    ready = [node.name for node in seen.found_nodes if node.ready and node.name in seen.nodes]
    problem = (
        f"All of {listing(seen.nodes)} are to be Ready, and Ready are {listing(ready)}."
        if set(seen.nodes) != set(ready)
        else ""
    )
    hint = f"Look at: {seen.kubectl} describe nodes"
    yield one(CLUSTER, problem, f"The nodes {listing(seen.nodes)} are Ready.", hint)


def no_other_nodes(seen: Seen) -> Iterator[Check]:
    """Nodes of the cluster that are not in the inventory are named."""
    names = {node.name for node in seen.found_nodes or []}
    others = sorted(names - set(seen.nodes))
    if others:
        hint = (
            "Put them into the inventory, or take them out of the cluster: kubectl drain, then "
            "kubectl delete node."
        )
        yield Check(
            CLUSTER,
            WARNING,
            f"The cluster has nodes that are not in the inventory: {listing(others)}.",
            hint,
        )


def versions_are_as_planned(seen: Seen) -> Iterator[Check]:
    """Every kubelet has the planned version of Kubernetes."""
    if not seen.kubernetes_version or seen.found_nodes is None:
        return
    others = [
        f"{node.name} has {node.version}"
        for node in seen.found_nodes
        if node.version.lstrip("v") != seen.kubernetes_version
    ]
    problem = (
        f"Kubernetes {seen.kubernetes_version} is planned, and {listing(others)}." if others else ""
    )
    hint = "Set datacenter_kubernetes_version to what runs."
    yield one(
        CLUSTER, problem, f"All nodes run Kubernetes {seen.kubernetes_version}.", hint, WARNING
    )


def cluster_dns_is_spread(seen: Seen) -> Iterator[Check]:
    """Cluster DNS runs, and does not go down with one node where there are two."""
    if seen.dns_pods is None or seen.found_nodes is None:
        return
    shared = details.shared_dns(seen.dns_pods, seen.found_nodes)
    problem = ""
    if shared:
        problem = (
            "The pods of cluster DNS are to run on different nodes, so that the loss of one "
            f"node leaves the other pod, and {shared}."
        )
    hint = (
        "Run the playbooks virtual.datacenter.control_plane and virtual.datacenter.workers, "
        "which spread them."
    )
    yield one(
        CLUSTER, problem, "The loss of one node does not take cluster DNS away.", hint, WARNING
    )


def etcd_is_healthy(seen: Seen) -> Iterator[Check]:
    """Every control plane's member of etcd is healthy."""
    if seen.etcd_health is None:
        return
    healthy = sum(bool(member.get("health")) for member in seen.etcd_health)
    wanted = len(seen.control_planes)
    sick = [
        member.get("endpoint", "a member")
        for member in seen.etcd_health
        if not member.get("health")
    ]
    problem = ""
    if healthy != wanted:
        problem = (
            f"etcd is to have {wanted} healthy members, and has "
            f"{healthy}{f'; not healthy: {listing(sick)}' if sick else ''}."
        )
    bears = f"it bears the loss of {(wanted - 1) // 2}"
    hint = (
        f"Look at the pods of etcd: {seen.kubectl} --namespace kube-system get pods --selector "
        "component=etcd --output wide"
    )
    yield one(CLUSTER, problem, f"All {wanted} members of etcd are healthy; {bears}.", hint)


def pods_run(seen: Seen) -> Iterator[Check]:
    """The pods of the system run and are ready."""
    if seen.pods is None:
        return
    waiting = []
    for pod in seen.pods:
        states = (pod.get("status") or {}).get("containerStatuses") or []
        phase = (pod.get("status") or {}).get("phase")
        whole = phase == "Succeeded" or (
            phase == "Running" and all(item.get("ready") for item in states)
        )
        if not whole:
            waiting.append(f"{pod['metadata']['name']} ({phase or 'unknown'})")
    problem = f"Pods of the system are not ready: {listing(waiting)}." if waiting else ""
    hint = f"Look at: {seen.kubectl} --namespace kube-system describe pod NAME"
    yield one(
        CLUSTER, problem, f"All {len(seen.pods)} pods of the system are ready.", hint, WARNING
    )


def one_control_plane_is_named(seen: Seen) -> Iterator[Check]:
    """A cluster that does not bear the loss of a control plane is named as what it is."""
    if 0 < len(seen.control_planes) < 3 and seen.planned:
        sentence = f"With {len(seen.control_planes)} control planes etcd bears the loss of none."
        yield Check(CLUSTER, NOTE, sentence)
