# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done with one machine: pure functions from the actual and the wanted state to
actions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.virtual.datacenter.plugins.module_utils._core import state
from ansible_collections.virtual.datacenter.plugins.module_utils._core.state import step

RUNNING = "running"
STOPPED = "stopped"
LEFT_OVER = "processes without their machine"
POWER = "power"
CONFIG = "config"
WORDS = {
    "create directory": "make the folder {thing} of machine '{name}'",
    "change directory": "complete the folder {thing} of machine '{name}'",
    "remove directory": "remove machine '{name}' with its folder {thing}",
    "create config": "write the definition of machine '{name}'",
    "change config": "change the definition of machine '{name}'",
    "create seed": "write {thing} into the cloud-init seed of machine '{name}'",
    "change seed": "change {thing} in the cloud-init seed of machine '{name}'",
    "remove seed": "remove {thing} from the cloud-init seed of machine '{name}'",
    "start power": "start machine '{name}'",
    "stop power": "shut machine '{name}' down",
    "kill power": "cut the power of machine '{name}'",
}
CHANGING_STATES = frozenset({"STARTING", "STOPPING", "ABORTING", "FREEZING"})


@dataclass(frozen=True)
class Actual:
    """One machine as it is. `config_in_use` is what the running machine was started with."""

    definition: Mapping[str, str]
    power: str
    config_in_use: str | None = None

    def as_state(self) -> dict[str, str]:
        found = dict(self.definition)
        if found or self.power != STOPPED:
            found[POWER] = self.power
        return found


@dataclass(frozen=True)
class Plan(state.Plan):
    restart_required: bool = False


def power_of(lxc_state: str, has_processes: bool) -> str:
    if lxc_state != "STOPPED":
        return RUNNING
    return LEFT_OVER if has_processes else STOPPED


def definition(directory: str, config: str, seed: Mapping[str, str]) -> dict[str, str]:
    """The defined part of a machine; the seed comes as digests by file name."""
    wanted = {f"directory {directory}": "complete", CONFIG: config}
    wanted.update({f"seed {name}": digest for name, digest in seed.items()})
    return wanted


def plan_absent(actual: Actual) -> Plan:
    actions: list[state.Action] = []
    if actual.power != STOPPED:
        actions.append(step("kill", POWER))
    actions += [
        step("remove", thing)
        for thing in reversed(list(actual.definition))
        if thing.startswith("directory ")
    ]
    return Plan(actual.as_state(), {}, actions)


def plan_present(
    actual: Actual,
    definition: Mapping[str, str],
    wanted_state: str,
    force: bool,
    allow_power_cycle: bool,
) -> Plan:
    """wanted_state is defined (the power stays as it is), started or stopped."""
    actions = state.plan(actual.definition, definition)
    power = actual.power
    restart_required = False
    stop = step("kill" if force else "stop", POWER)
    if power == LEFT_OVER:
        # Nobody watches over these processes any more: they are of no use to anyone.
        actions.append(step("kill", POWER))
        power = STOPPED
    if wanted_state == "stopped" and power == RUNNING:
        actions.append(stop)
        power = STOPPED
    elif wanted_state == "started" and power == STOPPED:
        actions.append(step("start", POWER))
        power = RUNNING
    elif power == RUNNING and actual.config_in_use != definition.get(CONFIG):
        if allow_power_cycle and wanted_state == "started":
            actions += [stop, step("start", POWER)]
        else:
            restart_required = True
    return Plan(actual.as_state(), {**definition, POWER: power}, actions, restart_required)
