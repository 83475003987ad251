# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files and the resources of the role ha_lb as Ansible renders them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.template import Templar, trust_as_template
from role_templar import role_templar

ROLE = Path(__file__).resolve().parents[3] / "roles" / "ha_lb"
NODES = [
    {"name": "lb01", "address": "192.0.2.11", "id": 1},
    {"name": "lb02", "address": "192.0.2.12", "id": 2},
]
THIRD = {"name": "lb03", "address": "192.0.2.13", "id": 3}
BACKENDS = [{"name": "cp01", "address": "198.51.100.11", "port": 6443}]
FRONTEND = {"name": "api", "bind_port": 6443, "backends": BACKENDS}
DEVICE = {
    "name": "one",
    "agent": "fence_x",
    "node": "lb01",
    "options": {"plug": "lb01"},
    "secret_options": {"password": "hidden"},
    "delay_seconds": 3,
}


def templar(**given: Any) -> Templar:
    variables: dict[str, Any] = {
        "inventory_hostname": "lb01",
        "ha_lb_nodes": NODES,
        "ha_lb_floating_ips": [{"name": "api", "address": "192.0.2.10", "prefix": 24}],
        "ha_lb_interface": "edge",
        "ha_lb_authkey_path": "secrets/authkey",
        "ansible_check_mode": False,
        "ha_lb_frontends": [FRONTEND],
        # The lookup in it wants the whole of Ansible; Molecule sees the real one.
        "__ha_lb_stats_hash": "$6$hash",
    }
    variables.update({f"ha_lb_{key}": value for key, value in given.items()})
    return role_templar(ROLE, **variables)


def render(name: str, **given: Any) -> str:
    text = (ROLE / "templates" / f"{name}.j2").read_text(encoding="utf-8")
    return str(templar(**given).template(trust_as_template(text), overrides={"trim_blocks": True}))


def value(name: str, **given: Any) -> Any:
    return templar(**given).template(trust_as_template("{{ " + name + " }}"))


def test_two_nodes_need_no_majority() -> None:
    text = render("corosync.conf")
    assert "two_node: 1" in text
    assert "wait_for_all: 1" in text
    assert "token: 500\n    consensus: 100\n" in text
    assert text.count("ring0_addr") == 2
    assert "ring1_addr" not in text


def test_three_nodes_do() -> None:
    text = render("corosync.conf", nodes=[*NODES, THIRD], token_ms=1000)
    assert "two_node" not in text
    assert "consensus: 1200" in text
    assert render("corosync.conf", nodes=[*NODES, THIRD]).count("consensus: 600") == 1


def test_values_given_as_text_mean_the_same() -> None:
    three = [*NODES, THIRD]
    for given in ({"consensus_ms": 4500}, {"token_ms": 1000}, {"wait_for_all": False}):
        texts = {key: str(value) for key, value in given.items()}
        assert render("corosync.conf", nodes=json.dumps(three), **texts) == render(
            "corosync.conf", nodes=three, **given
        )


def test_a_second_network() -> None:
    nodes = [{**node, "ring1_address": f"203.0.113.{node['id']}"} for node in NODES]
    assert "ring1_addr: 203.0.113.2" in render("corosync.conf", nodes=nodes)


def test_checks_and_timeouts_of_a_frontend() -> None:
    frontend = {
        "name": "api",
        "bind_port": 6443,
        "bind_address": "192.0.2.10",
        "backends": BACKENDS,
        "check": {"path": "/livez", "expect_status": 204, "ca_path": "/ca.pem"},
        "timeouts": {"client_seconds": 7, "connect_ms": 250},
        "cut_sessions_on_failure": True,
    }
    text = render("haproxy.cfg", frontends=[frontend])
    assert "bind 192.0.2.10:6443 tcp-ut 60s transparent\n" in text
    assert "http-check send meth GET uri /livez" in text
    assert "http-check expect status 204" in text
    assert "timeout client 7s" in text
    assert "timeout connect 250ms" in text
    assert "verify required ca-file /etc/haproxy/api-ca.pem on-marked-down shutdown-" in text
    assert "    server cp01 198.51.100.11:6443 weight 1\n" in text


