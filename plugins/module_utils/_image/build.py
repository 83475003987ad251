# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an archive of a root file system to a disk that boots, without device mapper or mounts.

Every file system is made as a file and then put where it belongs: a name of a volume group that
this machine uses itself does no harm, and a killed run leaves nothing in use.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._image import claim, grub, lvm
from ansible_collections.virtual.datacenter.plugins.module_utils._image.disk import Writer
from ansible_collections.virtual.datacenter.plugins.module_utils._image.layout import (
    METADATA_SIZE,
    SECTOR,
    Area,
    Layout,
    Volume,
    efi_serial,
    fstab,
    lvm_metadata,
    partition_table,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._image.tools import Tools

EFI_PROGRAM = "/EFI/BOOT/BOOTX64.EFI"
# What makes the image comes from the image: the program, and Debian's package of it.
PROGRAMS = {
    "debugfs": "e2fsprogs",
    "grub-editenv": "grub2-common",
    "grub-mkimage": "grub2-common",
    "lvm": "lvm2",
    "mke2fs": "e2fsprogs",
    "mkfs.vfat": "dosfstools",
    "sfdisk": "fdisk",
}


class Builder:
    """One build in one work folder."""

    def __init__(self, layout: Layout, work: str, epoch: int, command_line: str) -> None:
        self.layout = layout
        self.work = work
        self.epoch = epoch
        self.command_line = command_line
        self.tools = Tools(work, epoch)

    @property
    def root(self) -> str:
        return f"{self.work}/volumes/root"

    @property
    def boot(self) -> str:
        return f"{self.work}/volumes/boot"

    def write(self, path: str, content: str | bytes) -> None:
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        os.chmod(path, 0o644)
        os.utime(path, (self.epoch, self.epoch))

    def unpack(self, archive: str) -> None:
        """The root file system as a folder, then one folder for each volume."""
        os.makedirs(self.root)
        self.tools.run(
            [
                "tar",
                "--extract",
                "--file",
                archive,
                "--directory",
                self.root,
                "--numeric-owner",
                "--same-owner",
                "--xattrs",
                "--xattrs-include=*",
            ]
        )
        # An archive of a root file system need not have what the kernel fills.
        for name in ("dev", "proc", "sys", "run", "tmp", "mnt"):
            if not os.path.exists(f"{self.root}/{name}"):
                os.mkdir(f"{self.root}/{name}")
                os.chmod(f"{self.root}/{name}", 0o1777 if name == "tmp" else 0o755)
                os.utime(f"{self.root}/{name}", (self.epoch, self.epoch))
        # Inner mounts first: /var/lib/x leaves /var before /var leaves /.
        places = [(volume_folder(v), v.mount) for v in self.layout.volumes if v.mount != "/"]
        places.append(("boot", "/boot"))
        for name, mount in sorted(places, key=lambda place: place[1], reverse=True):
            target = f"{self.work}/volumes/{name}"
            source = self.root + mount
            os.makedirs(source, exist_ok=True)
            kept = os.stat(source)
            os.rename(source, target)
            os.mkdir(source)
            os.chmod(source, stat.S_IMODE(kept.st_mode))
            os.utime(source, (self.epoch, self.epoch))
        self.tools.mounts = sorted(places, key=lambda place: place[1])
        os.makedirs(f"{self.boot}/efi", exist_ok=True)

    def check_programs(self) -> None:
        """Before the disk is touched: a list of packages of one's own is easily too short."""
        script = 'for name; do command -v "$name" >/dev/null || echo "$name"; done'
        missing = self.tools.inside(["sh", "-c", script, "sh", *PROGRAMS]).split()
        if missing:
            packages = sorted({PROGRAMS[name] for name in missing})
            raise TaskError(
                f"The root file system has no {', '.join(missing)}: it needs the packages "
                f"{', '.join(packages)} too (base_image_packages).",
                error_code="PROGRAM_MISSING",
            )

    def kernels(self) -> list[str]:
        """Versions of the kernels, newest first."""
        found = [name[8:] for name in os.listdir(self.boot) if name.startswith("vmlinuz-")]
        if not found:
            raise TaskError(
                "The root file system has no kernel in /boot: name a kernel package.",
                error_code="NO_KERNEL",
            )
        ordered = self.tools.inside(
            ["sort", "--version-sort", "--reverse"], "\n".join(found) + "\n"
        )
        return ordered.split()

    def configure(self) -> None:
        """What depends on where things lie."""
        os.makedirs(f"{self.root}/etc", exist_ok=True)
        self.write(f"{self.root}/etc/fstab", fstab(self.layout))
        # update-grub reads it on the running machine, with each new kernel.
        settings = f"{self.root}/etc/default/grub.d"
        os.makedirs(settings, exist_ok=True)
        options = f'GRUB_CMDLINE_LINUX="{self.command_line}"\n'
        self.write(f"{settings}/machine-image-kernel.cfg", options)
        for folder in (settings, f"{self.root}/etc/default"):
            os.utime(folder, (self.epoch, self.epoch))

    def boot_loader(self) -> None:
        """GRUB's files in /boot, and its core images in the work folder."""
        folder = f"{self.boot}/grub"
        os.makedirs(folder, exist_ok=True)
        self.write(f"{self.work}/early.cfg", grub.early_config(self.layout))
        self.write(f"{folder}/grub.cfg", grub.menu(self.layout, self.kernels(), self.command_line))
        usr = next(
            (f"{self.work}/volumes/{n}" for n, m in self.tools.mounts if m == "/usr"),
            f"{self.root}/usr",
        )
        for target, (modules, output) in grub.TARGETS.items():
            source = f"{usr}/lib/grub/{target}"
            if not os.path.isdir(source):
                raise TaskError(
                    f"The root file system has no GRUB for {target}: its package is missing.",
                    error_code="NO_GRUB",
                )
            os.makedirs(f"{folder}/{target}", exist_ok=True)
            for name in sorted(os.listdir(source)):
                if name.endswith((".mod", ".lst", ".o")) or name == "boot.img":
                    shutil.copy2(f"{source}/{name}", f"{folder}/{target}/{name}")
            self.tools.inside(
                [
                    "grub-mkimage",
                    "--format",
                    target,
                    "--directory",
                    f"/usr/lib/grub/{target}",
                    "--prefix",
                    "/grub",
                    "--config",
                    "/mnt/early.cfg",
                    "--output",
                    f"/mnt/{output}",
                    *grub.MODULES,
                    *modules,
                ]
            )
        self.tools.inside(["grub-editenv", "/boot/grub/grubenv", "create"])
        for path, _folders, names in os.walk(folder):
            for name in names:
                os.utime(f"{path}/{name}", (self.epoch, self.epoch))
            os.utime(path, (self.epoch, self.epoch))
        os.utime(self.boot, (self.epoch, self.epoch))

    def ext4(self, name: str, label: str, size: int, option: str) -> str:
        """A file system with the content of the folder of that name, as a file."""
        path = f"{self.work}/{name}.ext4"
        identifier = self.layout.identifier(name)
        extended = [f"hash_seed={identifier}", "root_owner=0:0", "assume_storage_prezeroed=1"]
        try:
            self.tools.inside(
                [
                    "mke2fs",
                    "-q",
                    "-F",
                    "-t",
                    "ext4",
                    "-b",
                    "4096",
                    "-m",
                    "1",
                    "-L",
                    label,
                    "-U",
                    identifier,
                    "-E",
                    ",".join(extended),
                    "-d",
                    f"/mnt/volumes/{name}",
                    f"/mnt/{name}.ext4",
                    f"{size // 1024}k",
                ]
            )
        except TaskError as error:
            if "allocate" not in str(error):
                raise
            raise TaskError(
                f"What the image holds does not fit on the {size // 1024 // 1024} MiB of {label}: "
                f"make it larger in {option}.",
                error_code="VOLUME_TOO_SMALL",
            ) from error
        # mke2fs gives its own mode to the top folder: /tmp would not be open to all.
        mode = stat.S_IMODE(os.stat(f"{self.work}/volumes/{name}").st_mode)
        self.tools.inside(
            ["debugfs", "-w", "-R", f"set_inode_field <2> mode 04{mode:04o}", f"/mnt/{name}.ext4"]
        )
        return path

    def efi(self) -> str:
        """The EFI system partition, as a file."""
        path = f"{self.work}/efi.fat"
        area = self.layout.partition("efi")
        with open(path, "wb") as file:
            file.truncate(area.size)
        self.tools.inside(
            [
                "mkfs.vfat",
                "-F",
                "32",
                "--invariant",
                "-i",
                efi_serial(self.layout).replace("-", ""),
                "-n",
                "EFI",
                "/mnt/efi.fat",
            ]
        )
        self.tools.run(["mmd", "-i", path, "::/EFI", "::/EFI/BOOT"])
        os.utime(f"{self.work}/core.efi", (self.epoch, self.epoch))
        self.tools.run(["mcopy", "-m", "-i", path, f"{self.work}/core.efi", f"::{EFI_PROGRAM}"])
        return path

    def metadata(self) -> str:
        """The first MiB of the physical volume, by LVM itself on a stand-in of the same size."""
        path = f"{self.work}/lvm.img"
        with open(path, "wb") as file:
            file.truncate(self.layout.partition("lvm").size)
        self.write(f"{self.work}/lvm.txt", lvm_metadata(self.layout, self.epoch))
        device = self.tools.run(["losetup", "--find", "--show", path]).strip()
        try:
            with open(device, "rb") as held:
                # Keeps udev from looking at the stand-in, and LVM of this machine from using it.
                fcntl.flock(held, fcntl.LOCK_EX)
                config = (
                    f'devices {{ use_devicesfile=0 scan_lvs=0 external_device_info_source="none" '
                    f'filter=["a|^{device}$|","r|.*|"] global_filter=["a|^{device}$|","r|.*|"] }} '
                    "activation { udev_sync=0 udev_rules=0 } backup { backup=0 archive=0 }"
                )
                common = ["--config", config, "--driverloaded", "n"]
                self.tools.inside(
                    [
                        "lvm",
                        "pvcreate",
                        *common,
                        "--uuid",
                        self.layout.lvm_identifier("disk"),
                        "--restorefile",
                        "/mnt/lvm.txt",
                        device,
                    ]
                )
                # It would ask where this machine uses a group of the same name.
                restore = ["lvm", "vgcfgrestore", "--yes", *common, "--file", "/mnt/lvm.txt"]
                self.tools.inside([*restore, self.layout.group])
        finally:
            self.tools.run(["losetup", "--detach", device])
        with open(path, "rb") as file:
            settled = lvm.settle(file.read(METADATA_SIZE), self.epoch)
        self.write(path, settled)
        return path

    def table(self) -> str:
        """The partition tables, on an empty stand-in of the disk's size."""
        path = f"{self.work}/table.img"
        with open(path, "wb") as file:
            file.truncate(self.layout.disk_size)
        self.tools.inside(
            ["sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", "/mnt/table.img"],
            partition_table(self.layout),
        )
        return path


def volume_folder(volume: Volume) -> str:
    """A volume may be called boot as well as the partition; the root's folder is always root."""
    return "root" if volume.mount == "/" else f"volume-{volume.name}"


def build(
    builder: Builder, disk: str, archive: str, old_content: bool, say: t.Callable[[str], None]
) -> None:
    """Write the whole image; until its last step the disk says that it is being built."""
    layout = builder.layout
    say("unpack the root file system")
    builder.unpack(archive)
    builder.check_programs()
    builder.configure()
    say("make the boot loader")
    builder.boot_loader()
    writer = Writer(disk)
    try:
        # udev leaves a locked disk alone.
        fcntl.flock(writer.handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        say("claim the disk")
        writer.put(claim.OFFSET, claim.write(claim.Claim("building", layout.name)))
        writer.sync()
        if old_content:
            say("clear what an earlier build or owner left")
            writer.clear()
        areas = layout.areas()
        for volume in layout.volumes:
            say(f"make the file system of {volume.mount}")
            area = areas[volume.name]
            path = builder.ext4(volume_folder(volume), volume.name[:16], area.size, "volumes")
            place(writer, path, area)
        say("make the file systems of /boot and /boot/efi")
        area = layout.partition("boot")
        place(writer, builder.ext4("boot", "boot", area.size, "boot_size_mb"), area)
        place(writer, builder.efi(), layout.partition("efi"))
        say("make the volume group and the partitions")
        place(writer, builder.metadata(), layout.partition("lvm"))
        bios = layout.partition("bios")
        with open(f"{builder.work}/core.img", "rb") as file:
            writer.put(bios.offset, grub.core_image(file.read(), bios))
        kept = claim.write(claim.Claim("building", layout.name))
        place(writer, builder.table(), Area("disk", 0, layout.disk_size))
        with open(f"{builder.boot}/grub/i386-pc/boot.img", "rb") as file:
            writer.put(0, grub.boot_code(file.read(), bios))
        writer.put(claim.OFFSET, kept)
        writer.sync()
        writer.put(claim.OFFSET, claim.write(claim.Claim("complete", layout.name)))
        writer.sync()
    finally:
        writer.close()


def place(writer: Writer, path: str, area: Area) -> None:
    if os.stat(path).st_size > area.size:
        raise TaskError(
            f"{path} is larger than its {area.size // SECTOR} sectors.", error_code="TOO_LARGE"
        )
    writer.copy(path, area.offset, area.size)
    os.unlink(path)
