# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that somebody takes away or adds come back: by the next run, and by the gateway itself."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from test_gateway import INTERNET, connects, machine
from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[3]
UNIT = "dnsmasq-gateway-firewall"
FORBIDDEN = ("10.70.1.11", 22)
ALLOWED = ("10.70.2.11", 22)
CHAIN = "chain inet dnsmasq_gateway forward"
HANDLE = f"$(nft --handle list {CHAIN} | sed -n '/@allowed/s/.*handle //p')"


@pytest.fixture
def gateway() -> Host:
    return machine("router1")


@pytest.fixture
def desk1() -> Host:
    return machine("desk1")


@pytest.fixture
def server1() -> Host:
    return machine("server1")


def run_role() -> subprocess.CompletedProcess[str]:
    """Run the role as Molecule does."""
    inventory = str(Path(os.environ["MOLECULE_INVENTORY_FILE"]).parent)
    book = str(ROOT / "molecule" / "dnsmasq_gateway" / "converge.yml")
    config = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "ansible.cfg"
    plain = {"ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"}
    return subprocess.run(
        ["ansible-playbook", "-i", inventory, book, "--limit", "router1,workstation,localhost"],
        env={**os.environ, **plain, "ANSIBLE_CONFIG": str(config)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def converge() -> dict[str, str]:
    """The last line of each host."""
    done = run_role()
    assert done.returncode == 0, done.stdout + done.stderr
    return {line.split()[0]: line for line in done.stdout.splitlines() if "changed=" in line}


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.3)


def rules(host: Host) -> str:
    return host.check_output("nft --stateless list table inet dnsmasq_gateway")


@pytest.fixture
def asleep(gateway: Host) -> Iterator[str]:
    """The gateway does not look after its rules itself; the rules as they are before."""
    before = rules(gateway)
    gateway.run(f"systemctl kill --signal STOP {UNIT}")
    yield before
    gateway.run(f"systemctl kill --signal CONT {UNIT}")


@pytest.mark.parametrize(
    ("harm", "opens"),
    [
        ("nft flush ruleset", True),
        ("nft -f /etc/nftables.conf", True),
        (f"nft flush {CHAIN}; nft delete {CHAIN}", True),
        ("nft insert rule inet dnsmasq_gateway forward accept", True),
        (f"nft delete rule inet dnsmasq_gateway forward handle {HANDLE}", False),
        ("sysctl --write net.ipv4.ip_forward=0", False),
    ],
    ids=["flush", "debian's file", "chain", "added rule", "removed rule", "forwarding"],
)
def test_a_run_puts_right_what_somebody_did(
    gateway: Host, desk1: Host, server1: Host, asleep: str, harm: str, opens: bool
) -> None:
    gateway.check_output(harm)
    assert connects(server1, *FORBIDDEN) == opens
    assert opens or not connects(desk1, *ALLOWED)
    assert "changed=1 " in converge()["router1"]
    assert rules(gateway) == asleep
    assert not connects(server1, *FORBIDDEN)
    assert connects(desk1, *ALLOWED)


@pytest.mark.parametrize("harm", ["nft -f /etc/nftables.conf", "systemctl restart nftables"])
def test_the_gateway_itself_puts_back_what_debians_rules_flush(
    gateway: Host, desk1: Host, server1: Host, harm: str
) -> None:
    before = rules(gateway)
    gateway.check_output(harm)
    wait_for("the forbidden path is closed", lambda: not connects(server1, *FORBIDDEN), 30)
    wait_for("the allowed path is open", lambda: connects(desk1, *ALLOWED), 30)
    assert rules(gateway) == before
    assert gateway.service(UNIT).is_running


@pytest.mark.parametrize("unit", [UNIT, "nftables"])
def test_without_the_firewall_nothing_is_forwarded(
    gateway: Host, desk1: Host, server1: Host, unit: str
) -> None:
    gateway.check_output("systemctl start nftables")
    wait_for("the allowed path is open", lambda: connects(desk1, *ALLOWED), 30)
    gateway.check_output(f"systemctl stop {unit}")
    assert not connects(server1, *FORBIDDEN)
    assert not connects(desk1, *ALLOWED)
    assert "changed=1 " in converge()["router1"]
    assert not connects(server1, *FORBIDDEN)
    assert connects(desk1, *ALLOWED)
    assert "changed=0 " in converge()["router1"]


def test_rules_that_do_not_load_leave_forwarding_off(gateway: Host, desk1: Host) -> None:
    file = "/etc/dnsmasq-gateway.nft"
    gateway.check_output(f"cp {file} /run/good.nft; echo 'no rule' >> {file}")
    gateway.check_output("sysctl --write net.ipv4.ip_forward=0; nft flush ruleset")
    gateway.run(f"systemctl restart {UNIT}")
    time.sleep(5)
    assert gateway.check_output("sysctl --values net.ipv4.ip_forward") == "0"
    assert not connects(desk1, INTERNET, 8080) and not connects(desk1, *ALLOWED)
    gateway.check_output(f"mv /run/good.nft {file}")
    wait_for("the rules are loaded", lambda: connects(desk1, *ALLOWED), 30)


def test_forwarding_is_not_switched_on_by_the_boot_itself(gateway: Host) -> None:
    found = gateway.run("grep -rhs '^[^#]*ip_forward' /etc/sysctl.d /etc/sysctl.conf").stdout
    assert not re.search(r"ip_forward\s*=\s*1", found)


@pytest.fixture
def second_server(desk1: Host) -> Iterator[None]:
    """A second DHCP server runs on a segment of the gateway."""
    desk1.check_output("apt-get install -y -q dnsmasq-base")
    run = "dnsmasq --conf-file=/dev/null --port=0 --interface=edge --pid-file=/run/second.pid"
    desk1.check_output(f"{run} --dhcp-range=10.70.1.150,10.70.1.160 --no-ping")
    yield
    desk1.check_output("kill $(cat /run/second.pid)")


@pytest.mark.usefixtures("second_server")
def test_a_second_server_that_lends_addresses_is_refused() -> None:
    done = run_role()
    assert done.returncode != 0
    assert "changed=0 " in done.stdout
    # Lines are broken where the screen ends, words are not.
    said = done.stdout + done.stderr
    assert "10.70.1.11" in said
    assert "dnsmasq_gateway_other_dhcp_servers" in said
