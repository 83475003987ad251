# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases and answers a second: the gateway beside the same dnsmasq without our configuration.

Both run on the gateway, one after the other, and a machine of a segment asks. What is asserted
are shares and that nothing is lost; how fast this machine is shows only in what is printed.
"""

from __future__ import annotations

import os
import sys
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from load import PATIENCE_SECONDS, Found, answers, leases, most_leases
from testinfra.host import Host

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "e2e"))
import datacenter
from judged import Judged

MADE = Judged(Path(__file__).with_name("datacenter.yml"), "bench-gateway", 2382, 6582)
ROUTER, UPSTREAM = "10.82.4.1", "10.82.4.12"
KNOWN = {"server01.dc.internal": "10.82.4.11", "server02.dc.internal": UPSTREAM}
# As many as dnsmasq's cache holds where nobody says otherwise.
ELSEWHERE = [f"host{number}.example.org" for number in range(150)]
CLIENTS = 200
# Many machines that start at once ask for less.
MODERATE_LEASES, MODERATE_ANSWERS = 20, 1000
ROUNDS, SECONDS = 2, 3
# The share of a plain dnsmasq that ours has at least: what is beside it takes half at times, and
# leases go by steps of two.
LEAST = 0.4
LEASES = "/var/lib/misc/dnsmasq.leases"
RUN = "systemd-run --quiet --collect --unit={unit} dnsmasq -k --conf-file=/dev/null"
Load = Callable[[], Found]


def reverse(address: str) -> str:
    return ".".join(reversed(address.split("."))) + ".in-addr.arpa"


def write(host: Host, path: str, lines: list[str]) -> None:
    host.check_output(f"printf '%%s\\n' %s >{path}", "\n".join(lines))


def answered(asking: Host, server: str) -> None:
    """Wait until the server knows a name of the other domain."""
    question = f"dig +short +tries=1 {ELSEWHERE[0]} @{server}"
    said = "198.51.100.7"
    datacenter.wait_for("it answers", lambda: asking.run(question).stdout.strip() == said)


@pytest.fixture(scope="module", autouse=True)
def made() -> Iterator[None]:
    MADE.destroy()
    try:
        for layer in ("machines", "gateway"):
            MADE.play(layer).ok()
        asking, elsewhere = MADE.machine("server01"), MADE.machine("server02")
        asking.check_output("apt-get install -y -q --no-install-recommends dnsperf kea-admin")
        write(asking, "forward", [f"{name} A" for name in KNOWN])
        write(asking, "reverse", [f"{reverse(address)} PTR" for address in KNOWN.values()])
        write(asking, "cached", [f"{name} A" for name in ELSEWHERE])
        elsewhere.check_output("apt-get install -y -q --no-install-recommends dnsmasq-base")
        elsewhere.check_output(
            RUN.format(unit="elsewhere") + " --interface=server --bind-interfaces --no-resolv"
            " --except-interface=lo --local-ttl=86400 --address=/example.org/198.51.100.7"
        )
        answered(asking, UPSTREAM)
        yield
    finally:
        MADE.destroy()


@pytest.fixture(scope="module")
def gateway() -> Host:
    return MADE.machine("gate01")


@pytest.fixture(scope="module")
def loads() -> dict[str, Load]:
    """As much of each kind as is served."""
    asking = MADE.machine("server01")
    return {
        "leases": lambda: most_leases(asking, ROUTER, CLIENTS, SECONDS),
        "forward": lambda: answers(asking, ROUTER, "forward", SECONDS),
        "reverse": lambda: answers(asking, ROUTER, "reverse", SECONDS),
        "cached": lambda: answers(asking, ROUTER, "cached", SECONDS),
    }


def lent(gateway: Host) -> int:
    """Addresses of the pool."""
    return int(gateway.check_output(f"grep -c ' 10[.]82[.][567][.]' {LEASES} || true"))


def cache_misses(gateway: Host) -> int:
    said = gateway.check_output("dig +short chaos txt misses.bind @127.0.0.1")
    return int(said.strip('"'))


def test_all_clients_get_an_address(gateway: Host) -> None:
    """dnsmasq pings an address before it lends it the first time, and serves nobody meanwhile."""
    asking = MADE.machine("server01")
    first = leases(asking, ROUTER, CLIENTS, 10, 30, 30)
    print(f"\n{CLIENTS} clients that nobody knows, 10 a second: {first.per_second:.1f} served")
    datacenter.wait_for("all have one", lambda: more(asking, gateway) >= CLIENTS, 120)


def more(asking: Host, gateway: Host) -> int:
    leases(asking, ROUTER, CLIENTS, 20, 10, 10)
    return lent(gateway)


def test_nothing_is_lost_at_a_moderate_rate(gateway: Host) -> None:
    asking = MADE.machine("server01")
    found = leases(asking, ROUTER, CLIENTS, MODERATE_LEASES, 20, PATIENCE_SECONDS)
    print(f"\nleases, {MODERATE_LEASES} a second asked: {found}")
    assert found.lost == 0
    for questions in ("forward", "reverse", "cached"):
        before = cache_misses(gateway)
        found = answers(asking, ROUTER, questions, 10, MODERATE_ANSWERS)
        print(f"{questions}, {MODERATE_ANSWERS} a second asked: {found}")
        assert found.lost == 0
        assert cache_misses(gateway) - before <= 2 * len(ELSEWHERE), "not out of the cache"


def start_ours(gateway: Host) -> None:
    gateway.run("systemctl stop plain")
    gateway.check_output("systemctl start dnsmasq")
    answered(gateway, ROUTER)


def start_plain(gateway: Host) -> None:
    """What a person writes who only wants it to work: the same names, pool and file of leases."""
    gateway.check_output("systemctl stop dnsmasq")
    names = " ".join(f"--host-record={name},{address}" for name, address in KNOWN.items())
    gateway.check_output(
        RUN.format(unit="plain") + " --interface=server --bind-dynamic --no-resolv"
        f" --server={UPSTREAM} {names}"
        f" --dhcp-range=10.82.5.0,10.82.7.250,3600 --dhcp-leasefile={LEASES}"
    )
    answered(gateway, ROUTER)


def test_ours_beside_a_plain_one(gateway: Host, loads: dict[str, Load]) -> None:
    best: dict[str, dict[str, Found]] = {"ours": {}, "plain": {}}
    starts: dict[str, t.Callable[[Host], None]] = {"ours": start_ours, "plain": start_plain}
    try:
        for _round in range(ROUNDS):
            for server, start in starts.items():
                start(gateway)
                loads["cached"]()
                for kind, load in loads.items():
                    found = load()
                    best[server][kind] = max(found, best[server].get(kind, found))
    finally:
        start_ours(gateway)
    print(f"\na second, the best of {ROUNDS} rounds; load {os.getloadavg()[0]:.1f}")
    for kind, ours in best["ours"].items():
        plain = best["plain"][kind]
        assert ours.per_second and plain.per_second, f"{kind}: even the first step was too much"
        share = ours.per_second / plain.per_second
        print(f"{kind:8} ours {ours} plain {plain} share {share:.2f}")
        assert share >= LEAST, kind
