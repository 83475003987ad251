#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: virtualbox_snapshot
short_description: Take, remove, and restore snapshots of one or several VirtualBox VMs
version_added: 0.1.0
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
description:
  - Takes, removes or restores the snapshot of one name on a set of VMs as one act. Everything is
    checked on all VMs before the first of them is changed.
  - The snapshot of several running VMs is of one moment. All are paused, then all snapshots are
    taken, then those that ran are resumed. No VM has received what another has not yet sent. If one
    snapshot fails, the others of the run are removed again.
  - A set is put back all or nothing. Before the first VM is put back, each gets a safety snapshot,
    which it returns to if another VM fails, with its memory if it was running. The safety
    snapshots are removed in the end. For a single VM none is taken.
  - A run that was killed is undone by the next run on any of its VMs, before that one does its own
    work, or is finished if only the VMs had to be resumed or started. Paused VMs
    are resumed, half a set of snapshots is removed.
extends_documentation_fragment:
  - virtual.datacenter.virtualbox
  - virtual.datacenter.virtualbox.attributes
attributes:
  idempotent:
    support: partial
    details:
      - With O(state=restored), a VM that is off or saved is left alone if its current snapshot is
        the wanted one and VirtualBox has not noted any change since. A VM that runs has changed, so
        each run puts it back again.
options:
  vms:
    description:
      - Names or UUIDs of the VMs. All must exist.
      - In check mode and with O(state=present), a VM that does not exist is taken for one that an
        earlier task would have made.
    type: list
    elements: str
    required: true
  name:
    description:
      - Name of the snapshot. It is needed with O(state=present).
      - VirtualBox allows several snapshots of one name on a VM; for this module that is an error
        that tells their UUIDs.
    type: str
  uuid:
    description:
      - UUID of the snapshot, to name one of several of the same name. Only for a single VM, and not
        with O(state=present).
    type: str
  state:
    description:
      - With V(present) all VMs have the snapshot. It is an error if only some have it, because
        one that is taken now would be of another moment.
      - With V(absent) no VM has it. Its content is merged, nothing of the current state is lost.
        It is an error, before anything changes, if the snapshot of a VM has more than one snapshot
        or the current state besides a snapshot on it, or if a linked clone is built on it.
      - With V(restored) all VMs are as they were in the snapshot. What has changed since, and is
        in no other snapshot, is lost. A VM that was off ends off, or saved if the snapshot
        is of a running VM. A VM that ran or was paused is powered off, which needs
        O(allow_power_cycle), and runs in the end.
    type: str
    choices: [present, absent, restored]
    default: present
  description:
    description: Description of the snapshot. One that exists is changed to it.
    type: str
  managed_by:
    description:
      - Name of the datacenter. If set, every VM must carry it as its mark, else no VM is changed.
    type: str
  allow_power_cycle:
    description: Whether O(state=restored) may cut the power of VMs that run or are paused.
    type: bool
    default: false
seealso:
  - module: virtual.datacenter.virtualbox_vm
"""

EXAMPLES = r"""
- name: One snapshot of the whole cluster, of one moment
  virtual.datacenter.virtualbox_snapshot:
    vms: [control01, control02, worker01]
    name: before-upgrade
    description: Kubernetes 1.33

- name: Put the cluster back, running machines too
  virtual.datacenter.virtualbox_snapshot:
    vms: [control01, control02, worker01]
    name: before-upgrade
    state: restored
    allow_power_cycle: true

- name: Remove the snapshot from all machines
  virtual.datacenter.virtualbox_snapshot:
    vms: [control01, control02, worker01]
    name: before-upgrade
    state: absent

- name: Remove one of two snapshots of the same name
  virtual.datacenter.virtualbox_snapshot:
    vms: [build01]
    uuid: 49269f3f-536a-4a07-a2bb-c6e6cd5b5a73
    state: absent
