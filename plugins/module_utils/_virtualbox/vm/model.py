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

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    bandwidth,
    settings,
    shared_folders,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.extra_data import (
    Pairs,
)

MARK = "virtual.datacenter/managed-by"
# Extra data of a VM: the address that the data center has planned for it.
ADDRESS = "virtual.datacenter/address"
# There for a moment, so that VirtualBox writes the settings file.
SAVED = "virtual.datacenter/saved"

# Left: what a task says and a result shows. Right: what VBoxManage takes.
NIC_TYPES = {
    "none": "none",
    "not_attached": "null",
    "nat": "nat",
    "nat_network": "natnetwork",
    "bridged": "bridged",
    "internal": "intnet",
    "host_only": "hostonly",
    "host_only_network": "hostonlynet",
    "generic": "generic",
}
# What it shows, in lower case, where that is something else.
NIC_TYPES_SHOWN = {
    **{value: key for key, value in NIC_TYPES.items()},
    "hostonlynetwork": "host_only_network",
}
# Where VBoxManage takes and shows the name of the network of a NIC type.
NIC_NETWORKS = {
    "nat_network": ("--nat-network", "nat-network"),
    "bridged": ("--bridge-adapter", "bridgeadapter"),
    "internal": ("--intnet", "intnet"),
    "host_only": ("--host-only-adapter", "hostonlyadapter"),
    "host_only_network": ("--host-only-net", "hostonly-network"),
    "generic": ("--nic-generic-drv", "generic"),
}
PROMISCUOUS_MODES = {"deny": "deny", "allow_vms": "allow-vms", "allow_all": "allow-all"}
# As the settings file has them.
PROMISCUOUS_POLICIES = {"Deny": "deny", "AllowNetwork": "allow_vms", "AllowAll": "allow_all"}
ADAPTER_TYPES = {
    "am79c970a": "Am79C970A",
    "am79c973": "Am79C973",
    "82540em": "82540EM",
    "82543gc": "82543GC",
    "82545em": "82545EM",
    "virtio": "virtio",
}
CONTROLLER_TYPES = {
    "ide": "ide",
    "sata": "sata",
    "scsi": "scsi",
    "sas": "sas",
    "nvme": "pcie",
    "virtio": "virtio",
    "floppy": "floppy",
}
# Chips as showvminfo names them.
CONTROLLER_CHIPS = {
    "PIIX3": "ide",
    "PIIX4": "ide",
    "ICH6": "ide",
    "IntelAhci": "sata",
    "LsiLogic": "scsi",
    "BusLogic": "scsi",
    "LsiLogicSas": "sas",
    "NVMe": "nvme",
    "VirtioSCSI": "virtio",
    "I82078": "floppy",
}
ATTACHMENT_TYPES = {"hdd": "hdd", "dvd": "dvddrive", "floppy": "fdd"}
FIRMWARES = ("bios", "efi", "efi32", "efi64")
SERIAL_PORTS = {1: ("0x3F8", 4), 2: ("0x2F8", 3), 3: ("0x3E8", 4), 4: ("0x2E8", 3)}
MEDIUM_TYPES = ("normal", "immutable", "writethrough", "shareable")

# States of VBoxManage in which a VM has no process.
OFF_STATES = ("poweroff", "aborted")
SAVED_STATES = ("saved", "aborted-saved")


@dataclass(frozen=True)
class PortForward:
    """A port of the host that leads into the guest of a NAT NIC."""

    name: str
    protocol: str
    host_address: str
    host_port: int
    guest_address: str
    guest_port: int

    def rule(self) -> str:
        """As VBoxManage takes and shows it."""
        host = f"{self.host_address},{self.host_port}"
        return f"{self.name},{self.protocol},{host},{self.guest_address},{self.guest_port}"

    @classmethod
    def from_rule(cls, rule: str) -> PortForward:
        name, protocol, host_address, host_port, guest_address, guest_port = rule.rsplit(",", 5)
        return cls(name, protocol, host_address, int(host_port), guest_address, int(guest_port))


@dataclass(frozen=True)
class Nic:
    number: int
    type: str | None = None
    network: str | None = None
    mac: str | None = None
    adapter_type: str | None = None
    cable_connected: bool | None = None
    port_forwards: tuple[PortForward, ...] | None = None
    promiscuous: str | None = None
    # Name of a bandwidth group; empty: none.
    bandwidth_group: str | None = None
    # Of the driver of a generic card.
    properties: tuple[tuple[str, str], ...] | None = None


@dataclass(frozen=True)
class Controller:
    name: str
    type: str | None = None
    port_count: int | None = None
    bootable: bool | None = None


@dataclass(frozen=True)
class Attachment:
    controller: str
    port: int
    device: int = 0
    type: str | None = None
    # Absolute path; empty: a drive without a medium.
    medium: str | None = None
    # Paths of the media below a differencing image; only in actual objects.
    ancestors: tuple[str, ...] = ()
    # Only in wanted objects: the disk is made with that size, or grows to it.
    size_mb: int | None = None

    @property
    def key(self) -> tuple[str, int, int]:
        return self.controller, self.port, self.device


