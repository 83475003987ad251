# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be done, decided without touching anything."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    limits,
    model,
    plan_creation,
    plan_power,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.calls import (
    difference,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.merge import merge
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.model import Vm
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.plan_data import (
    DesiredVm,
    VmPlan,
)


def plan_vm(
    actual: Vm | None, desired: DesiredVm, source: Vm | None = None, leftovers: bool = False
) -> VmPlan:
    """The way from the actual VM (None: there is none) to the wanted one."""
    clean = (
        (Action("clean", f"remove what an interrupted run left of VM '{desired.vm.name}'"),)
        if leftovers
        else ()
    )
    if actual is None or desired.adopt:
        # A clone begins with the address of its source, which is not its own.
        desired = replace(desired, vm=replace(desired.vm, address=desired.vm.address or ""))
    if desired.state != "absent":
        limits.check_alone(desired.vm)
    if desired.state == "absent":
        if actual is None:
            return VmPlan(None, None, clean)
        _check_mark(actual, desired)
        return VmPlan(
            actual,
            None,
            (
                *plan_power.stop_to_remove(actual, desired),
                plan_power.remove(actual, desired),
            ),
        )
    if actual is not None:
        _check_mark(actual, desired)
        after = merge(actual, desired)
        limits.check_together(desired.vm, after)
        actions = tuple(plan_power.around(actual, after, desired))
        _check_start(actions, after)
        if desired.state == "present" and any(action.kind == "discard" for action in actions):
            after = replace(after, state="poweroff")
        return VmPlan(actual, after, actions)
    if not desired.create:
        if desired.state in ("running", "paused", "saved"):
            raise VirtualBoxError(
                f"there is no VM '{desired.vm.name}' that could be {desired.state}",
                hint="define it first",
                error_code="VBOX_E_OBJECT_NOT_FOUND",
            )
        return VmPlan(None, None)
    fresh, making = plan_creation.creation(desired, source)
    after = merge(fresh, desired)
    if not desired.source_unknown:
        limits.check_together(desired.vm, after)
    changes = difference(fresh, after)
    around = tuple(plan_power.steps(fresh, desired, "poweroff", desired.state))
    _check_start(around, after)
    return VmPlan(None, after, (*clean, *making, *desired.disk_actions, *changes, *around))


def _check_start(actions: t.Iterable[Action], after: Vm) -> None:
    if any(action.kind == "start" for action in actions):
        limits.check_start(after)


def _check_mark(actual: Vm, desired: DesiredVm) -> None:
    if desired.adopt and actual.managed_by is None:
        return
    if desired.vm.managed_by is not None and actual.managed_by != desired.vm.managed_by:
        owner = (
            f"belongs to '{actual.managed_by}'"
            if actual.managed_by
            else "was not made by this collection"
        )
        raise VirtualBoxError(
            f"the VM '{actual.name}' {{{actual.uuid}}} exists and {owner}, so it is left as it is",
            hint="rename or remove it, or hand it over with: VBoxManage setextradata "
            f"{actual.uuid} {model.MARK} {desired.vm.managed_by}",
            error_code="NOT_OURS",
        )
