# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker is Ready, and a pod on it reaches the API by its Service name."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import testinfra
from testinfra.host import Host

NAME = "mol-" + os.environ["MOLECULE_SCENARIO_NAME"].replace("_", "-")
STATE = Path.home() / ".local/state/virtual.datacenter" / NAME
CONFIG = STATE / "ssh" / "config"


def machine(name: str) -> Host:
    return testinfra.get_host(f"ssh://{name}?ssh_config={CONFIG}", sudo=True)


KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
POD = "kubectl --kubeconfig /etc/kubernetes/admin.conf exec probe --"


def test_the_worker_is_ready() -> None:
    nodes = json.loads(machine("master1").check_output(f"{KUBECTL} get nodes -o json"))["items"]
    for node in nodes:
        conditions = {row["type"]: row["status"] for row in node["status"]["conditions"]}
        assert conditions["Ready"] == "True", node["metadata"]["name"]
    assert sorted(node["metadata"]["name"] for node in nodes) == ["master1", "node1"]


def test_the_node_has_the_label_of_the_example() -> None:
    node = json.loads(machine("master1").check_output(f"{KUBECTL} get node node1 -o json"))
    assert node["metadata"]["labels"]["example.com/rack"] == "r1"


def test_a_power_cut_right_after_init_left_the_cluster_its_data() -> None:
    """See power_cut.yml: the run after it ended the init, and did not begin another one."""
    plane = machine("master1")
    assert (
        plane.check_output(f"{KUBECTL} get configmap kept -o jsonpath={{.data.before}}")
        == "power-cut"
    )
    assert not plane.file("/etc/kubernetes/kubeadm-in-progress").exists
    plane.check_output(
        f"{KUBECTL} -n kube-system rollout status daemonset/kube-proxy --timeout=60s"
    )
    assert plane.run("ls -d /var/lib/etcd.*").stdout == ""


def test_cluster_dns_runs_on_both_nodes() -> None:
    plane = machine("master1")
    plane.check_output(f"{KUBECTL} -n kube-system rollout status deployment/coredns --timeout=120s")
    pods = json.loads(
        plane.check_output(f"{KUBECTL} -n kube-system get pods -l k8s-app=kube-dns -o json")
    )["items"]
    assert sorted(pod["spec"]["nodeName"] for pod in pods) == ["master1", "node1"]


def test_nothing_that_served_joining_is_left() -> None:
    plane = machine("master1")
    assert plane.check_output("kubeadm token list -o json") == ""
    assert not plane.file("/etc/kubernetes/super-admin.conf").exists
    assert not machine("node1").file("/run/kubeadm").exists


def test_a_full_disk_of_the_host_does_not_evict_by_a_share_of_it() -> None:
    settings = json.loads(
        machine("master1").check_output(f"{KUBECTL} get --raw /api/v1/nodes/node1/proxy/configz")
    )["kubeletconfig"]
    limits = settings["evictionHard"]
    assert {"nodefs.available", "imagefs.available", "memory.available"} <= set(limits)
    assert not [value for value in limits.values() if value.endswith("%")], limits
    assert settings["imageGCHighThresholdPercent"] == 100


def test_a_pod_on_it_reaches_the_api_by_service_name() -> None:
    plane = machine("master1")
    overrides = json.dumps({"spec": {"nodeName": "node1", "terminationGracePeriodSeconds": 1}})
    plane.check_output(
        f"{KUBECTL} run probe --image=virtual.datacenter/probe:1 --restart=Never"
        f" --overrides='{overrides}'"
    )
    try:
        plane.check_output(f"{KUBECTL} wait pod/probe --for=condition=Ready --timeout=120s")
        for _ in range(30):
            found = plane.run(f"{POD} nslookup kubernetes.default.svc.cluster.local")
            if found.rc == 0:
                break
            time.sleep(2)
        assert "10.96.0.1" in found.stdout
        plane.check_output(
            f"{POD} sh -c 'nc -w 5 kubernetes.default.svc.cluster.local 443 </dev/null'"
        )
    finally:
        plane.check_output(f"{KUBECTL} delete pod probe --now")
