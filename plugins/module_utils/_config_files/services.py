# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings files into use: what systemd and the services themselves say, a plan, and its actions."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from ansible_collections.virtual.datacenter.plugins.module_utils._config_files import pending
from ansible_collections.virtual.datacenter.plugins.module_utils._config_files.command import Runner
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change, wait
from ansible_collections.virtual.datacenter.plugins.module_utils._core.command import (
    ENDINGS,
    Answer,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError

# What systemctl calls a unit that runs, and one that starts at boot or with what needs it.
RUNNING = ("active", "activating", "reloading")
ENABLED = ("enabled", "enabled-runtime", "static", "alias", "indirect", "generated")
UNIT_FOLDERS = ("/etc/systemd/system/", "/run/systemd/system/", "/usr/local/lib/systemd/system/")
PROPERTIES = "--property=ActiveState,UnitFileState,NeedDaemonReload,ActiveEnterTimestampMonotonic"
VERBS = {
    "enabled": "enable",
    "disabled": "disable",
    "started": "start",
    "restarted": "restart",
    "reloaded": "reload",
}


@dataclass(frozen=True)
class Actual:
    """What systemd says about a unit."""

    active: str
    enabled: str
    stale: bool
    # By the clock of time.monotonic(); 0 if it never ran.
    started_at: float

    @property
    def runs(self) -> bool:
        return self.active in RUNNING


class Services:
    """The services of one task, in the order in which they are brought into use."""

    def __init__(
        self, runner: Runner, desired: t.Sequence[t.Mapping[str, t.Any]], changed: t.Sequence[str]
    ) -> None:
        self.runner = runner
        self.desired = desired
        self.changed = changed
        self.actual = self._ask()
        self.plan = {desired["name"]: self._plan(desired) for desired in desired}

    def _ask(self) -> dict[str, Actual]:
        """What systemd says; that nothing runs where it cannot be asked."""
        names = [desired["name"] for desired in self.desired]
        states: list[dict[str, str]] = []
        if names and self.runner.find("systemctl"):
            answer = self.runner.run(["systemctl", "show", PROPERTIES, "--", *names])
            if answer.rc in ENDINGS:
                raise TaskError(
                    f"systemd does not say what runs: {answer.words}", error_code="COMMAND_TIMEOUT"
                )
            # One paragraph a unit, in the order of the question.
            states = [
                dict(line.partition("=")[::2] for line in paragraph.splitlines())
                for paragraph in answer.stdout.strip().split("\n\n")
            ]
        states += [{}] * (len(names) - len(states))
        return {
            name: Actual(
                state.get("ActiveState", ""),
                state.get("UnitFileState", ""),
                state.get("NeedDaemonReload") == "yes",
                int(state.get("ActiveEnterTimestampMonotonic") or 0) / 1e6,
            )
            for name, state in zip(names, states)
        }

    def reads_changed(self, desired: t.Mapping[str, t.Any]) -> bool:
        return any(desired["files"] is None or path in desired["files"] for path in self.changed)

    def _plan(self, desired: t.Mapping[str, t.Any]) -> list[str]:
        """The actions that one service needs."""
        actual = self.actual[desired["name"]]
        actions = []
        if desired["enabled"] and actual.enabled not in ENABLED:
            actions.append("enabled")
        elif not desired["enabled"] and actual.enabled in ("enabled", "enabled-runtime"):
            actions.append("disabled")
        if actual.runs:
            if (
                self.reads_changed(desired)
                or actual.stale
                or pending.is_marked(desired["name"])
                or self._live_check(desired, actual.started_at).rc != 0
            ):
                actions.append(desired["on_change"])
        elif desired["started"]:
            actions.append("started")
        return actions

    def actions(self) -> t.Iterator[change.Action]:
        """All of it as the actions of a plan."""
        for name, states in self.plan.items():
            for state in states:
                verb = VERBS[state]
                yield change.Action(verb, f"{verb} {name}", ("systemctl", verb, "--", name))

    def mark(self) -> None:
        """Before the first file is written: whoever comes after a kill finds what is to be done."""
        for desired in self.desired:
            if self.reads_changed(desired):
                pending.mark(desired["name"])

    def apply(self) -> None:
        if any(path.startswith(UNIT_FOLDERS) for path in self.changed) or any(
            actual.stale for actual in self.actual.values()
        ):
            answer = self.runner.run(["systemctl", "daemon-reload"])
            if answer.rc != 0:
                raise TaskError(
                    f"systemd could not read its units again: {answer.words}",
                    error_code="SERVICE_FAILED",
                )
        for desired in self.desired:
            name = desired["name"]
            for action in self.plan[name]:
                self._act(name, action)
            if set(self.plan[name]) - {"enabled", "disabled"}:
                self._insist(desired)
            pending.clear(name)

    def _act(self, name: str, action: str) -> None:
        if action == "started" and self.actual[name].active == "failed":
            # Else systemd may refuse to start a unit that failed several times in a row.
            self.runner.run(["systemctl", "reset-failed", "--", name])
        answer = self.runner.run(["systemctl", VERBS[action], "--", name])
        if answer.rc != 0:
            raise TaskError(
                f"{name} should be {action}, but systemctl {VERBS[action]} failed: {answer.words}"
                f" See: journalctl --unit {name}",
                error_code="SERVICE_FAILED",
            )

    def _live_check(self, desired: t.Mapping[str, t.Any], started_at: float) -> Answer:
        """What the check says; a service that was just started is given its time."""
        if not desired["live_check"]:
            return Answer(0, "", "")
        answer = Answer(0, "", "")

        def good() -> bool:
            nonlocal answer
            answer = self.runner.run(desired["live_check"])
            return answer.rc == 0

        wait.until(good, started_at + desired["wait_seconds"] - time.monotonic(), pause=0.2)
        return answer

    def _insist(self, desired: t.Mapping[str, t.Any]) -> None:
        answer = self._live_check(desired, time.monotonic())
        if answer.rc != 0:
            raise TaskError(
                f"{desired['name']} was {self.plan[desired['name']][-1]}, but within"
                f" {desired['wait_seconds']} s (option wait_seconds) it lacks what its files"
                f" say: the live check {desired['live_check'][0]} ends with {answer.rc}:"
                f" {answer.words or 'without a word'}. See: journalctl --unit {desired['name']}",
                error_code="LIVE_CHECK_FAILED",
            )
