# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long nobody answers: our load balancers beside keepalived, on the same machines in one run.

The scenario ha_lb runs this in place of its tests (`make bench`). FAILOVER_ROUNDS says how often
each thing is done, FAILOVER_SVG where the picture of it goes.
"""

from __future__ import annotations

import os
import statistics
import sys
import typing as t
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "molecule/ha_lb/tests"))

from balancers import (
    ADDRESSES,
    NODES,
    ROOT,
    Client,
    converge,
    holders,
    machine,
    playbook,
    settled,
    wait_for,
)
from picture import draw

ROUNDS = int(os.environ.get("FAILOVER_ROUNDS", "10"))
KEEPALIVED = """
global_defs {{
    vrrp_version 3
    enable_script_security
    script_user root
}}
vrrp_script haproxy {{
    script "/usr/bin/pgrep -x haproxy"
    interval 1
    fall 2
}}
vrrp_instance api {{
    state BACKUP
    nopreempt
    interface edge
    virtual_router_id 51
    priority {priority}
    advert_int {advert}
    unicast_src_ip {own}
    unicast_peer {{
        {other}
    }}
    virtual_ipaddress {{
        10.70.1.10/24 dev edge
        10.70.1.15/24 dev edge
    }}
    track_script {{
        haproxy
    }}
}}
"""


class Pacemaker:
    """Our pair, with the scenario's fence devices, which answer at once, or without."""

    def __init__(self, fenced: bool) -> None:
        self.name = f"pacemaker, {'fenced' if fenced else 'not fenced'}"
        self.fenced = fenced

    def begin(self) -> None:
        converge()
        value = "true" if self.fenced else "false"
        machine(NODES[0]).check_output(f"crm_attribute --name stonith-enabled --update {value}")
        self.wait()

    def set_aside(self, node: str) -> None:
        machine(node).check_output(f"crm_attribute -N {node} -n standby -v on")

    def take_back(self, node: str) -> None:
        machine(node).check_output(f"crm_attribute -N {node} -n standby -D")

    def wait(self) -> None:
        wait_for("the cluster is well", settled, 120)


class Keepalived:
    """The same haproxy behind VRRP."""

    def __init__(self, advert: str) -> None:
        self.name = f"keepalived, advert_int {advert}"
        self.advert = advert

    def begin(self) -> None:
        for number, node in enumerate(NODES):
            (other,) = set(NODES) - {node}
            text = KEEPALIVED.format(
                priority=100 - number,
                advert=self.advert,
                own=ADDRESSES[node],
                other=ADDRESSES[other],
            )
            host = machine(node)
            host.check_output("systemctl disable --now pacemaker corosync")
            host.check_output("apt-get install -y -q keepalived")
            host.check_output("printf %s > /etc/keepalived/keepalived.conf", text)
            host.check_output("systemctl enable haproxy keepalived")
            host.check_output("systemctl restart haproxy keepalived")
        self.wait()

    def set_aside(self, node: str) -> None:
        machine(node).check_output("systemctl stop keepalived")

    def take_back(self, node: str) -> None:
        machine(node).check_output("systemctl start keepalived")

    def wait(self) -> None:
        up = "systemctl is-active keepalived haproxy"
        for node in NODES:
            host = machine(node)
            wait_for(f"{node} is back", lambda host=host: host.run(up).rc == 0, 120)
        wait_for("one node has the address", lambda: len(holders()) == 1)


Cluster = t.Union[Pacemaker, Keepalived]


def kill(_cluster: Cluster, node: str) -> None:
    machine(node).check_output("pkill -9 haproxy")


def set_aside(cluster: Cluster, node: str) -> None:
    cluster.set_aside(node)


def cut(_cluster: Cluster, node: str) -> None:
    playbook(ROOT / "playbooks/stop.yml", "--limit", node, "-e", "stop_power_cut=true")


def nothing(_cluster: Cluster, _node: str) -> None:
    """What heals itself."""


def take_back(cluster: Cluster, node: str) -> None:
    cluster.take_back(node)


def switch_on(_cluster: Cluster, node: str) -> None:
    playbook(ROOT / "playbooks/start.yml", "--limit", node)


ACTS = {
    "haproxy of the holder killed": (kill, nothing),
    "holder set aside": (set_aside, take_back),
    "power of the holder cut": (cut, switch_on),
}


def measure(cluster: Cluster, act: str) -> tuple[float, int]:
    """The longest gap in seconds and the questions lost, of twenty a second."""
    hurt, heal = ACTS[act]
    (holder,) = holders()
    with Client() as client:
        hurt(cluster, holder)
        wait_for("it answers", client.steady, 60)
    heal(cluster, holder)
    cluster.wait()
    return client.gap(), len(client.losses)


def test_failover() -> None:
    found: dict[str, dict[str, list[float]]] = {act: {} for act in ACTS}
    clusters = (Pacemaker(True), Pacemaker(False), Keepalived("1"), Keepalived("0.1"))
    print(f"\n{ROUNDS} rounds each; seconds without an answer, median and worst; questions lost")
    for cluster in clusters:
        cluster.begin()
        for act, gaps in found.items():
            measured = [measure(cluster, act) for _ in range(ROUNDS)]
            gaps[cluster.name] = [gap for gap, _lost in measured]
            lost = sum(lost for _gap, lost in measured)
            median, worst = statistics.median(gaps[cluster.name]), max(gaps[cluster.name])
            load = os.getloadavg()[0]
            print(f"{act:30} {cluster.name:28} {median:.2f} {worst:.2f} {lost:4} load {load:.1f}")
    for act, gaps in found.items():
        first = statistics.median(gaps[clusters[0].name])
        for cluster in clusters[2:]:
            other = statistics.median(gaps[cluster.name])
            if other:
                print(f"{act}: {clusters[0].name} / {cluster.name} = {first / other:.1f}")
    if path := os.environ.get("FAILOVER_SVG"):
        Path(path).write_text(draw(found), encoding="utf-8")