"""

RETURN = r"""
snapshots:
  description: Each VM, in the order of O(vms), with the snapshot as it is now; in check mode as it
    would be.
  returned: success
  type: list
  elements: dict
  contains:
    vm:
      description: Name of the VM.
      type: str
      returned: always
    vm_uuid:
      description: UUID of the VM.
      type: str
      returned: always
    vm_state:
      description: State of the VM, such as V(stopped), V(running), V(paused) or V(saved).
      type: str
      returned: always
    exists:
      description: Whether the VM has the snapshot. The following values are only there if it does.
      type: bool
      returned: always
    name:
      description: Name of the snapshot.
      type: str
      returned: if the snapshot exists
    uuid:
      description: UUID of the snapshot; empty for one that check mode would take.
      type: str
      returned: if the snapshot exists
    description:
      description: Description of the snapshot.
      type: str
      returned: if the snapshot exists
    taken:
      description: When it was taken, in UTC; empty for one that check mode would take.
      type: str
      returned: if the snapshot exists
    online:
      description: Whether it holds the memory of a VM that ran or was saved.
      type: bool
      returned: if the snapshot exists
    current:
      description: Whether the current state comes from it.
      type: bool
      returned: if the snapshot exists
    unchanged_since:
      description: Whether the VM is exactly as it was in the snapshot.
      type: bool
      returned: if the snapshot exists
  sample:
    - vm: control01
      vm_uuid: 445fd848-95b4-4ffb-8148-5232f851d608
      vm_state: running
      exists: true
      name: before-upgrade
      uuid: 49269f3f-536a-4a07-a2bb-c6e6cd5b5a73
      description: Kubernetes 1.33
      taken: "2026-11-26T00:13:41Z"
      online: true
      current: true
      unchanged_since: false
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
    - action: take
      text: take snapshot 'before-upgrade' of VM 'control01'
      command: [snapshot, 445fd848-95b4-4ffb-8148-5232f851d608, take, before-upgrade]
