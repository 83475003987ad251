# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address plan: what it derives, and what it rejects."""

from __future__ import annotations

import copy
import ipaddress
from typing import Any

import pytest
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.address import (
    address_plan,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.machines import mac_address
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.model import Plan
from hypothesis import given
from hypothesis import strategies as st
from plan_machines import machine

GOOD: dict[str, Any] = {
    "name": "demo",
    "domain": "dc.internal",
    "floating_ip": "10.70.1.10",
    "segments": [
        {
            "name": "edge",
            "subnet": "10.70.1.0/24",
            "dhcp_start": "10.70.1.200",
            "dhcp_end": "10.70.1.250",
            "reaches": ["control"],
        },
        {"name": "control", "subnet": "10.70.2.0/24", "reaches": ["edge"]},
    ],
    "machines": [
        machine("gate01", "gateway"),
        machine("lb01", "load_balancer", "edge", "10.70.1.11"),
        machine("lb02", "load_balancer", "edge", "10.70.1.12"),
        machine("cp01", "control_plane", "control", "10.70.2.11"),
    ],
    "reserved_ranges": {
        "datacenter_pod_subnet": "10.244.0.0/16",
        "datacenter_service_subnet": "10.96.0.0/16",
    },
    "host_networks": [],
    "host_memory_mb": {"vbox01": 8192},
}


def changed(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(GOOD), **changes}


def with_machine(name: str, **changes: Any) -> dict[str, Any]:
    config = copy.deepcopy(GOOD)
    for item in config["machines"]:
        if item["name"] == name:
            item.update(changes)
    return config


def with_segment(name: str, **changes: Any) -> dict[str, Any]:
    config = copy.deepcopy(GOOD)
    for item in config["segments"]:
        if item["name"] == name:
            item.update(changes)
    return config


def without(name: str) -> dict[str, Any]:
    config = copy.deepcopy(GOOD)
    config["machines"] = [item for item in config["machines"] if item["name"] != name]
    return config


def test_a_good_plan_has_no_problems_and_every_address() -> None:
    result = address_plan(GOOD)
    assert result["problems"] == []
    plan = result["plan"]
    assert (plan["gateway"], plan["gateways"]) == ("gate01", ["gate01"])
    assert plan["floating_ips"] == {
        "api": {
            "name": "api",
            "fqdn": "api.dc.internal",
            "address": "10.70.1.10",
            "prefix": 24,
            "segment": "edge",
            "prefer": None,
        }
    }
    assert plan["segments"]["edge"]["router"] == "10.70.1.1"
    assert plan["segments"]["edge"]["prefix"] == 24
    assert [nic["name"] for nic in plan["machines"]["gate01"]["nics"]] == [
        "uplink",
        "edge",
        "control",
    ]
    assert plan["machines"]["gate01"]["nics"][2]["address"] == "10.70.2.1"
    assert plan["machines"]["cp01"]["router"] == "10.70.2.1"


def with_two_gateways() -> dict[str, Any]:
    config = copy.deepcopy(GOOD)
    config["machines"].append(machine("gate00", "gateway"))
    return config


def test_of_two_gateways_the_router_is_neither() -> None:
    result = address_plan(with_two_gateways())
    assert result["problems"] == []
    plan = result["plan"]
    # In the order of the inventory, whatever they are called.
    assert (plan["gateway"], plan["gateways"]) == ("gate01", ["gate01", "gate00"])
    assert plan["segments"]["edge"]["router"] == "10.70.1.1"
    assert plan["machines"]["cp01"]["router"] == "10.70.2.1"
    assert {
        name: [nic["address"] for nic in plan["machines"][name]["nics"]]
        for name in plan["gateways"]
    } == {
        "gate01": [None, "10.70.1.2", "10.70.2.2"],
        "gate00": [None, "10.70.1.3", "10.70.2.3"],
    }
    assert Plan.from_dict(plan).as_dict() == plan


def test_a_second_gateway_moves_no_other_machine() -> None:
    before, after = address_plan(GOOD)["plan"], address_plan(with_two_gateways())["plan"]
    others = [name for name in before["machines"] if name != "gate01"]
    assert [before["machines"][name] for name in others] == [
        after["machines"][name] for name in others
    ]
    assert before["segments"] == after["segments"]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (with_segment("control", subnet="10.70.1.128/25"), "Segments do not overlap"),
        (with_segment("control", subnet="10.70.2.0/33"), "must be an IPv4 network"),
        (with_segment("control", subnet="10.70.2.7/24"), "has host bits set"),
        (with_segment("control", reaches=["moon"]), "'moon' is none of edge, control"),
        (with_segment("control", subnet="10.96.4.0/24"), "outside of datacenter_service_subnet"),
        (with_segment("edge", dhcp_end="10.70.9.9"), "10.70.9.9 is outside"),
        (with_segment("edge", dhcp_start="10.70.1.1"), "The router 10.70.1.1"),
        (with_segment("edge", dhcp_end="10.70.1.100"), "starts before it ends"),
        (with_machine("cp01", address="10.70.1.44"), "lies in its segment control"),
        (with_machine("cp01", address="10.70.2.1"), "is not the router"),
        (with_machine("cp01", address="10.70.2.255"), "is a host address"),
        (with_machine("cp01", address="10.70.2"), "must be an IPv4 address"),
        (with_machine("cp01", address=None), "has an explicit address"),
        (with_machine("cp01", segment="moon"), "is on a known segment"),
        (with_machine("cp01", segment=None), "Machine cp01 is on a segment"),
        (with_machine("lb01", address="10.70.1.210"), "not in the DHCP pool"),
        (with_machine("lb02", address="10.70.1.11"), "is of both lb01 and lb02"),
        (with_machine("lb02", address="10.70.1.10"), "is of both the floating IP and lb02"),
        (with_machine("cp01", role=None, roles=["worker", "control_plane"]), "exactly one of"),
        (with_machine("lb02", role="control_plane"), "number of control planes is odd"),
        (with_machine("lb02", memory_mb=99999), "fit into its memory"),
        (with_machine("lb02", disks={"size_mb": 5}), "machine_disks of lb02 is a list of disks"),
        (with_machine("lb02", disks=[{"size": 5}]), "machine_disks of lb02 is a list of disks"),
        (with_machine("lb02", disks=[{"size_mb": "5 GB"}]), "size_mb in whole megabytes"),
        (with_machine("lb02", volume_groups=["data"]), "each with its name: found ['data']"),
        (without("gate01"), "one or two gateways"),
        (changed(floating_ip="10.70.1.220"), "floating IP is not in a DHCP pool"),
        (changed(floating_ip="10.70.2.50"), "in the segment of every load balancer"),
        (changed(floating_ip="10.70.1.1"), "floating IP is not the router"),
        (changed(floating_ip=""), "Load balancers have a floating IP"),
        (
            changed(
                host_networks=[{"host": "vbox01", "interface": "eth0", "network": "10.70.0.0/16"}]
            ),
            "10.70.0.0/16 is on eth0",
        ),
        (
            changed(
                reserved_ranges={
                    "datacenter_pod_subnet": "10.96.0.0/12",
                    "datacenter_service_subnet": "10.96.0.0/16",
                }
            ),
            "pod and service ranges do not overlap",
        ),
    ],
)
def test_what_is_wrong_is_named(config: dict[str, Any], words: str) -> None:
    problems = address_plan(config)["problems"]
    assert any(words in problem for problem in problems), problems
    assert all(" Change " in problem for problem in problems)


