# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets a node of the cluster aside, or takes it back."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.virtual.datacenter.plugins.module_utils._core import change, wait
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import status
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.errors import (
    ConflictError,
    RefusedError,
)

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Plan:
    """Where the things of the node are now, and what is to be done."""

    before: dict[str, t.Any]
    actions: tuple[change.Action, ...]
    after: dict[str, t.Any]


class Task(change.Task):
    """One node and its mode."""

    def __init__(self, client: Client, options: t.Mapping[str, t.Any]) -> None:
        self.client = client
        self.options = options
        self.now: dict[str, t.Any] = {}

    def look(self) -> None:
        """Read what the cluster is now."""
        self.now = status.parse(self.client.status())

    def plan(self) -> Plan:
        name, standby = self.options["name"], self.options["state"] == "standby"
        self.look()
        node = self.now["nodes"].get(name)
        if node is None:
            raise TaskError(
                f"The node {name} is wanted in the cluster, found"
                f" {', '.join(self.now['nodes']) or 'none'}",
                hint="change name",
                error_code="NOT_FOUND",
            )
        before = {"standby": node["standby"]}
        if node["standby"] == standby:
            return Plan(before, (), before)
        if standby:
            self._check_others(name)
        how = ("--update", "on") if standby else ("--delete",)
        argv = ("crm_attribute", "--node", name, "--name", "standby", *how)
        verb = "set aside" if standby else "take back"
        action = change.Action(verb, f"{verb} {name}", argv)
        return Plan(before, (action,), {"standby": standby})

    def _check_others(self, name: str) -> None:
        """Somebody has to take over what the node runs."""
        others = [
            other
            for other in self.now["online"]
            if other != name and not status.set_aside(self.now["nodes"][other])
        ]
        if not others and not self.options["allow_outage"]:
            raise ConflictError(
                f"No other node can take over what {name} runs.",
                hint="bring another one back first, or set allow_outage",
            )

    def carry_out(self, plan: Plan) -> None:
        for action in plan.actions:
            answer = self.client.run(action.argv)
            if answer.rc != 0:
                raise RefusedError("The cluster refused it", cmd=action.argv, **answer._asdict())

    def settle(self) -> None:
        """Wait until nothing runs on a node that was set aside."""
        seconds = self.options["wait_timeout"]
        if self.options["state"] == "active" or not seconds:
            return
        if not wait.until(self._empty, seconds, POLL_SECONDS):
            raise TaskError(
                f"{self.options['name']} still runs {', '.join(self.left())} after {seconds} s.",
                hint="see crm_mon -1 and the journal of pacemaker",
                error_code="TIMEOUT",
            )

    def _empty(self) -> bool:
        self.look()
        return not self.left()

    def left(self) -> list[str]:
        """The resources that ran on the node when the cluster was last read."""
        return sorted(
            identity
            for identity, resource in self.now["resources"].items()
            if self.options["name"] in resource["nodes"]
        )


def result(task: Task, outcome: change.Outcome) -> change.Result:
    return {"standby": outcome.after["standby"], "running": task.left()}
