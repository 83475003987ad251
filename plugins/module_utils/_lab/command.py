# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs commands: argv lists, C locale, a time limit on every call, one kind of error."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from typing import Any


class LabError(Exception):
    """What went wrong, with a way out in the message."""

    def __init__(self, message: str, error_code: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = error_code
        self.details = details

    def as_result(self) -> dict[str, Any]:
        return {"msg": self.message, "error_code": self.error_code, **self.details}


def environment() -> dict[str, str]:
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {**os.environ, "LC_ALL": "C", "LANGUAGE": "C", "PATH": path}


def run(
    argv: Sequence[str], timeout: float = 60, check: bool = True, stdin: str | None = None
) -> tuple[int, str, str]:
    """Return code, output and errors of one command; with check a failure is a LabError."""
    try:
        done = subprocess.run(
            list(argv),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env=environment(),
            check=False,
        )
    except FileNotFoundError as error:
        raise LabError(
            f"The command {argv[0]} is missing. Run the host tasks of the role lab first.",
            "command_missing",
            cmd=list(argv),
        ) from error
    except subprocess.TimeoutExpired as error:
        raise LabError(
            f"{argv[0]} did not end within {timeout:.0f} s. Look at the load and try again.",
            "command_timeout",
            cmd=list(argv),
        ) from error
    if check and done.returncode != 0:
        raise LabError(
            f"{argv[0]} failed: {done.stderr.strip() or done.stdout.strip() or done.returncode}",
            "command_failed",
            cmd=list(argv),
            rc=done.returncode,
            stderr=done.stderr,
        )
    return done.returncode, done.stdout, done.stderr
