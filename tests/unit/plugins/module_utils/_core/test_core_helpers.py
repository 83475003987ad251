# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The helpers that all packages share: files, locks, waiting, processes."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._core import (
    command,
    files,
    processes,
    wait,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError


class Clock:
    """Time that only passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


def test_waiting_ends_with_the_answer_or_with_the_time() -> None:
    clock = Clock()
    assert wait.until(lambda: clock.now >= 3, 10, 1, sleep=clock.sleep, clock=clock)
    assert clock.now == 3
    assert not wait.until(lambda: None, 2, 0.5, sleep=clock.sleep, clock=clock)
    assert clock.now == 5
    # Asked once, even without any time.
    assert wait.until(lambda: "there", -1, sleep=pytest.fail, clock=clock) == "there"


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    files.write(str(path), "one", mode=0o640)
    with path.open(encoding="utf-8") as reader:
        files.write(str(path), b"two", mode=0o600)
        assert reader.read() == "one"
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["a"]


def test_a_file_that_fails_stays_as_it_was(tmp_path: Path) -> None:
    path = str(tmp_path / "a")
    files.write(path, "one")
    with pytest.raises(ZeroDivisionError), files.replacing(path) as fresh:
        assert os.path.basename(fresh).startswith(".a.")
        assert os.stat(fresh).st_mode & 0o777 == 0o600
        assert files.partials(path) == [fresh]
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text(encoding="utf-8") == "one"


def test_a_lock_that_somebody_has(tmp_path: Path) -> None:
    program = "import fcntl,os,sys; fcntl.flock(0, fcntl.LOCK_EX); print('held', flush=True)"
    path = tmp_path / "lock"
    path.touch()
    with path.open(encoding="utf-8") as held, path.open(encoding="utf-8") as wanted:
        process = subprocess.Popen(
            [sys.executable, "-c", f"{program}; import time; time.sleep(60)"],
            stdin=held,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        assert not files.lock(wanted.fileno())
        assert not files.lock(wanted.fileno(), 0.2)
        assert files.holder(wanted.fileno()).startswith(f"process {process.pid} (")
        process.kill()
        process.wait()
        process.stdout.close()
        # The descriptor that it had from us holds its lock for as long as we have it open.
        fcntl.flock(held, fcntl.LOCK_UN)
        assert files.lock(wanted.fileno(), 10)


def test_paths_of_mounts() -> None:
    assert files.unescape("/a\\040b\\011c\\134d") == "/a b\tc\\d"
    assert " / " in files.mountinfo()


def test_a_process_and_its_end(tmp_path: Path) -> None:
    process = subprocess.Popen(
        ["sleep", "61"], cwd=tmp_path, env={"COLOUR": "a=b"}, stdin=subprocess.DEVNULL
    )
    pid = process.pid
    try:
        assert wait.until(lambda: processes.arguments(pid) == ["sleep", "61"], 10)
        assert processes.environment(pid) == {"COLOUR": "a=b"}
        assert str(tmp_path) in processes.opened(pid) and "/dev/null" in processes.opened(pid)
        assert processes.name(pid) == f"sleep ({pid})"
        assert processes.command(pid) == f"process {pid} (sleep 61)"
        born = processes.started(pid)
        assert born and processes.is_alive(pid)
        assert processes.find(lambda other: other == pid) == [pid]
        assert processes.wait_gone([pid], 0) == [pid]
        assert processes.end([pid]) == []
        # Ended, and not yet collected by us.
        assert processes.started(pid) == "" and not processes.is_alive(pid)
    finally:
        process.kill()
        process.wait()
    assert processes.arguments(pid) == [] and processes.opened(pid) == []
    assert processes.command(pid) == f"process {pid}"


def test_without_proc_nothing_is_found(tmp_path: Path) -> None:
    assert processes.ids(str(tmp_path / "none")) == []


def test_a_command_and_its_failures() -> None:
    assert command.run("sh", "-c", "cat; echo $LC_ALL", stdin="in\n").stdout == "in\nC\n"
    assert command.run("false", check=False).rc == 1
    with pytest.raises(TaskError, match=r"^sh -c .* failed \(3\): no way$") as failed:
        command.run("sh", "-c", "echo no way >&2; exit 3")
    assert failed.value.as_result()["stderr"] == "no way\n"
    assert (failed.value.error_code, failed.value.rc) == ("COMMAND_FAILED", 3)
    with pytest.raises(TaskError, match="no-such-program is missing: install its package") as gone:
        command.run("no-such-program", check=False)
    assert gone.value.error_code == "COMMAND_MISSING"


def test_a_limit_where_there_is_no_timeout_command(monkeypatch: pytest.MonkeyPatch) -> None:
    found = command.find
    monkeypatch.setattr(
        command, "find", lambda name, path=None: None if name == "timeout" else found(name, path)
    )
    monkeypatch.setattr(command, "ENDING_SECONDS", 0)
    with pytest.raises(command.ExpiredError, match=r"should end within 0\.2 s"):
        command.run("sleep", "60", seconds=0.2)
