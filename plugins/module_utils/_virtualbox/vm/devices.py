# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The devices of a VM as plain data; a field with a row is an option, and the row is all of it."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.fields import (
    row,
    same,
)

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
# What showvminfo or the settings file shows, in lower case, where that is something else.
NIC_TYPES_SHOWN = {
    **{value: key for key, value in NIC_TYPES.items()},
    "hostonlynetwork": "host_only_network",
    "bridgedinterface": "bridged",
    "internalnetwork": "internal",
    "hostonlyinterface": "host_only",
    "genericinterface": "generic",
    "cloudnetwork": "cloud",
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
ADAPTER_TYPES = tuple(
    (name.lower(), name)
    for name in ("Am79C970A", "Am79C973", "82540EM", "82543GC", "82545EM", "virtio")
)
# Chips of storage controllers, as showvminfo and the settings file name them.
CHIPS = {
    **dict.fromkeys(("PIIX3", "PIIX4", "ICH6"), "ide"),
    **dict.fromkeys(("IntelAhci", "AHCI"), "sata"),
    **dict.fromkeys(("LsiLogic", "BusLogic"), "scsi"),
    "LsiLogicSas": "sas",
    "NVMe": "nvme",
    "VirtioSCSI": "virtio",
    "I82078": "floppy",
}
SERIAL_PORTS = {1: ("0x3F8", 4), 2: ("0x2F8", 3), 3: ("0x3E8", 4), 4: ("0x2E8", 3)}


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


@dataclass(frozen=True)
class Nic:
    number: int
    type: str | None = None
    network: str | None = None
    adapter_type: str | None = row(
        "--nic-type", "nictype", place="Adapter.type=Am79C973", words=ADAPTER_TYPES
    )
    mac: str | None = row(
        "--mac-address",
        "macaddress",
        place="Adapter.MACAddress=",
        kind="str",
        reads=mac_readable,
        writes=mac_plain,
    )
    cable_connected: bool | None = row(
        "--cable-connected", "cableconnected", place="Adapter.cable=true"
    )
    port_forwards: tuple[PortForward, ...] | None = None
    promiscuous: str | None = row(
        "--nic-promisc",
        place="Adapter.promiscuousModePolicy=Deny",
        words=(*same("deny"), ("allow_vms", "allow-vms"), ("allow_all", "allow-all")),
        shown=(("AllowNetwork", "allow_vms"), ("AllowAll", "allow_all")),
    )
    # Name of a bandwidth group; empty: none.
    bandwidth_group: str | None = row(
        "--nic-bandwidth-group",
        place="Adapter.bandwidthGroup=",
        kind="str",
        reads=lambda name: "" if name == "none" else name,
        writes=lambda name: name or "none",
    )
    # Of the driver of a generic card.
    properties: tuple[tuple[str, str], ...] | None = None
    # Reported to the guest; 0: the usual one of the adapter type.
    speed_kbit_per_second: int | None = row(
        "--nic-speed", "nicspeed", place="Adapter.speed=0", kind="int", between=(0, 4294967295)
    )
    # Whether the VM reaches 127.0.0.1 of the host by 10.0.2.2; showvminfo does not say which NIC.
    localhost_reachable: bool | None = row(
        "--nat-localhostreachable", place="NAT.localhost-reachable=false"
    )

    def switched_off(self) -> Nic:
        """VirtualBox hides what a NIC that is off has, and brings it back with the next type."""
        return Nic(
            self.number, "none", port_forwards=self.port_forwards, properties=self.properties
        )


@dataclass(frozen=True)
class Controller:
    name: str
    type: str | None = row(
        "--add",
        "storagecontrollertype",
        place="StorageController.type=",
        words=(*same("ide", "sata", "scsi", "sas"), ("nvme", "pcie"), *same("virtio", "floppy")),
        shown=tuple(CHIPS.items()),
    )
    port_count: int | None = row(
        "--portcount",
        "storagecontrollerportcount",
        place="StorageController.PortCount=0",
        kind="int",
    )
    bootable: bool | None = row(
        "--bootable", "storagecontrollerbootable", place="StorageController.Bootable=false"
    )


@dataclass(frozen=True)
class Attachment:
    controller: str
    port: int
    device: int = 0
    type: str | None = row(
        "--type",
        place="AttachedDevice.type=HardDisk",
        words=(("hdd", "hdd"), ("dvd", "dvddrive"), ("floppy", "fdd")),
        shown=(("HardDisk", "hdd"), ("DVD", "dvd"), ("Floppy", "floppy")),
    )
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
    mode: str | None = row(
        key="uartmode",
        part=0,
        place="Port.hostMode=",
        words=same("file", "disconnected", "off"),
        shown=(("RawFile", "file"),),
    )
    path: str | None = row(key="uartmode", part=1, place="Port.path", kind="str")
    io_base: str | None = row(
        key="uart",
        part=0,
        place="Port.IOBase",
        kind="str",
        reads=lambda text: f"0x{int(text, 16):x}",
    )
    irq: int | None = row(key="uart", part=1, place="Port.IRQ", kind="int")


def describe(item: t.Any) -> dict[str, t.Any]:
    """A device as results show it."""
    unset = "" if getattr(item, "size_mb", None) else "size_mb"
    return {key: value for key, value in vars(item).items() if key not in ("ancestors", unset)}


def describe_nic(nic: Nic) -> dict[str, t.Any]:
    return {
        **vars(nic),
        "port_forwards": [vars(rule).copy() for rule in nic.port_forwards or ()],
        "properties": dict(nic.properties or ()),
    }
