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
# The short period bounds how long real-time threads wait for more.
REALTIME_PERIOD_US = 100000
MOST_REALTIME_PERCENT = 95


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


def give_realtime(relative: str, percent: int, root: str = ROOT) -> int:
    """Let the real-time threads of a started machine use a share of each processor; the share.

    It is less than asked for, or none, where the host has given its budget to others. A kernel with
    CONFIG_RT_GROUP_SCHED begins groups of version 1 without one, and then refuses real-time
    priority to whoever is in them. Other kernels know no budget: there it is no matter. A budget
    holds those of the groups below it.
    """
    directory = os.path.join(root, "cpu")
    if not os.path.exists(os.path.join(directory, "cpu.rt_runtime_us")):
        return percent
    chain = []
    for part in relative.split("/"):
        directory = os.path.join(directory, part)
        chain.append(directory)
    while percent:
        try:
            _share_realtime(chain, percent * REALTIME_PERIOD_US // 100)
            break
        except OSError:
            percent //= 2
    return percent


def _share_realtime(chain: list[str], microseconds: int) -> None:
    """Set the budgets, from the group of all our machines down to that of this machine."""
    budgets = [microseconds]
    for parent, child in zip(chain[-2::-1], chain[::-1]):
        others = sum(_realtime(group) for group in _groups(parent) if group != child)
        budgets.insert(0, others + budgets[0])
    for group, budget in zip(chain, budgets):
        _set_realtime(group, budget)
    for group in _groups(chain[-1]):
        # LXC's monitor has a group beside it, which needs no budget.
        if os.path.basename(group).startswith("lxc.payload"):
            _set_realtime(group, microseconds)


def _groups(directory: str) -> list[str]:
    return [entry.path for entry in os.scandir(directory) if entry.is_dir()]


def _realtime(group: str) -> int:
    """Microseconds of each period of ours."""
    values = []
    for name in ("runtime", "period"):
        with open(os.path.join(group, f"cpu.rt_{name}_us"), encoding="utf-8") as file:
            values.append(int(file.read()))
    runtime, period = values
    return -(-max(runtime, 0) * REALTIME_PERIOD_US // period)


def _set_realtime(group: str, microseconds: int) -> None:
    for name, value in (("period", REALTIME_PERIOD_US), ("runtime", microseconds)):
        with open(os.path.join(group, f"cpu.rt_{name}_us"), "w", encoding="utf-8") as file:
            file.write(str(value))


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
