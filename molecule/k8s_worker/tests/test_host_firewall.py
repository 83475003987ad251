# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The firewalls of the machines: who opens what, and rules that somebody harms or gives wrongly."""

from __future__ import annotations

import time

import pytest
from layers import ROOT, changed, play
from test_worker import machine
from testinfra.host import Host

SCENARIO = ROOT / "molecule" / "k8s_worker"
LB01, MASTER1, NODE1 = "10.70.1.11", "10.70.2.31", "10.70.2.41"
RULES = "nft --stateless list table inet host_firewall"
# A UDP socket that is connected learns of what is refused by its next call.
KNOCK = """
import socket, sys
kind, address, port = sys.argv[1:]
end = socket.socket(type=socket.SOCK_STREAM if kind == 'tcp' else socket.SOCK_DGRAM)
end.settimeout(2)
try:
    end.connect((address, int(port)))
    if kind == 'udp':
        end.send(b'x')
        end.recv(1)
    print('open')
except TimeoutError:
    print('no answer')
except OSError as error:
    print('closed' if error.errno == 113 else error)
"""


def knock(source: str, address: str, port: int, kind: str = "tcp") -> str:
    return machine(source).check_output("python3 -c %s %s %s %s", KNOCK, kind, address, str(port))


def layer_base(*more: str) -> str:
    return changed("base", "--limit", "node1", *more)


def wait_until_open(host: Host) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            host.check_output("true")
            return
        # What testinfra says of an SSH connection that did not come about.
        except RuntimeError:
            assert time.monotonic() < end, "the machine is still shut"
            time.sleep(1)


@pytest.fixture
def node() -> Host:
    return machine("node1")


@pytest.mark.parametrize(
    ("source", "address", "port", "kind", "found"),
    [
        ("lb01", MASTER1, 6443, "tcp", "open"),
        ("lb01", MASTER1, 2379, "tcp", "closed"),
        ("lb01", MASTER1, 22, "tcp", "closed"),
        ("lb01", MASTER1, 8472, "udp", "closed"),
        ("node1", MASTER1, 10250, "tcp", "open"),
        ("node1", MASTER1, 2380, "tcp", "closed"),
        ("node1", MASTER1, 8472, "udp", "no answer"),
        ("node1", LB01, 22, "tcp", "closed"),
        ("node1", LB01, 5405, "udp", "closed"),
        ("node1", LB01, 8404, "tcp", "closed"),
        ("gate01", LB01, 8404, "tcp", "open"),
        ("gate01", LB01, 22, "tcp", "open"),
        ("gate01", MASTER1, 6443, "tcp", "closed"),
    ],
)
def test_who_opens_what(source: str, address: str, port: int, kind: str, found: str) -> None:
    assert knock(source, address, port, kind) == found


@pytest.mark.parametrize(
    ("address", "port", "kind", "found"),
    [
        (MASTER1, 6443, "tcp", "open"),
        (MASTER1, 10250, "tcp", "open"),
        (MASTER1, 2379, "tcp", "closed"),
        (MASTER1, 22, "tcp", "closed"),
        (MASTER1, 8472, "udp", "closed"),
        (NODE1, 10250, "tcp", "open"),
        (NODE1, 22, "tcp", "closed"),
        (NODE1, 8472, "udp", "closed"),
        (LB01, 22, "tcp", "closed"),
    ],
)
def test_what_a_pod_opens(node: Host, address: str, port: int, kind: str, found: str) -> None:
    pod = "nsenter --net=/run/netns/$(ls /run/netns | head -1)"
    knocking = f"{pod} python3 -c %s %s %s %s"
    assert node.check_output(knocking, KNOCK, kind, address, str(port)) == found


def test_what_somebody_took_away_comes_back_and_switched_off_it_is_gone(node: Host) -> None:
    before = node.check_output(RULES)
    node.check_output("nft delete table inet host_firewall")
    assert layer_base() == "changed=1"
    assert node.check_output(RULES) == before

    assert layer_base("-e", "datacenter_host_firewall_enabled=false") == "changed=1"
    assert node.run(RULES).rc != 0
    assert node.run("ls /etc/host-firewall /usr/local/sbin/host-firewall").stdout == ""
    assert layer_base() != "changed=0"
    assert node.check_output(RULES) == before


def test_rules_that_shut_the_controller_out_do_not_stay(node: Host) -> None:
    before = node.check_output(RULES)
    done = play(SCENARIO / "shut_out.yml", "--limit", "node1")
    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).split())
    assert "node1 lets the controller in with its new firewall rules: no new connection" in said
    assert "Change host_firewall_rules" in said
    wait_until_open(node)
    assert node.check_output(RULES) == before
    assert node.check_output("/usr/local/sbin/host-firewall trial") == ""
