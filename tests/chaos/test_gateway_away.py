# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway is away for three lease times: machines keep their addresses and talk."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import datacenter

# The shortest that dnsmasq knows.
LEASE_SECONDS = 120
ADDRESS, NEIGHBOUR = "10.70.1.11", "10.70.1.12"
RECORDER = (
    "while sleep 5; do"
    " ip -4 -oneline address show dev edge | grep -o 'inet [0-9.]*' | tr '\\n' ' ';"
    f" ping -c 1 -W 2 {NEIGHBOUR} >/dev/null && echo reached || echo alone; done"
)


@pytest.fixture(scope="module", autouse=True)
def gateway_with_short_leases() -> Iterator[None]:
    datacenter.destroy().ok()
    datacenter.playbook("machines").ok()
    lease = f"dnsmasq_gateway_lease_time_seconds={LEASE_SECONDS}"
    datacenter.playbook("gateway", "-e", lease).ok()
    yield
    datacenter.destroy().ok()


def test_machines_keep_their_addresses_and_talk() -> None:
    record = f"{RECORDER} >/run/recorded"
    # ssh gives the words to a shell.
    datacenter.ssh("lb01", "sudo", "systemd-run", "--unit=recorder", "sh", "-c", f'"{record}"')
    datacenter.playbook("stop", "--limit", "gate01", "-e", "stop_power_cut=true").ok()
    time.sleep(3 * LEASE_SECONDS + 10)
    datacenter.playbook("start", "--limit", "gate01").ok()
    seen = datacenter.ssh("lb01", "cat", "/run/recorded").splitlines()
    assert len(seen) > LEASE_SECONDS / 5, "too few looks to say anything"
    assert {line.strip() for line in seen} == {f"inet {ADDRESS} reached"}
