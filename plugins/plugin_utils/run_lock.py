# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run at a time: a lock file whose lock lasts as long as the run's process."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import pwd
import socket
import subprocess
import sys
import time
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.plugin_utils import run_lock_holder as holder

# How long a run that was just killed may take to die, and its keeper to notice.
DYING_SECONDS = 1.0
NOTICING_SECONDS = 5.0
POLL_SECONDS = 0.05

Said = t.Dict[str, t.Any]


class RunLockError(TaskError):
    """The lock cannot be had; the text is for the user."""

    default_code = "BUSY"


def about(pid: int, command: str) -> Said:
    """What the lock file says of a run. Nothing secret: the command comes without its options."""
    return {
        "user": pwd.getpwuid(os.getuid()).pw_name,
        "host": socket.gethostname(),
        "pid": pid,
        "born": holder.born(pid),
        "command": command,
        "since": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def read(path: str) -> Said:
    """What the lock file says; nothing if it is gone or is just being written."""
    try:
        with open(path, encoding="utf-8") as file:
            said = json.load(file)
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) and {"pid", "born", "host"} <= set(said) else {}


def is_same_run(said: Said, other: Said) -> bool:
    """Whether both are about one process."""
    return all(said.get(key) == other.get(key) for key in ("host", "pid", "born"))


def may_be_over(said: Said) -> bool:
    """Whether the run that the file tells of has ended, as far as this host can know."""
    if not said:
        return True
    return bool(said["host"] == socket.gethostname() and holder.born(said["pid"]) != said["born"])


def refusal(name: str, path: str, said: Said) -> str:
    """The sentence for the user."""
    who = (
        f"{said.get('user')} on {said['host']}, process {said['pid']} ({said.get('command')}), "
        f"since {said.get('since')}"
        if said
        else f"a process that has written nothing into {path}"
    )
    return (
        f"Only one run at a time may change the data center {name}, and it is being changed by "
        f"{who}: wait until that run has ended, or end its process, and run this again."
    )


def _open(path: str) -> int | None:
    """The lock file, in a folder that nobody else can look into; nothing if that folder went."""
    before, folder = os.umask(0o077), os.path.dirname(path)
    try:
        # The run before removes its folder, which may be at this very moment: while it is looked at
        # here, or before the file is opened.
        try:
            os.makedirs(folder, exist_ok=True)
        except FileExistsError:
            if os.path.lexists(folder) and not os.path.isdir(folder):
                raise
        with contextlib.suppress(FileNotFoundError):
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        return None
    finally:
        os.umask(before)


def _locked(path: str) -> int | None:
    """A descriptor with the lock, or nothing while another process has it."""
    lock = _open(path)
    if lock is not None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Who had it before may have removed the file between our opening and our locking.
            if holder.same_file(lock, path):
                return lock
        except BlockingIOError:
            pass
        os.close(lock)
    return None


def _hand_over(lock: int, path: str, mine: Said) -> None:
    """Start the process that keeps the lock; it shares nothing with this one but the lock."""
    process = -1
    if hasattr(os, "pidfd_open"):
        process = os.pidfd_open(mine["pid"])
    passed = [lock] if process < 0 else [lock, process]
    words = [str(lock), path, str(mine["pid"]), mine["born"], str(process)]
    with subprocess.Popen(
        [sys.executable, "-I", "-S", holder.__file__, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=passed,
        start_new_session=True,
        env={"LC_ALL": "C"},
    ) as keeper:
        said = keeper.stdout.read() if keeper.stdout else b""
        if process >= 0:
            os.close(process)
        if said != b"held":
            keeper.wait()
            text = said.decode(errors="replace").strip()
            raise RunLockError(f"The process that keeps the lock {path} did not start: {text}")
        # It outlives this process on purpose.
        keeper.returncode = 0


def take(path: str, name: str, pid: int, command: str) -> Said:
    """Have the lock for process pid until that ends, or raise RunLockError. Says who has it."""
    mine = about(pid, command)
    asked = time.monotonic()
    while True:
        lock = _locked(path)
        if lock is not None:
            try:
                os.ftruncate(lock, 0)
                os.write(lock, (json.dumps(mine) + "\n").encode())
                _hand_over(lock, path, mine)
            finally:
                os.close(lock)
            return mine
        said = read(path)
        if is_same_run(said, mine):
            return said
        patience = NOTICING_SECONDS if may_be_over(said) else DYING_SECONDS
        if time.monotonic() > asked + patience:
            raise RunLockError(refusal(name, path, said))
        time.sleep(POLL_SECONDS)