def test_a_plan_is_the_same_after_it_has_been_plain_data() -> None:
    data = address_plan(GOOD)["plan"]
    assert Plan.from_dict(data).as_dict() == data


def test_storage_of_a_machine_is_in_the_plan() -> None:
    groups = [{"name": "data", "disks": ["/dev/sdb"], "volumes": []}]
    config = with_machine("cp01", disks=[{"size_mb": 4096}], volume_groups=groups)
    result = address_plan(config)
    assert result["problems"] == []
    planned = result["plan"]["machines"]["cp01"]
    assert (planned["disks"], planned["volume_groups"]) == ([{"size_mb": 4096}], groups)


def test_a_machine_does_not_move_when_another_is_added() -> None:
    before = address_plan(GOOD)["plan"]["machines"]
    more = copy.deepcopy(GOOD)
    more["machines"].insert(0, machine("worker01", "worker", "control", "10.70.2.31"))
    after = address_plan(more)["plan"]["machines"]
    assert {name: after[name] for name in before} == before


@given(st.text(min_size=1), st.text(min_size=1), st.integers(min_value=1, max_value=36))
def test_macs_are_local_unicast_and_stable(datacenter: str, name: str, number: int) -> None:
    mac = mac_address(datacenter, name, number)
    assert mac == mac_address(datacenter, name, number)
    octets = [int(part, 16) for part in mac.split(":")]
    assert len(octets) == 6
    assert octets[0] & 0b11 == 0b10


@given(st.lists(st.integers(min_value=2, max_value=2**24 - 2), unique=True, max_size=30))
def test_any_distinct_addresses_make_a_plan_without_doubles(hosts: list[int]) -> None:
    config = changed(
        segments=[{"name": "big", "subnet": "10.0.0.0/8", "reaches": []}],
        floating_ip="",
        reserved_ranges={},
        host_memory_mb={},
        machines=[machine("gate01", "gateway")]
        + [
            machine(f"m{host}", "machine", "big", str(ipaddress.IPv4Address(0x0A000000 + host)))
            for host in hosts
        ],
    )
    result = address_plan(config)
    assert result["problems"] == []
    nics = [nic for plan in result["plan"]["machines"].values() for nic in plan["nics"]]
    assert len({nic["mac"] for nic in nics}) == len(nics)
