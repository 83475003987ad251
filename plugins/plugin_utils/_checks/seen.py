# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was seen of a data center, and what was planned: all that a check knows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.virtual.datacenter.plugins.module_utils._kubernetes import membership


def came(result: Mapping[str, Any]) -> bool:
    """Whether the result of a task is one: its machine was reached, and it did not fail."""
    return bool(result) and not any(result.get(key) for key in ("unreachable", "failed", "skipped"))


def having(key: str, results: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """The results that have this key: those of modules that could answer."""
    return {name: item for name, item in (results or {}).items() if key in item}


def objects(result: Mapping[str, Any] | None) -> list[dict[str, Any]] | None:
    """The objects that kubernetes.core.k8s_info returned; None if the API did not answer it."""
    # It does not fail where something else than the API answers.
    answered = result and "resources" in result and result.get("api_found", True)
    return list(result["resources"]) if result and answered else None


def complaint(results: Iterable[Mapping[str, Any]]) -> str:
    """Why the API did not answer one of these questions; empty if it answered all of them."""
    for result in results:
        if objects(result) is None:
            return " ".join(str(result.get("msg") or "no answer").split())
    return ""


def is_dns(pod: Mapping[str, Any]) -> bool:
    return (pod["metadata"].get("labels") or {}).get("k8s-app") == "kube-dns"


def etcd_health(text: str) -> list[dict[str, Any]] | None:
    """What `etcdctl endpoint health --write-out=json` said; None if that is no JSON."""
    try:
        return list(json.loads(text))
    except ValueError:
        return None


class Seen:
    """Any part may be missing; a check of what was not looked at finds nothing."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        plan = data.get("plan") or {}
        self.name: str = plan.get("name", "")
        # The machines of the plan, by name; in the order of the inventory.
        self.planned: dict[str, Any] = dict(plan.get("machines") or {})
        # One or two machines that are the one router.
        self.gateways: list[str] = list(plan.get("gateways") or [])
        self.routers: dict[str, str] = {
            name: segment["router"] for name, segment in (plan.get("segments") or {}).items()
        }
        # Names of planned floating IPs by their addresses; none where there are no load balancers.
        planned = (plan.get("floating_ips") or {}).values() if self.of_role("load_balancer") else ()
        self.floating_names: dict[str, str] = {item["address"]: item["name"] for item in planned}
        self.floating_ips: list[str] = list(data.get("floating_ips") or self.floating_names)
        # The names that must be Ready, and those of them that run a member of etcd.
        self.nodes: list[str] = sorted(data.get("nodes") or [])
        self.control_planes: list[str] = list(data.get("control_planes") or [])
        self.kubernetes_version: str = data.get("kubernetes_version") or ""
        # The SSH command that a user types before the name of a machine; hints show it.
        self.ssh: str = data.get("ssh") or "ssh"
        self.kubectl: str = data.get("kubectl") or "kubectl"
        self._power: dict[str, str] | None = data.get("power")
        # For each machine that answered: what machine_health_info, pacemaker_info and kubeadm_info
        # returned.
        results: dict[str, dict[str, Any]] = dict(data.get("health") or {})
        self.health = {name: item for name, item in results.items() if came(item)}
        self.pacemaker = having("connected", data.get("pacemaker"))
        self.members = having("state", data.get("members"))
        # The machines that have each floating IP, where only that was looked at.
        self.held_by: dict[str, list[str]] | None = data.get("held_by")
        # What was said of a machine that did not answer, in one line.
        self.silence: dict[str, str] = {
            name: " ".join(str(item["msg"]).split()).rstrip(".")
            for name, item in results.items()
            if not came(item) and item.get("msg")
        }
        # The objects of the API, None where it was not asked or did not answer. Its complaint is
        # empty if it answered, None if it was not asked.
        with_api = self.control_planes or not self.planned
        questions = ("nodes_found", "pods_found") if with_api else ()
        asked = [found for key in questions if (found := data.get(key))]
        self.api_complaint: str | None = complaint(asked) if asked else None
        nodes = objects(data.get("nodes_found"))
        self.found_nodes = None if nodes is None else list(map(membership.parse_node, nodes))
        self.pods = objects(data.get("pods_found"))
        self.dns_pods = None if self.pods is None else list(filter(is_dns, self.pods))
        self.etcd_health = etcd_health((data.get("etcd_found") or {}).get("stdout") or "")
        self.certificates: dict[str, list[dict[str, Any]]] = {
            **{
                name: item["certificates"]
                for name, item in self.health.items()
                if item.get("certificates")
            },
            **(data.get("certificates") or {}),
        }

    def of_role(self, role: str) -> list[str]:
        return [name for name, machine in self.planned.items() if machine.get("role") == role]

    def power_of(self, name: str) -> str:
        """The state of its power; absent if its host does not have it, empty if it was not "
        "asked."""
        return "" if self._power is None else self._power.get(name, "absent")

    @staticmethod
    def macs(machine: Mapping[str, Any]) -> list[str]:
        return [str(nic["mac"]).lower() for nic in machine.get("nics") or []]
