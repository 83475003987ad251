# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings of a VM that are one value each: a table of how they are asked for, set and read.

A group of them is a tuple of pairs, sorted by name; a missing name is unknown or left alone.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
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


@dataclass(frozen=True)
class Setting:
    """One setting: the option of modifyvm, and where the value is shown."""

    name: str
    option: str
    # Key of showvminfo, or of parser.settings if it is shown only in the settings file.
    key: str
    # Words of a task and what VBoxManage takes; empty: a number, or on and off.
    words: tuple[tuple[str, str], ...] = ()
    # What VBoxManage or the settings file shows, where it is not what it takes.
    shown: tuple[tuple[str, str], ...] = ()
    number: bool = False
    file: bool = False
    # Where the settings file has what showvminfo shows: element, attribute, and what it means that
    # the attribute is not there.
    place: tuple[str, str, str] | None = None

    @property
    def choices(self) -> tuple[str, ...]:
        return tuple(word for word, _argument in self.words)

    def argument(self, value: t.Any) -> str:
        """As VBoxManage takes it."""
        if self.number:
            return str(value)
        if self.words:
            return dict(self.words)[value]
        return "on" if value else "off"

    def value(self, text: str) -> t.Any:
        """As a task says it; a word that no task can say is kept."""
        if self.number:
            return int(text)
        if not self.words:
            return text == "on"
        known = {argument.lower(): word for word, argument in self.words}
        known.update(self.shown)
        return known.get(text, known.get(text.lower(), text))


def same(*words: str) -> tuple[tuple[str, str], ...]:
    """Words that VBoxManage has too."""
    return tuple((word, word) for word in words)


SHARING = (
    ("disabled", "disabled"),
    ("host_to_guest", "hosttoguest"),
    ("guest_to_host", "guesttohost"),
    ("bidirectional", "bidirectional"),
)

# Words of the settings file, where lower case is not enough.
SHOWN = {
    "true": "on",
    "false": "off",
    "UTC": "on",
    "local": "off",
    "OHCI": "on",
    "EHCI": "on",
    "XHCI": "on",
}

TABLE = (
    Setting(
        "cpu_cap_percent",
        "--cpu-execution-cap",
        "cpuexecutioncap",
        number=True,
        place=("CPU", "executionCap", "100"),
    ),
    Setting(
        "chipset", "--chipset", "chipset", same("piix3", "ich9"), place=("Chipset", "type", "piix3")
    ),
    Setting("vram_mb", "--vram", "vram", number=True, place=("Display", "VRAMSize", "8")),
    Setting(
        "graphics_controller",
        "--graphicscontroller",
        "graphicscontroller",
        same("none", "vboxvga", "vmsvga", "vboxsvga"),
        (("null", "none"),),
        place=("Display", "controller", "vboxvga"),
    ),
    Setting(
        "monitor_count",
        "--monitor-count",
        "monitorcount",
        number=True,
        place=("Display", "monitorCount", "1"),
    ),
    Setting(
        "accelerate_3d", "--accelerate-3d", "accelerate3d", place=("Display", "accelerate3D", "off")
    ),
    Setting("rtc_utc", "--rtc-use-utc", "rtcuseutc", place=("RTC", "localOrUTC", "off")),
    Setting("io_apic", "--ioapic", "ioapic", place=("IOAPIC", "enabled", "off")),
    Setting("hpet", "--x86-hpet", "hpet", place=("HPET", "enabled", "off")),
    Setting(
        "large_pages",
        "--large-pages",
        "largepages",
        place=("HardwareVirtExLargePages", "enabled", "on"),
    ),
    Setting(
        "nested_paging",
        "--nested-paging",
        "nestedpaging",
        place=("HardwareVirtExNestedPaging", "enabled", "on"),
    ),
    Setting(
        "nested_virtualization",
        "--nested-hw-virt",
        "nested-hw-virt",
        place=("NestedHWVirt", "enabled", "off"),
    ),
    Setting(
        "paravirt_provider",
        "--paravirt-provider",
        "paravirtprovider",
        same("none", "default", "legacy", "minimal", "hyperv", "kvm"),
        place=("Paravirt", "provider", "default"),
    ),
    Setting(
        "iommu",
        "--iommu",
        "iommu",
        same("none", "automatic", "amd", "intel"),
        place=("Iommu", "type", "none"),
    ),
    Setting(
        "tpm_type",
        "--tpm-type",
        "tpm_type",
        same("none", "1.2", "2.0", "host", "swtpm"),
        (("v1_2", "1.2"), ("v2_0", "2.0")),
        file=True,
    ),
    Setting(
        "execution_engine",
        "--vm-execution-engine",
        "execution_engine",
        (
            ("default", "default"),
            ("hwvirt", "hwvirt"),
            ("native_api", "native-api"),
            ("interpreter", "interpreter"),
            ("recompiler", "recompiler"),
        ),
        (("NativeApi", "native_api"),),
        file=True,
    ),
    Setting(
        "process_priority",
        "--vm-process-priority",
        "vmprocpriority",
        same("default", "flat", "low", "normal", "high"),
        place=("Machine", "processPriority", "default"),
    ),
    Setting(
        "clipboard_mode",
        "--clipboard-mode",
        "clipboard",
        SHARING,
        place=("Clipboard", "mode", "disabled"),
    ),
    Setting(
        "drag_and_drop_mode",
        "--drag-and-drop",
        "draganddrop",
        SHARING,
        place=("DragAndDrop", "mode", "disabled"),
    ),
    Setting(
        "usb_ohci",
        "--usb-ohci",
        "usb",
        place=("Controller[@type='OHCI']", "type", "off"),
    ),
    Setting(
        "usb_ehci",
        "--usb-ehci",
        "ehci",
        place=("Controller[@type='EHCI']", "type", "off"),
    ),
    Setting(
        "usb_xhci",
        "--usb-xhci",
        "xhci",
        place=("Controller[@type='XHCI']", "type", "off"),
    ),
    Setting("vrde", "--vrde", "vrde", place=("RemoteDisplay", "enabled", "off")),
    Setting(
        "autostart",
        "--autostart-enabled",
        "autostart-enabled",
        place=("Autostart", "enabled", "off"),
    ),
    Setting(
        "autostart_delay_seconds",
        "--autostart-delay",
        "autostart-delay",
        number=True,
        place=("Autostart", "delay", "0"),
    ),
)


