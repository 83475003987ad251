# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scalar settings of a VM, one row each, and the boot order.

A group of them is a tuple of pairs, sorted by name; a missing name is unknown or left alone.
"""

from __future__ import annotations

import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import fields
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.fields import (
    Field,
    same,
)

Settings = t.Tuple[t.Tuple[str, t.Any], ...]

BOOT_DEVICES = ("none", "floppy", "dvd", "disk", "net")
BOOT_POSITIONS = 4
# What it means that the settings file names none, and how it names them.
BOOT_DEFAULT = ("floppy", "dvd", "disk", "none")
BOOT_SHOWN = {
    "None": "none",
    "Floppy": "floppy",
    "DVD": "dvd",
    "HardDisk": "disk",
    "Network": "net",
}


SHARING = (
    ("disabled", "disabled"),
    ("host_to_guest", "hosttoguest"),
    ("guest_to_host", "guesttohost"),
    ("bidirectional", "bidirectional"),
)

TABLE = (
    Field(
        "cpu_cap_percent",
        "--cpu-execution-cap",
        "cpuexecutioncap",
        "CPU.executionCap=100",
        kind="int",
        between=(1, 100),
    ),
    Field("chipset", "--chipset", "chipset", "Chipset.type=piix3", words=same("piix3", "ich9")),
    Field("vram_mb", "--vram", "vram", "Display.VRAMSize=8", kind="int", between=(1, 256)),
    Field(
        "graphics_controller",
        "--graphicscontroller",
        "graphicscontroller",
        "Display.controller=vboxvga",
        words=same("none", "vboxvga", "vmsvga", "vboxsvga"),
        shown=(("null", "none"),),
    ),
    Field(
        "monitor_count",
        "--monitor-count",
        "monitorcount",
        "Display.monitorCount=1",
        kind="int",
        between=(1, 64),
    ),
    Field("accelerate_3d", "--accelerate-3d", "accelerate3d", "Display.accelerate3D=off"),
    Field("rtc_utc", "--rtc-use-utc", "rtcuseutc", "RTC.localOrUTC=off", shown=(("UTC", True),)),
    Field("io_apic", "--ioapic", "ioapic", "IOAPIC.enabled=off"),
    Field("hpet", "--x86-hpet", "hpet", "HPET.enabled=off"),
    Field("large_pages", "--large-pages", "largepages", "HardwareVirtExLargePages.enabled=on"),
    Field(
        "nested_paging", "--nested-paging", "nestedpaging", "HardwareVirtExNestedPaging.enabled=on"
    ),
    Field(
        "nested_virtualization", "--nested-hw-virt", "nested-hw-virt", "NestedHWVirt.enabled=off"
    ),
    Field(
        "paravirt_provider",
        "--paravirt-provider",
        "paravirtprovider",
        "Paravirt.provider=default",
        words=same("none", "default", "legacy", "minimal", "hyperv", "kvm"),
    ),
    Field(
        "iommu",
        "--iommu",
        "iommu",
        "Iommu.type=none",
        words=same("none", "automatic", "amd", "intel"),
    ),
    Field(
        "tpm_type",
        "--tpm-type",
        place="TrustedPlatformModule.type=none",
        words=same("none", "1.2", "2.0", "host", "swtpm"),
        shown=(("v1_2", "1.2"), ("v2_0", "2.0")),
    ),
    Field(
        "execution_engine",
        "--vm-execution-engine",
        place="Machine.executionEngine=Default",
        words=(
            *same("default", "hwvirt"),
            ("native_api", "native-api"),
            *same("interpreter", "recompiler"),
        ),
        shown=(("NativeApi", "native_api"),),
    ),
    Field(
        "process_priority",
        "--vm-process-priority",
        "vmprocpriority",
        "Machine.processPriority=default",
        words=same("default", "flat", "low", "normal", "high"),
    ),
    Field(
        "clipboard_mode", "--clipboard-mode", "clipboard", "Clipboard.mode=disabled", words=SHARING
    ),
    Field(
        "drag_and_drop_mode",
        "--drag-and-drop",
        "draganddrop",
        "DragAndDrop.mode=disabled",
        words=SHARING,
    ),
    Field("usb_ohci", "--usb-ohci", "usb", "Controller[OHCI].type=off", shown=(("OHCI", True),)),
    Field("usb_ehci", "--usb-ehci", "ehci", "Controller[EHCI].type=off", shown=(("EHCI", True),)),
    Field("usb_xhci", "--usb-xhci", "xhci", "Controller[XHCI].type=off", shown=(("XHCI", True),)),
    Field("vrde", "--vrde", "vrde", "RemoteDisplay.enabled=off"),
    Field("autostart", "--autostart-enabled", "autostart-enabled", "Autostart.enabled=off"),
    Field(
        "autostart_delay_seconds",
        "--autostart-delay",
        "autostart-delay",
        "Autostart.delay=0",
        kind="int",
        between=(0, 4294967295),
    ),
)


def options() -> dict[str, dict[str, t.Any]]:
    """The options of a task for all of them."""
    order = {"type": "list", "elements": "str", "choices": list(BOOT_DEVICES)}
    return {"boot_order": order, **fields.options(TABLE)}


def wanted(params: t.Mapping[str, t.Any]) -> Settings:
    """What a task names; a boot order that is not full ends with nothing."""
    found = {item.name: params.get(item.name) for item in TABLE}
    order = params.get("boot_order")
    if order is not None and len(order) > BOOT_POSITIONS:
        raise VirtualBoxError(
            f"boot_order names {len(order)} devices, and VirtualBox takes {BOOT_POSITIONS}",
            error_code="BAD_OPTION",
        )
    if order is not None:
        rest = [BOOT_DEVICES[0]] * BOOT_POSITIONS
        found["boot_order"] = tuple([*order, *rest][:BOOT_POSITIONS])
    return tuple(sorted((name, value) for name, value in found.items() if value is not None))


def in_showvminfo(scalars: t.Mapping[str, str]) -> Settings:
    """From showvminfo; what this VirtualBox does not show is unknown."""
    found = fields.in_showvminfo(TABLE, scalars)
    order = tuple(scalars.get(f"boot{number}", "") for number in range(1, BOOT_POSITIONS + 1))
    if all(order):
        found["boot_order"] = order
    return tuple(sorted(found.items()))


def in_file(find: fields.Find) -> Settings:
    """From a settings file."""
    found = fields.in_file(TABLE, find)
    named = [find(f"Order[{number}]", "device") for number in range(1, BOOT_POSITIONS + 1)]
    found["boot_order"] = tuple(
        default if device is None else BOOT_SHOWN[device]
        for device, default in zip(named, BOOT_DEFAULT)
    )
    return tuple(sorted(found.items()))


def merged(actual: Settings, desired: Settings) -> Settings:
    """The actual ones with those that are wanted."""
    return tuple(sorted({**dict(actual), **dict(desired)}.items()))


def modify(before: Settings, after: Settings) -> tuple[list[str], list[str]]:
    """The arguments of modifyvm, and the names of what they change."""
    old, new = dict(before), dict(after)
    arguments, changed = fields.changes(TABLE, old, new)
    order, had = new.get("boot_order", ()), old.get("boot_order", ("",) * BOOT_POSITIONS)
    if order and order != had:
        for number, device in enumerate(order, 1):
            arguments += [f"--boot{number}", device]
        changed.append("boot_order")
    return arguments, changed


def shown(settings: Settings) -> dict[str, t.Any]:
    """As results and diffs show them."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in settings}
