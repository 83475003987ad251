# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The VirtualBox that this process talks to: another user or environment has another one."""

from __future__ import annotations

import contextlib
import os
import typing as t

VARIABLES = ("VBOX_USER_HOME", "VBOX_IPC_SOCKETID")


def processes(program: str, proc: str = "/proc") -> t.Iterator[tuple[int, list[str]]]:
    """Number and arguments of the processes of a program in this world; none without /proc."""
    mine = [os.environ.get(name, "") for name in VARIABLES]
    for pid in filter(str.isdigit, os.listdir(proc) if os.path.isdir(proc) else ()):
        with contextlib.suppress(OSError):
            argv = _words(f"{proc}/{pid}/cmdline")
            if os.path.basename(argv[0]) != program:
                continue
            pairs = [entry.partition("=") for entry in _words(f"{proc}/{pid}/environ")]
            environment = {name: value for name, _equals, value in pairs}
            if [environment.get(name, "") for name in VARIABLES] == mine:
                yield int(pid), argv


def services() -> frozenset[int]:
    """The VirtualBox services of this world; empty too where there is no /proc to look at."""
    return frozenset(pid for pid, _argv in processes("VBoxSVC"))


def _words(path: str) -> list[str]:
    with open(path, encoding="utf-8", errors="surrogateescape") as stream:
        return stream.read().rstrip("\0").split("\0")
