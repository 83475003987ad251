# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong with Pacemaker, with a way out for the person who reads it."""

from __future__ import annotations

import typing as t


class PacemakerError(Exception):
    """A failed wish: what was wanted, why not, and which command said so."""

    code = "PACEMAKER_ERROR"

    def __init__(
        self,
        message: str,
        argv: t.Sequence[str] = (),
        rc: int | None = None,
        stdout: str = "",
        stderr: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.argv = list(argv)
        self.rc = rc
        self.stdout = stdout
        self.stderr = stderr

    def as_result(self) -> dict[str, t.Any]:
        """The arguments of fail_json."""
        result: dict[str, t.Any] = {"msg": self.message, "error_code": self.code}
        if self.argv:
            result.update(cmd=self.argv, rc=self.rc, stdout=self.stdout, stderr=self.stderr)
        return result


class NotConnectedError(PacemakerError):
    """The cluster does not run on this node, or its tools are not installed."""

    code = "CLUSTER_NOT_RUNNING"


class TimeLimitError(PacemakerError):
    """A command of Pacemaker's did not end."""

    code = "COMMAND_TIMEOUT"


class InvalidConfigurationError(PacemakerError):
    """The configuration that was asked for is not one that Pacemaker accepts."""

    code = "INVALID_CONFIGURATION"


class ConflictError(PacemakerError):
    """Something in the live configuration stands in the way; a person has to decide."""

    code = "CONFLICT"
