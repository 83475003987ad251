# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tools of Debian 13 said on machines of the lab, and what is made of it."""

from __future__ import annotations

import time

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._health import parse

UNITS = """\
Id=corosync.service
LoadState=loaded
ActiveState=active

Id=haproxy.service
LoadState=loaded
ActiveState=failed

Id=kubelet.service
LoadState=not-found
ActiveState=inactive
"""
LEASES = """\
0 02:50:C1:ed:1f:3a 10.70.2.11 cp01 *
1795946166 02:00:00:00:00:99 10.70.3.201 * 01:02:00:00:00:00:99
duid 00:01:00:01:2c:8f:5d:1e:02:50:c1:ed:1f:3a
1795946166 123456 fd00::201 cp01 00:01
"""
STAT = """\
# pxname,svname,scur,status,type,check_status,last_chk,
kubernetes_api,FRONTEND,0,OPEN,0,,,
kubernetes_api,cp01,0,UP,2,L7OK,,
kubernetes_api,cp02,0,DOWN 1/2,2,L7TOUT,timeout,
kubernetes_api,BACKEND,0,UP,1,,,
"""


def test_units_come_in_the_order_of_the_question() -> None:
    found = parse.units(UNITS)
    assert [unit["Id"] for unit in found] == [
        "corosync.service",
        "haproxy.service",
        "kubelet.service",
    ]
    assert [unit["LoadState"] for unit in found] == ["loaded", "loaded", "not-found"]
    assert parse.units("") == [{}]


def test_failed_units() -> None:
    text = "haproxy.service loaded failed failed HAProxy Load Balancer\n"
    assert parse.failed_units(text) == ["haproxy.service"]
    assert parse.failed_units("") == []


def test_addresses_without_the_loopback_device() -> None:
    text = """[{"ifname":"lo","addr_info":[{"local":"127.0.0.1","scope":"host"}]},
    {"ifname":"eth0","addr_info":[{"local":"10.70.1.12","scope":"global"},
    {"local":"10.70.1.10","scope":"global"},{"local":"fe80::1","scope":"link"}]}, {}]"""
    assert parse.addresses(text) == ["10.70.1.12", "10.70.1.10"]
    assert parse.addresses("") == []


def test_the_start_of_the_first_process_counts() -> None:
    stat = "1 (systemd (x)) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 590000 1 2"
    found = parse.boot_seconds("6000.00 11000.00\n", stat, 100)
    assert found == pytest.approx(time.time() - 100, abs=2)
    assert parse.boot_seconds("", stat, 100) is None
    assert parse.boot_seconds("6000.00 1.0", "", 100) is None


def test_memory() -> None:
    text = "MemTotal:       24689828 kB\nMemFree: 1 kB\nMemAvailable:   10485760 kB\n"
    assert parse.memory_mb(text) == {"total_mb": 24111, "available_mb": 10240}
    assert parse.memory_mb("") == {}


def test_the_name_of_the_system() -> None:
    text = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nNAME="Debian GNU/Linux"\n'
    assert parse.os_release(text) == "Debian GNU/Linux 13 (trixie)"
    assert parse.os_release("") == ""


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("notAfter=Nov 29 08:44:41 2027 GMT\n", 1827477881),
        ("notAfter=Jan  1 00:00:00 2030 GMT\n", 1893456000),
        ("unable to load certificate", None),
        ("", None),
    ],
)
def test_the_end_of_a_certificate(text: str, end: int | None) -> None:
    assert parse.end_date(text) == end


def test_leases() -> None:
    assert parse.leases(LEASES) == [
        {"expires": 0, "mac": "02:50:c1:ed:1f:3a", "address": "10.70.2.11", "name": "cp01"},
        {
            "expires": 1795946166,
            "mac": "02:00:00:00:00:99",
            "address": "10.70.3.201",
            "name": "",
        },
    ]


def test_servers_behind_haproxy() -> None:
    assert parse.servers(STAT) == [
        {"backend": "kubernetes_api", "name": "cp01", "status": "UP", "check": "L7OK"},
        {"backend": "kubernetes_api", "name": "cp02", "status": "DOWN 1/2", "check": "timeout"},
    ]
    assert parse.servers("") == []
