# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role provider_lab and a machine that left the inventory: named before anything, removed alone."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the lab needs root")

NAME = f"itleft{os.environ.get('PYTEST_XDIST_WORKER', '')}"


def play(folder: Path, entry: str, *options: str, ok: bool = True, **more: Any) -> tuple[int, str]:
    """Runs an entry point on a data center whose plan has one machine."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    variables = {
        "ansible_python_interpreter": sys.executable,
        "provider_datacenter": NAME,
        "provider_plan": {
            "gateways": ["kept"],
            "machines": {
                "kept": {
                    "name": "kept",
                    "host": "localhost",
                    "nics": [{"number": 1, "kind": "nat", "mac": "02:00:5e:00:53:01"}],
                }
            },
            "segments": {"edge": {}},
        },
        "provider_published_ports": [{"name": "ssh", "host_port": port, "guest_port": 22}],
        "provider_disk_space_mb": 1,
        "provider_lab_root_dir": str(folder / "root"),
        **more,
    }
    role = {"name": "virtual.datacenter.provider_lab", "tasks_from": entry}
    tasks = [{"ansible.builtin.include_role": role}]
    playbook = [{"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": tasks}]
    (folder / "play.yml").write_text(json.dumps(playbook), encoding="utf-8")
    done = subprocess.run(
        [str(ROOT / ".venv/bin/ansible-playbook"), *options, str(folder / "play.yml")],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode == 0) == ok, done.stdout + done.stderr
    changed = sum(map(int, re.findall(r"\bchanged=(\d+)", done.stdout)))
    return changed, " ".join((done.stdout + done.stderr).split())


def test_a_machine_that_left_the_inventory(tmp_path: Path) -> None:
    assert play(tmp_path, "preflight")[0] == 0
    machines = tmp_path / "root" / NAME / "machines"
    for name in ("kept", "gone"):
        (machines / name).mkdir(parents=True)
        (machines / name / "config").write_text("", encoding="utf-8")
    said = f"Machines of {NAME} on localhost are in the inventory, and these are not: gone."
    assert said in play(tmp_path, "preflight", ok=False)[1]
    assert f"WARNING: {said}" in play(tmp_path, "preflight", "--check")[1]
    assert f"WARNING: {said}" in play(tmp_path, "preflight", provider_allow_leftovers="yes")[1]

    only = {"provider_leftovers_only": "true"}
    assert play(tmp_path, "destroy", "--check", **only)[0] == 1
    assert (machines / "gone").exists()
    assert play(tmp_path, "destroy", **only)[0] == 1
    assert [path.name for path in machines.iterdir()] == ["kept"]
    assert play(tmp_path, "destroy", **only)[0] == 0
    assert play(tmp_path, "destroy")[0] == 1
    assert not (tmp_path / "root").exists()
