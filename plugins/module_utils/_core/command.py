# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs commands: argument lists, C locale, a time limit that ends what a command has started too.

VBoxManage has a client of its own, which knows when a call may be repeated.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError

# Root's commands, which not every PATH has.
FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# After it was asked to end, a command may put things in order for so long.
ENDING_SECONDS = 5
# How timeout(1) ends when the time was over: by itself, or killed with the group of the command.
ENDINGS = (124, 137, -9)


class Answer(t.NamedTuple):
    """What a command gave."""

    rc: int
    stdout: str
    stderr: str

    @property
    def words(self) -> str:
        """What it said, in one line."""
        return " ".join((self.stderr.strip() or self.stdout).split())


class ExpiredError(TaskError):
    """A command did not end in its time."""

    default_code = "COMMAND_TIMEOUT"


def environment() -> dict[str, str]:
    """This process's own, with a stable language and the folders that hold root's commands."""
    path = ":".join(filter(None, (os.environ.get("PATH"), FOLDERS)))
    return {**os.environ, "LC_ALL": "C", "LANGUAGE": "C", "PATH": path}


def find(program: str, path: str | None = None) -> str | None:
    """Where a program is, None if it is not installed."""
    return shutil.which(program, path=path or environment()["PATH"])


def run(
    *argv: str,
    seconds: float = 60,
    stdin: str = "",
    check: bool = True,
    look_at: str = "the load of this machine",
    install: str = "its package",
    env: t.Mapping[str, str] | None = None,
) -> Answer:
    """Run a command to its end; with check, one that ends with a failure is an error.

    The user is told what to `look_at` when its time is over, what to `install` if it is missing.
    """
    variables = dict(env or environment())
    if find(argv[0], variables.get("PATH")) is None:
        raise TaskError(
            f"The command {argv[0]} is missing: install {install}.",
            error_code="COMMAND_MISSING",
            cmd=argv,
        )
    answer = limited(
        lambda command: _run(command, variables, stdin, seconds), argv, seconds, look_at
    )
    if check and answer.rc != 0:
        raise TaskError(
            f"{' '.join(argv)[:200]} failed ({answer.rc}): {answer.words[-2000:]}",
            error_code="COMMAND_FAILED",
            cmd=argv,
            **answer._asdict(),
        )
    return answer


def limited(
    call: t.Callable[[list[str]], tuple[int, str, str]],
    argv: t.Sequence[str],
    seconds: float,
    look_at: str,
) -> Answer:
    """Let `call` run the command under timeout(1), and raise ExpiredError if its time ran out."""
    # Not on macOS, where the limit of subprocess has to do.
    limit = ["timeout", f"--kill-after={ENDING_SECONDS}", f"{seconds:g}"] if find("timeout") else []
    began = time.monotonic()
    try:
        answer = Answer(*call([*limit, *argv]))
        # A command may return one of these codes by itself, before its time is over.
        expired = answer.rc in ENDINGS and time.monotonic() - began >= seconds
    except subprocess.TimeoutExpired:
        expired = True
    if expired:
        raise ExpiredError(
            f"{' '.join(argv)[:200]} should end within {seconds:g} s, and did not: "
            f"look at {look_at}.",
            cmd=argv,
        )
    return answer


def _run(command: list[str], env: dict[str, str], stdin: str, seconds: float) -> Answer:
    done = subprocess.run(  # pylint: disable=ansible-bad-function
        command,
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="surrogateescape",
        env=env,
        timeout=seconds + 2 * ENDING_SECONDS,
        check=False,
    )
    return Answer(done.returncode, done.stdout, done.stderr)