def test_a_frontend_without_a_check_path_is_only_connected_to() -> None:
    text = render("haproxy.cfg")
    assert "bind *:6443 " in text
    assert "httpchk" not in text
    assert "listen stats" not in text
    assert "timeout client 14400s" in text


def test_the_statistics_page_is_on_the_own_address_behind_a_hash() -> None:
    text = render("haproxy.cfg", stats_password_path="/given", node_name="lb02")
    assert "bind 192.0.2.12:8404" in text
    assert "user admin password $6$hash" in text


def test_fence_devices_become_resources() -> None:
    (resource,) = value("__ha_lb_fence_resources", fence_devices=[DEVICE])
    assert resource["agent"] == "stonith:fence_x"
    assert resource["meta"] == {"failure-timeout": "60s"}, "else one failed start is for ever"
    assert resource["params"] == {
        "pcmk_host_list": "lb01",
        "pcmk_delay_base": "lb01:3s",
        "plug": "lb01",
    }
    assert resource["secret_params"] == {"password": "hidden"}
    # One whose host was away for a while is tried again.
    (location,) = value("__ha_lb_fence_locations", fence_devices=[DEVICE])
    assert location["node"] == "lb01"
    assert location["score"] == "-INFINITY"
    assert value("__ha_lb_fence_resources") == []
    assert value("__ha_lb_fence_locations") == []


def test_a_frontend_of_http_with_everything() -> None:
    frontend = {
        "name": "web",
        "floating_ip": "api",
        "bind_port": "443",
        "mode": "http",
        "certificate_path": "web.pem",
        "redirect_http_port": 80,
        "accept_proxy": "yes",
        "balance": "roundrobin",
        "sticky": "cookie",
        "maxconn": 500,
        "slow_start_seconds": 0,
        "check": {"type": "http_get", "path": "/", "host": "www.example.org"},
        "backends": [
            {**BACKENDS[0], "weight": "3", "maxconn": 20, "send_proxy": True},
            {**BACKENDS[0], "name": "spare", "backup": True},
        ],
    }
    text = render("haproxy.cfg", frontends=[frontend])
    assert (
        "bind 192.0.2.10:443 tcp-ut 60s transparent accept-proxy"
        " ssl crt /etc/haproxy/web.pem alpn h2,http/1.1\n    mode http\n" in text
    )
    assert "cookie ha_lb_web insert indirect nocache httponly maxidle 30m secure\n" in text
    assert "    maxconn 500\n" in text
    assert "on-error mark-down slowstart 0s\n" in text
    assert "ver HTTP/1.1 hdr Host www.example.org\n" in text
    assert "check-ssl" not in text
    server = "    server cp01 198.51.100.11:6443 weight 3"
    assert f"{server} maxconn 20 send-proxy-v2 check-send-proxy cookie cp01\n" in text
    assert "    server spare 198.51.100.11:6443 weight 1 backup cookie spare\n" in text
    assert "frontend web_redirect\n    bind 192.0.2.10:80 transparent\n" in text
    assert "peers" not in text
    assert render("haproxy.cfg", frontends=json.dumps([frontend])) == text


def test_clients_stay_on_their_server_by_a_table_that_balancers_share() -> None:
    frontend = {"name": "web", "bind_port": 80, "backends": BACKENDS, "sticky": "source"}
    text = render("haproxy.cfg", frontends=[frontend], node_name="lb02")
    assert "localpeer lb02\n" in text
    assert "peers ha_lb\n    peer lb01 192.0.2.11:8405\n    peer lb02 192.0.2.12:8405\n" in text
    assert "stick-table type ipv6 size 100k expire 30m peers ha_lb\n    stick on src\n" in text


