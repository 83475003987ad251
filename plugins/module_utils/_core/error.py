# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The failure that every module of this collection reports in the same shape."""

from __future__ import annotations

import typing as t


class TaskError(Exception):
    """What was wanted and what was found; `hint` is the way out where the message has none.

    `details` are returned to the user beside the message.
    """

    default_code = "FAILED"
    # True where the step may have been done although it failed: the state must be read again.
    outcome_unknown = False

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        error_code: str = "",
        cmd: t.Sequence[str] = (),
        rc: int | None = None,
        stdout: str = "",
        stderr: str = "",
        **details: t.Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.error_code = error_code or self.default_code
        self.cmd = list(cmd)
        self.rc = rc
        self.stdout = stdout
        self.stderr = stderr
        self.details = details

    def __str__(self) -> str:
        return f"{self.message} - {self.hint}" if self.hint else self.message

    def as_result(self) -> dict[str, t.Any]:
        """The arguments of a module's fail_json."""
        result: dict[str, t.Any] = {"msg": str(self), "error_code": self.error_code}
        if self.cmd:
            result.update(cmd=self.cmd, rc=self.rc, stdout=self.stdout[-2000:], stderr=self.stderr)
        return {**result, **self.details}
