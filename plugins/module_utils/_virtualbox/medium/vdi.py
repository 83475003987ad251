# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Headers of VDI files: VBoxManage shows these values only after it compacted or registered one."""

from __future__ import annotations

import os
import struct
import typing as t
import uuid
from dataclasses import dataclass

SIGNATURE = 0xBEDA107F
# The text before the signature is for people.
SIGNATURE_OFFSET = 64
HEADER_BYTES = 512
# Entries of the block map that are no place in the file.
FIRST_SPECIAL = 0xFFFFFFFE
KINDS = {1: "standard", 2: "fixed", 4: "standard"}
# Blocks are compared in parts: data mostly shows in the first one.
PART_BYTES = 65536


@dataclass(frozen=True)
class Header:
    """The layout of a VDI file."""

    uuid: str
    # standard or fixed; empty for kinds that VirtualBox no longer makes.
    variant: str
    map_offset: int
    data_offset: int
    block_bytes: int
    blocks: int


def is_vdi(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a VDI, of whatever version."""
    return head[SIGNATURE_OFFSET : SIGNATURE_OFFSET + 4] == struct.pack("<I", SIGNATURE)


def header(head: bytes) -> Header | None:
    """The first bytes of a file; None if it is not a VDI as VirtualBox has made them since 2007."""
    if len(head) < HEADER_BYTES or not is_vdi(head):
        return None
    version = struct.unpack_from("<I", head, SIGNATURE_OFFSET + 4)[0]
    if version >> 16 != 1:
        return None
    kind = struct.unpack_from("<I", head, 76)[0]
    map_offset, data_offset = struct.unpack_from("<II", head, 340)
    block_bytes, extra_bytes, blocks = struct.unpack_from("<III", head, 376)
    if not block_bytes or extra_bytes:
        return None
    identity = str(uuid.UUID(bytes_le=head[392:408]))
    variant = KINDS.get(kind, "")
    return Header(identity, variant, map_offset, data_offset, block_bytes, blocks)


def read_header(path: str) -> Header | None:
    """The header of a file; None if it is no VDI, or cannot be read."""
    try:
        with open(path, "rb") as stream:
            return header(stream.read(HEADER_BYTES))
    except OSError:
        return None


def _is_zero(stream: t.BinaryIO, offset: int, length: int) -> bool:
    stream.seek(offset)
    while length > 0:
        part = stream.read(min(PART_BYTES, length))
        # A block that the file does not hold in full reads as zeros at its end.
        if not part:
            return True
        if part != bytes(len(part)):
            return False
        length -= len(part)
    return True


def unused_bytes(path: str, found: Header) -> int:
    """What compacting gives back: blocks of the file that hold only zeros, or that nothing names.

    The latter are what an interrupted compaction leaves.
    """
    with open(path, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        inside = (size - found.data_offset) // found.block_bytes
        stream.seek(found.map_offset)
        raw = stream.read(4 * found.blocks)
        entries = struct.unpack(f"<{len(raw) // 4}I", raw[: len(raw) // 4 * 4])
        named = {entry for entry in entries if entry < min(FIRST_SPECIAL, inside)}
        used = sum(
            not _is_zero(stream, found.data_offset + place * found.block_bytes, found.block_bytes)
            for place in sorted(named)
        )
    return max(0, inside - used) * found.block_bytes
