# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No command of a module runs for ever."""

from __future__ import annotations

import ast
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._core import command
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._image import tools
from ansible_collections.virtual.datacenter.plugins.module_utils._kubernetes.archive import (
    ArchiveError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import (
    client as pacemaker,
)
from ansible_collections.virtual.datacenter.plugins.modules import kubernetes_archive, storage_info

PLUGINS = Path(__file__).resolve().parents[5] / "plugins"


def call(argv: list[str], **_options: Any) -> tuple[int, str, str]:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


class Module:
    """As much of AnsibleModule as a command needs; the commands are real ones that never end."""

    tmpdir = None
    check_mode = False

    def __init__(self, program: str) -> None:
        self.program = program
        self.run_command = call

    def get_bin_path(self, _name: str, **_options: Any) -> str:
        return self.program


@pytest.fixture
def program(tmp_path: Path) -> str:
    """A program that never ends, with a child that never ends."""
    path = tmp_path / "endless"
    path.write_text("#!/bin/sh\nsleep 987654 &\nwait\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_the_user_is_told_the_command_the_seconds_and_where_to_look(program: str) -> None:
    with pytest.raises(command.ExpiredError) as expired:
        command.limited(call, [program, "import"], 1, "its journal")
    text = str(expired.value)
    assert text == f"{program} import should end within 1 s, and did not: look at its journal."
    # The pipe of the child is closed, or call() would not have come back: it ended too.


def test_a_command_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "stubborn"
    path.write_text("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n", encoding="utf-8")
    path.chmod(0o755)
    with pytest.raises(command.ExpiredError):
        command.limited(call, [str(path)], 1, "it")


@pytest.mark.parametrize("code", [0, 1, 124, 137])
def test_an_ending_of_its_own_is_passed_on(code: int) -> None:
    argv = ["sh", "-c", f"echo out; echo err >&2; exit {code}"]
    assert command.limited(call, argv, 60, "it") == (code, "out\n", "err\n")


def test_pacemaker_that_does_not_answer(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacemaker, "SECONDS", 1)
    path = Path(program).rename(Path(program).with_name("cibadmin"))
    monkeypatch.setenv("PATH", str(path.parent), prepend=":")
    with pytest.raises(
        command.ExpiredError, match="within 1 s, and did not: look at crm_mon"
    ) as expired:
        pacemaker.Client().query()
    assert expired.value.error_code == "COMMAND_TIMEOUT"


def test_containerd_that_does_not_answer(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubernetes_archive, "IMPORT_SECONDS", 1)
    images = kubernetes_archive.Images(Module(program), "k8s.io")
    with pytest.raises(ArchiveError, match=r"images import .*within 1 s, and did not: look at"):
        images.load(Any, "/image.tar")


def test_a_disk_that_does_not_answer(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_info, "SECONDS", 1)
    expected = (
        "What lies on /dev/sda could not be read: .*within 1 s, and did not: look at the disks"
    )
    with pytest.raises(command.ExpiredError, match=expected):
        storage_info.Survey(Module(program)).run([program], "What lies on /dev/sda")


def test_a_tool_of_the_image_that_does_not_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "SECONDS", 1)
    began = time.monotonic()
    with pytest.raises(TaskError, match="within 1 s, and did not") as expired:
        tools.Tools(str(tmp_path), 0).run(["sleep", "600"])
    assert expired.value.error_code == "COMMAND_TIMEOUT"
    assert time.monotonic() - began < 300


def calls_without_limit(path: Path) -> list[str]:
    """Calls that run a command, in a function that says nothing about time."""
    found = []
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [
        node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        words = ast.unparse(node.func)
        if not words.endswith((".run_command", "subprocess.run", "check_output", "check_call")):
            continue
        around = [f for f in functions if f.lineno <= node.lineno <= (f.end_lineno or 0)]
        limited = any(keyword.arg == "timeout" for keyword in node.keywords) or any(
            "command.limited(" in ast.unparse(function) for function in around
        )
        if not limited:
            found.append(f"{path.relative_to(PLUGINS)}:{node.lineno} {words}")
    return found


def test_every_command_of_every_plugin_has_a_limit() -> None:
    paths = sorted(PLUGINS.rglob("*.py"))
    assert [line for path in paths for line in calls_without_limit(path)] == []
