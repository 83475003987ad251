# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the program of the module lab_autostart does at a start and a shutdown of the host."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TextIO

from ansible_collections.virtual.datacenter.plugins.module_utils._core import state
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._lab import fencing, machine
from ansible_collections.virtual.datacenter.plugins.module_utils._lab.gateways import Gateway
from ansible_collections.virtual.datacenter.plugins.module_utils._lab.machine_host import LabMachine
from ansible_collections.virtual.datacenter.plugins.module_utils._lab.network import Port
from ansible_collections.virtual.datacenter.plugins.module_utils._lab.network_host import (
    LabNetwork,
)


class Lab:
    """The data center of the settings. Where they name no gateways, its first machine is one."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.root: str = settings["root_dir"]
        self.datacenter: str = settings["datacenter"]
        self.machines: list[str] = settings["machines"]
        self.timeout: int = settings["timeout"]
        ports = [Port(**port) for port in settings["ports"]]
        gateways = [Gateway(**gateway) for gateway in settings["gateways"]]
        self.network = LabNetwork(self.root, self.datacenter, settings["bridges"], ports, gateways)
        self.fenced: list[str] = settings["fencing_machines"]
        self.public_key: str = settings["fencing_public_key"]
        named = {gateway.name for gateway in gateways} or set(self.machines[:1])
        self.gateways = [name for name in self.machines if name in named]
        self.others = [name for name in self.machines if name not in named]

    def make_network(self) -> None:
        actions = state.plan(self.network.read(), self.network.wanted())
        self.network.check_ports()
        for action in actions:
            self.network.apply(action)
        if self.fenced:
            fencing.Fencing(self.root, self.datacenter, self.fenced, self.public_key).make()

    def bring(self, name: str, power: str) -> str:
        """A sentence about what keeps the machine from it, or none."""
        host = LabMachine(self.root, self.datacenter, name, self.timeout)
        try:
            actual = host.read()
            if machine.CONFIG not in actual.definition:
                return f"The machine {name} is not defined any more."
            for action in machine.plan_present(
                actual, actual.definition, power, False, False
            ).actions:
                say(f"{action.text} of {name}", sys.stdout)
                host.apply(action, {}, {})
        except TaskError as error:
            return error.message
        return ""

    def start(self) -> Iterable[str]:
        """The gateways first: everybody else gets addresses from them."""
        self.make_network()
        return [self.bring(name, "started") for name in [*self.gateways, *self.others]]

    def stop(self) -> Iterable[str]:
        """The gateways last: the others may still have something to say to each other."""
        with ThreadPoolExecutor(max(1, len(self.machines))) as pool:
            # The second list waits for the first: at most two shutdowns after each other.
            others = list(pool.map(lambda name: self.bring(name, "stopped"), self.others))
            gateways = list(pool.map(lambda name: self.bring(name, "stopped"), self.gateways))
        return [*others, *gateways]


def say(text: str, stream: TextIO) -> None:
    """A line for the journal."""
    stream.write(f"{text}\n")
    stream.flush()


def main(verb: str, settings: dict[str, Any]) -> int:
    try:
        lab = Lab(settings)
        problems = [text for text in (lab.start() if verb == "start" else lab.stop()) if text]
    except TaskError as error:
        problems = [error.message]
    for problem in problems:
        say(problem, sys.stderr)
    return 1 if problems else 0
