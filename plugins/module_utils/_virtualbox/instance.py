# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The instance of VirtualBox that this process uses: each user, home and IPC socket has its own."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core import (
    processes as all_processes,
)

VARIABLES = ("VBOX_USER_HOME", "VBOX_IPC_SOCKETID")


def processes(program: str, proc: str = all_processes.PROC) -> t.Iterator[tuple[int, list[str]]]:
    """Number and arguments of the processes of a program in this world; none without /proc."""
    mine = [os.environ.get(name, "") for name in VARIABLES]
    for pid in all_processes.ids(proc):
        argv = all_processes.arguments(pid, proc)
        if argv and os.path.basename(argv[0]) == program:
            theirs = all_processes.environment(pid, proc)
            if [theirs.get(name, "") for name in VARIABLES] == mine:
                yield pid, argv


def services() -> frozenset[int]:
    """The VirtualBox services of this world; empty too where there is no /proc to look at."""
    return frozenset(pid for pid, _argv in processes("VBoxSVC"))


def running_calls() -> t.Iterator[list[str]]:
    """The arguments of every VBoxManage that runs on this host."""
    for pid in all_processes.ids():
        argv = all_processes.arguments(pid)
        if argv and "VBoxManage" in argv[0]:
            yield argv


def calls_under_way(needle: str) -> bool:
    """Whether some VBoxManage still works on an object: it outlives a module that was killed."""
    return any(needle in argv for argv in running_calls())
