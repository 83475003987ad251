# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMs and media as plain data: the wanted and the actual state speak the same language.

In a wanted object None means: leave alone. In an actual object None means: unknown or not set.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import fields
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.fields import (
    row,
    same,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    bandwidth,
    devices,
    settings,
    shared_folders,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.extra_data import (
    Pairs,
)

MARK = "virtual.datacenter/managed-by"
# Extra data of a VM: the address that the data center has planned for it.
ADDRESS = "virtual.datacenter/address"
# Until when a stop that was asked for may take, in seconds since 1970.
STOPPING = "virtual.datacenter/stopping"
# There for a moment, so that VirtualBox writes the settings file.
SAVED = "virtual.datacenter/saved"

FIRMWARES = ("bios", "efi", "efi32", "efi64")

# States of VBoxManage in which a VM has no process.
OFF_STATES = ("poweroff", "aborted")
SAVED_STATES = ("saved", "aborted-saved")
# Stands for the UUID of a snapshot that has still to be taken.
NEW = "new"


@dataclass(frozen=True)
class Snapshot:
    """One snapshot of one VM."""

    name: str
    uuid: str = NEW
    description: str = ""
    taken: str = ""
    # Holds the memory of a VM that ran or was saved.
    online: bool = False
    parent: str = ""
    # UUIDs of the images that the snapshot froze.
    disks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Vm:
    """A VM, wanted or actual."""

    name: str
    uuid: str = ""
    state: str | None = None
    settings_file: str = ""
    cpus: int | None = row("--cpus", "cpus", place="CPU.count=1", kind="int", between=(1, 64))
    memory_mb: int | None = row(
        "--memory", "memory", place="Memory.RAMSize", kind="int", between=(4, 2097152)
    )
    os_type: str | None = row("--os-type", place="Machine.OSType=", kind="str")
    firmware: str | None = row(
        "--firmware", "firmware", place="Firmware.type=BIOS", words=same(*FIRMWARES)
    )
    description: str | None = row("--description", kind="str")
    groups: tuple[str, ...] | None = row("--groups", kind="list", writes=",".join)
    managed_by: str | None = None
    # The planned one; empty or None in an actual VM: none.
    address: str | None = None
    nics: tuple[devices.Nic, ...] = ()
    storage_controllers: tuple[devices.Controller, ...] = ()
    storage_attachments: tuple[devices.Attachment, ...] = ()
    serial_ports: tuple[devices.SerialPort, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    hardware: settings.Settings = ()
    bandwidth_groups: tuple[bandwidth.BandwidthGroup, ...] = ()
    shared_folders: tuple[shared_folders.SharedFolder, ...] = ()
    extra_data: Pairs = ()
    guest_properties: Pairs = ()
    # What STOPPING says; only in actual objects.
    stopping: str = ""
    # Path of its saved state, if that is gone; only in actual objects.
    lost_state: str = ""
    # UUIDs of all hard disks that this VM and its snapshots use; only in actual objects.
    own_disks: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        return self.settings_file.rpartition("/")[0]

    @property
    def off(self) -> bool:
        return self.state in OFF_STATES

    @property
    def saved(self) -> bool:
        return self.state in SAVED_STATES

    def snapshot(self, name: str) -> Snapshot | None:
        return next((snapshot for snapshot in self.snapshots if snapshot.name == name), None)


def power(vbox_state: str | None) -> str:
    """The word that tasks and results use for a VMState."""
    if vbox_state in OFF_STATES:
        return "stopped"
    if vbox_state in SAVED_STATES:
        return "saved"
    return vbox_state or "stopped"


def file_name(name: str) -> str:
    """The folder and file name that VirtualBox derives from the name of a VM."""

    def allowed(character: str) -> bool:
        return (
            re.match(r"[ ()\-.0-9A-Za-z_]", character) is not None
            or 0xA0 <= ord(character) <= 0xD7AF
        )

    # VirtualBox replaces byte by byte.
    text = "".join(
        character if allowed(character) else "_" * len(character.encode("utf-8", "surrogateescape"))
        for character in name
    )
    text = re.sub(r"^[.\-]", "_", text)
    text = re.sub(r"\.$", "_", text)
    text = re.sub(r"^ +", lambda match: "_" * len(match.group()), text)
    return re.sub(r" +$", lambda match: "_" * len(match.group()), text)


def settings_path(folder: str, groups: t.Sequence[str] | None, name: str) -> str:
    """Where VirtualBox puts the settings file of a new VM."""
    group = groups[0].strip("/") if groups else ""
    below = "/".join(file_name(part) for part in group.split("/")) if group else ""
    safe = file_name(name)
    return "/".join(part for part in (folder.rstrip("/"), below, safe, f"{safe}.vbox") if part)


def base_folder(vm: Vm) -> str:
    """The folder that the folder of a VM was made in; the parent folder if it was moved by hand."""
    expected = settings_path("", vm.groups, vm.name)
    if vm.settings_file.endswith(f"/{expected}"):
        return vm.settings_file[: -len(expected) - 1]
    return vm.folder.rpartition("/")[0]


def replace_attachments(vm: Vm, attachments: t.Sequence[devices.Attachment]) -> Vm:
    return replace(vm, storage_attachments=tuple(attachments))


def describe_vm(vm: Vm | None) -> dict[str, t.Any]:
    """A VM as results show it."""
    if vm is None:
        return {}
    return {
        "name": vm.name,
        "uuid": vm.uuid,
        "state": power(vm.state),
        "settings_file": vm.settings_file,
        **fields.values(Vm, vm),
        "groups": list(vm.groups or ()),
        "managed_by": vm.managed_by,
        "address": vm.address,
        "nics": [devices.describe_nic(nic) for nic in vm.nics if nic.type not in (None, "none")],
        "storage_controllers": [devices.describe(item) for item in vm.storage_controllers],
        "storage_attachments": [devices.describe(item) for item in vm.storage_attachments],
        "serial_ports": [devices.describe(port) for port in vm.serial_ports if port.mode != "off"],
        "snapshots": [{"name": item.name, "uuid": item.uuid} for item in vm.snapshots],
        "bandwidth_groups": [vars(group).copy() for group in vm.bandwidth_groups],
        "shared_folders": [vars(folder).copy() for folder in vm.shared_folders],
        "extra_data": dict(vm.extra_data),
        "guest_properties": dict(vm.guest_properties),
        **settings.shown(vm.hardware),
    }


def comparable(vm: Vm | None) -> dict[str, t.Any]:
    """A VM as diffs show it: without what VirtualBox makes up by itself."""
    if vm is None:
        return {"state": "absent"}
    shown = describe_vm(vm)
    for key in ("uuid", "settings_file"):
        del shown[key]
    shown["snapshots"] = [snapshot.name for snapshot in vm.snapshots]
    return shown
