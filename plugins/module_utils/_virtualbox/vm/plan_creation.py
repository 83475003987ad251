# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The calls that make a VM, new or as a clone, and the VM right after them."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import fields
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.calls import (
    take_snapshot,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.devices import Nic
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.model import Vm
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.plan_data import (
    DesiredVm,
)


def creation(desired: DesiredVm, source: Vm | None) -> tuple[Vm, tuple[Action, ...]]:
    """The VM as it is right after its creation, as far as that is known, and the creating calls."""
    wanted = desired.vm
    group = wanted.groups[0] if wanted.groups else "/"
    # Further groups come with modifyvm: clonevm would take the folder of none of them.
    place = ("--basefolder", desired.folder, "--groups", group)
    if source is None:
        os_type = ("--ostype", wanted.os_type) if wanted.os_type else ()
        argv = (
            "createvm",
            "--name",
            wanted.name,
            "--uuid",
            desired.new_uuid,
            *place,
            *os_type,
            "--register",
        )
        fresh = Vm(
            name=wanted.name,
            uuid=desired.new_uuid,
            state="poweroff",
            groups=(group,),
            os_type=wanted.os_type,
            # With a guest system VirtualBox gives the first NIC a type of its own choice.
            nics=tuple(
                Nic(number, None if number == 1 and wanted.os_type else "none")
                for number in range(1, 9)
            ),
        )
        return fresh, (Action("create", f"create VM '{wanted.name}'", argv, slow=True),)
    actions: list[Action] = []
    if desired.clone_snapshot and source.snapshot(desired.clone_snapshot) is None:
        actions.append(take_snapshot(source, desired.clone_snapshot))
    snapshot = source.snapshot(desired.clone_snapshot) if desired.clone_snapshot else None
    argv = (
        "clonevm",
        source.uuid,
        "--name",
        wanted.name,
        "--uuid",
        desired.new_uuid,
        *place,
        *(
            ("--snapshot", snapshot.uuid if snapshot else desired.clone_snapshot)
            if desired.clone_snapshot
            else ()
        ),
        "--mode",
        "machine",
        *(("--options", "link") if desired.clone_type == "linked" else ()),
        "--register",
    )
    text = f"create VM '{wanted.name}' as a {desired.clone_type} clone of '{source.name}'"
    actions.append(Action("clone", text, argv, slow=True))
    fresh = Vm(
        name=wanted.name,
        uuid=desired.new_uuid,
        state="poweroff",
        # A clone inherits settings and extra data, so also the mark.
        **{**fields.values(Vm, source), "groups": (group,)},
        managed_by=source.managed_by,
        address=source.address,
        nics=tuple(
            replace(nic, mac=None, adapter_type=None, cable_connected=None) for nic in source.nics
        ),
        storage_controllers=source.storage_controllers,
        storage_attachments=tuple(
            replace(item, medium=None, ancestors=(*item.ancestors, item.medium or ""))
            if item.type == "hdd"
            else item
            for item in source.storage_attachments
        ),
        serial_ports=source.serial_ports,
        hardware=source.hardware,
        bandwidth_groups=source.bandwidth_groups,
        shared_folders=source.shared_folders,
        extra_data=source.extra_data,
        guest_properties=source.guest_properties,
    )
    return fresh, tuple(actions)
