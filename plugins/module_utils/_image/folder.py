# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder to work in: programs are run out of it, so nobody else may have prepared it."""

from __future__ import annotations

import os
import stat

from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError


def refuse_foreign(path: str) -> None:
    """Raise unless it is missing, or is a folder that is ours and only ours to write to."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISDIR(found.st_mode):
        what = "a link" if stat.S_ISLNK(found.st_mode) else "no folder"
    elif found.st_uid != os.geteuid() or mode & (stat.S_IWGRP | stat.S_IWOTH):
        what = f"a folder of user {found.st_uid} with mode {mode:04o}"
    else:
        return
    raise TaskError(
        f"The work folder {path} has to belong to user {os.geteuid()}, and nobody else may write "
        f"to it, found is {what}: remove it, or choose another one (work_dir).",
        error_code="FOREIGN_FOLDER",
    )


def make(path: str) -> None:
    """Make the folder if it is missing. Looked at afterwards: others may have been faster."""
    os.makedirs(path, mode=0o700, exist_ok=True)
    refuse_foreign(path)
