# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GRUB on a disk that no kernel has mounted: grub-install would need its file systems in use.

The core image is GRUB's own (grub-mkimage); here it is put where a BIOS looks for it, as
grub-bios-setup would.
"""

from __future__ import annotations

import struct
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._image.layout import (
    SECTOR,
    Area,
    Layout,
)

# Places in boot.img and in the first sector of core.img (GRUB's include/grub/i386/pc/boot.h).
KERNEL_SECTOR = 0x5C
DRIVE_CHECK = 0x66
BLOCK_LIST = SECTOR - 12
# What of the first sector is code; the protective partition table follows.
BOOT_CODE = 440
TWO_NOPS = b"\x90\x90"

MODULES = ("part_gpt", "ext2", "search_fs_uuid", "normal", "configfile")
# Target: the firmware's own modules, and what grub-mkimage writes.
TARGETS = {
    "i386-pc": (("biosdisk",), "core.img"),
    "x86_64-efi": ((), "core.efi"),
}


def early_config(layout: Layout) -> str:
    """Built into the core image: where the rest of GRUB is."""
    return f"search.fs_uuid {layout.identifier('boot')} root\nset prefix=($root)/grub\n"


def menu(layout: Layout, versions: t.Sequence[str], command_line: str) -> str:
    """The first grub.cfg; update-grub replaces it on the running machine with the next kernel."""
    root = next(volume for volume in layout.volumes if volume.mount == "/")
    lines = [
        "set timeout=1",
        "set default=0",
        "serial --unit=0 --speed=115200",
        "terminal_input console serial",
        "terminal_output console serial",
        "insmod part_gpt",
        "insmod ext2",
        f"search --no-floppy --fs-uuid --set=root {layout.identifier('boot')}",
    ]
    for version in versions:
        lines += [
            f"menuentry 'Debian GNU/Linux, with Linux {version}' {{",
            f"  linux /vmlinuz-{version} root={layout.device(root)} ro {command_line}".rstrip(),
            f"  initrd /initrd.img-{version}",
            "}",
        ]
    return "\n".join(lines) + "\n"


def boot_code(boot_image: bytes, bios: Area) -> bytes:
    """The code of the first sector, told where the core image begins."""
    if len(boot_image) != SECTOR:
        raise TaskError(
            f"GRUB's boot.img has {len(boot_image)} bytes, wanted {SECTOR}.", error_code="BAD_GRUB"
        )
    code = bytearray(boot_image[:BOOT_CODE])
    struct.pack_into("<Q", code, KERNEL_SECTOR, bios.offset // SECTOR)
    # Some firmware passes no usable drive number; on a disk GRUB then takes the first one.
    code[DRIVE_CHECK : DRIVE_CHECK + 2] = TWO_NOPS
    return bytes(code)


def core_image(core: bytes, bios: Area) -> bytes:
    """The core image, its first sector told where the others are: right behind it."""
    if len(core) > bios.size:
        raise TaskError(
            f"GRUB's core image has {len(core)} bytes, its partition {bios.size}.",
            error_code="BAD_GRUB",
        )
    sectors = -(-len(core) // SECTOR)
    image = bytearray(core.ljust(sectors * SECTOR, b"\0"))
    _start, length, segment = struct.unpack_from("<QHH", image, BLOCK_LIST)
    if length != sectors - 1 or segment != 0x820:
        raise TaskError(
            f"GRUB's core image is of an unknown make (length {length} of {sectors - 1}, "
            f"segment {segment:#x}).",
            error_code="BAD_GRUB",
        )
    struct.pack_into("<Q", image, BLOCK_LIST, bios.offset // SECTOR + 1)
    return bytes(image)
