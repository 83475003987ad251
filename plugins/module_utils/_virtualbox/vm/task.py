# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run of the module virtualbox_vm on one VM: read, plan, look at what the plan needs, apply."""

from __future__ import annotations

import os
import re
import typing as t
from dataclasses import replace

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    listings,
    recovery,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    task as arguments,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.journal import (
    Journal,
    wait_for_end,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium import (
    read as medium_reader,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium import (
    vdi,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    apply,
    disks,
    model,
    power,
    read_file,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    lost as lost_vms,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    read as reader,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    wait as waiting,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.desired import (
    wanted_wait,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.plan import (
    plan_vm,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.plan_data import (
    DesiredVm,
    VmPlan,
)


def same_file(one: str, other: str) -> bool:
    """Whether two paths lead to one file."""
    return os.path.realpath(one) == os.path.realpath(other)


class Task(arguments.Task):
    """One run of the module: reads and plans as often as needed, remembers what was read."""

    def __init__(
        self, client: Client, desired: DesiredVm, params: dict[str, t.Any], check_mode: bool
    ) -> None:
        super().__init__(client)
        self.desired = desired
        self.uuid_option: str = params["uuid"] or ""
        self.clone_from: str = params["clone_from"] or ""
        self.folder_option = desired.folder
        self.stop_timeout: int = params["stop_timeout"]
        self.wait = wanted_wait(params)
        self.check_mode = check_mode
        self.listed: list[tuple[str, str]] = []
        self.actual: model.Vm | None = None
        # VMs that are meant, but that VirtualBox cannot read.
        self.lost: tuple[lost_vms.LostVm, ...] = ()
        self.note: dict[str, t.Any] = {}
        self.made_off = False

    def _journal(self) -> Journal:
        if not self.desired.folder:
            folder = (
                model.base_folder(self.actual)
                if self.actual
                else listings.default_folder(self.client.read("list", "systemproperties"))
            )
            self.desired = replace(self.desired, folder=folder)
        return Journal(self.desired.folder, self.desired.vm.name)

    def _source(self) -> model.Vm | None:
        if not self.clone_from:
            return None
        found = ""
        if re.fullmatch(listings.UUID, self.clone_from):
            found = reader.find_uuid(self.listed, "", self.clone_from)
        found = found or reader.find_uuid(self.listed, self.clone_from)
        source = read_file.read_vm(self.client, found) if found else None
        if source is None and self.check_mode:
            # An earlier task would have made it.
            self.desired = replace(self.desired, source_unknown=True)
            return model.Vm(name=self.clone_from, uuid=self.clone_from)
        if source is None:
            raise VirtualBoxError(
                f"there is no VM '{self.clone_from}' to clone from",
                error_code="VBOX_E_OBJECT_NOT_FOUND",
            )
        if self.desired.clone_snapshot is None and self.desired.clone_type == "linked":
            raise VirtualBoxError(
                "a linked clone needs the option clone_snapshot", error_code="BAD_OPTION"
            )
        return source

    def _check_place(self) -> bool:
        """Whether an interrupted run has left something; what else is in the way is an error."""
        path = model.settings_path(
            self.desired.folder, self.desired.vm.groups, self.desired.vm.name
        )
        if self.note and self.note["uuid"] == reader.settings_uuid(path, default=self.note["uuid"]):
            return True
        if self.desired.state != "absent" and os.path.exists(path):
            raise VirtualBoxError(
                f"the settings file {path} exists, but VirtualBox has no such VM",
                hint=f"take it back with: VBoxManage registervm '{path}' - or remove the folder",
                error_code="VBOX_E_FILE_ERROR",
            )
        return False

    def _reader(self) -> t.Callable[[Client, str], model.Vm | None]:
        if self.made_off:
            # Made in this run, and not started: it has no process.
            return read_file.read_vm
        return read_file.read_vm_with_power if self.desired.state == "present" else reader.read_vm

    def _read_found(self, uuid: str) -> model.Vm | None:
        try:
            return self._reader()(self.client, uuid)
        except lost_vms.LostVmError as error:
            self.lost = (error.vm,)
            return None

    def _find(self) -> str:
        """The UUID of the VM of the task; empty if there is none."""
        self.listed = read_file.list_vms(self.client)
        # A VM to be removed that is not there by its UUID is gone, whoever has its name now.
        name = self.desired.vm.name
        if self.desired.state == "absent" and self.uuid_option:
            name = ""
        self.lost = lost_vms.named(self.listed, name, self.uuid_option)
        return reader.find_uuid(self.listed, name, self.uuid_option)

    def _read(self) -> None:
        # A VM that was found or made before is read again by its UUID.
        known = self.actual.uuid if self.actual else self.desired.new_uuid
        again = bool(self.listed) and self.desired.state != "absent"
        self.actual = self._read_found(known) if again else None
        if self.actual is None:
            found = self._find()
            self.actual = self._read_found(found) if found else None
        if self.actual is None:
            return
        properties = {name for name, _value in self.desired.vm.guest_properties}
        self.actual = reader.with_guest_properties(self.client, self.actual, properties)
        if self.actual.saved:
            lost = recovery.lost_state(self.actual.settings_file)
            self.actual = replace(self.actual, lost_state=lost)
        if self.actual.name != self.desired.vm.name:
            raise VirtualBoxError(
                f"the VM {found} has the name '{self.actual.name}', not '{self.desired.vm.name}'",
                error_code="BAD_OPTION",
            )
        self.actual = reader.with_ancestors(
            self.client, self.actual, self.desired.vm.storage_attachments
        )

    def _read_note(self) -> None:
        """Look for an interrupted run; one that still works is waited for."""
        self.note = {}
        if self.actual is None and not self.desired.create and self.desired.state != "absent":
            return
        self.note = self._journal().read()
        if self.note and not self.check_mode and wait_for_end(self.client, self.note):
            self._read()
            self.note = self._journal().read()
        # A note about its creation is still there: interrupted, perhaps before the mark.
        made = self.actual.uuid if self.actual else None
        interrupted = self.note.get("what") == "create" and self.note.get("uuid") == made
        self.desired = replace(self.desired, adopt=interrupted)

    def _read_disks(self) -> None:
        """Disks that the task names by size, and what has to be done to them."""
        vm = self.desired.vm
        if all(item.size_mb is None for item in vm.storage_attachments):
            return
        self._journal()
        place = model.settings_path(self.desired.folder, vm.groups, vm.name)
        folder = self.actual.folder if self.actual else os.path.dirname(place)
        named = disks.placed(vm.storage_attachments, folder, vm.name)
        media = disks.plans(self.client, named)
        self.desired = replace(
            self.desired,
            vm=model.replace_attachments(vm, named),
            disk_actions=disks.actions(media),
        )
        if self.actual is not None:
            self.actual = disks.with_sizes(
                reader.with_ancestors(self.client, self.actual, named), media
            )

    def _plan_lost(self) -> VmPlan:
        """A VM that VirtualBox has in its list and cannot read."""
        name = self.desired.vm.name
        if self.desired.state != "absent":
            raise lost_vms.refuse(name, self.lost)
        mark = None if self.uuid_option else self.desired.vm.managed_by
        lost = lost_vms.to_forget(name, self.lost, mark, self.folder_option)
        before = model.Vm(name, lost[0].uuid, "inaccessible", lost[0].settings_file)
        return VmPlan(before, None, tuple(lost_vms.forget(name, vm) for vm in lost))

    def _same_place(self, vm: model.Vm) -> list[lost_vms.LostVm]:
        """Entries whose settings file a VM has taken: an older version made it a second time."""
        return [
            item
            for item in self.lost
            if item.settings_file == vm.settings_file and item.uuid != vm.uuid
        ]

    def plan(self) -> VmPlan:
        """Read the actual state and plan from it."""
        self._read()
        self._read_note()
        if self.lost and self.actual is None:
            return self._plan_lost()
        if self.desired.state != "absent":
            self._read_disks()
        if self.actual is None:
            making = self.desired.create and self.desired.state != "absent"
            leftovers = self._check_place() if making or self.desired.state == "absent" else False
            source = self._source() if making else None
            plan = plan_vm(None, self.desired, source, leftovers)
        else:
            plan = plan_vm(self.actual, self.desired)
        return self._looked_into(plan)

    def settle(self) -> None:
        """Nothing is left to be done, so a note about an interrupted run is of no more use."""
        if self.actual is not None or (self.desired.state == "absent" and self.desired.folder):
            self._journal().end()
        if self.desired.state == "saved" and self.actual is not None:
            power.keep_saved_state(self.client, self.actual)
        if self.wait is not None and self.actual is not None:
            waiting.wait_for(self.client, self.actual, self.wait)

    def _looked_into(self, plan: VmPlan) -> VmPlan:
        """What only a further read can tell, and only some plans need."""
        if plan.removes_vm and plan.before is not None:
            found = reader.disks_to_remove(self.client, plan.before)
            close = medium_reader.close_dangling(found.dangling)
            name = plan.before.name
            gone = [lost_vms.forget(name, vm) for vm in self._same_place(plan.before)]
            return replace(plan, disks=found.own, actions=(*close, *plan.actions, *gone))
        self._check_files(plan)
        if any({"--os-type", "--ostype"} & set(action.argv) for action in plan.actions):
            reader.check_os_type(self.client, self.desired.vm.os_type or "")
        return plan

    def _check_files(self, plan: VmPlan) -> None:
        """What a plan takes from the host; in check mode an earlier task makes it."""
        made = {action.path for action in plan.actions}
        for action in plan.actions:
            words = dict(zip(action.argv, action.argv[1:]))
            path = words.get("--medium" if action.kind == "attach" else "--hostpath", "")
            if not os.path.isabs(path) or path in made:
                continue
            if action.kind == "share" and os.path.lexists(path) and not os.path.isdir(path):
                raise VirtualBoxError(
                    f"{path} is to be shared with VM '{self.desired.vm.name}', and is no folder",
                    hint="change host_path in shared_folders",
                    error_code="VBOX_E_FILE_ERROR",
                )
            if action.kind == "attach":
                self._check_original(path)
            if not os.path.exists(path) and not self.check_mode:
                raise VirtualBoxError(
                    f"{path} is wanted to {action.text}, and does not exist",
                    hint="make it first, or change the path",
                    error_code="VBOX_E_FILE_ERROR",
                )

    def _check_original(self, path: str) -> None:
        """A copy has the UUID of its original, and VirtualBox has only one disk of a UUID."""
        found = vdi.read_header(path)
        known = read_file.locate(found.uuid) if found is not None else None
        if found is not None and known is not None and not same_file(path, known):
            raise VirtualBoxError(
                f"the disk {path} is to be attached, and VirtualBox knows its UUID {found.uuid} as "
                f"that of {known}",
                hint="a copy gets a UUID of its own by VBoxManage internalcommands sethduuid "
                f"'{path}'; a disk that was moved is told by virtualbox_medium with moved_from",
                error_code="BAD_OPTION",
            )

    def carry_out(self, plan: VmPlan) -> None:
        """Apply a plan."""
        apply.apply_vm(
            self.client, plan, self.desired, self._journal(), self.note, self.stop_timeout
        )
        self.made_off = plan.makes_vm and all(action.kind != "start" for action in plan.actions)
