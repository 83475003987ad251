# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the role dnsmasq_gateway as Ansible renders them, checked by their own programs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.template import trust_as_template
from role_templar import role_templar

ROLE = Path(__file__).resolve().parents[3] / "roles" / "dnsmasq_gateway"
SEGMENTS = [
    {
        "name": "edge",
        "interface": "edge",
        "address": "10.70.1.1",
        "prefix": 24,
        "subnet": "10.70.1.0/24",
        "dhcp_start": "10.70.1.200",
        "dhcp_end": "10.70.1.250",
        "reaches": ["fwd"],
    },
    # fwd is a word of nft; the segment has no pool and reaches nothing.
    {
        "name": "fwd",
        "interface": "fwd",
        "address": "10.70.2.1",
        "prefix": 23,
        "subnet": "10.70.2.0/23",
    },
]
HOST = {"name": "lb01", "mac": "02:00:00:00:00:11", "address": "10.70.1.11", "aliases": ["www"]}
FORWARD = {
    "name": "api",
    "protocol": "tcp",
    "port": 6443,
    "to_address": "10.70.1.10",
    "to_port": 443,
}


def render(name: str, **given: Any) -> str:
    variables = {
        "dnsmasq_gateway_name": "gate01",
        "dnsmasq_gateway_domain": "dc.internal",
        "dnsmasq_gateway_uplink_interface": "uplink",
        "dnsmasq_gateway_segments": SEGMENTS,
        "dnsmasq_gateway_upstream_dns": ["192.0.2.53"],
        **{f"dnsmasq_gateway_{key}": value for key, value in given.items()},
    }
    text = (ROLE / "templates" / name).read_text(encoding="utf-8")
    return str(
        role_templar(ROLE, **variables).template(
            trust_as_template(text), overrides={"trim_blocks": True}
        )
    )


def dnsmasq(**given: Any) -> list[str]:
    return render("dnsmasq.conf.j2", **given).splitlines()


def test_a_segment_with_and_one_without_a_pool() -> None:
    lines = dnsmasq()
    assert "dhcp-range=set:edge,10.70.1.200,10.70.1.250,255.255.255.0,3600" in lines
    assert "dhcp-range=set:fwd,10.70.2.1,static,255.255.254.0,3600" in lines


def test_only_segments_are_served_and_only_the_given_servers_asked() -> None:
    lines = dnsmasq()
    assert [line for line in lines if line.startswith("interface=")] == [
        "interface=edge",
        "interface=fwd",
    ]
    assert [line for line in lines if line.startswith("server=")] == ["server=192.0.2.53"]
    assert {"no-resolv", "no-hosts", "bind-dynamic"} <= set(lines)


@pytest.mark.parametrize("in_order", [True, "true", False])
def test_the_first_server_is_asked_first_where_told_so(in_order: bool | str) -> None:
    servers = ["192.0.2.53", "192.0.2.54"]
    lines = dnsmasq(upstream_dns=servers, upstream_in_order=in_order)
    assert ("strict-order" in lines) == bool(in_order)
    assert [line for line in lines if line.startswith("server=")] == [
        f"server={s}" for s in servers
    ]


def test_a_host_has_its_address_and_all_its_names() -> None:
    lines = dnsmasq(hosts=[HOST])
    assert "dhcp-host=02:00:00:00:00:11,10.70.1.11,lb01,infinite" in lines
    assert "host-record=lb01.dc.internal,www.dc.internal,lb01,www,10.70.1.11" in lines


def test_records() -> None:
    lines = dnsmasq(records=[{"name": "api", "value": "10.70.1.10"}])
    assert "host-record=api.dc.internal,api,10.70.1.10" in lines


RECORDS = [
    {"name": "api", "type": "A", "value": "10.70.1.10"},
    {"name": "*.apps", "type": "A", "value": "10.70.1.20"},
    {"name": "www", "type": "CNAME", "value": "api"},
    {"name": "_http._tcp", "type": "SRV", "value": "api", "port": 80, "priority": 1, "weight": 5},
    {"name": "_ldap._tcp", "type": "SRV", "value": "ldap.example.com.", "port": 389},
    {"name": "note", "type": "TXT", "value": "v=1; a,b c"},
]
OPTIONS = [{"option": "mtu", "value": "1400"}, {"option": "252", "value": "http://10.70.1.1/w"}]


