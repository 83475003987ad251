# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The power of lab machines, as the forced command of fencing asks for it."""

from __future__ import annotations

from typing import Any

from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._fencing import forced_command
from ansible_collections.virtual.datacenter.plugins.module_utils._lab import machine
from ansible_collections.virtual.datacenter.plugins.module_utils._lab.machine_host import LabMachine


class LabPower:
    """All machines of one data center on this host."""

    def __init__(self, root: str, datacenter: str) -> None:
        self.root = root
        self.datacenter = datacenter

    def _machine(self, name: str) -> LabMachine:
        return LabMachine(self.root, self.datacenter, name, timeout=0)

    def is_on(self, name: str) -> bool:
        return self._machine(name).read().power != machine.STOPPED

    def is_to_stay_off(self, name: str) -> bool:
        return self._machine(name).is_stopped_on_purpose()

    def cut(self, name: str) -> None:
        self._machine(name).cut_power()

    def start(self, name: str) -> None:
        host = self._machine(name)
        if host.config() is None:
            raise TaskError(f"The machine {name} is not defined.", error_code="NOT_DEFINED")
        host.start()


def main(settings: dict[str, Any]) -> int:
    """What the program of lab_fencing runs."""
    power = LabPower(settings["root_dir"], settings["datacenter"])
    return forced_command.main(settings["machines"], power, settings["log"])
