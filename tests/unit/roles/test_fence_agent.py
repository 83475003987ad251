# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fence agent, run as pacemaker runs it, with an ssh that answers as the host does."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

import pytest

AGENT = Path(__file__).resolve().parents[3] / "roles/fence_agent/files/fence_virtual_datacenter.sh"
HOST = {
    "ip": "10.0.2.2",
    "ipport": "2200",
    "username": "ops",
    "identity_file": "/key",
    "known_hosts_file": "/hosts",
}
RACE = {"plug": "lb02", "race_delay_seconds": "7", "floating_ips": "192.0.2.10 192.0.2.20"}


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Programs that answer from files, and note that they were asked."""
    programs = {
        "ssh": 'printf "%s\\n" "$*" >>"$WORLD/asked"\n'
        'for last; do :; done; cat "$WORLD/${last%% *}" 2>/dev/null',
        "ip": 'cat "$WORLD/addresses"',
        "uname": 'cat "$WORLD/name"',
        "sleep": 'echo "sleep $1" >>"$WORLD/asked"',
    }
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    answers = {
        "list": "lb01\nlb02\n",
        "status": "on\n",
        "on": "on\n",
        "off": "off\n",
        "reboot": "off\n",
        "name": "lb01\n",
        "addresses": "",
        "asked": "",
    }
    # A request and the program of its answer have names of their own.
    for name, text in answers.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def agent(world: Path, *argv: str, **options: str) -> subprocess.CompletedProcess[str]:
    given = "".join(f"{name}={value}\n" for name, value in options.items())
    return subprocess.run(
        ["sh", str(AGENT), *argv],
        input=given,
        env={"PATH": f"{world}:/usr/bin:/bin", "WORLD": str(world)},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def asked(world: Path) -> list[str]:
    """The requests, and the pauses between them."""
    lines = (world / "asked").read_text(encoding="utf-8").splitlines()
    return [line.rpartition(" 10.0.2.2 ")[2] for line in lines]


def has(world: Path, addresses: Iterable[str], name: str = "lb01") -> None:
    lines = [f"2: edge    inet {address}/24 scope global edge\\\n" for address in addresses]
    (world / "addresses").write_text("".join(lines), encoding="utf-8")
    (world / "name").write_text(f"{name}\n", encoding="utf-8")


@pytest.mark.parametrize("how", ["argument", "option"])
def test_the_metadata_name_every_action_and_option(world: Path, how: str) -> None:
    found = agent(world, "-o", "metadata") if how == "argument" else agent(world, action="metadata")
    assert found.returncode == 0
    metadata = ET.fromstring(found.stdout)
    actions = {action.get("name") for action in metadata.iter("action")}
    assert actions == {"on", "off", "reboot", "status", "list", "monitor", "metadata"}
    names = {parameter.get("name") for parameter in metadata.iter("parameter")}
    assert {*HOST, *RACE, "action", "login_timeout"} == names


def test_ssh_takes_no_host_key_that_it_does_not_know_and_asks_nobody(world: Path) -> None:
    assert agent(world, action="status", plug="lb02", **HOST).returncode == 0
    (line,) = (world / "asked").read_text(encoding="utf-8").splitlines()
    assert line.endswith("-- 10.0.2.2 status lb02")
    for option in ("StrictHostKeyChecking=yes", "BatchMode=yes", "UserKnownHostsFile=/hosts"):
        assert f"-o {option} " in line
    assert "-F none -T -n -i /key -l ops -p 2200 " in line


@pytest.mark.parametrize(("answer", "code"), [("on\n", 0), ("off\n", 2), ("", 1), ("else\n", 1)])
def test_the_status_is_a_return_code(world: Path, answer: str, code: int) -> None:
    (world / "status").write_text(answer, encoding="utf-8")
    assert agent(world, action="status", plug="lb02", **HOST).returncode == code


def test_list_monitor_on_and_off(world: Path) -> None:
    assert agent(world, action="list", **HOST).stdout == "lb01,\nlb02,\n"
    assert agent(world, action="monitor", **HOST).returncode == 0
    assert agent(world, action="on", plug="lb02", **HOST).returncode == 0
    assert agent(world, action="off", plug="lb02", **HOST).returncode == 0
    assert asked(world) == ["list", "list", "on lb02", "off lb02"]


@pytest.mark.parametrize("answer", ["", "on\n", "no\n"])
def test_only_a_host_that_says_so_has_switched_the_machine_off(world: Path, answer: str) -> None:
    for action in ("off", "reboot"):
        (world / action).write_text(answer, encoding="utf-8")
        assert agent(world, action=action, plug="lb02", **HOST).returncode == 1


def test_without_an_action_the_machine_is_rebooted(world: Path) -> None:
    assert agent(world, plug="lb02", nodename="lb02", **HOST).returncode == 0
    assert asked(world) == ["reboot lb02"]


@pytest.mark.parametrize(
    ("mine", "name", "waits"),
    [
        (["192.0.2.10", "192.0.2.20"], "lb03", False),
        ([], "lb01", True),
        # As many as the other one: the lower name wins.
        (["192.0.2.10"], "lb01", False),
        (["192.0.2.10"], "lb03", True),
        # Others than those that it is about.
        (["192.0.2.1", "192.0.2.100"], "lb01", True),
    ],
)
def test_who_holds_less_waits(world: Path, mine: list[str], name: str, waits: bool) -> None:
    has(world, mine, name)
    assert agent(world, action="reboot", **RACE, **HOST).returncode == 0
    assert asked(world) == (["status lb02", "sleep 7"] if waits else []) + ["reboot lb02"]


def test_nobody_waits_for_a_machine_that_is_off(world: Path) -> None:
    has(world, [])
    (world / "status").write_text("off\n", encoding="utf-8")
    assert agent(world, action="reboot", **RACE, **HOST).returncode == 0
    assert asked(world) == ["status lb02"]


def test_what_is_missing_is_said(world: Path) -> None:
    found = agent(world, action="status", plug="lb02", ip="10.0.2.2")
    assert found.returncode == 1
    assert "found no user" in found.stderr
    assert "plug is needed" in agent(world, action="off", **HOST).stderr
    assert "found explode" in agent(world, action="explode", plug="lb02", **HOST).stderr
    assert asked(world) == []
