# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for processes in /proc: what runs is found by what it is, never by a remembered number
alone.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable

PROC = "/proc"


def process_ids() -> list[int]:
    return [int(entry) for entry in os.listdir(PROC) if entry.isdigit()]


def read(pid: int, name: str) -> str:
    """A file of the process, empty when the process is gone."""
    try:
        with open(f"{PROC}/{pid}/{name}", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def arguments(pid: int) -> list[str]:
    text = read(pid, "cmdline")
    return text.rstrip("\0").split("\0") if text else []


def is_alive(pid: int) -> bool:
    """Zombies do not count."""
    status = read(pid, "stat")
    return bool(status) and status.rpartition(")")[2].split()[0] not in ("Z", "X")


def network_of(pid: int) -> int | None:
    """The inode that tells network namespaces apart."""
    try:
        return os.stat(f"{PROC}/{pid}/ns/net").st_ino
    except OSError:
        return None


def find(matches: Callable[[int], bool]) -> list[int]:
    return sorted(pid for pid in process_ids() if matches(pid) and is_alive(pid))


def in_cgroup(prefix: str) -> list[int]:
    """Processes that live in the cgroup named by the prefix (a path such as
    /virtual.datacenter/lab) or below it.
    """

    def inside(pid: int) -> bool:
        for line in read(pid, "cgroup").splitlines():
            path = line.split(":", 2)[-1]
            if path == prefix or path.startswith(prefix + "/"):
                return True
        return False

    return find(inside)


def in_network(inode: int) -> list[int]:
    return find(lambda pid: network_of(pid) == inode)


def wait_gone(pids: Iterable[int], seconds: float) -> list[int]:
    """Those that are still there when the time is over."""
    left = list(pids)
    deadline = time.monotonic() + seconds
    while True:
        left = [pid for pid in left if is_alive(pid)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.02)


def end(pids: Iterable[int], polite_seconds: float = 3) -> list[int]:
    """SIGTERM, then SIGKILL; returns what survived."""
    left = list(pids)
    for number, seconds in ((signal.SIGTERM, polite_seconds), (signal.SIGKILL, 5.0)):
        if seconds <= 0 or not left:
            continue
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        left = wait_gone(left, seconds)
    return left
