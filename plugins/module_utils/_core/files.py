# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are whole or not there, locks that end with their process, the list of mounts."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import re
import tempfile
import time
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core import processes, wait


def partials(path: str) -> list[str]:
    """What runs that were killed while they wrote the file have left."""
    folder, name = os.path.split(path)
    return glob.glob(os.path.join(glob.escape(folder), f".{glob.escape(name)}.*.new"))


@contextlib.contextmanager
def replacing(path: str, mode: int = 0o644) -> t.Iterator[str]:
    """The path of a new file, which takes the place of the old one if nothing fails.

    Until then it is hidden and only for this user, and who reads the old one is not disturbed.
    """
    folder, name = os.path.split(path)
    handle, fresh = tempfile.mkstemp(dir=folder, prefix=f".{name}.", suffix=".new")
    os.close(handle)
    try:
        yield fresh
        os.chmod(fresh, mode)
        os.replace(fresh, path)
    except BaseException:
        os.unlink(fresh)
        raise


def write(path: str, content: str | bytes, mode: int = 0o644) -> None:
    """Write a file, complete or not at all."""
    with replacing(path, mode) as fresh, open(fresh, "wb") as stream:
        stream.write(content.encode() if isinstance(content, str) else content)


def lock(
    handle: int,
    seconds: float = 0,
    *,
    sleep: t.Callable[[float], object] = time.sleep,
    clock: t.Callable[[], float] = time.monotonic,
) -> bool:
    """Have an open file or folder for this process alone; whether it was to be had in that time."""

    def taken() -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    return wait.until(taken, seconds, 0.05, sleep=sleep, clock=clock)


def holder(handle: int) -> str:
    """Who holds the lock of an open file or folder, as far as the kernel tells."""
    status = os.fstat(handle)
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    with contextlib.suppress(OSError), open("/proc/locks", encoding="utf-8") as stream:
        for line in stream:
            fields = line.split()
            if len(fields) > 5 and fields[1] == "FLOCK" and fields[5] == place:
                return processes.command(int(fields[4]))
    return "another process"


def unescape(text: str) -> str:
    """A path as mountinfo and fstab write it, with octal numbers for blanks."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def mountinfo() -> str:
    """What is mounted, in the kernel's words."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as stream:
        return stream.read()
