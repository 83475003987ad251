# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which control group mode a machine gets, and how a machine's control groups are found and
removed.
"""

from __future__ import annotations

import os

ROOT = "/sys/fs/cgroup"
OURS = "virtual.datacenter"
NEEDED = frozenset({"cpu", "memory", "pids"})


def path(datacenter: str, machine: str | None = None) -> str:
    """The path below a hierarchy's root, as LXC's configuration wants it."""
    return "/".join(part for part in (OURS, datacenter, machine) if part)


def pick_mode(unified_controllers: str) -> str:
    """A machine lives in version 2 where the host has the controllers there, else in version 1."""
    return "v2" if set(unified_controllers.split()) >= NEEDED else "v1"


def detect_mode(root: str = ROOT) -> str:
    for name in ("cgroup.controllers", "unified/cgroup.controllers"):
        try:
            with open(os.path.join(root, name), encoding="utf-8") as file:
                return pick_mode(file.read())
        except OSError:
            continue
    return "v1"


def hierarchies(root: str = ROOT) -> list[str]:
    if os.path.exists(os.path.join(root, "cgroup.controllers")):
        return [root]
    try:
        return [os.path.join(root, name) for name in sorted(os.listdir(root))]
    except OSError:
        return []


def remove(relative: str, root: str = ROOT) -> None:
    """Remove the emptied groups of one machine or data center; groups that still hold a process
    stay.
    """
    for hierarchy in hierarchies(root):
        top = os.path.join(hierarchy, relative)
        for directory, _names, _files in os.walk(top, topdown=False):
            try:
                os.rmdir(directory)
            except OSError:
                continue


def left(relative: str, root: str = ROOT) -> list[str]:
    return [
        found
        for hierarchy in hierarchies(root)
        if os.path.isdir(found := os.path.join(hierarchy, relative))
    ]
