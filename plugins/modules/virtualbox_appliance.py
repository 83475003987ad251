#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: virtualbox_appliance
short_description: Export VirtualBox VMs to an OVA or OVF file, and import them from one
version_added: 0.1.0
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
description:
  - Writes VMs to an appliance, or makes VMs from one, whole or not at all.
  - An export is written aside and put in its place when it is complete, so there is never half a
    file at O(path).
  - What an interrupted export or import has left is found by a note, removed by the next run with
    the same options, and made anew. Files and VMs without a note are never touched.
  - What is in an appliance is read from its OVF descriptor.
extends_documentation_fragment:
  - virtual.datacenter.virtualbox
  - virtual.datacenter.virtualbox.attributes
attributes:
  idempotent:
    support: partial
    details:
      - With O(overwrite=true) every run exports again.
options:
  path:
    description:
      - Absolute path of the appliance. It ends in C(.ova) for a single file, or in C(.ovf) for a
        descriptor with its disks beside it. Its folder must exist.
    type: path
    required: true
  state:
    description:
      - With V(exported) the appliance exists. One that exists is not compared with the VMs beyond
        their names; that it holds other VMs is an error.
      - With V(imported) the VMs of the appliance exist. A VM that exists is not changed; where it
        differs from the options, there is a warning. If only some of the VMs exist, it is an
        error.
    type: str
    choices: [exported, imported]
    required: true
  vms:
    description: With O(state=exported), names or UUIDs of the VMs. All have to be off.
    type: list
    elements: str
  format:
    description: Version of the OVF standard that is written.
    type: str
    choices: [ovf09, ovf10, ovf20]
    default: ovf10
  manifest:
    description: Whether the appliance holds the checksums of its files.
    type: bool
    default: true
  overwrite:
    description: Whether an appliance that exists is written anew, on each run.
    type: bool
    default: false
  name:
    description:
      - Name for the imported VM. The default is the name in the appliance. An appliance of
        several VMs keeps their names.
    type: str
  folder:
    description:
      - Absolute path of the folder that the folder of the imported VM is made in. The default is
        the default folder of VirtualBox.
    type: path
  groups:
    description: Groups of the imported VMs, each beginning with a slash. The default is no group.
    type: list
    elements: str
  cpus:
    description: Number of processors of the imported VMs. The default is told by the appliance.
    type: int
  memory_mb:
    description: Memory of the imported VMs in MiB. The default is told by the appliance.
    type: int
  managed_by:
    description:
      - Name of the datacenter. Imported VMs get it as their mark. VMs that exist or are exported
        must carry it, else nothing is changed.
    type: str
  mac_policy:
    description:
      - Which NICs of imported VMs keep the MAC address that is in the appliance, none with V(new).
    type: str
    choices: [new, keep_nat, keep_all]
    default: new
  accept_eula:
    description:
      - Whether you accept the licence agreements in the appliance. Without it, an appliance that
        has one is not imported.
    type: bool
    default: false
seealso:
  - module: virtual.datacenter.virtualbox_vm
  - module: virtual.datacenter.virtualbox_snapshot
"""

EXAMPLES = r"""
- name: Two machines in one file
  virtual.datacenter.virtualbox_appliance:
    path: /srv/appliances/lab.ova
    state: exported
    vms: [gateway01, build01]

- name: A machine from a file
  virtual.datacenter.virtualbox_appliance:
    path: /srv/appliances/build.ova
    state: imported
    name: build02
    groups: [/lab]
    cpus: 4
    memory_mb: 4096
    managed_by: lab
"""

RETURN = r"""
appliance:
  description: What the appliance holds; in check mode what it would hold.
  returned: success
  type: dict
  contains:
    path:
      description: Path of the appliance.
      type: str
      returned: always
    vms:
      description: The VMs in it, with C(name), C(cpus), C(memory_mb) and C(eula), which tells
        whether there is a licence agreement.
      type: list
      elements: dict
      returned: always
  sample:
    path: /srv/appliances/build.ova
    vms:
      - name: build01
        cpus: 2
        memory_mb: 2048
        eula: false
vms:
  description: The exported or imported VMs. Check mode does not know the UUIDs of VMs that would be
    made.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the VM.
      type: str
      returned: always
    uuid:
      description: UUID of the VM.
      type: str
      returned: if the VM exists
    cpus:
      description: Number of processors.
      type: int
      returned: always
    memory_mb:
      description: Memory in MiB.
      type: int
      returned: always
  sample:
    - name: build02
      uuid: 5ea95ce7-b04b-4616-b814-c7a87829106d
      cpus: 4
      memory_mb: 4096
