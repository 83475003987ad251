# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine may use of the host: its planned size as limits of its control group."""

from __future__ import annotations

from dataclasses import dataclass

# One period of the scheduler in microseconds; a quota of it counts for one processor.
PERIOD_US = 100000
# A kernel allows one thread for every eight stacks of 16 KiB: eight for each MiB of memory.
PROCESSES_PER_MB = 8


@dataclass(frozen=True)
class Limits:
    """Unset is no limit. `version` is of the control groups in which the host has controllers."""

    version: str
    cpus: int | None = None
    memory_mb: int | None = None
    processes: int | None = None

    def lines(self) -> list[str]:
        """The limits as lines of LXC's configuration (lxc.container.conf(5))."""
        processes = self.processes
        if processes is None and self.memory_mb is not None:
            processes = self.memory_mb * PROCESSES_PER_MB
        quota = None if self.cpus is None else self.cpus * PERIOD_US
        memory = None if self.memory_mb is None else f"{self.memory_mb}M"
        if self.version == "v1":
            found = {
                "cgroup.cpu.cfs_period_us": quota and PERIOD_US,
                "cgroup.cpu.cfs_quota_us": quota,
                "cgroup.memory.limit_in_bytes": memory,
                "cgroup.pids.max": processes,
            }
        else:
            found = {
                "cgroup2.cpu.max": quota and f"{quota} {PERIOD_US}",
                "cgroup2.memory.max": memory,
                "cgroup2.pids.max": processes,
            }
        return [f"lxc.{name} = {value}" for name, value in found.items() if value is not None]
