# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image whose disk comes a minute late starts all the same: on slow hosts it does."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import emulator
import machine

import playbooks

# Debian's initial RAM disk gives up after 30 s.
LATE_SECONDS = 60
SECTOR = 512


def start_of(partition: str, disk: Path) -> int:
    """The byte where the partition of that name begins."""
    argv = ["partx", "--show", "--noheadings", "--output", "START,NAME", disk]
    listed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    starts = {name: int(start) for start, name in map(str.split, listed.splitlines())}
    return SECTOR * starts[partition]


def take_kernel(disk: Path, folder: Path) -> None:
    """The files that the boot loader would load."""
    options = f"ro,loop,offset={start_of('boot', disk)}"
    place = folder / "boot"
    place.mkdir()
    subprocess.run(["mount", "-t", "ext4", "-o", options, disk, place], check=True)
    try:
        for name in ("vmlinuz", "initrd"):
            (found,) = place.glob(f"{name}*")
            (folder / name).write_bytes(found.read_bytes())
    finally:
        subprocess.run(["umount", place], check=True)


def plug(monitor: Path, disk: Path) -> None:
    """Give the running machine the disk."""
    file = {"driver": "file", "filename": str(disk)}
    machine.order(
        monitor,
        ("blockdev-add", {"driver": "raw", "node-name": "late", "file": file}),
        ("device_add", {"driver": "virtio-blk-pci", "drive": "late"}),
    )


def wait_for(console: Path, said: Callable[[str], bool]) -> str:
    end = time.monotonic() + 600
    while True:
        text = console.read_text(errors="replace") if console.exists() else ""
        if said(text):
            return text
        assert time.monotonic() < end, text[-3000:]
        time.sleep(1)


def test_a_disk_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    disk = playbooks.make_image().with_suffix(".raw")
    take_kernel(disk, tmp_path)
    copy = tmp_path / "disk.raw"
    subprocess.run(["cp", "--sparse=always", disk, copy], check=True)
    console, monitor = tmp_path / "console", tmp_path / "monitor"
    command = [*emulator.command(), "-accel", "tcg", "-m", "1024", "-net", "none"]
    command += ["-serial", f"file:{console}", "-qmp", f"unix:{monitor},server=on,wait=off"]
    command += ["-kernel", str(tmp_path / "vmlinuz"), "-initrd", str(tmp_path / "initrd")]
    command += ["-append", "root=/dev/mapper/system-root ro console=ttyS0"]
    with subprocess.Popen(command, env=emulator.environment(tmp_path)) as running:
        try:
            wait_for(console, lambda text: "Waiting for root" in text)
            time.sleep(LATE_SECONDS)
            plug(monitor, copy)
            text = wait_for(console, lambda text: "Welcome to" in text or "Gave up" in text)
            assert "Gave up" not in text
        finally:
            running.kill()
            copy.unlink()
