# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks and partitions as the kernel knows them in /sys."""

from __future__ import annotations

import json
import os
import typing as t

SECTOR = 512


def number(path: str) -> int | None:
    try:
        with open(path, encoding="ascii") as data:
            return int(data.read())
    except (OSError, ValueError):
        return None


def kernel_name(path: str) -> str:
    return os.path.basename(os.path.realpath(path))


def partitions(name: str, sys: str = "/sys/class/block") -> list[dict[str, t.Any]]:
    """The partitions of a disk in the order in which they lie there, in bytes."""
    folder = os.path.realpath(f"{sys}/{name}")
    found = []
    for entry in os.listdir(folder) if os.path.isdir(folder) else []:
        index = number(f"{folder}/{entry}/partition")
        if index is not None:
            start = number(f"{folder}/{entry}/start") or 0
            size = number(f"{folder}/{entry}/size") or 0
            found.append(
                {
                    "number": index,
                    "path": f"/dev/{entry}",
                    "start": start * SECTOR,
                    "end": (start + size) * SECTOR,
                }
            )
    return sorted(found, key=lambda part: int(part["start"]))


def holders(name: str, sys: str = "/sys/class/block") -> list[str]:
    folder = f"{sys}/{name}/holders"
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def rescan(name: str, sys: str = "/sys/class/block") -> None:
    """A SCSI disk (SATA too) is asked for its size again; others tell by themselves."""
    try:
        with open(f"{sys}/{name}/device/rescan", "w", encoding="ascii") as data:
            data.write("1")
    except OSError:
        return


def parse_signatures(text: str) -> list[str]:
    """`wipefs --json`; the protective MBR belongs to a GPT."""
    rows = json.loads(text).get("signatures") or [] if text.strip() else []
    return sorted({row["type"] for row in rows} - {"PMBR"})


def describe(path: str, sys: str = "/sys/class/block") -> dict[str, t.Any]:
    real = os.path.realpath(path)
    name = os.path.basename(real)
    size = number(f"{sys}/{name}/size")
    if size is None or not os.path.exists(real):
        return {"exists": False, "path": real}
    return {
        "exists": True,
        "path": real,
        "size": size * SECTOR,
        "partition": number(f"{sys}/{name}/partition"),
        "partitions": partitions(name, sys),
        "holders": holders(name, sys),
    }
