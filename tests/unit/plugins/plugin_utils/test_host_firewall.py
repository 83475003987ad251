# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the firewalls of the machines of inventories/virtualbox let in, asked as packets are."""

from __future__ import annotations

import functools
import ipaddress
from typing import Any

import pytest
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.host_firewall import (
    host_firewall_view,
)

from inventories import Inventory

LB01, LB02, CP01, CP02, WORKER01 = (
    "10.70.1.11",
    "10.70.1.12",
    "10.70.2.11",
    "10.70.2.12",
    "10.70.3.11",
)
WEB01, WEB02 = "10.70.4.11", "10.70.4.12"
EDGE, CONTROL, WORKER, STORAGE = "10.70.1.1", "10.70.2.1", "10.70.3.1", "10.70.4.1"
STRANGER = "10.70.3.222"
PAGES = {"ports": [8404, 0], "sources": ["192.0.2.0/24"]}
SERVERS = {
    "server": {
        "web01": {"machine_segment": "storage", "machine_address": WEB01},
        "web02": {"machine_segment": "storage", "machine_address": WEB02},
    }
}


@functools.cache
def plan(second_gateway: bool = False) -> dict[str, Any]:
    inventory = Inventory()
    add = {**SERVERS, **({"gateway": {"gate02": {}}} if second_gateway else {})}
    inventory.change(
        {
            "add": add,
            "all": {
                "datacenter_open_ports": [
                    {"name": "metrics", "to": ["server", "cp01"], "from": ["lb01"], "ports": [9100]}
                ],
                "datacenter_published_ports": [{"name": "web", "port": 8088, "to": "web01"}],
            },
            "segment": {
                "edge": {"reaches": ["control:6443", "control:9100", "storage:9100"]},
                "worker": {
                    "reaches": [
                        "edge:6443",
                        "edge:80",
                        "control:6443",
                        "control:10250",
                        "control:8472/udp",
                        "control:2379",
                        "storage:22",
                    ]
                },
            },
        }
    )
    found = inventory.check()
    assert found["problems"] == []
    return dict(found["plan"])


def let_in(view: dict[str, Any], source: str, port: int, protocol: str = "tcp") -> bool:
    """What the first rule that fits says, as the kernel reads them; what fits none is refused."""
    for rule in view["rules"]:
        nets = [ipaddress.ip_network(item) for item in rule["sources"]]
        ranges = [item.split("-") for item in rule["ports"]]
        if (
            rule["protocol"] in ("any", protocol)
            and (not nets or any(ipaddress.ip_address(source) in net for net in nets))
            and (not ranges or any(int(item[0]) <= port <= int(item[-1]) for item in ranges))
        ):
            return bool(rule["action"] == "accept")
    return False


@pytest.mark.parametrize(
    ("machine", "port", "allowed", "refused"),
    [
        ("cp01", 22, [CONTROL], [CP02, WORKER01, LB01, EDGE]),
        ("cp01", 2379, [CP01, CP02], [WORKER01, LB01, CONTROL, STRANGER]),
        ("cp01", 2380, [CP02], [WORKER01, LB01]),
        ("cp01", 6443, [LB01, LB02, CP02, WORKER01], [CONTROL, "10.70.2.222"]),
        ("cp01", 10250, [CP02, WORKER01], [LB01, CONTROL]),
        ("cp01", 9100, [LB01], [LB02, CP02, WORKER01]),
        ("worker01", 22, [WORKER], [CP01, "10.70.3.12", LB01]),
        ("worker01", 10250, [CP01, "10.70.3.12"], [LB01, STRANGER]),
        ("worker01", 9999, [CP01, "10.70.3.12"], [STRANGER, LB01]),
        ("lb01", 22, [EDGE], [LB02, CP01]),
        ("lb01", 6443, [CP01, WORKER01, EDGE, "10.0.2.2"], []),
        ("lb01", 8404, [EDGE, "192.0.2.7"], [LB02, CP01, WORKER01]),
        ("lb01", 8405, [LB02], [CP01]),
        ("lb01", 80, [WORKER01, STRANGER], [CP01]),
        ("web01", 22, [STORAGE, WORKER01], [WEB02, LB01]),
        ("web01", 8088, ["10.0.2.2"], []),
        ("web01", 5432, [WEB02, "10.70.4.222"], [WORKER01, LB01]),
        ("web02", 9100, [LB01], [LB02, WEB01, WORKER01]),
    ],
)
def test_who_may_open_a_port(
    machine: str, port: int, allowed: list[str], refused: list[str]
) -> None:
    view = host_firewall_view(plan(), machine, PAGES)
    assert [source for source in allowed if not let_in(view, source, port)] == []
    assert [source for source in refused if let_in(view, source, port)] == []


def test_the_pod_network_and_corosync_are_for_their_members() -> None:
    for machine in ("cp01", "worker01"):
        view = host_firewall_view(plan(), machine)
        assert let_in(view, CP02, 8472, "udp") and let_in(view, "10.70.3.12", 8472, "udp")
        for source in (LB01, STRANGER, CONTROL, WORKER):
            assert not let_in(view, source, 8472, "udp")
    view = host_firewall_view(plan(), "lb02")
    assert let_in(view, LB01, 5405, "udp")
    for source in (EDGE, CP01, WORKER01):
        assert not let_in(view, source, 5405, "udp")


@pytest.mark.parametrize("second_gateway", [False, True])
def test_ssh_is_for_the_addresses_of_one_gateway_and_of_two(second_gateway: bool) -> None:
    """The one becomes one of two, and has another address, before machines hear of it."""
    view = host_firewall_view(plan(second_gateway=second_gateway), "cp01")
    sources = ["10.70.2.1", "10.70.2.2", "10.70.2.3"]
    assert [item for item in sources if let_in(view, item, 22)] == sources
    assert not let_in(view, "10.70.2.4", 22)


def test_ssh_is_not_for_a_machine_with_the_second_address_of_its_segment() -> None:
    inventory = Inventory()
    inventory.change({"machine": {"cp02": {"machine_address": "10.70.2.2"}}})
    view = host_firewall_view(inventory.check()["plan"], "cp01")
    assert let_in(view, "10.70.2.3", 22) and not let_in(view, "10.70.2.2", 22)


def test_pods_are_kept_from_what_is_for_nodes() -> None:
    view = host_firewall_view(plan(), "worker01")
    assert view["interfaces"] == ["worker"]
    assert [item["ports"] for item in view["container_refusals"]] == [
        ["22"],
        ["2379", "2380"],
        ["8472"],
    ]
    assert view["machine_subnets"] == ["10.70.2.0/24", "10.70.3.0/24"]
    assert host_firewall_view(plan(), "lb01")["container_refusals"] == []


def test_a_gateway_has_no_such_firewall() -> None:
    with pytest.raises(ValueError, match=r"wanted: a machine \(lb01, .*\); found: gate01"):
        host_firewall_view(plan(), "gate01")
