# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of nodes and of the API lie outside of the service and the pod range."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.template import trust_as_template
from role_templar import role_templar, trusted

ROLES = Path(__file__).resolve().parents[3] / "roles"


def preflight(role: str) -> list[dict[str, Any]]:
    text = (ROLES / role / "tasks" / "preflight.yml").read_text(encoding="utf-8")
    return list(yaml.safe_load(text))


def captured(addresses: list[str], *ranges: str) -> list[str]:
    """The addresses of the API that kube-proxy would capture, as the role works them out."""
    role = "k8s_control_plane"
    templar = role_templar(
        ROLES / role,
        k8s_control_plane_members=[{"name": "cp01", "address": addresses[0]}],
        k8s_control_plane_cert_sans=addresses[1:],
        k8s_control_plane_service_subnet=ranges[0],
        k8s_control_plane_pod_subnet=ranges[-1],
    )
    (text,) = [
        task["vars"]["__k8s_control_plane_captured"] for task in preflight(role) if "vars" in task
    ]
    return list(templar.template(trust_as_template(text)))


def test_only_what_lies_inside() -> None:
    addresses = ["10.96.0.5", "10.111.0.1", "fd00::1", "localhost", "", "10.96.255.255"]
    assert captured(addresses, "10.96.0.0/16") == ["10.96.0.5", "10.96.255.255"]
    assert captured(addresses, "10.96.0.0/12", "fd00::/8") == [
        "10.96.0.5",
        "10.111.0.1",
        "fd00::1",
        "10.96.255.255",
    ]
    assert captured(addresses, "192.0.2.0/24") == []


@pytest.mark.parametrize(
    ("address", "accepted"),
    [("", True), ("10.70.2.11", True), ("10.96.0.5", False), ("cp01", False), ("10.70.2", False)],
)
def test_the_address_of_a_node_is_one_and_lies_outside(address: str, accepted: bool) -> None:
    templar = role_templar(
        ROLES / "k8s_node", k8s_node_address=address, k8s_node_cluster_subnets=["10.96.0.0/16"]
    )
    conditions = preflight("k8s_node")[0]["ansible.builtin.assert"]["that"]
    held = [templar.evaluate_conditional(trusted(condition)) for condition in conditions[1:]]
    assert all(held) == accepted
