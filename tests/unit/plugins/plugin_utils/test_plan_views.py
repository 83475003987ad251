# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The views of the plan, on a plan of three machines."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan import views
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.address import address_plan
from plan_machines import machine


def made(*gateways: str) -> dict[str, Any]:
    result = address_plan(
        {
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
                {"name": "control", "subnet": "10.70.2.0/23", "reaches": []},
            ],
            "machines": [
                *(machine(name, "gateway") for name in gateways),
                machine("lb01", "load_balancer", "edge", "10.70.1.11"),
                machine("cp01", "control_plane", "control", "10.70.3.12"),
            ],
            "reserved_ranges": {},
            "host_networks": [],
            "host_memory_mb": {},
        }
    )
    assert result["problems"] == []
    return dict(result["plan"])


@pytest.fixture
def plan() -> dict[str, Any]:
    return made("gate01")


@pytest.fixture
def two() -> dict[str, Any]:
    return made("gate01", "gate02")


def test_members_are_those_of_a_role_or_all(plan: dict[str, Any]) -> None:
    assert views.members(plan, "control_plane") == [{"name": "cp01", "address": "10.70.3.12"}]
    assert [item["name"] for item in views.members(plan)] == ["gate01", "lb01", "cp01"]
    assert views.members(plan, "worker") == []


def test_the_balancers_serve_the_api(plan: dict[str, Any]) -> None:
    view = views.balancer_view(plan)
    assert view["floating_ips"] == [{"name": "api", "address": "10.70.1.10", "prefix": 24}]
    (api,) = view["frontends"]
    assert (api["floating_ip"], api["bind_port"]) == ("api", 6443)
    assert api["backends"] == [{"name": "cp01", "address": "10.70.3.12", "port": 6443}]
    assert "ca_path" not in api["check"]


def test_the_balancers_hold_the_api_to_the_authority_of_its_cluster(plan: dict[str, Any]) -> None:
    (api,) = views.balancer_view(plan, "/state/ca.crt")["frontends"]
    assert api["check"] == {
        **plan["frontends"][0]["check"],
        "ca_path": "/state/ca.crt",
        "host": "kubernetes",
    }


def test_ports_of_the_host_lead_to_ssh_the_api_and_what_is_published(plan: dict[str, Any]) -> None:
    web = {"name": "web", "port": 8080, "to_address": "10.70.1.20", "to_port": 80}
    first = [
        {"name": "ssh", "host_port": 2222, "guest_port": 22, "machine": "gate01"},
        {"name": "api", "host_port": 6444, "guest_port": 6443, "machine": "gate01"},
        {"name": "web", "host_port": 8080, "guest_port": 8080, "machine": "gate01"},
    ]
    assert views.host_ports({**plan, "published_ports": [web]}, 2222, 6444, 10000) == first
    without = views.host_ports({**plan, "floating_ips": {}}, 2222, 6444, 10000)
    assert [port["name"] for port in without] == ["ssh"]
    two = made("gate01", "gate02")
    assert views.host_ports({**two, "published_ports": [web]}, 2222, 6444, 10000) == [
        *first,
        {"name": "ssh-gate02", "host_port": 12222, "guest_port": 22, "machine": "gate02"},
        {"name": "api-gate02", "host_port": 16444, "guest_port": 6443, "machine": "gate02"},
        {"name": "web-gate02", "host_port": 18080, "guest_port": 8080, "machine": "gate02"},
    ]


def test_the_number_of_a_cluster_node_is_its_place_in_its_subnet(plan: dict[str, Any]) -> None:
    assert views.cluster_nodes(plan, "load_balancer")[0]["id"] == 11
    assert views.cluster_nodes(plan, "control_plane")[0]["id"] == 256 + 12


def test_the_gateway_serves_every_segment_and_every_machine(plan: dict[str, Any]) -> None:
    view = views.gateway_view(plan)
    assert view["uplink_interface"] == "uplink"
    assert view["segments"][0] == {
        "name": "edge",
        "subnet": "10.70.1.0/24",
        "prefix": 24,
        "dhcp_start": "10.70.1.200",
        "dhcp_end": "10.70.1.250",
        "reaches": ["control"],
        "dhcp_options": [],
        "interface": "edge",
        "address": "10.70.1.1",
    }
    assert "dhcp_start" not in view["segments"][1]
    assert [host["name"] for host in view["hosts"]] == ["lb01", "cp01"]
    assert view["hosts"][0]["mac"] == plan["machines"]["lb01"]["nics"][0]["mac"]
    assert view["records"] == [{"name": "api", "type": "A", "value": "10.70.1.10"}]
    assert view["port_forwards"] == [
        {"name": "api", "port": 6443, "to_address": "10.70.1.10", "to_port": 6443}
    ]


def test_a_single_gateway_has_no_peer_and_no_address_of_its_own(plan: dict[str, Any]) -> None:
    view = views.gateway_view(plan, "gate01")
    assert view == views.gateway_view(plan)
    assert view["peer"] == {}
    assert not [segment for segment in view["segments"] if "own_address" in segment]


def test_each_of_two_gateways_knows_the_other(two: dict[str, Any]) -> None:
    one, other = (views.gateway_view(two, name) for name in ("gate01", "gate02"))
    for view in (one, other):
        assert [segment["address"] for segment in view["segments"]] == ["10.70.1.1", "10.70.2.1"]
        assert [host["name"] for host in view["hosts"]] == ["lb01", "cp01"]
    assert [segment["own_address"] for segment in one["segments"]] == ["10.70.1.2", "10.70.2.2"]
    assert [segment["own_address"] for segment in other["segments"]] == ["10.70.1.3", "10.70.2.3"]
    addresses = {"edge": "10.70.1.3", "control": "10.70.2.3"}
    assert one["peer"] == {"name": "gate02", "addresses": addresses}
    assert other["peer"]["name"] == "gate01"
    with pytest.raises(ValueError, match=r"a gateway \(gate01, gate02\); found: lb01"):
        views.gateway_view(two, "lb01")


def test_names_are_those_of_machines_and_of_floating_ips(plan: dict[str, Any]) -> None:
    assert views.names(plan) == [
        {"name": "lb01.dc.internal", "address": "10.70.1.11"},
        {"name": "cp01.dc.internal", "address": "10.70.3.12"},
        {"name": "api.dc.internal", "address": "10.70.1.10"},
    ]