def test_records_of_all_types_and_options_of_dhcp(tmp_path: Path) -> None:
    segments = [{**SEGMENTS[0], "dhcp_options": OPTIONS}, SEGMENTS[1]]
    lines = dnsmasq(records=RECORDS, segments=segments)
    for line in (
        "host-record=api.dc.internal,api,10.70.1.10",
        "address=/apps.dc.internal/10.70.1.20",
        "cname=www.dc.internal,api.dc.internal",
        "srv-host=_http._tcp.dc.internal,api.dc.internal,80,1,5",
        "srv-host=_ldap._tcp.dc.internal,ldap.example.com,389,0,0",
        'txt-record=note.dc.internal,"v=1; a,b c"',
        "dhcp-option=tag:edge,option:mtu,1400",
        "dhcp-option=tag:edge,252,http://10.70.1.1/w",
        "dhcp-name-match=set:reserved,wpad",
    ):
        assert line in lines


def test_time_servers_are_the_gateway_or_what_is_given() -> None:
    assert "dhcp-option=tag:edge,option:ntp-server,10.70.1.1" in dnsmasq()
    given = dnsmasq(ntp_servers=["192.0.2.1", "192.0.2.2"])
    assert "dhcp-option=tag:edge,option:ntp-server,192.0.2.1,192.0.2.2" in given


def test_pairs_that_may_reach_each_other() -> None:
    rules = render("dnsmasq-gateway.nft.j2")
    assert 'elements = { "edge" . "fwd" }' in rules
    assert '"fwd" . "edge"' not in rules


def test_no_pair_and_no_forward_leave_no_trace() -> None:
    rules = render("dnsmasq-gateway.nft.j2", segments=[SEGMENTS[1]])
    assert "dnat" not in rules
    assert rules.count("elements") == 1


def test_ports_of_a_segment_that_are_reached() -> None:
    ways = ["fwd:6443", "fwd:8472/udp", "fwd:30000-32767/tcp", "fwd:30500-32768", "fwd:6443"]
    rules = render(
        "dnsmasq-gateway.nft.j2", segments=[{**SEGMENTS[0], "reaches": ways}, SEGMENTS[1]]
    )
    lines = [line.strip() for line in rules.splitlines()]
    assert 'iifname "edge" oifname "fwd" tcp dport { 6443, 30000-32768 } accept' in lines
    assert 'iifname "edge" oifname "fwd" udp dport { 8472 } accept' in lines
    assert '"edge" . "fwd"' not in rules


@pytest.mark.parametrize("way", ["moon", "fwd:0", "fwd:9-1", "fwd:http", "fwd:1/icmp", "fwd:"])
def test_what_is_no_way_is_refused(way: str) -> None:
    with pytest.raises(AnsibleError, match="each as a whole or with ports"):
        render("dnsmasq-gateway.nft.j2", segments=[{**SEGMENTS[0], "reaches": [way]}, SEGMENTS[1]])


def test_each_leg_takes_the_addresses_of_its_own_segment_only() -> None:
    lines = [line.strip() for line in render("dnsmasq-gateway.nft.j2").splitlines()]
    own = 'iifname "edge" ip saddr != { 0.0.0.0, 10.70.1.0/24 } counter drop'
    assert f'{own} comment "of no machine of edge"' in lines
    outside = 'iifname "uplink" ip saddr { 10.70.1.0/24, 10.70.2.0/23 } counter drop'
    assert f'{outside} comment "of a segment, from outside"' in lines


def test_a_port_forward() -> None:
    rules = render("dnsmasq-gateway.nft.j2", port_forwards=[FORWARD])
    assert 'iifname "uplink" tcp dport 6443 dnat ip to 10.70.1.10:443 comment "api"' in rules
    assert 'iifname "uplink" oifname @segments ct status dnat accept' in rules


def test_ssh_is_open_on_management_interfaces_and_nothing_else() -> None:
    rules = render("dnsmasq-gateway.nft.j2", management_interfaces=["eth8", "eth9"])
    lines = [line.strip() for line in rules.splitlines() if "eth8" in line]
    assert lines == [
        'iifname { "eth8", "eth9" } tcp dport 22 accept',
        'iifname { "eth8", "eth9" } udp sport 67 udp dport 68 accept',
    ]


def test_ssh_is_taken_from_named_networks_only() -> None:
    rules = render("dnsmasq-gateway.nft.j2", ssh_sources=["10.0.2.0/24", "10.70.1.0/24"])
    ways = [line.strip() for line in rules.splitlines() if "dport 22 " in line]
    who = "ip saddr { 10.0.2.0/24, 10.70.1.0/24 } tcp dport 22 accept"
    assert ways == [f'iifname "uplink" {who}', f"iifname @segments {who}"]


LINKS = [
    {"ifname": name, "addr_info": [{"local": address}, {"local": f"fe80::{number}"}]}
    for number, (name, address) in enumerate(
        [("lo", "127.0.0.1"), ("uplink", "10.0.2.15"), ("edge", "10.70.1.1"), ("eth9", "192.0.2.7")]
    )
]


