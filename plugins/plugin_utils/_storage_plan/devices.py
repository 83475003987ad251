# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks and partitions that are, or become, the physical volumes of a group."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.virtual.datacenter.plugins.plugin_utils._storage_plan.sizes import (
    MIB,
    human,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._storage_plan.steps import (
    Record,
    Steps,
)

# What a partition table, or an alignment, may leave unused at the end of a disk.
SLACK = 2 * MIB


def partition_path(disk: str, number: int) -> str:
    """The name that udev gives to a partition."""
    if disk.startswith("/dev/disk/"):
        return f"{disk}-part{number}"
    return f"{disk}{'p' if disk[-1].isdigit() else ''}{number}"


class Devices(Steps):
    """Decides about disks and partitions."""

    def foreign(self, where: str, group: str, device: Record, signatures: Sequence[str]) -> bool:
        """Whether something of somebody else lies there; says so, or has it wiped if told so."""
        if not signatures or signatures == ["LVM2_member"]:
            return False
        if not device.get("wipe_foreign_signature"):
            self.problems.append(
                f"{where} is wanted for volume group {group} and holds {', '.join(signatures)}:"
                " nothing is overwritten. If that can go, set wipe_foreign_signature on the device."
            )
            return True
        self.step("wipes", f"wipe {', '.join(signatures)} from {where}", device=where)
        return False

    def in_use(self, where: str, group: str, disk: Record) -> bool:
        users = [f"mounted on {path}" for path in disk["mounted_on"]]
        users += [f"used by {name}" for name in disk["holders"]]
        if users:
            self.problems.append(
                f"{where} is wanted for volume group {group} and is {', '.join(users)}."
                " Free it, or name another device."
            )
        return bool(users)

    def physical_volume(self, group: str, device: Record) -> tuple[str, int] | None:
        """Path and size of the device that is or becomes a physical volume; None is a problem."""
        disk = self.found["devices"][device["path"]]
        if not disk["exists"]:
            self.problems.append(
                f"Volume group {group}: there is no device {device['path']}. Attach it, or change"
                " base_lvm_volume_groups."
            )
            return None
        if device.get("partition"):
            return self.partition(group, device, disk)
        if self.taken(device["path"], disk["path"], group):
            return None
        if disk["path"] not in self.found["physical_volumes"]:
            if self.in_use(device["path"], group, disk):
                return None
            if disk["partitions"]:
                numbers = ", ".join(str(part["number"]) for part in disk["partitions"])
                self.problems.append(
                    f"{device['path']} is wanted for volume group {group} and has partitions"
                    f" ({numbers}). Name one with partition, or remove them."
                )
                return None
            if self.foreign(device["path"], group, device, disk["signatures"]):
                return None
        return disk["path"], disk["size"]

    def taken(self, where: str, path: str, group: str) -> bool:
        owner = self.found["physical_volumes"].get(path, {}).get("group", "")
        if owner and owner != group:
            self.problems.append(
                f"{where} is wanted for volume group {group} and belongs to {owner}. Take it out"
                " of there (vgreduce, pvremove), or name another device."
            )
            return True
        return False

    def partition(self, group: str, device: Record, disk: Record) -> tuple[str, int] | None:
        number, parts = device["partition"], disk["partitions"]
        mine = [part for part in parts if part["number"] == number]
        where = partition_path(device["path"], number)
        if not mine:
            return self.new_partition(group, device, disk)
        part = mine[0]
        if self.taken(where, part["path"], group):
            return None
        if part["path"] not in self.found["physical_volumes"]:
            if self.in_use(where, group, dict(disk, holders=[])):
                return None
            if self.foreign(part["path"], group, device, part["signatures"]):
                return None
        size = part["end"] - part["start"]
        if part is parts[-1] and disk["size"] - part["end"] > SLACK:
            if disk["signatures"] != ["gpt"]:
                self.problems.append(
                    f"{where} could grow, but {device['path']} has no GPT. Give {group} another"
                    " device, or change the table by hand."
                )
                return None
            room = human(disk["size"] - part["end"])
            self.grow_partition(device["path"], number, f"grow partition {where} by {room}")
            size = disk["size"] - MIB - part["start"]
        return part["path"], size

    def grow_partition(self, device: str, number: int, says: str, start: str = "0%") -> None:
        self.step("partitions", says, device=device, number=number, part_start=start)

    def new_partition(self, group: str, device: Record, disk: Record) -> tuple[str, int] | None:
        number, parts = device["partition"], disk["partitions"]
        where = partition_path(device["path"], number)
        start = MIB
        if disk["signatures"] == ["gpt"]:
            start = max([part["end"] for part in parts], default=MIB)
        elif parts or self.in_use(device["path"], group, disk):
            if parts:
                self.problems.append(
                    f"{where} is wanted for volume group {group}, but {device['path']} has no GPT:"
                    f" it holds {', '.join(disk['signatures'])}. Name another device."
                )
            return None
        elif self.foreign(device["path"], group, device, disk["signatures"]):
            return None
        free = max((part["number"] for part in parts), default=0) + 1
        if number != free:
            self.problems.append(
                f"{where} is wanted for volume group {group}; the next partition of"
                f" {device['path']} is number {free}. Change partition."
            )
            return None
        size = disk["size"] - MIB - start
        if size < SLACK:
            self.problems.append(
                f"{where} is wanted for volume group {group}, but {device['path']} is full:"
                f" {human(max(disk['size'] - start, 0))} are left. Grow the disk, or name another."
            )
            return None
        # parted wants whole MiB to be quiet about alignment.
        begin = -(-start // MIB)
        self.grow_partition(device["path"], number, f"make partition {where}", f"{begin}MiB")
        return where, size
