# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What perfdhcp (of ISC) and dnsperf (of DNS-OARC) say of a server."""

from __future__ import annotations

import re
import typing as t

from testinfra.host import Host

RATE = re.compile(r"^Rate: ([0-9.]+) 4-way exchanges/second", re.M)
DROPS = re.compile(r"^drops: ([0-9]+)$", re.M)
ANSWERED = re.compile(r"Queries per second: +([0-9.]+)")
LOST = re.compile(r"Queries lost: +([0-9]+) ")
CODES = re.compile(r"Response codes: +(.+)$", re.M)
# Clients ask again before; what comes later is lost.
PATIENCE_SECONDS = 10
# For the answers to the last questions, which perfdhcp would call lost.
EXIT_WAIT_MICROSECONDS = 3_000_000
# Leases a second that are asked for, one after the other.
STEPS = (50, 100, 200, 400, 800, 1600)


class Found(t.NamedTuple):
    """How much was served in a second, and how many questions got no answer in time."""

    per_second: float
    lost: int


def leases(
    client: Host, server: str, clients: int, rate: int, seconds: int, patience: int
) -> Found:
    """So many clients, one after the other, ask for their addresses (all four messages)."""
    # It ends with 3 where an answer was missing; what it says tells how many.
    said = client.run(
        f"perfdhcp -4 -l server -R {clients} -r {rate} -p {seconds} -d {patience}"
        f" -W {EXIT_WAIT_MICROSECONDS} {server}"
    )
    assert said.rc in (0, 3), said.stdout + said.stderr
    (served,) = RATE.findall(said.stdout)
    drops = DROPS.findall(said.stdout)
    assert len(drops) == 2, said.stdout
    return Found(float(served), sum(map(int, drops)))


def most_leases(client: Host, server: str, clients: int, seconds: int) -> Found:
    """The last step without a loss: above it clients ask again, and that says nothing of a rate."""
    best = Found(0.0, 0)
    for rate in STEPS:
        found = leases(client, server, clients, rate, seconds, PATIENCE_SECONDS)
        if found.lost:
            break
        best = found
    return best


def answers(client: Host, server: str, questions: str, seconds: int, rate: int = 0) -> Found:
    """Questions of a file, as fast as they are answered or so many a second; all are known."""
    limit = f"-Q {rate}" if rate else ""
    said = client.check_output(
        f"dnsperf -s {server} -d {questions} -l {seconds} -t {PATIENCE_SECONDS} {limit}"
    )
    (codes,) = CODES.findall(said)
    assert re.fullmatch(r"NOERROR [0-9]+ \(100\.00%\)", codes), said
    return Found(float(ANSWERED.findall(said)[0]), int(LOST.findall(said)[0]))
