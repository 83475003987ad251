# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for processes in /proc: what runs is found by what it is, never by a number alone.

Where there is no /proc, as on macOS, nothing is found. A process that ends meanwhile tells nothing.
"""

from __future__ import annotations

import contextlib
import os
import signal
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core import wait

PROC = "/proc"


def ids(proc: str = PROC) -> list[int]:
    return [
        int(name) for name in (os.listdir(proc) if os.path.isdir(proc) else ()) if name.isdigit()
    ]


def read(pid: int, name: str, proc: str = PROC) -> str:
    """A file of the process, empty when the process is gone or somebody else's."""
    try:
        with open(f"{proc}/{pid}/{name}", encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError:
        return ""


def words(pid: int, name: str, proc: str = PROC) -> list[str]:
    """A file of the process whose parts end with zero bytes."""
    text = read(pid, name, proc)
    return text.rstrip("\0").split("\0") if text else []


def arguments(pid: int, proc: str = PROC) -> list[str]:
    return words(pid, "cmdline", proc)


def environment(pid: int, proc: str = PROC) -> dict[str, str]:
    pairs = (entry.partition("=") for entry in words(pid, "environ", proc))
    return {name: value for name, _equals, value in pairs}


def started(pid: int) -> str:
    """When a process was started, in the kernel's count; empty if it has ended."""
    # The name of the program, in brackets, may hold anything.
    fields = read(pid, "stat").rpartition(")")[2].split()
    # A process that has ended and is not yet collected by its parent is none.
    return fields[19] if len(fields) > 19 and fields[0] not in ("Z", "X") else ""


def is_alive(pid: int) -> bool:
    return started(pid) != ""


def name(pid: int) -> str:
    """The program, for a message."""
    return f"{read(pid, 'comm').strip()} ({pid})"


def command(pid: int) -> str:
    """The process with the beginning of its command, for a message."""
    line = " ".join(arguments(pid))[:200]
    return f"process {pid} ({line})" if line else f"process {pid}"


def network_of(pid: int) -> int | None:
    """The inode that tells network namespaces apart."""
    try:
        return os.stat(f"{PROC}/{pid}/ns/net").st_ino
    except OSError:
        return None


def opened(pid: int) -> list[str]:
    """What the process has open, and its folders."""
    folder = f"{PROC}/{pid}"
    links = [f"{folder}/cwd", f"{folder}/root"]
    with contextlib.suppress(OSError):
        links += [f"{folder}/fd/{number}" for number in os.listdir(f"{folder}/fd")]
    found = []
    for link in links:
        with contextlib.suppress(OSError):
            found.append(os.readlink(link))
    return found


def find(matches: t.Callable[[int], bool]) -> list[int]:
    return sorted(pid for pid in ids() if matches(pid) and is_alive(pid))


def in_cgroup(prefix: str) -> list[int]:
    """Processes in the control group of that path (such as /virtual.datacenter/lab) or below it."""

    def inside(pid: int) -> bool:
        paths = (line.split(":", 2)[-1] for line in read(pid, "cgroup").splitlines())
        return any(f"{path}/".startswith(f"{prefix}/") for path in paths)

    return find(inside)


def in_network(inode: int) -> list[int]:
    return find(lambda pid: network_of(pid) == inode)


def wait_gone(pids: t.Iterable[int], seconds: float) -> list[int]:
    """Those that are still there when the time is over."""
    left = list(pids)

    def gone() -> bool:
        left[:] = [pid for pid in left if is_alive(pid)]
        return not left

    wait.until(gone, seconds, pause=0.02)
    return left


def end(pids: t.Iterable[int], polite_seconds: float = 3) -> list[int]:
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
