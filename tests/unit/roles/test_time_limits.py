# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No task waits for ever: each command has a time limit, and each repetition counts seconds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
KINDS = (
    "roles/*/tasks/*.yml",
    "roles/*/handlers/*.yml",
    "playbooks/*.yml",
    "playbooks/tasks/*.yml",
)
FILES = sorted(path for kind in KINDS for path in ROOT.glob(kind))
COMMANDS = {"command", "shell", "raw", "script"}
# These end as soon as what they wait for is there, and have a limit of their own that must be said.
WAITS = {"wait_for", "wait_for_connection"}
# "timeout 60 COMMAND" and "timeout --kill-after=5 60 COMMAND", as first word of the command.
LIMITED = re.compile(r"^(\S*/)?timeout(\s+--\S+)*\s+\S")


def tasks(items: list[dict[str, Any]], limit: Any = None) -> Iterator[tuple[dict[str, Any], Any]]:
    """Every task with the limit that holds for it, its own or that of what it lies in."""
    for item in items or []:
        here = item.get("timeout", limit)
        inner = ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers")
        if any(name in item for name in inner):
            for name in inner:
                yield from tasks(item.get(name, []), here)
        elif "hosts" not in item:
            yield item, here


def module_of(task: dict[str, Any]) -> tuple[str, Any]:
    for key, value in task.items():
        name = key.rpartition(".")[2]
        if "." in key and name in COMMANDS | WAITS | {"uri"}:
            return name, value
    return "", None


def begins_with_timeout(value: Any) -> bool:
    """Whether the command itself is run by timeout(1)."""
    if isinstance(value, dict):
        argv = value.get("argv")
        if isinstance(argv, list):
            return str(argv[0]) == "timeout"
        value = argv or value.get("cmd", "")
    return bool(LIMITED.match(str(value)))


def faults(path: Path) -> list[str]:
    return faults_in(path, yaml.safe_load(path.read_text(encoding="utf-8")) or [])


def faults_in(path: Path, items: list[dict[str, Any]]) -> list[str]:
    found = []
    for task, limit in tasks(items):
        module, value = module_of(task)
        name = f"{path.relative_to(ROOT)}: {task.get('name')}"
        if module in COMMANDS and not limit and not begins_with_timeout(value):
            found.append(f"{name}: a command without time limit")
        if module in WAITS | {"uri"} and "timeout" not in (value or {}):
            found.append(f"{name}: {module} without timeout")
        if ("until" in task or "retries" in task) and not limit:
            found.append(f"{name}: repeated without a limit in seconds")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_waits_for_ever(path: Path) -> None:
    assert faults(path) == []


# One that waits for its turn at a lock waits for a while, not for ever.
FLOCK = re.compile(r"^[^#]*\bflock(?! --timeout| --nonblock| -n)\b (?!\()")
SCRIPTS = sorted(
    path
    for pattern in ("roles/*/files/*", "roles/*/templates/*", "roles/*/tasks/*.yml", "setup")
    for path in ROOT.glob(pattern)
    if path.is_file()
)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_lock_is_waited_for_for_ever(path: Path) -> None:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    assert [line for line in lines if FLOCK.match(line)] == []
    assert [line for line in lines if "LOCK_EX)" in line] == []


def test_the_rule_finds_what_it_is_for() -> None:
    bad = """
- name: A command
  ansible.builtin.command: sleep infinity
- name: In a block
  block:
    - name: Repeated
      ansible.builtin.shell: {cmd: "true"}
      until: false
      retries: 100
- name: Port
  ansible.builtin.wait_for: {port: 1}
"""
    good = """
- name: A command
  ansible.builtin.command: sleep infinity
  timeout: 5
- name: Limited by itself
  ansible.builtin.raw: timeout --kill-after=5 60 sleep infinity
- name: In a block
  timeout: 5
  block:
    - name: Repeated
      ansible.builtin.shell: {cmd: "true"}
      until: false
      retries: 100
"""
    path = ROOT / "roles" / "nothing.yml"
    found = [faults_in(path, yaml.safe_load(text)) for text in (bad, good)]
    assert [len(faults) for faults in found] == [4, 0]
    assert FLOCK.match("  flock 9")
    assert not FLOCK.match("flock --timeout 900 9")
