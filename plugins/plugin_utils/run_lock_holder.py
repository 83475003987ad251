# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Holds the lock of a run until the run's process is gone, then removes the lock file.

A process of its own, started by run_lock.py: a task's process ends with its task. It needs
nothing but the standard library. Arguments: descriptor of the lock, path of the lock, process,
when that process began, and the process's own descriptor or -1 where the system has none.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time

POLL_SECONDS = 0.2


def born(pid: int) -> str:
    """When a process began, in a form that tells it from a later one; empty if it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as data:
            state, *fields = data.read().rpartition(")")[2].split()
        began = fields[18]
    except FileNotFoundError:
        if os.path.isdir("/proc/self"):
            return ""
        state, began = _asked_of_ps(pid)
    except ProcessLookupError:
        return ""
    return "" if state.startswith(("Z", "X")) else began


def _asked_of_ps(pid: int) -> tuple[str, str]:
    """The same where there is no /proc, as on macOS."""
    done = subprocess.run(
        ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)],
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        stdout=subprocess.PIPE,
        timeout=30,
        check=False,
        text=True,
    )
    state, _space, began = done.stdout.strip().partition(" ")
    return (state, began.strip()) if began else ("Z", "")


def wait_for_end(pid: int, began: str, descriptor: int) -> None:
    """Return when the process is gone."""
    if descriptor >= 0:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll()
        return
    while born(pid) == began:
        time.sleep(POLL_SECONDS)


def same_file(descriptor: int, path: str) -> bool:
    """Whether the open file is still the one that the path leads to."""
    try:
        there = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), there)


def remove(descriptor: int, path: str) -> None:
    """Remove the lock file, and its folder if nothing else came to be in it."""
    if same_file(descriptor, path):
        os.unlink(path)
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(path))


def main(argv: list[str]) -> None:
    """Entry point."""
    lock, path, pid, began, descriptor = int(argv[1]), argv[2], int(argv[3]), argv[4], int(argv[5])
    os.chdir("/")
    os.write(1, b"held")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    wait_for_end(pid, began, descriptor)
    remove(lock, path)


if __name__ == "__main__":
    main(sys.argv)
