# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything lies on the disk of an image: functions of the size, the volumes and a name.

Identifiers are derived from the name too, so the same input gives the same bytes.
"""

from __future__ import annotations

import hashlib
import re
import string
import typing as t
import uuid

from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError

SECTOR = 512
MIB = 1024 * 1024
EXTENT = 4 * MIB
BIOS_OFFSET, BIOS_SIZE = MIB, MIB
EFI_OFFSET = BIOS_OFFSET + BIOS_SIZE
# LVM's own default: the first MiB of a physical volume holds its label and metadata.
METADATA_SIZE = MIB
# The second partition table and what keeps the last partition aligned.
TAIL = MIB

TYPES = {
    "bios": "21686148-6449-6E6F-744E-656564454649",
    "efi": "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
    "boot": "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
    "lvm": "E6D6D379-F507-44C2-A23C-238F2A3DF928",
}
NAME = re.compile(r"^[a-z][a-z0-9_]{0,30}$")
NAMESPACE = uuid.UUID("2c0e5d5c-0b8e-5a3c-9c55-1f5d7a4d9f10")


class Area(t.NamedTuple):
    """A part of the disk, in bytes."""

    name: str
    offset: int
    size: int


class Volume(t.NamedTuple):
    """A logical volume with its file system and the place where that is mounted."""

    name: str
    mount: str
    size_mb: int
    options: str

    @property
    def extents(self) -> int:
        return -(-self.size_mb * MIB // EXTENT)


class Layout(t.NamedTuple):
    """The whole disk."""

    name: str
    disk_size: int
    group: str
    partitions: tuple[Area, ...]
    volumes: tuple[Volume, ...]

    def partition(self, name: str) -> Area:
        return next(area for area in self.partitions if area.name == name)

    def identifier(self, what: str) -> str:
        return str(uuid.uuid5(NAMESPACE, f"{self.name}/{what}"))

    def lvm_identifier(self, what: str) -> str:
        """LVM's form: 32 letters and digits in groups."""
        letters = string.digits + string.ascii_letters
        number = int.from_bytes(hashlib.sha256(f"{self.name}/{what}".encode()).digest(), "big")
        text = ""
        for _digit in range(32):
            number, rest = divmod(number, len(letters))
            text += letters[rest]
        groups, start = [], 0
        for length in (6, 4, 4, 4, 4, 4, 6):
            groups.append(text[start : start + length])
            start += length
        return "-".join(groups)

    @property
    def extents(self) -> int:
        return (self.partition("lvm").size - METADATA_SIZE) // EXTENT

    def areas(self) -> dict[str, Area]:
        """The logical volumes, one after the other from the first extent on."""
        found, at = {}, self.partition("lvm").offset + METADATA_SIZE
        for volume in self.volumes:
            found[volume.name] = Area(volume.name, at, volume.extents * EXTENT)
            at += volume.extents * EXTENT
        return found

    def device(self, volume: Volume) -> str:
        return f"/dev/mapper/{self.group}-{volume.name}"


def check(group: str, volumes: t.Sequence[Volume]) -> None:
    """Reject what no machine could boot from."""
    for name in (group, *(volume.name for volume in volumes)):
        if not NAME.match(name):
            raise TaskError(
                f"Names of volume group and volumes are 1 to 31 lower-case letters, digits and "
                f"underscores, beginning with a letter, found '{name}': change volume_group or "
                "volumes.",
                error_code="BAD_NAME",
            )
    for field in ("name", "mount"):
        values = [getattr(volume, field) for volume in volumes]
        for value in values:
            if values.count(value) > 1:
                raise TaskError(
                    f"Each volume has a {field} of its own, found '{value}' twice: change volumes.",
                    error_code="DOUBLE_VOLUME",
                )
    mounts = [volume.mount for volume in volumes]
    if "/" not in mounts:
        raise TaskError("One of volumes must have the mount '/', found none.", error_code="NO_ROOT")
    for mount in mounts:
        if not re.match(r"^/([a-z0-9._-]+(/[a-z0-9._-]+)*)?$", mount) or mount == "/boot":
            raise TaskError(
                f"A volume's mount is an absolute path and not /boot, which lies outside of LVM, "
                f"found '{mount}': change volumes.",
                error_code="BAD_MOUNT",
            )


