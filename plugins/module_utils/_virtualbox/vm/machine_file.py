# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A VM from its settings file alone: a millisecond, where showvminfo takes a hundred.

VirtualBox saves the file before VBoxManage returns, and leaves out what has its default value.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from xml.etree import ElementTree

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    listings,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    model,
    read,
)

NAMESPACE = listings.NAMESPACE


@dataclass(frozen=True)
class MachineFile:
    """What a settings file tells."""

    vm: model.Vm
    settings: dict[str, t.Any]
    # It may have a saved state of which the file does not tell.
    state_doubted: bool = False

    @property
    def guest_properties(self) -> dict[str, str]:
        properties: dict[str, str] = self.settings["guest_properties"]
        return properties


def _state(machine: ElementTree.Element) -> str:
    """The VMState of a VM without a process."""
    aborted = machine.get("aborted") == "true"
    if machine.get("stateFile"):
        return "aborted-saved" if aborted else "saved"
    return "aborted" if aborted else "poweroff"


def _nic(adapter: ElementTree.Element, hidden: dict[str, t.Any]) -> model.Nic:
    number = int(adapter.get("slot", "0")) + 1
    if adapter.get("enabled") != "true":
        return model.Nic(number, "none", properties=tuple(sorted(hidden["properties"].items())))
    word = hidden["mode"]
    chips = {value.lower(): key for key, value in model.ADAPTER_TYPES.items()}
    chip = hidden["adapter_type"].lower()
    rules = [model.PortForward(**rule) for rule in hidden["forwardings"]] if word == "nat" else []
    return model.Nic(
        number,
        model.nic_type(word),
        hidden["network"],
        model.mac_readable(hidden["mac"]),
        chips.get(chip, chip),
        hidden["cable"],
        tuple(sorted(rules, key=lambda rule: rule.name)),
        model.PROMISCUOUS_POLICIES.get(hidden["promiscuous"], "deny"),
        hidden["bandwidth_group"],
        tuple(sorted(hidden["properties"].items())),
    )


def _number(element: ElementTree.Element | None, attribute: str) -> int | None:
    text = element.get(attribute) if element is not None else None
    return int(text) if text else None


def _cpus(machine: ElementTree.Element, hardware: ElementTree.Element) -> int:
    """VirtualBox 7.1 and later keep them apart from the hardware if the chipset is not PIIX3."""
    places = (hardware, machine.find(f"{NAMESPACE}Platform"))
    found = [
        _number(place.find(f"{NAMESPACE}CPU"), "count") for place in places if place is not None
    ]
    return next((count for count in found if count), 1)


def machine_file(text: str | bytes, path: str) -> MachineFile:
    """The text of a settings file as data; pure."""
    settings = listings.settings(text)
    machine = ElementTree.fromstring(text).find(f"{NAMESPACE}Machine")
    hardware = machine.find(f"{NAMESPACE}Hardware") if machine is not None else None
    if machine is None or hardware is None:
        raise VirtualBoxError("the settings file of the VM has no Hardware element")
    firmware = hardware.find(f"{NAMESPACE}Firmware")
    vm = model.Vm(
        name=settings["name"],
        uuid=settings["uuid"],
        state=_state(machine),
        settings_file=path,
        cpus=_cpus(machine, hardware),
        memory_mb=_number(hardware.find(f"{NAMESPACE}Memory"), "RAMSize"),
        os_type=settings["os_type"],
        firmware=(firmware.get("type", "BIOS") if firmware is not None else "BIOS").lower(),
        description=settings["description"],
        groups=tuple(settings["groups"]),
        managed_by=settings["extra_data"].get(model.MARK),
        address=settings["extra_data"].get(model.ADDRESS),
        nics=tuple(
            _nic(adapter, settings["adapters"][int(adapter.get("slot", "0")) + 1])
            for adapter in hardware.iterfind(f"{NAMESPACE}Network/{NAMESPACE}Adapter")
        ),
        snapshots=tuple(
            model.Snapshot(item["name"], item["uuid"]) for item in settings["snapshots"]
        ),
        **read.extras_of(settings),
    )
    return MachineFile(vm, settings)
