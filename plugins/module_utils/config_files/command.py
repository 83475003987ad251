# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs validators, live checks and systemctl: no shell, C locale, a time limit on every call."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible.module_utils.basic import AnsibleModule

# What timeout(1) returns when it had to end the command, by TERM or by KILL.
ENDED = (124, 137)


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
        rc, out, err = self.module.run_command(
            ["timeout", "--kill-after=5", str(self.timeout_seconds), *argv],
            environ_update={"LC_ALL": "C", "LANGUAGE": "C"},
            expand_user_and_vars=False,
        )
        words = " ".join((err or out).split())
        if rc in ENDED:
            limit = f"{self.timeout_seconds} s (option timeout_seconds)"
            words = f"it did not end within {limit} {words}"
        return Answer(rc, words.strip(), out)
