# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pod network needs in the kernel comes back after somebody took it away."""

from __future__ import annotations

import time

import pytest
from layers import changed
from test_host_firewall import RULES
from test_worker import machine
from testinfra.host import Host


@pytest.fixture
def node() -> Host:
    return machine("node1")


def rules(node: Host) -> list[str]:
    lines = node.check_output("iptables --table nat --list-rules").splitlines()
    return sorted(line for line in lines if "POD-NETWORK" in line)


def converge() -> str:
    return changed("workers")


@pytest.mark.parametrize(
    "harm",
    [
        "iptables --table nat --delete POSTROUTING --jump POD-NETWORK",
        "iptables --table nat --delete POD-NETWORK 4",
        "ip link delete pods0; ip link add pods0 type vxlan id 77 dstport 8472 local 10.70.2.41",
    ],
    ids=["jump", "rule", "device"],
)
def test_a_run_puts_right_what_somebody_did(node: Host, harm: str) -> None:
    before = rules(node)
    assert any("MASQUERADE" in line for line in before)
    assert "-A POSTROUTING -j POD-NETWORK" in before
    node.check_output(harm)
    assert converge() == "changed=1"
    assert rules(node) == before
    assert "vxlan id 1 local 10.70.2.41" in node.check_output("ip -details link show pods0")


def test_the_rules_come_back_with_nftables(node: Host) -> None:
    before = rules(node)
    let_in = node.check_output(RULES)
    node.check_output("systemctl start nftables && systemctl restart nftables")
    # systemd starts both units behind that of nftables.
    end = time.monotonic() + 60
    while (rules(node), node.run(RULES).stdout) != (before, let_in) and time.monotonic() < end:
        time.sleep(0.5)
    assert rules(node) == before
    assert node.check_output(RULES) == let_in
    # kube-proxy does not notice soon that its own rules were flushed with them.
    kube = "kubectl --kubeconfig /etc/kubernetes/admin.conf --namespace kube-system rollout"
    machine("master1").check_output(f"{kube} restart daemonset/kube-proxy")
    machine("master1").check_output(f"{kube} status daemonset/kube-proxy --timeout 180s")
    assert converge() == "changed=0"
