# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two gateways that are one router: their files, and the program that keeps them in step."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible.template import trust_as_template
from role_templar import role_templar
from test_dnsmasq_gateway import FORWARD, ROLE, SEGMENTS, render

PEER = {"name": "gate02", "addresses": {"edge": "10.70.1.3", "fwd": "10.70.2.3"}}
LEGS = [
    {**segment, "own_address": f"10.70.{number}.2"}
    for number, segment in enumerate(SEGMENTS, start=1)
]
LEASES = """1796000000 02:00:00:00:00:21 10.70.1.201 guest1 01:02:00:00:00:00:21
0 02:00:00:00:00:22 10.70.1.11 * *
"""


def paired(name: str, **given: Any) -> str:
    return render(name, segments=LEGS, peer=PEER, **given)


@pytest.fixture(scope="module")
def pair() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pair", ROLE / "files" / "pair.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_names_of_both_are_their_own_addresses_and_machines_ask_the_router() -> None:
    lines = paired("dnsmasq.conf.j2").splitlines()
    assert "host-record=gate01.dc.internal,gate01,10.70.1.2" in lines
    assert "host-record=gate02.dc.internal,gate02,10.70.2.3" in lines
    assert "dhcp-option=tag:edge,option:router,10.70.1.1" in lines
    assert "dhcp-option=tag:edge,option:dns-server,10.70.1.1" in lines
    assert not [line for line in lines if line.startswith("interface-name")]


def test_the_firewall_lets_in_the_other_gateway_alone() -> None:
    rules = paired("dnsmasq-gateway.nft.j2", port_forwards=[FORWARD])
    lines = [line.strip() for line in rules.splitlines()]
    assert 'iifname "edge" ip saddr 10.70.1.3 meta l4proto 112 accept' in lines
    assert 'iifname "edge" ip saddr 10.70.1.3 tcp dport 8067 accept' in lines
    assert "oifname @segments ct status dnat masquerade" in lines
    alone = render("dnsmasq-gateway.nft.j2", port_forwards=[FORWARD])
    assert "112" not in alone
    assert "ct status dnat masquerade" not in alone


def test_all_router_addresses_move_together() -> None:
    text = paired("keepalived.conf.j2")
    assert text.count("vrrp_instance") == 1
    for line in ("10.70.1.1/24 dev edge", "10.70.2.1/23 dev fwd", "unicast_src_ip 10.70.1.2"):
        assert line in text
    assert "advert_int 0.1\n" in text
    assert "advert_int 1.5\n" in paired("keepalived.conf.j2", advert_ms="1500")


def test_the_rules_of_a_pair_are_accepted(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("nft asks the kernel, which answers to root alone")
    file = tmp_path / "rules.nft"
    file.write_text(paired("dnsmasq-gateway.nft.j2", port_forwards=[FORWARD]), encoding="utf-8")
    subprocess.run(["nft", "--check", "--file", str(file)], check=True)


def test_an_address_is_held_or_not(pair: ModuleType) -> None:
    assert pair.holds("127.0.0.1")
    assert not pair.holds("203.0.113.9")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            LEASES + "end\n",
            {
                ("02:00:00:00:00:21", "10.70.1.201", "guest1"),
                ("02:00:00:00:00:22", "10.70.1.11", "*"),
            },
        ),
        ("end\n", set()),
        # Cut off, empty, and something else.
        (LEASES, None),
        ("", None),
        ("a $(reboot) b c d\nend\n", None),
    ],
)
def test_only_whole_lists_of_leases_are_taken(pair: ModuleType, text: str, found: Any) -> None:
    assert pair.read_leases(text) == found


def settings_of(tmp_path: Path, port: int) -> dict[str, Any]:
    leases = tmp_path / "leases"
    leases.write_text(LEASES, encoding="utf-8")
    return {
        "own": "127.0.0.2",
        "peer": "127.0.0.3",
        "port": port,
        "router": "127.0.0.1",
        "leases": str(leases),
        "unfit": str(tmp_path / "unfit"),
    }


def test_the_router_tells_its_leases_to_the_other_gateway_alone(
    pair: ModuleType, tmp_path: Path, unused_port: int
) -> None:
    told = settings_of(tmp_path, unused_port)
    server = pair.Server(told)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    other = {**told, "own": "127.0.0.3", "peer": "127.0.0.2"}
    try:
        assert pair.ask(other) == LEASES + "end\n"
        assert pair.ask({**other, "own": "127.0.0.4"}) == ""
        server.settings = {**told, "router": "203.0.113.9"}
        assert pair.ask(other) == "", "one that is not the router knows nothing"
    finally:
        server.shutdown()
        server.server_close()
    assert pair.ask(other) == "", "a dead one"


def test_dnsmasq_is_asked_whether_it_answers(pair: ModuleType, unused_port: int) -> None:
    assert not pair.answers(port=unused_port)
    command = ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"]
    options = [f"--port={unused_port}", "--listen-address=127.0.0.1", "--bind-interfaces"]
    path = os.environ["PATH"] + ":/usr/sbin"
    with subprocess.Popen([*command, *options], env={**os.environ, "PATH": path}) as dnsmasq:
        try:
            deadline = time.monotonic() + 30
            while not pair.answers(port=unused_port):
                assert time.monotonic() < deadline
                time.sleep(0.1)
        finally:
            dnsmasq.kill()


def test_a_machine_is_unfit_when_dnsmasq_is_silent_for_a_while(
    pair: ModuleType, tmp_path: Path
) -> None:
    told = settings_of(tmp_path, 1)
    said = Path(told["unfit"])
    for failures, word in ((0, "0\n"), (2, "0\n"), (3, "1\n"), (9, "1\n"), (0, "0\n")):
        pair.say_fitness(told, failures)
        assert said.read_text(encoding="utf-8") == word


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("given", "others"),
    [
        ({}, ["10.70.1.3", "10.70.1.9"]),
        ({"other_dhcp_servers": ["10.70.1.9"]}, ["10.70.1.3"]),
        ({"segments": LEGS, "peer": PEER}, ["10.70.1.9"]),
        ({"segments": LEGS, "peer": PEER, "other_dhcp_servers": ["10.70.1.9"]}, []),
    ],
)
def test_other_dhcp_servers_are_all_but_the_gateways_and_those_that_are_meant(
    given: dict[str, Any], others: list[str]
) -> None:
    tasks = yaml.safe_load((ROLE / "tasks/preflight.yml").read_text(encoding="utf-8"))
    (found,) = (task for task in tasks if "__dnsmasq_gateway_others" in task.get("vars", {}))
    lenders = [{"address": f"10.70.1.{number}"} for number in (1, 3, 9)]
    templar = role_templar(
        ROLE,
        item=SEGMENTS[0],
        __dnsmasq_gateway_lenders={"servers": {"edge": lenders}},
        **{f"dnsmasq_gateway_{key}": value for key, value in given.items()},
    )
    text = trust_as_template(found["vars"]["__dnsmasq_gateway_others"])
    assert sorted(templar.template(text)) == others


def test_the_settings_are_json() -> None:
    told = json.loads(paired("pair.json.j2"))
    assert (told["own"], told["peer"], told["router"]) == ("10.70.1.2", "10.70.1.3", "10.70.1.1")
    assert told["interfaces"] == ["edge", "fwd"]
