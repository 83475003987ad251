# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs validators, live checks and systemctl; one that does not end in its time has failed."""

from __future__ import annotations

import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core import command
from ansible_collections.virtual.datacenter.plugins.module_utils._core.command import Answer


class Runner:
    """Runs commands with the time limit of one task."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds

    def find(self, program: str) -> str | None:
        return command.find(program)

    def run(self, argv: t.Sequence[str]) -> Answer:
        try:
            return command.run(*argv, seconds=self.seconds, check=False)
        except command.ExpiredError:
            limit = f"{self.seconds} s (option timeout_seconds)"
            return Answer(command.ENDINGS[0], "", f"it did not end within {limit}")
