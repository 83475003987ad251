# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kind and size of a file system, from its superblock or, for a mounted xfs, from the kernel."""

from __future__ import annotations

import fcntl
import os
import struct
import typing as t

EXT_MAGIC = 0xEF53
# What blkid takes as the mark of ext4: extents, 64bit, flex_bg.
EXT4_ONLY = 0x40 | 0x80 | 0x200
# struct xfs_fsop_geom_v1 of 112 bytes, its ioctl, and where block size and data blocks are in it.
XFS_GEOMETRY = 0x80705864
XFS_GEOMETRY_SIZE = 112


def parse(head: bytes) -> dict[str, t.Any] | None:
    """From the first 2 KiB of a device; None where neither ext nor xfs is found."""
    if len(head) < 2048:
        return None
    if head[:4] == b"XFSB":
        block, blocks = struct.unpack_from(">IQ", head, 4)
        return {"type": "xfs", "size": block * blocks}
    magic = struct.unpack_from("<H", head, 1024 + 0x38)[0]
    if magic != EXT_MAGIC:
        return None
    low, block_log = (struct.unpack_from("<I", head, 1024 + offset)[0] for offset in (0x04, 0x18))
    features = struct.unpack_from("<I", head, 1024 + 0x60)[0]
    high = struct.unpack_from("<I", head, 1024 + 0x150)[0] if features & 0x80 else 0
    kind = "ext4" if features & EXT4_ONLY else "ext3"
    return {"type": kind, "size": ((high << 32) + low) * (1024 << block_log)}


def mounted_xfs_size(path: str) -> int:
    """The superblock on disk of a mounted xfs may be older than what the kernel knows."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        answer = fcntl.ioctl(folder, XFS_GEOMETRY, bytes(XFS_GEOMETRY_SIZE))
    finally:
        os.close(folder)
    block = struct.unpack_from("=I", answer, 0)[0]
    blocks = struct.unpack_from("=Q", answer, 32)[0]
    return int(block * blocks)


def read(device: str, mounted_on: str | None) -> dict[str, t.Any] | None:
    with open(device, "rb") as data:
        found = parse(data.read(2048))
    if found and found["type"] == "xfs" and mounted_on:
        found["size"] = mounted_xfs_size(mounted_on)
    return found
