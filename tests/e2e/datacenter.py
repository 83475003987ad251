# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the playbooks as a user does, on a data center of the tests' own beside any other."""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / ".venv" / "bin"
LAB = ROOT / "inventories" / "lab"
NAME = "e2e"
SSH_PORT = 2290
API_PORT = 6490
STATE = Path.home() / ".local" / "state" / "virtual.datacenter" / NAME
SSH_CONFIG = STATE / "ssh" / "config"
KUBECONFIG = STATE / "kubernetes" / "admin.conf"

RECAP = re.compile(
    r"^(?P<host>\S+)\s+: ok=(?P<ok>\d+)\s+changed=(?P<changed>\d+)"
    r"\s+unreachable=(?P<unreachable>\d+)\s+failed=(?P<failed>\d+)",
    re.M,
)


LAYERS = (
    "preflight",
    "machines",
    "gateway",
    "base",
    "load balancer",
    "runtime",
    "control plane",
    "workers",
    "verify",
)


@dataclass
class Run:
    """One finished ansible-playbook run."""

    code: int
    output: str
    seconds: float
    silence: float = 0.0
    hosts: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def changed(self) -> dict[str, int]:
        return {host: row["changed"] for host, row in self.hosts.items() if row["changed"]}

    def ok(self) -> Run:
        assert self.code == 0, self.output[-6000:]
        assert self.hosts, self.output[-6000:]
        return self

    def unchanged(self) -> Run:
        self.ok()
        assert self.changed == {}, "\n".join(
            line for line in self.output.splitlines() if "changed:" in line or "TASK" in line
        )
        return self


def extra_vars(name: str = NAME) -> list[str]:
    return [
        "-e",
        f"datacenter_name={name}",
        "-e",
        f"datacenter_ssh_port={SSH_PORT}",
        "-e",
        f"datacenter_api_port={API_PORT}",
        "-e",
        "datacenter_virtualbox_rehearsal=true",
    ]


def environment(installed: Path | None = None) -> dict[str, str]:
    """What Ansible needs; with a folder, its collections are those installed there."""
    found = {} if installed is None else {"ANSIBLE_COLLECTIONS_PATH": str(installed)}
    return {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", **found}


def command(playbook: str | Path, *arguments: str, inventory: Path = LAB) -> list[str]:
    return [
        str(BIN / "ansible-playbook"),
        "-i",
        str(inventory),
        str(playbook),
        *extra_vars(),
        *arguments,
    ]


def parse(code: int, output: str, seconds: float, silence: float) -> Run:
    hosts = {
        match["host"]: {key: int(match[key]) for key in ("ok", "changed", "unreachable", "failed")}
        for match in RECAP.finditer(output)
    }
    return Run(code, output, seconds, silence, hosts)


def run(
    argv: list[str], *, cwd: Path = ROOT, env: dict[str, str] | None = None, timeout: float = 2400
) -> Run:
    began = last = time.monotonic()
    lines, silence = [], 0.0
    with subprocess.Popen(
        argv,
        cwd=cwd,
        env=env or environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        limit = threading.Timer(timeout, process.kill)
        limit.start()
        for line in process.stdout or ():
            lines.append(line)
            silence, last = max(silence, time.monotonic() - last), time.monotonic()
        code = process.wait()
        limit.cancel()
    seconds = time.monotonic() - began
    assert seconds < timeout, f"not done within {timeout} s:\n{''.join(lines[-60:])}"
    return parse(code, "".join(lines), seconds, silence)


def playbook(name: str, *arguments: str, inventory: Path = LAB) -> Run:
    return run(command(ROOT / "playbooks" / f"{name}.yml", *arguments, inventory=inventory))


def installed_site(folder: Path) -> Run:
    """The playbook `site` and the inventory as installed, away from the checkout."""
    inventory = folder / "ansible_collections" / "virtual" / "datacenter" / "inventories" / "lab"
    argv = command("virtual.datacenter.site", inventory=inventory)
    screen = {"ANSIBLE_STDOUT_CALLBACK": "virtual.datacenter.progress"}
    return run(argv, cwd=folder, env={**environment(folder), **screen})


def destroy(state: bool = True) -> Run:
    """Remove the machines, and the keys and secrets too if so told."""
    return playbook(
        "destroy",
        "-e",
        f"destroy_confirm={NAME}",
        "-e",
        f"destroy_state={str(state).lower()}",
    )


def ssh(machine: str, *argv: str, timeout: float = 60, config: Path = SSH_CONFIG) -> str:
    """What a command on a machine prints."""
    return subprocess.run(
        ["ssh", "-F", str(config), machine, *argv],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=timeout,
    ).stdout


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 60) -> None:
    """Until the condition holds; else the test fails."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.5)


def gap_seconds(answers: Iterable[tuple[float, bool]]) -> float:
    """From the first question that was not answered to the first answer after the last one."""
    asked = sorted(answers)
    lost = [began for began, good in asked if not good]
    if not lost:
        return 0.0
    return min(began for began, good in asked if good and began > lost[-1]) - lost[0]
