# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes: what people write, what LVM makes of it, what messages say."""

from __future__ import annotations

import re

MIB = 1 << 20
EXTENT = 4 * MIB
PERCENT = "percent"
BYTES = "bytes"
REST = "rest"
UNITS = {"K": 10, "M": 20, "G": 30, "T": 40}


def parse_size(text: object) -> tuple[str, int] | None:
    """Kind and number; None for what is no size."""
    words = str(text).strip()
    if words == REST:
        return REST, 0
    match = re.fullmatch(r"([1-9][0-9]{0,2})%", words)
    if match and int(match.group(1)) <= 100:
        return PERCENT, int(match.group(1))
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGT])(?:i?B)?", words, re.IGNORECASE)
    if match and float(match.group(1)) > 0:
        return BYTES, int(float(match.group(1)) * (1 << UNITS[match.group(2).upper()]))
    return None


def extents_of(size: tuple[str, int], extent: int, total: int) -> int:
    """A percentage is of the group and rounded down, a size is rounded up."""
    if size[0] == PERCENT:
        return total * size[1] // 100
    return -(-size[1] // extent)


def usable(device: int, extent: int) -> int:
    """What a device of this size gives to a group: 1 MiB is LVM's own, the rest whole extents."""
    return max(device - MIB, 0) // extent * extent


def human(size: int) -> str:
    for unit, bits in (("T", 40), ("G", 30), ("M", 20)):
        if size >= 1 << bits:
            return f"{size / (1 << bits):.4g}{unit}"
    return f"{size >> 10}K"
