# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs commands, on this machine or with the programs of the root file system of the image.

The image's own mke2fs, LVM and GRUB make its disk, so it is the same whatever machine it is made
on, and nothing on it is too new for its own boot loader.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core import command
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError

# Unpacking and packing a root file system on a slow disk.
SECONDS = 3600
LOOK_AT = "the load and the disks of this machine"

# Arguments: the work folder, pairs of volume and mount point, "--", the command. All mounts are in
# a namespace of their own and end with the command.
ENTER = r"""
set -eu
work=$1 tree=$1/tree
shift
mount --bind "$work/volumes/root" "$tree"
while [ "$1" != -- ]; do
  mount --bind "$work/volumes/$1" "$tree$2"
  shift 2
done
shift
mount -t proc proc "$tree/proc"
mount -t sysfs -o ro sysfs "$tree/sys"
mount --rbind /dev "$tree/dev"
mount -t tmpfs tmpfs "$tree/run"
mount -t tmpfs tmpfs "$tree/tmp"
mount --bind "$work" "$tree/mnt"
exec chroot "$tree" "$@"
"""


class Tools:
    """Commands with one environment: C locale, and the time that the image claims to be from."""

    def __init__(self, work: str, epoch: int) -> None:
        self.work = work
        self.mounts: list[tuple[str, str]] = []
        self.environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C",
            "HOME": "/root",
            "SOURCE_DATE_EPOCH": str(epoch),
            # What e2fsprogs before 1.47.1 asks.
            "E2FSPROGS_FAKE_TIME": str(epoch),
            "MKE2FS_SKIP_PROGRESS": "1",
        }

    def run(self, argv: t.Sequence[str], stdin: str = "") -> str:
        """Run a command of this machine and return what it printed."""
        answer = command.run(
            *argv,
            seconds=SECONDS,
            stdin=stdin,
            look_at=LOOK_AT,
            install="base_image_host_packages",
            env=self.environment,
        )
        return answer.stdout

    def inside(self, argv: t.Sequence[str], stdin: str = "") -> str:
        """Run a command of the image; the work folder is /mnt to it."""
        os.makedirs(f"{self.work}/tree", exist_ok=True)
        pairs = [word for pair in self.mounts for word in pair]
        enter = ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "enter"]
        try:
            return self.run([*enter, self.work, *pairs, "--", *argv], stdin)
        except TaskError as error:
            if error.rc is None:
                raise
            # Without the words that only lead into the image.
            said = (error.stderr.strip() or error.stdout.strip())[-2000:]
            error.message = f"{' '.join(argv)[:200]} failed ({error.rc}): {said}"
            error.cmd = list(argv)
            raise
