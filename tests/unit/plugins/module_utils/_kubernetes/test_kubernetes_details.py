# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that serve joining, and the nodes of cluster DNS."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._kubernetes import details
from ansible_collections.virtual.datacenter.plugins.module_utils._kubernetes.membership import (
    CONTROL_PLANE_LABEL,
    Cluster,
    EtcdMember,
    Node,
    reached,
)

TAINT = {"key": CONTROL_PLANE_LABEL, "value": "", "effect": "NoSchedule"}
AWAY = {"key": "node.kubernetes.io/unreachable", "value": "", "effect": "NoExecute"}
OWN = {"key": "storage", "value": "", "effect": "NoSchedule"}


def node(name: str, *taints: dict[str, str], ready: bool = True) -> Node:
    return Node(name, "", "10.244.0.0/24", ready, False, "", {}, taints)


def token(name: str, description: str | None) -> dict[str, Any]:
    data = {}
    if description is not None:
        data["description"] = base64.b64encode(description.encode()).decode()
    return {"metadata": {"name": name}, "data": data}


def test_only_tokens_of_joins_are_ours() -> None:
    document = {
        "items": [
            token("a", "virtual.datacenter"),
            token("b", "Proxy for managing TTL for the kubeadm-certs secret"),
            token("c", "of the administrator"),
            token("d", None),
            {"metadata": {"name": "e"}},
        ]
    }
    assert details.own_tokens(document) == ["a", "b"]


def deployment(affinity: Any) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"k8s-app": "kube-dns"}},
        "spec": {"affinity": affinity},
    }
    return {"spec": {"template": template}}


RULE = {
    "topologyKey": "kubernetes.io/hostname",
    "labelSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}
PREFERRED = {"preferredDuringSchedulingIgnoredDuringExecution": [{"podAffinityTerm": RULE}]}


@pytest.mark.parametrize(
    ("affinity", "spread"),
    [
        (None, False),
        # As kubeadm makes it.
        ({"podAntiAffinity": PREFERRED}, False),
        ({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [RULE]}}, True),
        (
            {
                "podAntiAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": [
                        {**RULE, "topologyKey": "topology.kubernetes.io/zone"}
                    ]
                }
            },
            False,
        ),
    ],
)
def test_dns_is_spread(affinity: Any, spread: bool) -> None:
    assert details.dns_is_spread(deployment(affinity)) is spread


def test_nodes_that_can_take_dns() -> None:
    nodes = [node("cp01", TAINT), node("worker01", AWAY), node("worker02", OWN)]
    assert details.dns_nodes(nodes) == ["cp01", "worker01"]


def pod(where: str, phase: str = "Running", **metadata: str) -> dict[str, Any]:
    spec = {"nodeName": where} if where else {}
    return {"metadata": metadata, "spec": spec, "status": {"phase": phase}}


TWO = [node("cp01", TAINT), node("worker01")]


@pytest.mark.parametrize(
    ("pods", "nodes", "wrong"),
    [
        ([pod("cp01"), pod("worker01")], TWO, False),
        ([pod("cp01"), pod("cp01")], TWO, True),
        ([pod("cp01"), pod("", "Pending")], TWO, True),
        ([pod("cp01"), pod("worker01", deletionTimestamp="now")], TWO, True),
        ([pod("cp01"), pod("worker01", "Failed")], TWO, True),
        # With one node there is nothing to choose.
        ([pod("cp01"), pod("cp01")], TWO[:1], False),
        ([pod("cp01"), pod("", "Pending")], [TWO[0], node("worker01", ready=False)], False),
        ([pod("cp01"), pod("cp01")], [TWO[0], node("worker01", OWN)], False),
    ],
)
def test_shared_dns(pods: list[Any], nodes: list[Node], wrong: bool) -> None:
    problem = details.shared_dns(pods, nodes)
    assert bool(problem) is wrong
    if wrong:
        assert "on cp01, and cp01, worker01 can take one each" in problem


MEMBER = EtcdMember("1", "cp01", (), learner=False)
WHOLE = Cluster(api_ready=True, nodes={"cp01": node("cp01")}, etcd=(MEMBER,))


@pytest.mark.parametrize(
    ("condition", "state", "gaps", "cluster", "members", "holds"),
    [
        ("answer", "unknown", [], Cluster(), [], False),
        ("answer", "foreign", [], Cluster(), [], True),
        ("api_ready", "interrupted", ["no addons yet"], WHOLE, [], True),
        ("api_ready", "member", [], Cluster(), [], False),
        ("healthy", "member", [], WHOLE, [], True),
        ("healthy", "member", ["a gap"], WHOLE, [], False),
        ("healthy", "interrupted", [], WHOLE, [], False),
        ("etcd_members", "member", [], WHOLE, ["cp01"], True),
        ("etcd_members", "member", [], WHOLE, ["cp01", "cp02"], False),
        ("pod_ranges", "member", [], WHOLE, [], True),
        ("nodes_ready", "member", [], WHOLE, [], True),
        (
            "nodes_ready",
            "member",
            [],
            Cluster(nodes={"cp01": node("cp01", ready=False)}),
            [],
            False,
        ),
    ],
)
def test_what_is_waited_for(
    condition: str, state: str, gaps: list[str], cluster: Cluster, members: list[str], holds: bool
) -> None:
    assert reached(condition, state, gaps, cluster, members) is holds
