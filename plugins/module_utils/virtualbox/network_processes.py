# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which NAT networks run: VBoxManage does not tell, but each is a process of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils.virtualbox.saves import WORLD

PROGRAM = "VBoxNetNAT"
OPTION = "--network"


def running(name: str, proc: str = "/proc") -> bool:
    """Whether the NAT network of that name runs in this world."""
    if os.path.isdir(proc):
        return any(argv_name(argv) == name for argv in _processes(proc))
    # Without /proc, as on macOS, the line of ps has to do.
    listed = subprocess.run(
        ["ps", "-axww", "-o", "command="],
        capture_output=True,
        check=False,
        timeout=30,
        stdin=subprocess.DEVNULL,
    ).stdout.decode("utf-8", "surrogateescape")
    return line_names(listed, name)


def argv_name(argv: t.Sequence[str]) -> str | None:
    """The name of the network that a process serves, if it serves one."""
    if os.path.basename(argv[0]) != PROGRAM or OPTION not in argv[:-1]:
        return None
    return argv[argv.index(OPTION) + 1]


def line_names(listed: str, name: str) -> bool:
    """Whether a listing of commands has the one that serves the network."""
    end = f"/{PROGRAM} {OPTION} {name}"
    return any(line.rstrip("\n").endswith(end) for line in listed.splitlines())


def _processes(proc: str) -> t.Iterator[list[str]]:
    mine = [os.environ.get(key, "") for key in WORLD]
    for pid in filter(str.isdigit, os.listdir(proc)):
        with contextlib.suppress(OSError):
            argv = _words(f"{proc}/{pid}/cmdline")
            if PROGRAM not in argv[0]:
                continue
            pairs = [entry.partition("=") for entry in _words(f"{proc}/{pid}/environ")]
            environment = {key: value for key, _equals, value in pairs}
            if [environment.get(key, "") for key in WORLD] == mine:
                yield argv


def _words(path: str) -> list[str]:
    with open(path, encoding="utf-8", errors="surrogateescape") as stream:
        return stream.read().rstrip("\0").split("\0")