processes:
  description: How many times C(VBoxManage) was called.
  returned: success
  type: int
  sample: 4
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
import re
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
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.snapshot import (
    apply,
    model,
    notes,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.snapshot.model import (
    SnapshotVm,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.snapshot.plan import (
    DesiredSnapshot,
    SnapshotPlan,
    check_marks,
    plan_snapshots,
    target,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    read,
)

# XML cannot hold them: VirtualBox puts another character in their place.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

OPTIONS: dict[str, dict[str, t.Any]] = {
    "vms": {"type": "list", "elements": "str", "required": True},
    "name": {"type": "str"},
    "uuid": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent", "restored"], "default": "present"},
    "description": {"type": "str"},
    "managed_by": {"type": "str"},
    "allow_power_cycle": {"type": "bool", "default": False},
}


def make_desired(params: dict[str, t.Any]) -> DesiredSnapshot:
    """The desired snapshot that the options describe; what VirtualBox would refuse fails here."""
    if not params["vms"]:
        raise VirtualBoxError("the option vms names no VM", error_code="BAD_OPTION")
    for option in ("name", "description"):
        if UNPRINTABLE.search(params[option] or ""):
            raise VirtualBoxError(
                f"the option {option} holds a control character", error_code="BAD_OPTION"
            )
    if params["name"] == "":
        raise VirtualBoxError("the option name is empty", error_code="BAD_OPTION")
    uuid = params["uuid"]
    if uuid is not None:
        if not re.fullmatch(listings.UUID, uuid):
            raise VirtualBoxError(f"'{uuid}' is no UUID", error_code="BAD_OPTION")
        if len(params["vms"]) > 1 or params["state"] == "present":
            raise VirtualBoxError(
                "the option uuid names a snapshot that exists, of a single VM",
                hint="name one VM in vms, and use state absent or restored",
                error_code="BAD_OPTION",
            )
    return DesiredSnapshot(
        name=params["name"] or "",
        state=params["state"],
        uuid=(uuid or "").lower(),
        description=params["description"],
        managed_by=params["managed_by"],
        allow_power_cycle=params["allow_power_cycle"],
    )


class Task(arguments.Task):
    """One run of the module."""

    def __init__(
        self, client: Client, desired: DesiredSnapshot, names: list[str], check_mode: bool
    ) -> None:
        super().__init__(client)
        self.asked = self.desired = desired
        self.names = names
        self.check_mode = check_mode
        self.locks = notes.Locks()
        self.uuids: list[str] = []
        self.actual: tuple[SnapshotVm, ...] = ()
        self.expected: tuple[SnapshotVm, ...] = ()
        self.locked = False
        self.notes: list[notes.Note] = []

    def _missing(self, name: str) -> SnapshotVm:
        if self.check_mode and self.desired.state == "present":
            return SnapshotVm(name=name, uuid="", managed_by=self.desired.managed_by)
        raise VirtualBoxError(
            f"there is no VM '{name}', so no VM was changed",
            error_code="VBOX_E_OBJECT_NOT_FOUND",
        )

    def _read(self) -> tuple[SnapshotVm, ...]:
        if not self.uuids:
            listed = read.list_vms(self.client)
            self.uuids = apply.resolve(self.names, listed)
        found = []
        for name, uuid in zip(self.names, self.uuids):
            vm = apply.settled(self.client, uuid) if uuid else None
            found.append(vm or self._missing(name))
        return tuple(found)

    def _lock(self) -> None:
        """Have the VMs of the task, and those of an interrupted run on any of them, alone."""
        vms = list(self.actual)
        while True:
            self.locks.take([os.path.dirname(vm.settings_file) for vm in vms], self.client)
            self.notes = notes.notes_about(self.uuids)
            notes.wait_for_calls(self.client, self.uuids)
            held = {vm.uuid for vm in vms}
            more = [item["uuid"] for note in self.notes for item in note["vms"]]
            others = [apply.read_vm(self.client, uuid) for uuid in {*more} - held]
            known = [vm for vm in others if vm is not None]
            if not known:
                break
            vms += known
        # Somebody may have worked on a VM before it was locked.
        self.actual = self._read()
        self.locked = True

    def plan(self) -> SnapshotPlan:
        """Read the actual state and plan from it."""
        self.actual = self._read()
        # Before anything of an interrupted run is touched.
        check_marks(self.actual, self.desired)
        if self.check_mode:
            self.notes = notes.notes_about([uuid for uuid in self.uuids if uuid])
        elif not self.locked:
            self._lock()
        else:
            self.notes = notes.notes_about(self.uuids)
        settled = self.actual
        for note in self.notes:
            settled = tuple(notes.settled_vm(vm, note) for vm in settled)
        recovery = tuple(
            Action(
                "recover",
                f"{'undo' if note['phase'] == notes.UNDO else 'finish'} an interrupted "
                f"run on {', '.join(repr(item['name']) for item in note['vms'])}",
            )
            for note in self.notes
        )
        if recovery and not self.check_mode:
            # What it really leads to is read before the rest is planned.
            return SnapshotPlan(self.actual, settled, recovery)
        children = apply.read_children(self.client) if self.desired.state == "absent" else {}
        plan = plan_snapshots(settled, self.desired, children)
        if plan.actions or not self.expected:
            self.expected = plan.after
        return SnapshotPlan(self.actual, plan.after, (*recovery, *plan.actions))

    def carry_out(self, plan: SnapshotPlan) -> None:
        """Apply a plan."""
        if any(action.kind == "recover" for action in plan.actions):
            for note in self.notes:
                apply.recover(self.client, note)
            return
        apply.Run(self.client, plan, self.desired.name).carry_out()
        started = tuple(action.vm for action in plan.actions if action.kind == "start")
        self.desired = replace(self.desired, reached=started)

    def close(self) -> None:
        """Let the next run in."""
        self.locks.release()


def shown(
    vms: t.Sequence[SnapshotVm],
    desired: DesiredSnapshot,
    show: t.Callable[[SnapshotVm, model.Snapshot | None], dict[str, t.Any]],
) -> list[dict[str, t.Any]]:
    """The VMs with the snapshot of the task."""
    found = []
    for vm in vms:
        # Two of one name can only be where half a set is about to be removed.
        several = not desired.uuid and len(vm.named(desired.name)) > 1
        found.append(show(vm, vm.named(desired.name)[-1] if several else target(vm, desired)))
    return found


def result(task: Task, outcome: change.Outcome) -> change.Result:
    """What only this module returns."""
    return {
        "snapshots": shown(outcome.now(task.actual), task.asked, model.describe),
        "diff": {
            "before": {"snapshots": shown(outcome.before, task.asked, model.comparable)},
            "after": {"snapshots": shown(task.expected, task.asked, model.comparable)},
        },
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=arguments.argument_spec(**OPTIONS),
        required_one_of=[["name", "uuid"]],
        required_if=[["state", "present", ["name"]]],
        supports_check_mode=True,
    )
    arguments.run_module(
        module,
        lambda client: Task(
            client, make_desired(module.params), module.params["vms"], module.check_mode
        ),
        result,
    )


if __name__ == "__main__":
    main()
