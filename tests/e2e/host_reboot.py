# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reboot of the host leaves of a lab data center: its files, and nothing in the kernel."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / ".collections"))

from ansible_collections.virtual.datacenter.plugins.module_utils._core import processes  # noqa: E402
from ansible_collections.virtual.datacenter.plugins.module_utils._lab import (  # noqa: E402
    cgroups,
    names,
    namespaces,
)

LAB = "/var/lib/virtual.datacenter"


def living(datacenter: str, root: str) -> set[int]:
    """Every process of the data center: machines, those that watch them, and the network's."""
    found = set(processes.in_cgroup("/" + cgroups.path(datacenter)))
    for name in (names.namespace(datacenter), names.outside_namespace(datacenter)):
        inode = namespaces.inode(name)
        found |= set(processes.in_network(inode)) if inode is not None else set()
    folder = f"{root}/{datacenter}/"
    found |= {pid for pid in processes.ids() if folder in processes.read(pid, "cmdline")}
    return found - {os.getpid()}


def cut(datacenter: str, root: str = LAB) -> None:
    """All at once, and without a word to anybody."""
    end = time.monotonic() + 60
    while pids := living(datacenter, root):
        assert time.monotonic() < end, f"processes {sorted(pids)} do not end"
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)
    cgroups.remove(cgroups.path(datacenter))
    for name in (names.namespace(datacenter), names.outside_namespace(datacenter)):
        if os.path.exists(names.namespace_path(name)):
            subprocess.run(["ip", "netns", "del", name], check=True)