def options() -> dict[str, dict[str, t.Any]]:
    """The options of a task for all of them."""
    found: dict[str, dict[str, t.Any]] = {
        "boot_order": {"type": "list", "elements": "str", "choices": list(BOOT_DEVICES)}
    }
    for item in TABLE:
        kind = "int" if item.number else "str" if item.words else "bool"
        found[item.name] = {"type": kind}
        if item.words:
            found[item.name]["choices"] = list(item.choices)
    return found


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


def read(scalars: t.Mapping[str, str], settings: t.Mapping[str, t.Any]) -> Settings:
    """From showvminfo and the settings file; what this VirtualBox does not show is unknown."""
    found: dict[str, t.Any] = {}
    for item in TABLE:
        text = (settings if item.file else scalars).get(item.key)
        if text is not None:
            found[item.name] = item.value(text)
    order = tuple(scalars.get(f"boot{number}", "") for number in range(1, BOOT_POSITIONS + 1))
    if all(order):
        found["boot_order"] = order
    return tuple(sorted(found.items()))


def shown_of(find: t.Callable[[str, str], str | None]) -> dict[str, str]:
    """What showvminfo shows, from the settings file; `find` gives an attribute of an element."""
    found = {}
    for item in TABLE:
        if item.place is not None:
            element, attribute, default = item.place
            text = find(element, attribute)
            found[item.key] = default if text is None else SHOWN.get(text, text.lower())
    for number, device in enumerate(BOOT_DEFAULT, 1):
        text = find(f"Order[@position='{number}']", "device")
        found[f"boot{number}"] = device if text is None else BOOT_SHOWN[text]
    return found


def merged(actual: Settings, wish: Settings) -> Settings:
    """The actual ones with those that are wanted."""
    return tuple(sorted({**dict(actual), **dict(wish)}.items()))


def modify(before: Settings, after: Settings) -> tuple[list[str], list[str]]:
    """The arguments of modifyvm, and the names of what they change."""
    old, new = dict(before), dict(after)
    arguments: list[str] = []
    changed: list[str] = []
    for item in TABLE:
        if item.name in new and new[item.name] != old.get(item.name):
            arguments += [item.option, item.argument(new[item.name])]
            changed.append(item.name)
    order, had = new.get("boot_order", ()), old.get("boot_order", ("",) * BOOT_POSITIONS)
    if order and order != had:
        for number, device in enumerate(order, 1):
            arguments += [f"--boot{number}", device]
        changed.append("boot_order")
    return arguments, changed


def shown(settings: Settings) -> dict[str, t.Any]:
    """As results and diffs show them."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in settings}
