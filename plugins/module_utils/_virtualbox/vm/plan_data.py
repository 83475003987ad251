# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan as data: what a task wants of a VM, and the way there.

A plan is made from two whole models: the state before and the state after. The diff shows the same
two models, check mode stops here, and apply carries the actions out, so the three cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.model import Vm


@dataclass(frozen=True)
class DesiredVm:
    """What a task wants of a VM."""

    vm: Vm
    state: str = "present"
    create: bool = True
    folder: str = ""
    snapshot: str | None = None
    clone_snapshot: str | None = None
    clone_type: str = "linked"
    allow_power_cycle: bool = False
    delete_media: bool = False
    prune_nics: bool = False
    prune_port_forwards: bool = False
    prune_attachments: bool = False
    prune_shared_folders: bool = False
    discard_saved_state: bool = False
    start_type: str = "headless"
    # The calls for disks that the task names by size.
    disk_actions: tuple[Action, ...] = ()
    # UUID for a VM that has to be made.
    new_uuid: str = ""
    # The VM is ours although it has no mark yet: its creation was interrupted.
    adopt: bool = False
    # Check mode: an earlier task would have made the source of the clone.
    source_unknown: bool = False


@dataclass(frozen=True)
class VmPlan:
    before: Vm | None
    after: Vm | None
    actions: tuple[Action, ...] = ()
    # Before a removal: the disks of the VM and its snapshots, as paths.
    disks: tuple[str, ...] = ()

    @property
    def makes_vm(self) -> bool:
        return self.before is None and self.after is not None

    @property
    def removes_vm(self) -> bool:
        return self.before is not None and self.after is None
