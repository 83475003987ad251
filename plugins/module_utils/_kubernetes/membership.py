# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a machine is a member of a kubeadm cluster: the rules, without any input or output."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"
STATIC_PODS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
ETCD_DATA = "/var/lib/etcd/member"

# The words that the mark may say. An init that failed has begun a cluster that never was whole.
INIT = "init"
INIT_FAILED = "init-failed"

# Nothing of Kubernetes is on the machine.
ABSENT = "absent"
# A run of ours began to make it a member and did not end; it may be reset.
INTERRUPTED = "interrupted"
# It is a member, healthy or not.
MEMBER = "member"
# It holds something of Kubernetes that we did not begin, or was removed; it must not be touched.
FOREIGN = "foreign"
# Its cluster does not answer, so nobody can tell.
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Local:
    """What lies on the machine."""

    mark: str = ""
    kubelet_conf: bool = False
    static_pods: frozenset[str] = frozenset()
    leftovers: tuple[str, ...] = ()

    @property
    def initialises(self) -> bool:
        return self.mark in (INIT, INIT_FAILED)

    @property
    def resumable(self) -> bool:
        """An init that did not end, of which all files and the data of etcd are there."""
        return (
            self.initialises
            and self.kubelet_conf
            and self.static_pods >= set(STATIC_PODS)
            and any(path.endswith(ETCD_DATA) for path in self.leftovers)
        )


@dataclass(frozen=True)
class Node:
    """A node object, as far as we care."""

    name: str
    address: str
    pod_cidr: str
    ready: bool
    control_plane: bool
    version: str
    labels: dict[str, str]
    taints: tuple[dict[str, str], ...]


@dataclass(frozen=True)
class EtcdMember:
    """A member of etcd. It has no name until it has started."""

    id: str
    name: str
    peer_urls: tuple[str, ...]
    learner: bool

    @property
    def voter(self) -> bool:
        return bool(self.name) and not self.learner


@dataclass(frozen=True)
class Cluster:
    """What the cluster says; None where it does not say."""

    api_ready: bool = False
    nodes: t.Mapping[str, Node] | None = None
    etcd: tuple[EtcdMember, ...] | None = None
    # Only asked about after an init: its last step.
    addons: bool | None = None
    problems: tuple[str, ...] = field(default=())


def parse_node(document: t.Mapping[str, t.Any]) -> Node:
    """A node object of the API."""
    metadata, status = document["metadata"], document.get("status", {})
    spec, labels = document.get("spec", {}), metadata.get("labels") or {}
    addresses = {
        entry["type"]: entry["address"] for entry in reversed(status.get("addresses") or [])
    }
    conditions = {entry["type"]: entry["status"] for entry in status.get("conditions") or []}
    return Node(
        name=metadata["name"],
        address=addresses.get("InternalIP", ""),
        pod_cidr=spec.get("podCIDR", ""),
        ready=conditions.get("Ready") == "True",
        control_plane=CONTROL_PLANE_LABEL in labels,
        version=status.get("nodeInfo", {}).get("kubeletVersion", ""),
        labels=dict(labels),
        taints=tuple(
            {key: taint.get(key, "") for key in ("key", "value", "effect")}
            for taint in spec.get("taints") or []
        ),
    )


def parse_etcd_members(document: t.Mapping[str, t.Any]) -> tuple[EtcdMember, ...]:
    """The answer to etcd's member list."""
    return tuple(
        EtcdMember(
            id=str(entry["ID"]),
            name=entry.get("name", ""),
            peer_urls=tuple(entry.get("peerURLs", ())),
            learner=bool(entry.get("isLearner", False)),
        )
        for entry in document.get("members", ())
    )


def control_plane_gaps(name: str, local: Local, cluster: Cluster) -> list[str]:
    """What is still missing from a control plane that is whole."""
    node = (cluster.nodes or {}).get(name)
    checks = {
        "no /etc/kubernetes/kubelet.conf": local.kubelet_conf,
        "not all static pods": local.static_pods >= set(STATIC_PODS),
        "its API server is not ready": cluster.api_ready,
        "the cluster has no such node": node is not None,
        "not marked as a control plane": node is not None and node.control_plane,
        "no started, voting member of etcd": any(
            member.name == name and member.voter for member in cluster.etcd or ()
        ),
        "no addons yet": not local.initialises or bool(cluster.addons),
    }
    return [gap for gap, passed in checks.items() if not passed]


def control_plane_state(name: str, local: Local, cluster: Cluster) -> tuple[str, list[str]]:
    """The state, and what a whole member would have besides."""
    if not local.leftovers:
        return ABSENT, []
    gaps = control_plane_gaps(name, local, cluster)
    if not gaps:
        return MEMBER, []
    if local.mark:
        return INTERRUPTED, gaps
    if local.kubelet_conf and local.static_pods >= set(STATIC_PODS):
        return MEMBER, gaps
    return FOREIGN, gaps


def worker_state(name: str, local: Local, cluster: Cluster) -> tuple[str, list[str]]:
    """A worker asks with its own certificate for its own node."""
    if not local.leftovers:
        return ABSENT, []
    if local.kubelet_conf and cluster.nodes is None and not cluster.problems:
        return UNKNOWN, ["the cluster does not answer"]
    if name in (cluster.nodes or {}):
        return MEMBER, []
    return (INTERRUPTED if local.mark else FOREIGN), ["the cluster has no such node"]


# What can be waited for; each but the first two needs a healthy member too.
CONDITIONS = ("answer", "api_ready", "healthy", "etcd_members", "pod_ranges", "nodes_ready")


def reached(
    condition: str, state: str, gaps: t.Sequence[str], cluster: Cluster, members: t.Iterable[str]
) -> bool:
    """Whether the condition holds; C(members) are the names that etcd must know as voters."""
    if condition == "answer":
        return state != UNKNOWN
    if condition == "api_ready":
        return cluster.api_ready
    if state != MEMBER or gaps:
        return False
    etcd, nodes = cluster.etcd or (), (cluster.nodes or {}).values()
    if condition == "etcd_members":
        return all(member.voter for member in etcd) and set(members) <= {
            member.name for member in etcd
        }
    if condition == "pod_ranges":
        return all(node.pod_cidr for node in nodes)
    return condition == "healthy" or all(node.ready for node in nodes)
