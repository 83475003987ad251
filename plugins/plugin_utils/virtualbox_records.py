# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The VMs of a VirtualBox as plain data that an inventory can be made of, and a cache can keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import survey
from ansible_collections.virtual.datacenter.plugins.plugin_utils import virtualbox_inventory


@dataclass(frozen=True)
class DesiredObjects:
    """What an inventory wants to know."""

    managed_by: str | None = None
    addresses: Sequence[str] = ("plan", "guest")
    guest_address_property: str = "/VirtualBox/GuestInfo/Net/0/V4/IP"
    port_forward_guest_port: int = 22
    guest_properties: bool = False


def read(client: Client, desired: DesiredObjects) -> dict[str, Any]:
    """The VMs that are asked for, and those that cannot be read; asks guests only if needed."""
    found = survey.read_all(client)
    machines = [
        machine for machine in found.machines if desired.managed_by in (None, machine.vm.managed_by)
    ]
    asked = [machine.vm.uuid for machine in machines if machine.vm.state == "running"]
    if not desired.guest_properties:
        asked = [
            machine.vm.uuid
            for machine in machines
            if machine.vm.uuid in asked and _needs_guest(survey.describe(machine), desired)
        ]
    name = None if desired.guest_properties else desired.guest_address_property
    told = survey.ask_guests(client, asked, name)
    records = []
    for machine in machines:
        running = machine.vm.state == "running"
        live = told.get(machine.vm.uuid, {})
        record = survey.describe(
            machine, guest_address=live.get(desired.guest_address_property) or None
        )
        if desired.guest_properties:
            record["guest_properties"] = live if running else machine.guest_properties
        records.append(record)
    return {
        "vms": records,
        "inaccessible": [vars(item).copy() for item in found.inaccessible],
    }


def _needs_guest(record: dict[str, Any], desired: DesiredObjects) -> bool:
    """Whether no source before the guest gives an address."""
    if "guest" not in desired.addresses:
        return False
    before = list(desired.addresses)[: list(desired.addresses).index("guest")]
    return not virtualbox_inventory.connection(record, before, desired.port_forward_guest_port)
