# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is mounted, what fstab says, and what lies in a folder that is to become a mount point."""

from __future__ import annotations

import os
import stat
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core import processes
from ansible_collections.virtual.datacenter.plugins.module_utils._core.files import unescape


def parse_mountinfo(text: str) -> list[dict[str, str]]:
    """In the order of mounting: the last one of a path is the one that is seen."""
    found = []
    for line in text.splitlines():
        left, _dash, right = line.partition(" - ")
        words, kind = left.split(), right.split()
        found.append(
            {
                "path": unescape(words[4]),
                "device": words[2],
                "root": unescape(words[3]),
                "type": kind[0],
                "source": unescape(kind[1]),
            }
        )
    return found


def parse_fstab(text: str) -> dict[str, dict[str, str]]:
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 3 and not line.lstrip().startswith("#"):
            found[unescape(words[1]).rstrip("/") or "/"] = {
                "source": unescape(words[0]),
                "type": words[2],
                "options": words[3] if len(words) > 3 else "defaults",
            }
    return found


def content_size(folder: str) -> int:
    """Bytes on disk of everything below, hard links once, other file systems left out."""
    device = os.lstat(folder).st_dev
    seen: set[int] = set()
    total = 0
    for parent, folders, files in os.walk(folder):
        folders[:] = [
            name for name in folders if os.lstat(os.path.join(parent, name)).st_dev == device
        ]
        for name in folders + files:
            try:
                status = os.lstat(os.path.join(parent, name))
            except OSError:
                continue
            if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
                if status.st_ino in seen:
                    continue
                seen.add(status.st_ino)
            total += status.st_blocks * 512
    return total


def is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def users(folder: str) -> list[str]:
    """Processes with something open below the folder, as "name (pid)"."""
    return sorted(
        processes.name(pid)
        for pid in processes.ids()
        if any(is_below(path, folder) for path in processes.opened(pid))
    )


def look(path: str, mounts: t.Sequence[t.Mapping[str, str]]) -> dict[str, t.Any]:
    """The folder itself and, if it is none, what it holds."""
    here = [mount for mount in mounts if mount["path"] == path]
    if not os.path.isdir(path):
        return {"exists": os.path.lexists(path), "folder": False, "mounted": None, "empty": True}
    status = os.stat(path)
    found: dict[str, t.Any] = {
        "exists": True,
        "folder": not os.path.islink(path),
        "mode": f"{stat.S_IMODE(status.st_mode):04o}",
        "owner": f"{status.st_uid}:{status.st_gid}",
        "mounted": here[-1] if here else None,
        "empty": not any(True for _entry in os.scandir(path)),
    }
    if not here and not found["empty"]:
        found["content_size"] = content_size(path)
        found["users"] = users(path)
        found["mounts_below"] = sorted(
            mount["path"] for mount in mounts if is_below(mount["path"], path)
        )
    return found
