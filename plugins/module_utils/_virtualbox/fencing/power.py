# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The power of VirtualBox VMs, as the forced command of fencing asks for it.

Whose a VM is stands in its settings file, and whether it runs is seen by its process: a VM that
hangs makes VBoxManage wait.
"""

from __future__ import annotations

import contextlib
import os
import signal
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core import processes
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._fencing import forced_command
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import recovery
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    model,
    power,
    read,
    read_file,
    settings_file,
)

# Of a call of VBoxManage, and of all else that is waited for: pacemaker gives up after 60 s.
CALL_SECONDS = 15.0
# The programs that a VM runs in; one of their arguments is its UUID.
FRONTENDS = ("VBoxHeadless", "VirtualBoxVM", "VBoxSDL")


def running(uuid: str) -> list[int]:
    """The processes that a VM runs in, whichever user started them."""

    def is_of_it(pid: int) -> bool:
        argv = processes.arguments(pid)
        ours = bool(argv) and os.path.basename(argv[0]) in FRONTENDS
        return ours and uuid in (word.lower() for word in argv)

    return processes.find(is_of_it)


class VirtualBoxPower:
    """VMs that were made for one data center; any other VM, whatever its name, is refused."""

    def __init__(self, client: Client, datacenter: str, vm_prefix: str) -> None:
        self.client = client
        self.datacenter = datacenter
        self.vm_prefix = vm_prefix

    def _vm(self, machine: str) -> model.Vm:
        name = f"{self.vm_prefix}{machine}"
        uuid = read.find_uuid(read_file.list_vms(self.client), name)
        vm = None
        with contextlib.suppress(KeyError, OSError):
            path = dict(recovery.machine_entries())[uuid]
            vm = settings_file.parse(recovery.read_settings(path), path).vm
        if vm is None or vm.uuid != uuid or vm.managed_by != self.datacenter:
            raise TaskError(
                f"There is no VM {name} of the data center {self.datacenter}.",
                error_code="NOT_DEFINED",
            )
        return vm

    def is_on(self, machine: str) -> bool:
        uuid = self._vm(machine).uuid
        off = (*model.OFF_STATES, *model.SAVED_STATES)
        return bool(running(uuid)) or read.read_state(self.client, uuid) not in off

    def is_to_stay_off(self, machine: str) -> bool:
        return power.is_stopping(self._vm(machine))

    def cut(self, machine: str) -> None:
        uuid = self._vm(machine).uuid
        # A process that hangs does nothing when it is asked, but it can be ended.
        with contextlib.suppress(VirtualBoxError):
            power.stop(self.client, uuid, patience=0, off_seconds=CALL_SECONDS)
        if processes.wait_gone(running(uuid), 1):
            for pid in running(uuid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            processes.wait_gone(running(uuid), CALL_SECONDS)
        if not self.client.wait_until(lambda: not self.is_on(machine), CALL_SECONDS):
            raise TaskError(f"The VM of {machine} does not go off.", error_code="POWER_STUCK")

    def start(self, machine: str) -> None:
        uuid = self._vm(machine).uuid
        argv = ("startvm", uuid, "--type", "headless")
        power.start(self.client, Action("start", f"start VM {uuid}", argv, uuid))


def main(settings: dict[str, t.Any]) -> int:
    """What the program of virtualbox_fencing runs."""
    os.environ.update(settings["environment"])
    client = Client(settings["vboxmanage_path"], timeout=CALL_SECONDS)
    machines = VirtualBoxPower(client, settings["datacenter"], settings["vm_prefix"])
    return forced_command.main(settings["machines"], machines, settings["log"])
