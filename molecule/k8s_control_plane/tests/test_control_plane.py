# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three control planes answer through the floating IP, and their etcd is whole."""

from __future__ import annotations

import json
import os
from pathlib import Path

import testinfra
from testinfra.host import Host

NAME = "mol-" + os.environ["MOLECULE_SCENARIO_NAME"].replace("_", "-")
STATE = Path.home() / ".local/state/virtual.datacenter" / NAME
CONFIG = STATE / "ssh" / "config"


def machine(name: str) -> Host:
    return testinfra.get_host(f"ssh://{name}?ssh_config={CONFIG}", sudo=True)


PLANES = ("cp01", "cp02", "cp03")
KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
ETCDCTL = (
    f"{KUBECTL} -n kube-system exec etcd-cp01 -- etcdctl --cacert=/etc/kubernetes/pki/etcd/ca.crt"
    " --cert=/etc/kubernetes/pki/etcd/healthcheck-client.crt"
    " --key=/etc/kubernetes/pki/etcd/healthcheck-client.key"
)


def test_every_machine_is_a_control_plane() -> None:
    nodes = json.loads(machine("cp01").check_output(f"{KUBECTL} get nodes -o json"))["items"]
    assert sorted(node["metadata"]["name"] for node in nodes) == list(PLANES)
    for node in nodes:
        assert "node-role.kubernetes.io/control-plane" in node["metadata"]["labels"]


def test_the_api_answers_through_the_floating_ip() -> None:
    for name in PLANES:
        config = machine(name).file("/etc/kubernetes/admin.conf").content_string
        assert "server: https://api.dc.internal:6443" in config
        assert machine(name).check_output(f"{KUBECTL} get --raw /readyz") == "ok"


def test_etcd_has_three_healthy_voters() -> None:
    members = json.loads(machine("cp01").check_output(f"{ETCDCTL} member list -w json"))["members"]
    assert sorted(member["name"] for member in members) == list(PLANES)
    assert not any(member.get("isLearner") for member in members)
    health = json.loads(
        machine("cp01").check_output(f"{ETCDCTL} endpoint health --cluster -w json")
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
