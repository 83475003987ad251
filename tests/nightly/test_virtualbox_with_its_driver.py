# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VirtualBox with its real kernel driver: what test machines without virtualisation cannot show.

An emulator runs a Debian whose processor can virtualise. Ansible reaches it by SSH, and the
modules make two VMs there that start on the default engine, take leases from a NAT network, read
their seeds and meet on an internal network. Everything is interpreted, so it takes minutes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import playbooks

VM_SECONDS = 1800
VMS = [
    {"name": "left", "mac": "02:5e:00:00:00:01", "address": "10.73.0.11", "peer": "10.73.0.12"},
    {"name": "right", "mac": "02:5e:00:00:00:02", "address": "10.73.0.12", "peer": "10.73.0.11"},
]


@pytest.fixture(scope="session")
def converged(vboxhost: Path) -> float:
    """Both VMs were started; gives the time of that."""
    assert playbooks.run(vboxhost, playbooks.HERE / "vms.yml", vms=VMS)["changed"] > 0
    return time.monotonic()


@pytest.fixture(scope="session")
def consoles(converged: float, run: Callable[[str], str]) -> dict[str, str]:
    """What the VMs said until both had met, or until the time was over."""
    end = converged + VM_SECONDS
    said = {}
    while time.monotonic() < end:
        said = {vm["name"]: run(f"cat /srv/consoles/{vm['name']}") for vm in VMS}
        if all("PACKETS" in text for text in said.values()):
            break
        time.sleep(10)
    print(f"nightly: both VMs had met {time.monotonic() - converged:.0f} s after their start")
    for name, text in said.items():
        print(f"--- {name}\n{text}")
    return said


def test_the_driver_is_loaded_and_has_the_processor_though_kvm_is_there(
    converged: float, run: Callable[[str], str]
) -> None:
    modules = run("cat /proc/modules").splitlines()
    names = {line.split()[0] for line in modules}
    assert {"vboxdrv", "vboxnetflt", "vboxnetadp", "kvm_amd"} <= names
    log = run("grep -h 'HM: HMR3Init' /srv/machines/left/Logs/VBox.log")
    assert "AMD-V" in log


@pytest.mark.parametrize("name", [vm["name"] for vm in VMS])
def test_a_vm_reads_its_seed(consoles: dict[str, str], name: str) -> None:
    assert f"SEED {name}-1 {name}" in consoles[name]


@pytest.mark.parametrize("name", [vm["name"] for vm in VMS])
def test_a_nat_network_gives_a_lease(consoles: dict[str, str], name: str) -> None:
    assert re.search(r"LEASE 10\.9\.0\.\d+/24 of 10\.9\.0\.\d+ router 10\.9\.0\.1", consoles[name])


@pytest.mark.parametrize("name", [vm["name"] for vm in VMS])
def test_packets_cross_an_internal_network(consoles: dict[str, str], name: str) -> None:
    found = re.search(r"PACKETS (\d+) packets transmitted, (\d+) packets received", consoles[name])
    assert found and int(found[2]) >= 4, consoles[name]


def test_a_host_only_interface_has_its_address(converged: float, run: Callable[[str], str]) -> None:
    assert "10.74.0.1/24" in run("ip -o -4 address show dev vboxnet0")


def test_again_nothing_changes(consoles: dict[str, str], vboxhost: Path) -> None:
    for name in ("host.yml", "vms.yml"):
        assert playbooks.run(vboxhost, playbooks.HERE / name, vms=VMS)["changed"] == 0, name