def test_figures_are_on_the_own_address_if_somebody_wants_them() -> None:
    assert "prometheus" not in render("haproxy.cfg")
    text = render("haproxy.cfg", metrics_port=9101)
    assert "frontend metrics\n    bind 192.0.2.11:9101\n" in text


def test_every_floating_address_is_a_resource_beside_haproxy() -> None:
    floating = [
        {"name": "api", "address": "192.0.2.10", "prefix": 24},
        {
            "name": "web",
            "address": "203.0.113.10",
            "prefix": 25,
            "interface": "eth1",
            "prefer": "lb02",
        },
    ]
    first, second = value("__ha_lb_address_resources", floating_ips=floating)
    assert (first["id"], first["params"]["nic"]) == ("ha_lb_address_api", "edge")
    assert second["params"] == {
        "ip": "203.0.113.10",
        "cidr_netmask": 25,
        "nic": "eth1",
        "arp_count": 5,
    }
    assert [one["name"] for one in second["operations"]] == ["monitor", "start", "stop"]
    together = value("__ha_lb_colocations", floating_ips=floating)
    assert [one["resource"] for one in together] == ["ha_lb_address_api", "ha_lb_address_web"]
    assert {one["with_resource"] for one in together} == {"ha_lb_haproxy-clone"}
    after = value("__ha_lb_orders", floating_ips=floating)
    assert [one["then"] for one in after] == ["ha_lb_address_api", "ha_lb_address_web"]
    (likes,) = value("__ha_lb_address_locations", floating_ips=floating)
    assert (likes["resource"], likes["node"]) == ("ha_lb_address_web", "lb02")
    assert 0 < int(likes["score"]) < value("ha_lb_stickiness")


def test_addresses_go_where_backends_are_reached() -> None:
    (near,) = value("__ha_lb_backend_locations")
    assert near["resource"] == "ha_lb_address_api"
    assert near["attribute"] == value("__ha_lb_haproxy_resources")[0]["params"]["attribute"]
    assert (near["operation"], near["value"]) == ("lt", 1)
    assert int(near["score"]) > int(value("ha_lb_stickiness"))
    assert value("__ha_lb_backend_locations", backends_delay_seconds=0) == []
    params = value("__ha_lb_haproxy_resources", backends_delay_seconds=0)[0]["params"]
    assert params["attribute"] == ""


def test_every_link_has_the_timers_of_knet() -> None:
    assert render("corosync.conf").count("knet_ping_timeout") == 1
    two = [{**node, "ring1_address": f"10.9.0.{node['id']}"} for node in NODES]
    assert render("corosync.conf", nodes=two).count("knet_ping_timeout") == 2


@pytest.mark.parametrize(
    ("given", "broken"),
    [
        ({}, ""),
        ({"node_name": "lb09"}, "exactly once"),
        ({"nodes": [NODES[0], {**NODES[1], "id": 1}]}, "an id of its own"),
        ({"nodes": [NODES[0], {**NODES[1], "ring1_address": "x"}]}, "or none has"),
        ({"frontends": [FRONTEND, {**FRONTEND, "name": "web"}]}, "a port of its own"),
        ({"frontends": [{**FRONTEND, "bind_port": 8404}]}, ""),
        (
            {"frontends": [{**FRONTEND, "bind_port": 8404}], "stats_password_path": "x"},
            "a port of its own",
        ),
        ({"nodes": [*NODES, THIRD], "consensus_ms": 550}, "1.2 times"),
        ({"consensus_ms": 1200}, ""),
        ({"consensus_ms": 50}, "more than 50"),
        ({"token_ms": 150}, "at least 200"),
        ({"fence_devices": [{**DEVICE, "node": "lb09"}]}, "fences a node"),
    ],
)
def test_what_cannot_work_is_refused(given: dict[str, Any], broken: str) -> None:
    messages = value("__ha_lb_problems", **given)
    assert len(messages) == (1 if broken else 0)
    assert broken in "".join(messages)