actions:
  description: What was done, or in check mode would be done, in order.
  returned: success
  type: list
  elements: dict
  contains:
    action:
      description: Kind of the step.
      type: str
      returned: always
    text:
      description: The step in words.
      type: str
      returned: always
    command:
      description: The command that does it, empty where it is none.
      type: list
      elements: str
      returned: always
  sample:
    - action: import
      text: import 'build02' from /srv/appliances/build.ova
      command: [import, /srv/appliances/build.ova, --vsys, "0", --vmname, build02]
processes:
  description: How many times C(VBoxManage) was called.
  returned: success
  type: int
  sample: 6
error_code:
  description: Name of the error, from VirtualBox or from this module.
  returned: failure
  type: str
cmd:
  description: The call of C(VBoxManage) that failed, if it was one.
  returned: failure
  type: list
  elements: str
stderr:
  description: Error text of that call.
  returned: failure
  type: str
"""

import os
import typing as t
from dataclasses import replace

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    listings,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    task as arguments,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.appliance import (
    apply as appliance_apply,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.appliance import (
    ovf,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.appliance import (
    plan as appliance_planner,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.appliance.plan import (
    AppliancePlan,
    DesiredAppliance,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.journal import Journal
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.snapshot import (
    apply as snapshot_apply,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    model,
    power,
    read,
)

OPTIONS: dict[str, dict[str, t.Any]] = {
    "path": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["exported", "imported"], "required": True},
    "vms": {"type": "list", "elements": "str"},
    "format": {"type": "str", "choices": ["ovf09", "ovf10", "ovf20"], "default": "ovf10"},
    "manifest": {"type": "bool", "default": True},
    "overwrite": {"type": "bool", "default": False},
    "name": {"type": "str"},
    "folder": {"type": "path"},
    "groups": {"type": "list", "elements": "str"},
    "cpus": {"type": "int"},
    "memory_mb": {"type": "int"},
    "managed_by": {"type": "str"},
    "mac_policy": {
        "type": "str",
        "choices": list(appliance_planner.MAC_OPTIONS),
        "default": "new",
    },
    "accept_eula": {"type": "bool", "default": False},
}


def make_desired(module: AnsibleModule) -> DesiredAppliance:
    """The desired object that the options of a task describe."""
    params = module.params
    path = arguments.absolute(module, "path", params["path"]) or ""
    if not path.lower().endswith((".ova", ".ovf")):
        raise VirtualBoxError(f"{path} must end in .ova or .ovf", error_code="BAD_OPTION")
    if params["name"] == "" or (params["state"] == "exported" and not params["vms"]):
        raise VirtualBoxError("the task names no VM", error_code="BAD_OPTION")
    return DesiredAppliance(
        path=path,
        state=params["state"],
        folder=arguments.absolute(module, "folder", params["folder"]) or "",
        groups=arguments.groups(params["groups"]),
        **{
            name: params[name]
            for name in (
                "format",
                "manifest",
                "overwrite",
                "name",
                "cpus",
                "memory_mb",
                "managed_by",
                "mac_policy",
                "accept_eula",
            )
        },
    )


class Task(arguments.Task):
    """One run of the module."""

    def __init__(
        self, client: Client, desired: DesiredAppliance, names: list[str], check_mode: bool
    ) -> None:
        super().__init__(client)
        self.desired = desired
        self.names = names
        self.check_mode = check_mode
        self.note: appliance_apply.Note = {}
        self.found: ovf.Appliance | None = None
        self.vms: list[model.Vm] = []
        self.systems: tuple[ovf.System, ...] = ()
        self.journal: Journal | None = None

    def _read_note(self, journal: Journal) -> None:
        self.journal = journal
        self.note = journal.read()
        if self.note and not self.check_mode:
            appliance_apply.wait_for_end(self.client, self.note)
            self.note = journal.read()

    # --- export -------------------------------------------------------------------------------

    def _plan_export(self) -> AppliancePlan:
        folder = os.path.dirname(self.desired.path)
        if not os.path.isdir(folder):
            raise VirtualBoxError(f"there is no folder {folder}", error_code="VBOX_E_FILE_ERROR")
        listed = read.list_vms(self.client)
        self.vms = []
        for name, uuid in zip(self.names, snapshot_apply.resolve(self.names, listed)):
            vm = read.read_vm(self.client, uuid) if uuid else None
            if vm is None and self.check_mode:
                # An earlier task would have made it.
                vm = model.Vm(name=name, uuid=name, state="poweroff")
                vm = replace(vm, managed_by=self.desired.managed_by)
            if vm is None:
                raise VirtualBoxError(
                    f"there is no VM '{name}'", error_code="VBOX_E_OBJECT_NOT_FOUND"
                )
            self.vms.append(vm)
        if len({vm.name for vm in self.vms}) < len(self.vms):
            raise VirtualBoxError("two of the VMs have one name", error_code="AMBIGUOUS_NAME")
        self._read_note(Journal(folder, self.desired.path))
        torn = self.note.get("phase") == appliance_apply.FINISHING
        try:
            self.found = ovf.read(self.desired.path)
        except VirtualBoxError:
            if not torn and not self.desired.overwrite:
                raise
            self.found = ovf.Appliance(self.desired.path)
        return appliance_planner.plan_export(
            self.vms, self.found, self.desired, bool(self.note), torn
        )

    # --- import -------------------------------------------------------------------------------

    def _plan_import(self) -> AppliancePlan:
        if not self.desired.folder:
            folder = listings.default_folder(self.client.read("list", "systemproperties"))
            self.desired = replace(self.desired, folder=folder)
        self.found = ovf.read(self.desired.path)
        if self.found is None:
            if not self.check_mode or self.desired.name is None:
                raise VirtualBoxError(
                    f"there is no appliance {self.desired.path}", error_code="VBOX_E_FILE_ERROR"
                )
            # An earlier task would have fetched it.
            system = ovf.System(self.desired.name)
            self.found = ovf.Appliance(self.desired.path, (system,))
        self.systems = appliance_planner.wanted_systems(self.found, self.desired)
        places = appliance_planner.places(self.systems, self.desired)
        self._read_note(Journal(self.desired.folder, f"import {min(places.values())}"))
        half = self.note.get("phase") == appliance_apply.MAKING
        existing, unmarked = self._existing(half)
        return appliance_planner.plan_import(self.systems, existing, self.desired, half, unmarked)

    def _existing(self, half: bool) -> tuple[dict[str, model.Vm], list[str]]:
        """The VMs that are there, without those that an interrupted import has half made."""
        folders = self.note.get("folders", ())
        noted = appliance_apply.registered_below(folders) if self.note else []
        listed = read.list_vms(self.client)
        existing: dict[str, model.Vm] = {}
        for system in self.systems:
            known = [item for item in listed if not (half and item[1] in noted)]
            uuid = read.find_uuid(known, system.name)
            vm = read.read_vm(self.client, uuid) if uuid else None
            if vm is not None:
                existing[system.name] = vm
        self.vms = list(existing.values())
        return existing, [] if half else noted

    # --- both ---------------------------------------------------------------------------------

    def plan(self) -> AppliancePlan:
        """Read the actual state and plan from it."""
        return self._plan_export() if self.desired.state == "exported" else self._plan_import()

    def carry_out(self, plan: AppliancePlan) -> None:
        """Apply a plan."""
        journal = self.journal
        if journal is None:
            raise AssertionError("the plan comes first")
        for action in plan.actions:
            if action.kind == "export":
                replaces = self.desired.overwrite or (
                    self.note.get("phase") == appliance_apply.FINISHING
                )
                appliance_apply.export(self.client, action, self.desired, journal, replaces)
                # Written in this run: not once more.
                self.desired = replace(self.desired, overwrite=False)
            elif action.kind == "clean" and self.desired.state == "exported":
                # What is put in place in part keeps its note until it is done again.
                if self.note.get("phase") == appliance_apply.MAKING:
                    appliance_apply.clean_export(journal)
            elif action.kind == "clean":
                appliance_apply.clean_import(self.client, self.note, journal)
            elif action.kind == "import":
                appliance_apply.import_vms(
                    self.client,
                    action,
                    self.systems,
                    appliance_planner.places(self.systems, self.desired),
                    self.desired,
                    journal,
                )
            elif action.argv:
                power.insist(self.client, action)

    def settle(self) -> None:
        """Nothing is left to be done: a note is of no more use, nor is a folder without one."""
        if self.journal is not None:
            self.journal.end()

    def shown(self) -> list[dict[str, t.Any]]:
        """The VMs as the module returns them."""
        return [
            {"name": vm.name, "uuid": vm.uuid, "cpus": vm.cpus, "memory_mb": vm.memory_mb}
            for vm in self.vms
        ]


def result(task: Task, outcome: change.Outcome) -> change.Result:
    """What only this module returns."""
    foreseen = outcome.check_mode and outcome.actions
    imported = task.desired.state == "imported"
    appliance = appliance_planner.describe(task.found)
    return {
        "appliance": outcome.after if foreseen and not imported else appliance,
        "vms": outcome.after["vms"] if foreseen and imported else task.shown(),
        "diff": {"before": outcome.before, "after": outcome.after},
        "warnings": [
            f"the VM '{vm.name}' exists and is left as it is: {text}"
            for vm in (task.vms if imported and not outcome.actions else ())
            for text in appliance_planner.differences(vm, task.desired)
        ],
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=arguments.argument_spec(**OPTIONS),
        required_if=[["state", "exported", ["vms"]]],
        supports_check_mode=True,
    )
    arguments.run_module(
        module,
        lambda client: Task(
            client, make_desired(module), module.params["vms"] or [], module.check_mode
        ),
        result,
    )


if __name__ == "__main__":
    main()
