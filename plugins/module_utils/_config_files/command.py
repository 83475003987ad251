# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs validators, live checks and systemctl: no shell, C locale, a time limit on every call."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import time_limit

# How an answer ends that did not come: the time was over, or somebody killed the command.
ENDED = time_limit.ENDINGS


class ConfigError(Exception):
    """What was wanted, what was found, and what to change, in one sentence."""


@dataclass(frozen=True)
class Answer:
    rc: int
    words: str
    out: str


class Runner:
    """Runs commands on behalf of one module."""

    def __init__(self, module: AnsibleModule, timeout_seconds: int) -> None:
        self.module = module
        self.timeout_seconds = timeout_seconds

    def find(self, program: str) -> str | None:
        path: str | None = self.module.get_bin_path(program)
        return path

    def run(self, argv: t.Sequence[str]) -> Answer:
        def call(command: list[str]) -> time_limit.Answer:
            return self.module.run_command(  # type: ignore[no-any-return]
                command,
                environ_update={"LC_ALL": "C", "LANGUAGE": "C"},
                expand_user_and_vars=False,
            )

        try:
            rc, out, err = time_limit.run(call, argv, self.timeout_seconds, "its service")
        except time_limit.ExpiredError:
            limit = f"{self.timeout_seconds} s (option timeout_seconds)"
            return Answer(ENDED[0], f"it did not end within {limit}", "")
        return Answer(rc, " ".join((err or out).split()), out)