def make(
    name: str,
    disk_size: int,
    group: str,
    volumes: t.Sequence[Volume],
    boot_size_mb: int,
    efi_size_mb: int,
) -> Layout:
    """The layout of a disk of that size, or an error that says how large it has to be."""
    check(group, volumes)
    boot_offset = EFI_OFFSET + efi_size_mb * MIB
    lvm_offset = boot_offset + boot_size_mb * MIB
    needed = lvm_offset + METADATA_SIZE + sum(v.extents for v in volumes) * EXTENT + TAIL
    if disk_size < needed:
        raise TaskError(
            f"The partitions and volumes need a disk of {-(-needed // MIB)} MiB, found one of "
            f"{disk_size // MIB} MiB: take a larger disk, or change volumes.",
            error_code="DISK_TOO_SMALL",
        )
    lvm_size = (disk_size - TAIL - lvm_offset) // MIB * MIB
    partitions = (
        Area("bios", BIOS_OFFSET, BIOS_SIZE),
        Area("efi", EFI_OFFSET, efi_size_mb * MIB),
        Area("boot", boot_offset, boot_size_mb * MIB),
        Area("lvm", lvm_offset, lvm_size),
    )
    # Parents before what is mounted in them.
    ordered = sorted(volumes, key=lambda volume: volume.mount)
    return Layout(name, disk_size, group, partitions, tuple(ordered))


def partition_table(layout: Layout) -> str:
    """What sfdisk reads."""
    lines = [
        "label: gpt",
        f"label-id: {layout.identifier('disk')}",
        "unit: sectors",
        "first-lba: 34",
        "",
    ]
    for area in layout.partitions:
        lines.append(
            f"start={area.offset // SECTOR}, size={area.size // SECTOR}, type={TYPES[area.name]}, "
            f'uuid={layout.identifier("partition/" + area.name)}, name="{area.name}"'
        )
    return "\n".join(lines) + "\n"


def lvm_metadata(layout: Layout, epoch: int) -> str:
    """The volume group in the text form that vgcfgrestore takes."""
    lines = [
        'contents = "Text Format Volume Group"',
        "version = 1",
        'description = ""',
        'creation_host = "image"',
        f"creation_time = {epoch}",
        f"{layout.group} {{",
        f'id = "{layout.lvm_identifier("group")}"',
        "seqno = 1",
        'format = "lvm2"',
        'status = ["RESIZEABLE", "READ", "WRITE"]',
        "flags = []",
        f"extent_size = {EXTENT // SECTOR}",
        "max_lv = 0",
        "max_pv = 0",
        "metadata_copies = 0",
        "physical_volumes {",
        "pv0 {",
        f'id = "{layout.lvm_identifier("disk")}"',
        'status = ["ALLOCATABLE"]',
        "flags = []",
        f"dev_size = {layout.partition('lvm').size // SECTOR}",
        f"pe_start = {METADATA_SIZE // SECTOR}",
        f"pe_count = {layout.extents}",
        "}",
        "}",
        "logical_volumes {",
    ]
    start = 0
    for volume in layout.volumes:
        lines += [
            f"{volume.name} {{",
            f'id = "{layout.lvm_identifier("volume/" + volume.name)}"',
            'status = ["READ", "WRITE", "VISIBLE"]',
            "flags = []",
            f"creation_time = {epoch}",
            'creation_host = "image"',
            "segment_count = 1",
            "segment1 {",
            "start_extent = 0",
            f"extent_count = {volume.extents}",
            'type = "striped"',
            "stripe_count = 1",
            f'stripes = ["pv0", {start}]',
            "}",
            "}",
        ]
        start += volume.extents
    return "\n".join([*lines, "}", "}"]) + "\n"


def fstab(layout: Layout) -> str:
    """What is mounted at boot. The initramfs finds / and /usr by the mapper's names only."""
    rows = [
        (
            layout.device(volume),
            volume.mount,
            "ext4",
            volume.options,
            1 if volume.mount == "/" else 2,
        )
        for volume in layout.volumes
    ]
    rows.append((f"UUID={layout.identifier('boot')}", "/boot", "ext4", "defaults", 2))
    rows.append((f"UUID={efi_serial(layout)}", "/boot/efi", "vfat", "umask=0077", 2))
    rows.sort(key=lambda row: row[1])
    return "".join(
        f"{device} {mount} {kind} {options} 0 {order}\n"
        for device, mount, kind, options, order in rows
    )


def efi_serial(layout: Layout) -> str:
    """The serial number of the FAT file system, as /dev/disk/by-uuid shows it."""
    number = layout.identifier("efi").replace("-", "")[:8].upper()
    return f"{number[:4]}-{number[4:]}"
