# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the nodes of load balancers, their timers and their fence devices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import (
    Problems,
    shown,
)

# Below it corosync lost members that were there (measured under load).
SHORTEST_TOKEN_MS = 200
# The time in which nodes find one another (join of corosync.conf(5)); a consensus takes longer.
JOIN_MS = 50
WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")


def check_cluster(given: Mapping[str, Any], problems: Problems) -> None:
    nodes = given["nodes"]
    names = [str(node["name"]) for node in nodes]
    own = str(given["node_name"])
    if names.count(own) != 1:
        problems.add(
            f"ha_lb_nodes names the node {own} exactly once",
            f"found {', '.join(names) or 'no node'}",
            "ha_lb_nodes, or ha_lb_node_name",
        )
    ids = [str(node["id"]) for node in nodes]
    if len(set(ids)) != len(ids):
        problems.add(
            "Every node in ha_lb_nodes has an id of its own", f"found {', '.join(ids)}", "an id"
        )
    second = [node["name"] for node in nodes if node.get("ring1_address")]
    if len(second) not in (0, len(nodes)):
        problems.add(
            "All nodes in ha_lb_nodes have a ring1_address, or none has",
            f"only {', '.join(second)} has",
            "ha_lb_nodes",
        )
    for option in ("cluster_name", "stats_user"):
        if not WORD.match(str(given[option])):
            problems.add(
                f"ha_lb_{option} is of letters, digits, dots, dashes and underscores",
                f"found {shown(given[option])}",
                f"ha_lb_{option}",
            )
    _timers(given, len(nodes), problems)
    for device in given["fence_devices"]:
        if device["node"] not in names:
            problems.add(
                f"Every device in ha_lb_fence_devices fences a node of ha_lb_nodes"
                f" ({', '.join(names)})",
                f"device {device['name']} has {shown(device['node'])}",
                "node of this device",
            )


def _timers(given: Mapping[str, Any], nodes: int, problems: Problems) -> None:
    token, consensus = int(given["token_ms"]), int(given["consensus_ms"])
    if token < SHORTEST_TOKEN_MS:
        problems.add(
            f"ha_lb_token_ms is at least {SHORTEST_TOKEN_MS}", f"found {token}", "ha_lb_token_ms"
        )
    if consensus <= JOIN_MS:
        problems.add(
            f"ha_lb_consensus_ms is more than {JOIN_MS}, or 0 to choose",
            f"found {consensus}",
            "ha_lb_consensus_ms",
        )
    if nodes != 2 and consensus * 10 < token * 12:
        problems.add(
            "With more than two nodes ha_lb_consensus_ms is at least 1.2 times ha_lb_token_ms"
            f" ({token})",
            f"found {consensus}",
            "ha_lb_consensus_ms",
        )
