# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's own emulator, unpacked in a folder, by its own loader and libraries."""

from __future__ import annotations

import os
from pathlib import Path


def command(built: Path) -> list[str]:
    """Starts a bare machine."""
    tree = built / "emulator"
    library = tree / "usr/lib/x86_64-linux-gnu"
    argv = [str(tree / "lib64/ld-linux-x86-64.so.2"), "--library-path", str(library)]
    argv += [str(tree / "usr/bin/qemu-system-x86_64")]
    for folder in ("qemu", "seabios"):
        argv += ["-L", str(tree / "usr/share" / folder)]
    return [*argv, "-nographic", "-nodefaults", "-no-reboot"]


def environment(built: Path, folder: Path) -> dict[str, str]:
    """What the command needs beside its arguments."""
    modules = str(built / "emulator/usr/lib/x86_64-linux-gnu/qemu")
    return {**os.environ, "QEMU_MODULE_DIR": modules, "TMPDIR": str(folder)}
