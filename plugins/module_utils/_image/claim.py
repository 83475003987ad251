# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line in the room before the first partition: which image this is, and whether it is whole."""

from __future__ import annotations

import re
import typing as t

# Behind the partition table, which ends at sector 34, and before the first partition.
OFFSET = 64 * 512
SIZE = 512
PATTERN = re.compile(rb"^virtual\.datacenter image (building|complete) ([0-9a-f]{64})\n\0*$")


class Claim(t.NamedTuple):
    """What the line says."""

    state: str
    inputs: str


def write(claim: Claim) -> bytes:
    return f"virtual.datacenter image {claim.state} {claim.inputs}\n".encode().ljust(SIZE, b"\0")


def read(data: bytes) -> Claim | None:
    found = PATTERN.match(data)
    return Claim(found[1].decode(), found[2].decode()) if found else None
