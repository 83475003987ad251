# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs of ansible-playbook on one data center: one changes it, the other is told so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
INVENTORY = ROOT / "inventories" / "virtualbox_small"
# The role as every layer has it, then something that takes a while.
PLAYBOOK = """
- name: First
  hosts: machines
  gather_facts: false
  roles:
    - role: virtual.datacenter.datacenter
      run_once: true
  tasks:
    - name: Work
      ansible.builtin.wait_for:
        path: "{{ go_on }}"
        timeout: 120
      delegate_to: localhost
      run_once: true
      when: go_on is defined
- name: Second
  hosts: gateway
  gather_facts: false
  roles:
    - role: virtual.datacenter.datacenter
      run_once: true
"""


class World:
    """A folder with data centers whose machines nobody asks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "play.yml").write_text(PLAYBOOK, encoding="utf-8")

    def start(self, name: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [
                str(ROOT / ".venv/bin/ansible-playbook"),
                "--inventory",
                str(INVENTORY),
                "--extra-vars",
                f"datacenter_name={name} datacenter_state_dir={self.folder / name} secret=hunter2",
                *arguments,
                str(self.folder / "play.yml"),
            ],
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def started(self, name: str, *arguments: str) -> subprocess.Popen[str]:
        """A run that has the lock and is at work until told to go on."""
        run = self.start(name, "--extra-vars", f"go_on={self.folder / 'go-on'}", *arguments)
        self.wait_for(lambda: self.said(name).get("pid") == run.pid)
        return run

    def said(self, name: str) -> dict[str, object]:
        try:
            said = json.loads((self.folder / name / "run.lock").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return dict(said)

    def go_on(self) -> None:
        (self.folder / "go-on").touch()

    @staticmethod
    def wait_for(condition) -> None:  # type: ignore[no-untyped-def]
        until = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < until
            time.sleep(0.05)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_second_run_is_refused_at_once_and_told_by_whom(world: World) -> None:
    first = world.started("one")
    second = world.start("one")
    output, _ = second.communicate(timeout=120)
    assert second.returncode != 0
    assert first.poll() is None
    message = " ".join(output.split())
    said = world.said("one")
    assert f"process {first.pid} (ansible-playbook play.yml)" in message
    assert f"{said['user']} on {said['host']}" in message
    assert str(said["since"]) in message
    assert "hunter2" not in json.dumps(said)
    # What changes nothing, and who works on something else, is not hindered.
    for name, arguments in (("one", ["--check"]), ("two", [])):
        other = world.start(name, *arguments)
        output, _ = other.communicate(timeout=120)
        assert other.returncode == 0, output
    world.go_on()
    output, _ = first.communicate(timeout=120)
    assert first.returncode == 0, output
    world.wait_for(lambda: not (world.folder / "one").exists())


def test_the_run_after_a_killed_one_gets_the_lock(world: World) -> None:
    first = world.started("one")
    first.send_signal(signal.SIGKILL)
    # Not waited for: it is a zombie now, as under a parent that does not look.
    world.go_on()
    third = world.start("one")
    output, _ = third.communicate(timeout=120)
    assert third.returncode == 0, output
    first.communicate(timeout=120)
