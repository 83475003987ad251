# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of a host firewall: refused in sentences, and merged as nftables takes them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.firewall_rules import (
    firewall_problems,
    firewall_rules,
)

RULE = {"name": "web", "protocol": "tcp", "ports": ["80"], "sources": ["10.0.0.0/8"]}


def problems(**changed: Any) -> list[str]:
    given: dict[str, Any] = {
        "rules": [RULE],
        "container_refusals": [],
        "interfaces": ["eth0"],
        "machine_subnets": ["10.70.1.0/24"],
        "trial_seconds": 60,
    }
    return firewall_problems({**given, **changed})


def test_good_rules_are_accepted() -> None:
    assert problems() == []
    assert problems(rules=[{"name": "all", "protocol": "any", "ports": [], "sources": []}]) == []


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"rules": [{**RULE, "name": 'a" accept'}]},
            "The name of a rule in host_firewall_rules is 1 to 100 letters, digits, spaces and"
            " ,.:()/_-: found 'a\" accept'. Change host_firewall_rules.",
        ),
        (
            {"rules": [{**RULE, "ports": ["0"]}]},
            "A port is a number from 1 to 65535, or a range such as 8000-8010: found '0'."
            " Change ports of web in host_firewall_rules.",
        ),
        (
            {"rules": [{**RULE, "ports": ["90-80"]}]},
            "A port is a number from 1 to 65535, or a range such as 8000-8010: found '90-80'."
            " Change ports of web in host_firewall_rules.",
        ),
        (
            {"rules": [{**RULE, "protocol": "any"}]},
            "Ports are of tcp or udp: found any. Change protocol of web in host_firewall_rules.",
        ),
        (
            {"rules": [{**RULE, "sources": ["10.0.0.1/8"]}]},
            "A source is an IPv4 address, or a network such as 10.70.1.0/24: found '10.0.0.1/8'."
            " Change sources of web in host_firewall_rules.",
        ),
        (
            {"container_refusals": [{**RULE, "ports": []}]},
            "What containers may not open has ports: found none."
            " Change ports of web in host_firewall_container_refusals.",
        ),
        (
            {"interfaces": ['eth0"']},
            "host_firewall_interfaces has names of interfaces: found 'eth0\"'."
            " Change host_firewall_interfaces.",
        ),
        (
            {"machine_subnets": ["everything"]},
            "host_firewall_machine_subnets has networks such as 10.70.1.0/24: found 'everything'."
            " Change host_firewall_machine_subnets.",
        ),
        (
            {"trial_seconds": 5},
            "New rules are on trial for 10 seconds or more: found 5."
            " Change host_firewall_trial_seconds.",
        ),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, dict) else "",
)
def test_what_cannot_work_is_refused(changed: dict[str, Any], sentence: str) -> None:
    assert problems(**changed) == [sentence]


def test_ports_and_sources_that_overlap_are_merged() -> None:
    sources = ["10.0.0.1", "10.0.0.0/24", "10.0.1.0/24", "192.0.2.1"]
    (rule,) = firewall_rules([{"name": "web", "ports": ["80", "79-81", "443"], "sources": sources}])
    assert rule["ports"] == ["79-81", "443"]
    assert rule["sources"] == ["10.0.0.0/23", "192.0.2.1"]
    assert (rule["action"], rule["protocol"]) == ("accept", "tcp")


def test_a_port_that_is_none_is_not_passed_over() -> None:
    with pytest.raises(ValueError, match="wanted: ports such as 22 or 8000-8010; found: http"):
        firewall_rules([{"name": "web", "ports": ["http"]}])
