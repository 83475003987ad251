# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls that need the lock of a VM, and its power."""

from __future__ import annotations

import math
import time
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import recovery
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import model, read

# How long a power-off, which asks nobody, may take.
POWER_OFF_SECONDS = 60.0


def call(client: Client, action: Action) -> None:
    """One action that is a call of VBoxManage."""

    def still_wanted() -> bool:
        # The lock of a VM that has been started meanwhile will not go away by waiting.
        return action.live or read.read_state(client, action.vm) in (
            *model.OFF_STATES,
            *model.SAVED_STATES,
        )

    client.write(
        *action.argv,
        still_wanted=still_wanted if action.vm else None,
        timeout=action.seconds(client.timeout),
    )


def insist(client: Client, action: Action) -> None:
    """One action that is called again as long as only a lock is in the way."""
    client.write(*action.argv, still_wanted=lambda: True, timeout=action.seconds(client.timeout))


def wait_for(client: Client, uuid: str, states: t.Container[str], seconds: float) -> bool:
    """Poll the VMState until it is one of the given."""
    return client.wait_until(lambda: read.read_state(client, uuid) in states, seconds)


def stop(
    client: Client, uuid: str, patience: float, off_seconds: float = POWER_OFF_SECONDS
) -> None:
    """Ask the guest by its power button, then, after that many seconds, cut the power."""
    if patience > 0 and read.read_state(client, uuid) == "running":
        client.write("controlvm", uuid, "acpipowerbutton")
        if wait_for(client, uuid, model.OFF_STATES, patience):
            return
    try:
        client.write("controlvm", uuid, "poweroff", still_wanted=lambda: True)
    except VirtualBoxError as error:
        # It may have gone off by itself in this moment.
        if "not currently running" not in error.stderr:
            raise
    if not wait_for(client, uuid, model.OFF_STATES, off_seconds):
        raise VirtualBoxError(
            f"the VM {uuid} did not go off within {off_seconds:g} s", error_code="TIMEOUT"
        )


def note_stopping(client: Client, uuid: str, patience: float) -> None:
    """Tell fencing, which starts what it has cut off, of a VM that is to go off.

    The note outlives the stop: fencing may have been the one that cut the power. It ends by itself,
    for whoever starts the VM need not know of it.
    """
    until = str(math.ceil(time.time() + patience + POWER_OFF_SECONDS))
    client.write("setextradata", uuid, model.STOPPING, until, still_wanted=lambda: True)


def forget_stopping(client: Client, uuid: str) -> None:
    client.write("setextradata", uuid, model.STOPPING, still_wanted=lambda: True)


def is_stopping(vm: model.Vm) -> bool:
    """Whether somebody has begun to stop the VM, not long ago."""
    return vm.stopping.isdigit() and time.time() < int(vm.stopping)


def start(client: Client, action: Action) -> None:
    """Start the VM and wait until VirtualBox calls it running."""
    try:
        call(client, action)
    except VirtualBoxError as error:
        if not error.locked or read.read_state(client, action.vm) != "running":
            raise
    if not wait_for(client, action.vm, ("running",), client.timeout):
        raise VirtualBoxError(
            f"the VM was started but is {read.read_state(client, action.vm)}, not running",
            hint="read VBox.log in the folder Logs of the VM",
            error_code="TIMEOUT",
        )


# What controlvm is asked for, and the states that show that it was done.
REACHED: dict[str, tuple[str, ...]] = {
    "pause": ("paused",),
    "resume": ("running",),
    "save": model.SAVED_STATES,
}


def change_state(client: Client, action: Action) -> None:
    """Pause, resume or save, and wait until VirtualBox says so."""
    states = REACHED[action.kind]
    try:
        call(client, action)
    except VirtualBoxError as error:
        # Somebody else may have done the same in this moment.
        if error.outcome_unknown or read.read_state(client, action.vm) not in states:
            raise
    if not wait_for(client, action.vm, states, client.timeout):
        raise VirtualBoxError(
            f"the VM {action.vm} is {read.read_state(client, action.vm)}, "
            f"not {model.power(states[0])}",
            error_code="TIMEOUT",
        )


def keep_saved_state(client: Client, vm: model.Vm) -> None:
    """See that the file of a saved VM names its state: each change has it written once more."""
    try:
        unnamed = recovery.unnamed_state(recovery.read_settings(vm.settings_file), vm.settings_file)
    except OSError:
        return
    if unnamed:
        for value in ((unnamed,), ()):
            client.write("setextradata", vm.uuid, model.SAVED, *value, still_wanted=lambda: True)
