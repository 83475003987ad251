# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine is: the table of the rules, and what servers answer."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._kubernetes import membership
from ansible_collections.virtual.datacenter.plugins.module_utils._kubernetes.membership import (
    Cluster,
    EtcdMember,
    Local,
    Node,
)
from hypothesis import given
from hypothesis import strategies as st

WHOLE = Local(
    kubelet_conf=True,
    static_pods=frozenset(membership.STATIC_PODS),
    leftovers=("/etc/kubernetes/kubelet.conf",),
)
NODE = Node("cp01", "10.70.2.11", "10.244.0.0/24", True, True, "v1.36.2", {}, ())
VOTER = EtcdMember("1", "cp01", ("https://10.70.2.11:2380",), learner=False)
GOOD = Cluster(api_ready=True, nodes={"cp01": NODE}, etcd=(VOTER,), addons=None)


def local(**changes: Any) -> Local:
    return Local(**{**vars(WHOLE), **changes})


def cluster(**changes: Any) -> Cluster:
    return Cluster(**{**vars(GOOD), **changes})


@pytest.mark.parametrize(
    ("found", "says", "state", "gap"),
    [
        (Local(), Cluster(), "absent", None),
        # A mark alone: killed before kubeadm wrote anything.
        (Local(mark="join"), Cluster(), "absent", None),
        (WHOLE, GOOD, "member", None),
        (local(mark="join"), GOOD, "member", None),
        (local(mark="init"), cluster(addons=True), "member", None),
        (local(mark="init"), cluster(addons=False), "interrupted", "no addons yet"),
        (local(mark="init"), GOOD, "interrupted", "no addons yet"),
        (local(mark="join"), Cluster(), "interrupted", "its API server is not ready"),
        (
            local(mark="join"),
            cluster(nodes={"cp01": Node("cp01", "", "", True, False, "", {}, ())}),
            "interrupted",
            "not marked as a control plane",
        ),
        (
            local(mark="join"),
            cluster(etcd=(EtcdMember("1", "cp01", (), learner=True),)),
            "interrupted",
            "no started, voting member of etcd",
        ),
        # Added, but never started: it has no name.
        (
            local(mark="join"),
            cluster(etcd=(EtcdMember("1", "", VOTER.peer_urls, learner=False),)),
            "interrupted",
            "no started, voting member of etcd",
        ),
        # Without a mark it is never interrupted, and so never reset.
        (WHOLE, Cluster(), "member", "its API server is not ready"),
        (WHOLE, cluster(nodes={}), "member", "the cluster has no such node"),
        (
            Local(leftovers=("/etc/kubernetes/admin.conf",)),
            Cluster(),
            "foreign",
            "not all static pods",
        ),
        (local(static_pods=frozenset()), GOOD, "foreign", "not all static pods"),
    ],
)
def test_control_plane_state(found: Local, says: Cluster, state: str, gap: str | None) -> None:
    answer, gaps = membership.control_plane_state("cp01", found, says)
    assert answer == state
    assert (gap in gaps) if gap else gaps == []


@given(
    mark=st.sampled_from(["", "init", "join"]),
    kubelet_conf=st.booleans(),
    static_pods=st.frozensets(st.sampled_from(membership.STATIC_PODS)),
    leftovers=st.lists(st.just("/etc/kubernetes/admin.conf"), max_size=1).map(tuple),
    ready=st.booleans(),
)
def test_only_what_has_a_mark_is_interrupted(
    mark: str,
    kubelet_conf: bool,
    static_pods: frozenset[str],
    leftovers: tuple[str, ...],
    ready: bool,
) -> None:
    """Interrupted machines are reset, so this must hold for every machine there can be."""
    found = Local(mark, kubelet_conf, static_pods, leftovers)
    for state, _gaps in (
        membership.control_plane_state("cp01", found, cluster(api_ready=ready)),
        membership.worker_state("cp01", found, cluster(nodes={} if ready else None)),
    ):
        assert state != "interrupted" or mark != ""


JOINED = Local(kubelet_conf=True, leftovers=("/etc/kubernetes/kubelet.conf",))
BEGUN = Local(mark="join", kubelet_conf=True, leftovers=("/etc/kubernetes/kubelet.conf",))


@pytest.mark.parametrize(
    ("found", "says", "state"),
    [
        (Local(), Cluster(), "absent"),
        (JOINED, cluster(nodes={"cp01": NODE}), "member"),
        (BEGUN, cluster(nodes={"cp01": NODE}), "member"),
        (JOINED, Cluster(), "unknown"),
        (BEGUN, Cluster(), "unknown"),
        # 404: the node was deleted.
        (JOINED, Cluster(nodes={}, problems=("404",)), "foreign"),
        (BEGUN, Cluster(nodes={}, problems=("404",)), "interrupted"),
        # Another cluster answers there.
        (JOINED, Cluster(problems=("certificate verify failed",)), "foreign"),
        (BEGUN, Cluster(problems=("certificate verify failed",)), "interrupted"),
        # The kubelet has not got its certificate yet.
        (Local(mark="join", leftovers=("/var/lib/kubelet/config.yaml",)), Cluster(), "interrupted"),
        (Local(leftovers=("/var/lib/kubelet/config.yaml",)), Cluster(), "foreign"),
    ],
)
def test_worker_state(found: Local, says: Cluster, state: str) -> None:
    assert membership.worker_state("cp01", found, says)[0] == state


def test_parse_node() -> None:
    document = {
        "metadata": {"name": "cp01", "labels": {membership.CONTROL_PLANE_LABEL: "", "a": "b"}},
        "spec": {
            "podCIDR": "10.244.0.0/24",
            "taints": [{"key": membership.CONTROL_PLANE_LABEL, "effect": "NoSchedule"}],
        },
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": "10.70.2.11"},
                {"type": "InternalIP", "address": "fd00::11"},
                {"type": "Hostname", "address": "cp01"},
            ],
            "conditions": [{"type": "Ready", "status": "False"}],
            "nodeInfo": {"kubeletVersion": "v1.36.2"},
        },
    }
    assert membership.parse_node(document) == Node(
        name="cp01",
        address="10.70.2.11",
        pod_cidr="10.244.0.0/24",
        ready=False,
        control_plane=True,
        version="v1.36.2",
        labels={membership.CONTROL_PLANE_LABEL: "", "a": "b"},
        taints=({"key": membership.CONTROL_PLANE_LABEL, "value": "", "effect": "NoSchedule"},),
    )


def test_parse_a_node_that_has_just_registered() -> None:
    node = membership.parse_node({"metadata": {"name": "worker01"}})
    assert (node.address, node.pod_cidr, node.ready, node.taints) == ("", "", False, ())


def test_parse_etcd_members() -> None:
    document = {
        "header": {"member_id": "1"},
        "members": [
            {"ID": "13", "name": "cp01", "peerURLs": ["https://10.70.2.11:2380"]},
            {"ID": "14", "peerURLs": ["https://10.70.2.12:2380"], "isLearner": True},
        ],
    }
    first, second = membership.parse_etcd_members(document)
    assert first.voter and first.id == "13"
    assert not second.voter and second.name == "" and second.learner
