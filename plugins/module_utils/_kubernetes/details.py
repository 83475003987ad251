# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What objects of a cluster say: secrets for joining, settings, where cluster DNS may run."""

from __future__ import annotations

import base64
import binascii
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._kubernetes.membership import (
    CONTROL_PLANE_LABEL,
    Node,
)

SECRETS = "/api/v1/namespaces/kube-system/secrets"
TOKENS = f"{SECRETS}?fieldSelector=type%3Dbootstrap.kubernetes.io%2Ftoken"
CERTIFICATES = "kubeadm-certs"
DNS = "/apis/apps/v1/namespaces/kube-system/deployments/coredns"
CONFIG_MAPS = "/api/v1/namespaces/kube-system/configmaps"
# The kind of a document of settings: its ConfigMap, and the key in it.
SETTINGS = {
    "ClusterConfiguration": ("kubeadm-config", "ClusterConfiguration"),
    "KubeletConfiguration": ("kubelet-config", "kubelet"),
    "KubeProxyConfiguration": ("kube-proxy", "config.conf"),
}
# Tokens of joins, by description: those of the roles, and the one that kubeadm ties its Secret to.
DESCRIPTIONS = (
    "virtual.datacenter",
    "Proxy for managing TTL for the kubeadm-certs secret",
)


def _description(secret: t.Mapping[str, t.Any]) -> str:
    try:
        encoded = (secret.get("data") or {}).get("description", "")
        return base64.b64decode(encoded).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


def own_tokens(document: t.Mapping[str, t.Any]) -> list[str]:
    """The names of the Secrets of bootstrap tokens that a join has made."""
    return [
        secret["metadata"]["name"]
        for secret in document.get("items") or []
        if _description(secret) in DESCRIPTIONS
    ]


def dns_is_spread(deployment: t.Mapping[str, t.Any]) -> bool:
    """Whether no two pods of this Deployment may run on the same node."""
    template = deployment["spec"]["template"]
    labels = template["metadata"]["labels"]
    rules = (
        (template["spec"].get("affinity") or {})
        .get("podAntiAffinity", {})
        .get("requiredDuringSchedulingIgnoredDuringExecution")
    )
    return any(
        rule.get("topologyKey") == "kubernetes.io/hostname"
        and (rule.get("labelSelector") or {}).get("matchLabels", {}).items() <= labels.items()
        and not (rule.get("labelSelector") or {}).get("matchExpressions")
        for rule in rules or []
    )


def dns_nodes(nodes: t.Iterable[Node]) -> list[str]:
    """The nodes that can take a pod of cluster DNS, those included that are away for a while."""

    def keeps_it_off(taint: t.Mapping[str, str]) -> bool:
        passing = taint["key"] == CONTROL_PLANE_LABEL or taint["key"].startswith(
            "node.kubernetes.io/"
        )
        return taint["effect"] in ("NoSchedule", "NoExecute") and not passing

    return sorted(node.name for node in nodes if not any(map(keeps_it_off, node.taints)))


def shared_dns(pods: t.Iterable[t.Mapping[str, t.Any]], nodes: t.Iterable[Node]) -> str:
    """Why cluster DNS goes down with one node although another one can take a pod; or nothing.

    C(pods) are its Pod objects; a pod that is being removed does not count.
    """
    where = [
        pod["spec"].get("nodeName", "")
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
        and pod.get("status", {}).get("phase") in ("Pending", "Running")
    ]
    able = dns_nodes(node for node in nodes if node.ready)
    used = sorted(set(where) - {""})
    if len(able) < 2 or len(used) > 1:
        return ""
    return (
        f"cluster DNS has {len(where)} pod(s) on {', '.join(used) or 'no node'}, and"
        f" {', '.join(able)} can take one each"
    )
