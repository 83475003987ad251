# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulator, in a folder of its own, by its own loader and libraries."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent


def built(script: str) -> Path:
    """The folder that a script of this one builds, once."""
    done = subprocess.run([HERE / script], stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.split()[-1])


@functools.cache
def _tree() -> Path:
    return built("build-emulator") / "tree"


def command() -> list[str]:
    """Starts a bare machine."""
    tree = _tree()
    library = tree / "usr/lib/x86_64-linux-gnu"
    argv = [str(tree / "lib64/ld-linux-x86-64.so.2"), "--library-path", str(library)]
    argv += [str(tree / "usr/bin/qemu-system-x86_64")]
    for folder in ("qemu", "seabios"):
        argv += ["-L", str(tree / "usr/share" / folder)]
    return [*argv, "-nographic", "-nodefaults", "-no-reboot"]


def environment(folder: Path) -> dict[str, str]:
    """What the command needs beside its arguments."""
    return {**os.environ, "TMPDIR": str(folder)}
