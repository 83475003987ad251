# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which NAT networks run: VBoxManage does not tell, but each is a process of its own."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core import command
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    instance,
)

PROGRAM = "VBoxNetNAT"
OPTION = "--network"


def running(name: str, proc: str = "/proc") -> bool:
    """Whether the NAT network of that name runs in this world."""
    if os.path.isdir(proc):
        return any(argv_name(argv) == name for _pid, argv in instance.processes(PROGRAM, proc))
    # Without /proc, as on macOS, the line of ps has to do.
    listed = command.run("ps", "-axww", "-o", "command=", seconds=30, check=False).stdout
    return line_names(listed, name)


def argv_name(argv: t.Sequence[str]) -> str | None:
    """The name of the network that a process serves, if it serves one."""
    return argv[argv.index(OPTION) + 1] if OPTION in argv[:-1] else None


def line_names(listed: str, name: str) -> bool:
    """Whether a listing of commands has the one that serves the network."""
    end = f"/{PROGRAM} {OPTION} {name}"
    return any(line.rstrip("\n").endswith(end) for line in listed.splitlines())
