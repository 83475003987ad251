# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three control planes answer through the floating IP, and their etcd is whole."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "molecule" / "k8s_control_plane" / "role.yml"
NAME = "mol-" + os.environ["MOLECULE_SCENARIO_NAME"].replace("_", "-")
STATE = Path.home() / ".local/state/virtual.datacenter" / NAME
CONFIG = STATE / "ssh" / "config"


def machine(name: str) -> Host:
    return testinfra.get_host(f"ssh://{name}?ssh_config={CONFIG}", sudo=True)


PLANES = ("master1", "master2", "master3")
KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
ETCDCTL = (
    f"{KUBECTL} -n kube-system exec etcd-master1 -- etcdctl"
    " --cacert=/etc/kubernetes/pki/etcd/ca.crt"
    " --cert=/etc/kubernetes/pki/etcd/healthcheck-client.crt"
    " --key=/etc/kubernetes/pki/etcd/healthcheck-client.key"
)


def test_every_machine_is_a_control_plane() -> None:
    nodes = json.loads(machine("master1").check_output(f"{KUBECTL} get nodes -o json"))["items"]
    assert sorted(node["metadata"]["name"] for node in nodes) == list(PLANES)
    for node in nodes:
        assert "node-role.kubernetes.io/control-plane" in node["metadata"]["labels"]


def test_the_api_answers_through_the_floating_ip() -> None:
    for name in PLANES:
        config = machine(name).file("/etc/kubernetes/admin.conf").content_string
        assert "server: https://api.example.internal:6443" in config
        assert machine(name).check_output(f"{KUBECTL} get --raw /readyz") == "ok"


def test_etcd_has_three_healthy_voters() -> None:
    members = json.loads(machine("master1").check_output(f"{ETCDCTL} member list -w json"))[
        "members"
    ]
    assert sorted(member["name"] for member in members) == list(PLANES)
    assert not any(member.get("isLearner") for member in members)
    health = json.loads(
        machine("master1").check_output(f"{ETCDCTL} endpoint health --cluster -w json")
    )
    assert [member["health"] for member in health] == [True, True, True]


def test_no_join_secret_is_left_on_a_machine() -> None:
    for name in PLANES:
        found = machine(name).run(
            "grep -rlE 'certificateKey|tlsBootstrapToken' /etc/kubernetes /run /root /home /tmp"
            " --include=*.y*ml"
        )
        assert found.stdout == ""


def test_the_kubeconfig_is_on_the_controller_for_its_owner_alone() -> None:
    assert (STATE / "kubernetes" / "admin.conf").stat().st_mode & 0o777 == 0o600


def test_nothing_that_served_joining_is_left() -> None:
    secrets = machine("master1").check_output(
        f"{KUBECTL} -n kube-system get secrets -o jsonpath='{{.items[*].metadata.name}}'"
    )
    assert [name for name in secrets.split() if not name.startswith("bootstrap-token-")] == []
    assert machine("master1").check_output("kubeadm token list -o json") == ""
    for name in PLANES:
        assert not machine(name).file("/etc/kubernetes/super-admin.conf").exists
        assert not machine(name).file("/run/kubeadm").exists


def test_no_data_of_etcd_was_moved_aside() -> None:
    """Two runs at once made one cluster, and neither took it for something to clear away."""
    for name in PLANES:
        assert machine(name).run("ls -d /var/lib/etcd.*").stdout == ""
        assert not machine(name).file("/etc/kubernetes/kubeadm-in-progress").exists


def test_cluster_dns_never_shares_a_node() -> None:
    rule = json.loads(
        machine("master1").check_output(
            f"{KUBECTL} -n kube-system get deployment coredns"
            " -o jsonpath='{.spec.template.spec.affinity.podAntiAffinity}'"
        )
    )
    assert list(rule) == ["requiredDuringSchedulingIgnoredDuringExecution"]
    assert rule["requiredDuringSchedulingIgnoredDuringExecution"] == [
        {
            "labelSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
            "topologyKey": "kubernetes.io/hostname",
        }
    ]


def refused(playbook: Path, *arguments: str) -> str:
    """What a dry run says that must be refused; the cluster is untouched in any case."""
    inventory = Path(os.environ["MOLECULE_INVENTORY_FILE"])
    source = inventory.parent if inventory.is_file() else inventory
    found = subprocess.run(
        [
            "ansible-playbook",
            "--check",
            "-i",
            str(source),
            str(playbook),
            *arguments,
        ],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"},
    )
    assert found.returncode != 0, found.stdout[-3000:]
    assert re.search(r"changed=[1-9]", found.stdout) is None, found.stdout[-3000:]
    return " ".join(found.stdout.split())


@pytest.mark.parametrize("layer", ["preflight", "runtime", "control_plane"])
def test_another_version_is_refused(layer: str) -> None:
    said = refused(
        ROOT / "playbooks" / f"{layer}.yml", "-e", "datacenter_kubernetes_version=1.37.1"
    )
    assert "Kubernetes 1.37.1 is wanted" in said
    assert "runs 1.36.2" in said


@pytest.mark.parametrize(
    "playbook",
    [ROOT / "playbooks" / "control_plane.yml", ROLE],
    ids=["layer", "role alone"],
)
def test_a_changed_setting_is_refused(playbook: Path) -> None:
    said = refused(playbook, "-e", '{"k8s_control_plane_apiserver_args": {"profiling": "false"}}')
    assert "apiServer.extraArgs.profiling: none -> false" in said
