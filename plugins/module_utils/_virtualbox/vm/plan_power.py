# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps that start, stop, save and remove a VM, around the changes of a plan."""

from __future__ import annotations

import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import model
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.calls import (
    difference,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.model import Vm
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.plan_data import (
    DesiredVm,
)


def _stop(vm: Vm) -> Action:
    return Action("stop", f"stop VM '{vm.name}'", vm=vm.uuid, live=True)


def _start(vm: Vm, desired: DesiredVm) -> Action:
    argv = ("startvm", vm.uuid, "--type", desired.start_type)
    return Action("start", f"start VM '{vm.name}'", argv, vm.uuid)


def _pause(vm: Vm) -> Action:
    argv = ("controlvm", vm.uuid, "pause")
    return Action("pause", f"pause VM '{vm.name}'", argv, vm.uuid, live=True)


def _resume(vm: Vm) -> Action:
    argv = ("controlvm", vm.uuid, "resume")
    return Action("resume", f"resume VM '{vm.name}'", argv, vm.uuid, live=True)


def _save(vm: Vm) -> Action:
    argv = ("controlvm", vm.uuid, "savestate")
    return Action("save", f"save the state of VM '{vm.name}'", argv, vm.uuid, live=True, slow=True)


def _discard(vm: Vm) -> Action:
    argv = ("discardstate", vm.uuid)
    return Action("discard", f"discard the saved state of VM '{vm.name}'", argv, vm.uuid)


def stop_to_remove(actual: Vm, desired: DesiredVm) -> tuple[Action, ...]:
    if actual.off or actual.saved:
        return ()
    if not desired.allow_power_cycle:
        raise VirtualBoxError(
            f"the VM '{actual.name}' is {actual.state} and cannot be removed",
            hint="stop it first, or set allow_power_cycle to true",
            error_code="POWER_CYCLE_NEEDED",
        )
    return (_stop(actual),)


def remove(actual: Vm, desired: DesiredVm) -> Action:
    # Never with --delete: that deletes disks wherever they are, and leaves half of them on failure.
    files = "with" if desired.delete_media else "but not"
    text = f"remove VM '{actual.name}', {files} its files"
    return Action("remove", text, ("unregistervm", actual.uuid), actual.uuid)


def around(actual: Vm, after: Vm, desired: DesiredVm) -> t.Iterator[Action]:
    """The changes, with the stop and start that they and the wanted state ask for."""
    changes = (*desired.disk_actions, *difference(actual, after))
    blocked = [action for action in changes if not action.live]
    reasons = "; ".join(action.text for action in blocked)
    runs = not (actual.off or actual.saved)
    stop_wanted = desired.state == "stopped" and not actual.off
    discard = actual.saved and (bool(blocked) or stop_wanted)
    if discard and not desired.discard_saved_state:
        what = "which stopping would lose" if stop_wanted else f"and cannot be changed: {reasons}"
        raise VirtualBoxError(
            f"the VM '{actual.name}' has a saved state, {what}",
            hint="start it and run again, or set discard_saved_state to true",
            error_code="VBOX_E_INVALID_VM_STATE",
        )
    if blocked and runs and not stop_wanted and not desired.allow_power_cycle:
        raise VirtualBoxError(
            f"the VM '{actual.name}' is {actual.state} and has to be off for: {reasons}",
            hint="stop it first, or set allow_power_cycle to true",
            error_code="POWER_CYCLE_NEEDED",
        )
    cycle = bool(blocked) and runs
    if discard:
        yield _discard(actual)
    elif stop_wanted or cycle:
        yield _stop(actual)
    yield from changes
    state = "poweroff" if cycle or discard or stop_wanted else actual.state or "poweroff"
    # What ran before it was stopped for a change, runs after it again.
    goal = actual.state if cycle and desired.state == "present" else desired.state
    yield from steps(actual, desired, state, goal or "present")


def steps(vm: Vm, desired: DesiredVm, state: str, goal: str) -> t.Iterator[Action]:
    """From a state of VirtualBox to the wanted one; stopping comes before all changes."""
    runs = state not in (*model.OFF_STATES, *model.SAVED_STATES)
    if goal == "saved" and state in model.OFF_STATES:
        raise VirtualBoxError(
            f"the VM '{vm.name}' is off, so there is no state to save",
            hint="start it first, or use the state stopped",
            error_code="VBOX_E_INVALID_VM_STATE",
        )
    if goal == "saved" and runs:
        yield _save(vm)
    if goal in ("running", "paused") and state in model.SAVED_STATES and vm.lost_state:
        if not desired.discard_saved_state:
            raise VirtualBoxError(
                f"the VM '{vm.name}' is to be {goal}, and its saved state {vm.lost_state} is gone",
                hint="bring the file back, or set discard_saved_state to true to start it anew",
                error_code="VBOX_E_INVALID_VM_STATE",
            )
        yield _discard(vm)
    if goal in ("running", "paused") and not runs:
        yield _start(vm, desired)
        state = "running"
    if goal == "running" and state == "paused":
        yield _resume(vm)
    if goal == "paused" and state != "paused":
        yield _pause(vm)
