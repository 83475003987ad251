# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disk, or the file that stands for one: what is on it, and writing to it."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._image import claim

STEP = 4 * 1024 * 1024
ZEROS = bytes(STEP)


class Found(t.NamedTuple):
    """What is on a disk."""

    size: int
    claim: claim.Claim | None
    # Offset of the first byte that is not zero, None if there is none or it was not looked for.
    content_at: int | None
    # Who uses the disk right now, in words.
    used_by: str


def data_ranges(handle: int, size: int) -> t.Iterator[tuple[int, int]]:
    """Where the file has data; of a device all of it."""
    at = 0
    while at < size:
        try:
            start = os.lseek(handle, at, os.SEEK_DATA)
            end = os.lseek(handle, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            start, end = at, size
        if start >= size:
            return
        yield start, min(max(end, start + 1), size)
        at = max(end, start + 1)


def chunks(path: str, size: int) -> t.Iterator[tuple[int, bytes]]:
    """Offset and content of whatever may hold something other than zeros."""
    handle = os.open(path, os.O_RDONLY)
    try:
        for start, end in data_ranges(handle, size):
            at = start
            while at < end:
                data = os.pread(handle, min(STEP, end - at), at)
                if not data:
                    return
                yield at, data
                at += len(data)
    finally:
        os.close(handle)


def first_content(path: str, size: int) -> int | None:
    """Where the first byte is that is not zero."""
    for at, data in chunks(path, size):
        if data != ZEROS[: len(data)]:
            return at + len(data) - len(data.lstrip(b"\0"))
    return None


def digest(path: str, size: int) -> str:
    """SHA-256 of the whole disk, holes counted as the zeros that they are read as."""
    found, at = hashlib.sha256(), 0
    for start, data in chunks(path, size):
        while at < start:
            step = min(STEP, start - at)
            found.update(ZEROS[:step])
            at += step
        found.update(data)
        at += len(data)
    while at < size:
        step = min(STEP, size - at)
        found.update(ZEROS[:step])
        at += step
    return found.hexdigest()


def users(
    path: str, sysfs: str = "/sys", mounts: str = "/proc/self/mounts", swaps: str = "/proc/swaps"
) -> str:
    """What on this machine uses the block device or one of its partitions."""
    node = os.path.realpath(path)
    name = os.path.basename(node)
    folder = f"{sysfs}/class/block/{name}"
    if os.path.exists(f"{folder}/partition"):
        return "it is a partition, not a disk"
    names = [name, *(p for p in _entries(folder) if os.path.exists(f"{folder}/{p}/partition"))]
    for table, what in ((mounts, "mounted at"), (swaps, "swapped to as")):
        try:
            with open(table, encoding="utf-8", errors="replace") as file:
                rows = [line.split() for line in file]
        except OSError:
            continue
        for row in rows:
            if (
                row
                and os.path.basename(os.path.realpath(row[0])) in names
                and row[0].startswith("/")
            ):
                return f"{row[0]} is {what} {row[1]}"
    for each in names:
        place = folder if each == name else f"{folder}/{each}"
        holders = _entries(f"{place}/holders")
        if holders:
            return f"{each} is held by {', '.join(sorted(holders))}"
    return ""


def _entries(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def look(path: str) -> Found:
    """What is there. A disk that carries our claim is not read to its end."""
    try:
        mode = os.stat(path).st_mode
        block = stat.S_ISBLK(mode)
        if not block and not stat.S_ISREG(mode):
            raise TaskError(
                f"The disk has to be a block device or a file, {path} is neither: change disk.",
                error_code="NOT_A_DISK",
            )
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError as error:
        raise TaskError(
            f"There is no disk {path}: attach it, or change disk.", error_code="NO_DISK"
        ) from error
    except OSError as error:
        raise TaskError(
            f"The disk {path} cannot be read: {error.strerror}.", error_code="UNREADABLE"
        ) from error
    try:
        size = os.lseek(handle, 0, os.SEEK_END)
        said = claim.read(os.pread(handle, claim.SIZE, claim.OFFSET))
    finally:
        os.close(handle)
    content = None if said else first_content(path, size)
    return Found(size, said, content, users(path) if block else "")


class Writer:
    """The open disk."""

    def __init__(self, path: str) -> None:
        self.path = path
        # Exclusive: the kernel refuses what somebody has mounted in the meantime.
        flags = os.O_RDWR | (os.O_EXCL if stat.S_ISBLK(os.stat(path).st_mode) else 0)
        self.handle = os.open(path, flags)
        self.size = os.lseek(self.handle, 0, os.SEEK_END)

    def put(self, offset: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            done = os.pwrite(self.handle, view, offset)
            view, offset = view[done:], offset + done

    def copy(self, source: str, offset: int, size: int) -> None:
        """Write a file there, without its holes."""
        for at, data in chunks(source, size):
            self.put(offset + at, data)

    def sync(self) -> None:
        os.fsync(self.handle)

    def clear(self) -> None:
        """Make all of it zero; the claim goes last, so that an interruption stays recognisable."""
        if stat.S_ISREG(os.fstat(self.handle).st_mode):
            kept = os.pread(self.handle, claim.SIZE, claim.OFFSET)
            os.ftruncate(self.handle, claim.OFFSET)
            self.put(0, bytes(claim.OFFSET))
            self.put(claim.OFFSET, kept)
            os.ftruncate(self.handle, self.size)
            return
        at = 0
        while at < self.size:
            step = min(STEP, self.size - at)
            if at <= claim.OFFSET < at + step:
                # The first step: around the claim.
                self.put(0, bytes(claim.OFFSET))
                self.put(claim.OFFSET + claim.SIZE, bytes(step - claim.OFFSET - claim.SIZE))
            else:
                self.put(at, ZEROS[:step])
            at += step
        self.sync()

    def close(self) -> None:
        os.close(self.handle)
