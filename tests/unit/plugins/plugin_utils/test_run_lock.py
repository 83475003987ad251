# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock of a run: who gets it, who is refused, and what is left behind."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.virtual.datacenter.plugins.plugin_utils import run_lock, run_lock_holder

COMMAND = "ansible-playbook site.yml"


def within_seconds(seconds: float, condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def runs() -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts processes that stand for ansible-playbook: the lock only looks at their lives."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(["sleep", "600"]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


Start = Callable[[], "subprocess.Popen[bytes]"]


def test_the_second_run_is_told_who_has_the_lock_and_since_when(
    tmp_path: Path, runs: Start
) -> None:
    path = tmp_path / "state" / "run.lock"
    first, second = runs(), runs()
    mine = run_lock.take(str(path), "dc1", first.pid, COMMAND)
    with pytest.raises(run_lock.RunLockError) as refused:
        run_lock.take(str(path), "dc1", second.pid, COMMAND)
    text = str(refused.value)
    for part in ("dc1", mine["user"], mine["host"], str(first.pid), COMMAND, mine["since"]):
        assert part in text
    assert json.loads(path.read_text(encoding="utf-8")) == mine
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_same_run_may_ask_again(tmp_path: Path, runs: Start) -> None:
    path = str(tmp_path / "state" / "run.lock")
    run = runs()
    assert run_lock.take(path, "dc1", run.pid, COMMAND) == run_lock.take(
        path, "dc1", run.pid, COMMAND
    )


def test_another_data_center_is_not_hindered(tmp_path: Path, runs: Start) -> None:
    for name in ("dc1", "dc2"):
        run_lock.take(str(tmp_path / name / "run.lock"), name, runs().pid, COMMAND)


def test_a_folder_that_goes_while_it_is_made_is_made_again(
    tmp_path: Path, runs: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """os.makedirs says so where the folder is there at first, and gone when it looks again."""
    path, run, real = str(tmp_path / "state" / "run.lock"), runs(), os.makedirs
    races = iter([True])

    def make(name: str, **options: bool) -> None:
        if next(races, False):
            raise FileExistsError(name)
        real(name, **options)

    monkeypatch.setattr(os, "makedirs", make)
    assert run_lock.take(path, "dc1", run.pid, COMMAND)["pid"] == run.pid


def test_a_killed_run_is_followed_at_once(tmp_path: Path, runs: Start) -> None:
    path = str(tmp_path / "state" / "run.lock")
    first, second = runs(), runs()
    run_lock.take(path, "dc1", first.pid, COMMAND)
    # Not waited for: a parent that looks away leaves a zombie, and that is no run either.
    first.kill()
    assert run_lock.take(path, "dc1", second.pid, COMMAND)["pid"] == second.pid


def test_the_file_and_a_folder_of_its_own_go_with_the_run(tmp_path: Path, runs: Start) -> None:
    path = tmp_path / "state" / "run.lock"
    run = runs()
    run_lock.take(str(path), "dc1", run.pid, COMMAND)
    run.kill()
    assert within_seconds(10, lambda: not path.parent.exists())
    assert tmp_path.exists()


def test_a_folder_that_holds_something_stays(tmp_path: Path, runs: Start) -> None:
    path = tmp_path / "run.lock"
    (tmp_path / "key").touch()
    run = runs()
    run_lock.take(str(path), "dc1", run.pid, COMMAND)
    run.kill()
    assert within_seconds(10, lambda: not path.exists())
    assert (tmp_path / "key").exists()


def test_the_end_is_seen_without_process_descriptors_too(
    tmp_path: Path, runs: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    path = tmp_path / "state" / "run.lock"
    run = runs()
    run_lock.take(str(path), "dc1", run.pid, COMMAND)
    assert not within_seconds(1, lambda: not path.exists())
    run.kill()
    assert within_seconds(10, lambda: not path.exists())


def test_ps_tells_a_process_from_one_that_has_ended(runs: Start) -> None:
    run = runs()
    state, began = run_lock_holder._asked_of_ps(run.pid)
    assert began
    assert not state.startswith("Z")
    run.kill()
    assert within_seconds(10, lambda: run_lock_holder._asked_of_ps(run.pid)[0].startswith("Z"))
    run.wait()
    assert run_lock_holder._asked_of_ps(run.pid) == ("Z", "")


def test_a_removed_folder_does_not_give_the_lock_of_a_lost_file(
    tmp_path: Path, runs: Start
) -> None:
    """Destroy may remove the state folder: who locks what was opened before has locked nothing."""
    path = tmp_path / "run.lock"
    opened = os.open(path, os.O_RDWR | os.O_CREAT)
    path.unlink()
    fcntl.flock(opened, fcntl.LOCK_EX)
    assert not run_lock_holder.same_file(opened, str(path))
    run_lock.take(str(path), "dc1", runs().pid, COMMAND)
    assert not run_lock_holder.same_file(opened, str(path))
    os.close(opened)


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path, runs: Start) -> None:
    (tmp_path / "other").write_text("kept", encoding="utf-8")
    (tmp_path / "run.lock").symlink_to(tmp_path / "other")
    with pytest.raises(OSError):
        run_lock.take(str(tmp_path / "run.lock"), "dc1", runs().pid, COMMAND)
    assert (tmp_path / "other").read_text(encoding="utf-8") == "kept"


def test_the_keeper_shares_nothing_but_the_lock(tmp_path: Path, runs: Start) -> None:
    """An open pipe of the run would keep whoever reads its output waiting."""
    path = tmp_path / "run.lock"
    pipe, end = os.pipe()
    os.set_inheritable(end, True)
    run = runs()
    run_lock.take(str(path), "dc1", run.pid, COMMAND)
    os.close(end)
    assert os.read(pipe, 1) == b""
    os.close(pipe)
    [keeper] = [
        process
        for process in Path("/proc").glob("[0-9]*")
        if b"run_lock_holder.py\0" in (words := _command(process)) and str(path).encode() in words
    ]
    opened = {os.readlink(file) for file in (keeper / "fd").iterdir()}
    assert {name for name in opened if not name.startswith("anon_inode:")} == {
        "/dev/null",
        str(path),
    }
    assert os.getsid(int(keeper.name)) == int(keeper.name)


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def test_a_keeper_that_does_not_start_is_told(
    tmp_path: Path, runs: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(run_lock.RunLockError, match="did not start"):
        run_lock.take(str(tmp_path / "run.lock"), "dc1", runs().pid, COMMAND)


def test_a_folder_that_cannot_be_made_is_no_run_that_holds_the_lock(runs: Start) -> None:
    began = time.monotonic()
    with pytest.raises(FileNotFoundError):
        run_lock.take("/proc/nothing/run.lock", "dc1", runs().pid, COMMAND)
    assert time.monotonic() - began < run_lock.DYING_SECONDS


def test_a_folder_that_goes_at_this_very_moment_is_made_again(
    tmp_path: Path, runs: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state" / "run.lock"
    make, made = os.makedirs, []

    def made_and_gone(folder: str, exist_ok: bool) -> None:
        make(folder, exist_ok=exist_ok)
        made.append(folder)
        if len(made) == 1:
            os.rmdir(folder)

    monkeypatch.setattr(os, "makedirs", made_and_gone)
    run_lock.take(str(path), "dc1", runs().pid, COMMAND)
    assert len(made) == 2