@dataclass(frozen=True)
class SerialPort:
    number: int
    mode: str | None = None
    path: str | None = None
    io_base: str | None = None
    irq: int | None = None


@dataclass(frozen=True)
class Snapshot:
    name: str
    uuid: str


@dataclass(frozen=True)
class Vm:
    """A VM, wanted or actual."""

    name: str
    uuid: str = ""
    state: str | None = None
    settings_file: str = ""
    cpus: int | None = None
    memory_mb: int | None = None
    os_type: str | None = None
    firmware: str | None = None
    description: str | None = None
    groups: tuple[str, ...] | None = None
    managed_by: str | None = None
    # The planned one; empty or None in an actual VM: none.
    address: str | None = None
    nics: tuple[Nic, ...] = ()
    storage_controllers: tuple[Controller, ...] = ()
    storage_attachments: tuple[Attachment, ...] = ()
    serial_ports: tuple[SerialPort, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    hardware: settings.Settings = ()
    bandwidth_groups: tuple[bandwidth.BandwidthGroup, ...] = ()
    shared_folders: tuple[shared_folders.SharedFolder, ...] = ()
    extra_data: Pairs = ()
    guest_properties: Pairs = ()
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


@dataclass(frozen=True)
class Medium:
    """A hard disk image, wanted or actual."""

    path: str
    uuid: str = ""
    parent_uuid: str = ""
    format: str | None = None
    variant: str | None = None
    size_mb: int | None = None
    type: str | None = None
    registered: bool | None = None
    # Kept in VirtualBox's list, so empty for an image that is not there.
    description: str | None = None
    # What compacting would give back of the file.
    unused_mb: int | None = None
    # VirtualBox knows it, but somebody has deleted the file.
    file_missing: bool = False
    children: tuple[str, ...] = ()
    # A running VM or another program works with it.
    locked: bool = False
    # Names of the running VMs that hold it; only read where it matters.
    holders: tuple[str, ...] = ()


def power(vbox_state: str | None) -> str:
    """The word that tasks and results use for a VMState."""
    if vbox_state in OFF_STATES:
        return "stopped"
    if vbox_state in SAVED_STATES:
        return "saved"
    return vbox_state or "stopped"


def nic_type(shown: str) -> str:
    """The word of a task for the type of a NIC that VBoxManage or a settings file shows."""
    return NIC_TYPES_SHOWN.get(shown.lower(), shown.lower())


def mac_plain(mac: str) -> str:
    """As VBoxManage takes and shows a MAC: upper case, no separators."""
    return re.sub(r"[^0-9a-fA-F]", "", mac).upper()


def mac_readable(mac: str) -> str:
    """As tasks and results show a MAC: lower case, colons."""
    plain = mac_plain(mac).lower()
    return ":".join(plain[index : index + 2] for index in range(0, len(plain), 2))


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


def replace_ancestors(attachment: Attachment, ancestors: t.Sequence[str]) -> Attachment:
    return replace(attachment, ancestors=tuple(ancestors))


def replace_attachments(vm: Vm, attachments: t.Sequence[Attachment]) -> Vm:
    return replace(vm, storage_attachments=tuple(attachments))


def describe_nic(nic: Nic) -> dict[str, t.Any]:
    return {
        "number": nic.number,
        "type": nic.type,
        "network": nic.network,
        "mac": nic.mac,
        "adapter_type": nic.adapter_type,
        "cable_connected": nic.cable_connected,
        "port_forwards": [vars(rule).copy() for rule in nic.port_forwards or ()],
        "promiscuous": nic.promiscuous,
        "bandwidth_group": nic.bandwidth_group,
        "properties": dict(nic.properties or ()),
    }


def describe_vm(vm: Vm | None) -> dict[str, t.Any]:
    """A VM as results show it."""
    if vm is None:
        return {}
    return {
        "name": vm.name,
        "uuid": vm.uuid,
        "state": power(vm.state),
        "settings_file": vm.settings_file,
        "cpus": vm.cpus,
        "memory_mb": vm.memory_mb,
        "os_type": vm.os_type,
        "firmware": vm.firmware,
        "description": vm.description,
        "groups": list(vm.groups or ()),
        "managed_by": vm.managed_by,
        "address": vm.address,
        "nics": [describe_nic(nic) for nic in vm.nics if nic.type not in (None, "none")],
        "storage_controllers": [vars(controller).copy() for controller in vm.storage_controllers],
        "storage_attachments": [
            {
                key: value
                for key, value in vars(attachment).items()
                if key != "ancestors" and (key != "size_mb" or value is not None)
            }
            for attachment in vm.storage_attachments
        ],
        "serial_ports": [vars(port).copy() for port in vm.serial_ports if port.mode != "off"],
        "snapshots": [vars(snapshot).copy() for snapshot in vm.snapshots],
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


def describe_medium(medium: Medium | None) -> dict[str, t.Any]:
    """A medium as results show it."""
    if medium is None:
        return {}
    hidden = ("file_missing", "children", "locked", "holders")
    return {key: value for key, value in vars(medium).items() if key not in hidden}
