# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example of a web site: servers behind load balancers, without Kubernetes."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import datacenter
import pytest

NAME = "e2e-web"
EXAMPLE = Path("ansible_collections/virtual/datacenter/examples/web")
STATE = datacenter.STATE.with_name(NAME)
PORT = 26488
OWN = (
    f"datacenter_name={NAME}",
    "datacenter_ssh_port=2291",
    "datacenter_api_port=6491",
)


def play(installed: Path, playbook: str | Path, *variables: str) -> datacenter.Run:
    """A playbook on the example's inventory, with ports and a name of the tests' own."""
    argv = [str(datacenter.BIN / "ansible-playbook"), "-i", str(installed / "web.yml")]
    more = [word for variable in (*OWN, *variables) for word in ("-e", variable)]
    return datacenter.run(
        [*argv, str(playbook), *more], cwd=installed, env=datacenter.environment(installed)
    )


@pytest.fixture(scope="module")
def made(installed: Path) -> Iterator[datacenter.Run]:
    text = (installed / EXAMPLE / "datacenter.yml").read_text(encoding="utf-8")
    assert text.count("port: 8088") == 1
    inventory = text.replace("port: 8088", f"port: {PORT}")
    (installed / "web.yml").write_text(inventory, encoding="utf-8")
    gone = ("virtual.datacenter.destroy", f"destroy_confirm={NAME}", "destroy_state=true")
    play(installed, *gone)
    try:
        yield play(installed, installed / EXAMPLE / "site.yml").ok()
    finally:
        assert play(installed, *gone).code == 0
        assert not STATE.exists()


def asked() -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/", timeout=5) as answer:
            return str(answer.read().decode()).strip()
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        return str(error)


def ssh(machine: str, *argv: str) -> str:
    return datacenter.ssh(machine, *argv, config=STATE / "ssh" / "config")


def test_a_data_center_of_servers_is_verified(made: datacenter.Run) -> None:
    print(f"\nfive machines without Kubernetes, with a page on two of them: {made.seconds:.0f} s")
    assert f"Data center {NAME} is verified." in made.output
    for line in (
        "server01     10.70.4.11       server     server",
        "Frontend     site, port 80 of www.dc.internal to server01, server02",
        f"Port         {PORT} of 127.0.0.1 on workstation to 10.70.1.20:80, site",
    ):
        assert line in made.output
    assert "kube" not in made.output.split("is verified.")[1].lower()


@pytest.mark.usefixtures("made")
def test_the_host_reaches_both_servers_through_the_floating_ip() -> None:
    assert {asked() for _ in range(6)} == {"This is server01.", "This is server02."}


@pytest.mark.usefixtures("made")
def test_the_death_of_a_server_is_not_seen_and_its_return_is() -> None:
    ssh("server01", "sudo", "systemctl", "stop", "page")
    try:
        answers = []
        for _ in range(30):
            answers.append(asked())
            time.sleep(0.1)
        assert set(answers) == {"This is server02."}, answers
    finally:
        ssh("server01", "sudo", "systemctl", "start", "page")
    end = time.monotonic() + 60
    while "This is server01." not in {asked() for _ in range(6)}:
        assert time.monotonic() < end
        time.sleep(0.5)


def test_a_second_run_changes_nothing_and_names_nothing_that_is_not_there(
    made: datacenter.Run, installed: Path
) -> None:
    again = play(installed, installed / EXAMPLE / "site.yml").unchanged()
    print(f"\nagain: {again.seconds:.0f} s")
    assert "Could not match" not in again.output
