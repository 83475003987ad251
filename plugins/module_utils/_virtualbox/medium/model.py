# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hard disk image: what a task wants of it, what it is, and how results show it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

TYPES = ("normal", "immutable", "writethrough", "shareable")
# In MiB. A larger VHD is made, but its map of blocks cannot reach its end.
SIZES = {"vdi": (1, 4294967292), "vmdk": (1, 268435455), "vhd": (1, 2088960)}


@dataclass(frozen=True)
class Medium:
    """A hard disk image, wanted or actual."""

    path: str
    uuid: str = ""
    parent_uuid: str = ""
    format: str | None = None
    variant: str | None = None
    size_mb: int | None = None
    type: str | None = None
    registered: bool | None = None
    # Kept in VirtualBox's list, so empty for an image that is not there.
    description: str | None = None
    # What compacting would give back of the file.
    unused_mb: int | None = None
    # VirtualBox knows it, but somebody has deleted the file.
    file_missing: bool = False
    children: tuple[str, ...] = ()
    # A running VM or another program works with it.
    locked: bool = False
    # Names of the running VMs that hold it; only read where it matters.
    holders: tuple[str, ...] = ()


def describe_medium(medium: Medium | None) -> dict[str, t.Any]:
    """A medium as results show it."""
    if medium is None:
        return {}
    hidden = ("file_missing", "children", "locked", "holders")
    return {key: value for key, value in vars(medium).items() if key not in hidden}