@pytest.mark.parametrize(
    ("server", "given", "closed"),
    [
        ("10.0.2.15 22", {}, []),
        ("10.70.1.1 22", {}, []),
        ("127.0.0.1 22", {}, []),
        ("127.0.0.1 2222", {}, []),
        ("192.0.2.7 22", {}, ["eth9"]),
        ("fe80::3%eth9 22", {}, ["eth9"]),
        ("192.0.2.7 22", {"management_interfaces": ["eth9"]}, []),
        ("192.0.2.7 2222", {"management_interfaces": ["eth9"]}, ["eth9"]),
        ("10.0.2.15 2222", {}, ["uplink"]),
        ("10.0.2.15 2222", {"ssh_port": "2222"}, []),
        ("10.0.2.15 22", {"ssh_sources": ["192.0.2.0/24"]}, []),
        ("10.0.2.15 22", {"ssh_sources": ["198.51.100.0/24", "192.0.2.0/25"]}, []),
        ("10.0.2.15 22", {"ssh_sources": ["198.51.100.0/24"]}, ["uplink"]),
        # An address that is translated on the way.
        ("203.0.113.5 22", {}, []),
        # No SSH.
        ("", {}, []),
    ],
)
def test_the_way_that_a_run_comes_in_is_not_closed(
    server: str, given: dict[str, Any], closed: list[str]
) -> None:
    shown = [f"192.0.2.99 50000 {server}" if server else "", json.dumps(LINKS)]
    templar = role_templar(
        ROLE,
        dnsmasq_gateway_uplink_interface="uplink",
        dnsmasq_gateway_segments=SEGMENTS,
        __dnsmasq_gateway_way_in={"stdout_lines": shown},
        **{f"dnsmasq_gateway_{key}": value for key, value in given.items()},
    )
    found = templar.template(trust_as_template("{{ __dnsmasq_gateway_closed }}"))
    assert found == closed


WAY = {"address": "10.0.2.2", "port": 22222, "sources": ["10.70.1.11", "10.70.1.12"]}


def test_the_host_behind_the_uplink_is_reached_by_whom_it_is_meant_for() -> None:
    given = {"host_network": "10.0.2.0/24", "host_ways": [WAY]}
    rules = render("dnsmasq-gateway.nft.j2", **given)
    forward = [line.strip() for line in rules.partition("chain forward")[2].splitlines()]
    who = "ip saddr { 10.70.1.11, 10.70.1.12 } ip daddr 10.0.2.2 tcp dport 22222 accept"
    way = forward.index(f'iifname @segments oifname "uplink" {who}')
    assert forward[way + 1].startswith("iifname @segments ip daddr 10.0.2.0/24 counter drop")
    assert forward.index('iifname @segments oifname "uplink" accept') == way + 2
    assert rules.count("meta skuid != 0") == 2
    closed = render("dnsmasq-gateway.nft.j2", host_network="10.0.2.0/24")
    assert "10.0.2.0/24 counter drop" in closed and "22222" not in closed
    assert "10.0.2." not in render("dnsmasq-gateway.nft.j2", host_ways=[WAY])


def test_no_other_table_is_touched() -> None:
    rules = render("dnsmasq-gateway.nft.j2", port_forwards=[FORWARD])
    assert "flush" not in rules
    tables = {
        line.split("table ")[1].split(" {")[0]
        for line in rules.splitlines()
        if "table " in line and not line.startswith("#")
    }
    assert tables == {"inet dnsmasq_gateway"}


@pytest.mark.parametrize(
    "given",
    [
        {"management_interfaces": ["eth9"]},
        {},
        {"segments": [SEGMENTS[1]]},
        {"ssh_sources": ["10.0.2.2/32", "192.0.2.0/24"], "management_interfaces": ["eth9"]},
        {"port_forwards": [FORWARD], "hosts": [HOST]},
        {"host_network": "10.0.2.0/24", "host_ways": [WAY]},
        {"upstream_dns": ["192.0.2.53", "192.0.2.54"], "upstream_in_order": True},
    ],
)
def test_the_programs_accept_their_files(tmp_path: Path, given: dict[str, Any]) -> None:
    for template, argv in (
        ("dnsmasq.conf.j2", ["dnsmasq", "--test", "--conf-file={}"]),
        ("dnsmasq-gateway.nft.j2", ["nft", "--check", "--file", "{}"]),
    ):
        path = os.environ["PATH"] + ":/usr/sbin"
        if argv[0] == "nft" and os.geteuid() != 0:
            continue  # it asks the kernel, which answers to root alone
        file = tmp_path / template
        file.write_text(render(template, **given), encoding="utf-8")
        command = [word.format(file) for word in argv]
        subprocess.run(command, check=True, env={**os.environ, "PATH": path})
