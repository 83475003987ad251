# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The only code of this collection that runs VBoxManage."""

from __future__ import annotations

import os
import queue
import random
import subprocess
import threading
import time
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core import wait
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    errors,
    instance,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.recovery import Saves

# How often a state is looked at that is waited for.
POLL_SECONDS = 0.3
# Where role virtualbox_unpacked puts the commands, besides PATH.
USUAL_FOLDERS = [
    "/opt/virtual.datacenter/virtualbox/bin",
    "/Applications/VirtualBox.app/Contents/MacOS",
]

READ_ATTEMPTS = 8
WRITE_ATTEMPTS = 8
LONGEST_PAUSE = 4.0
# One call in about a hundred, all done, sleeps for 10 s in its own shutdown (RTReqPoolRelease), its
# answer still in its buffer. Asking a second time after this many seconds is quicker.
SECOND_QUESTION_SECONDS = 3.0
# Of those whose service is killed, one in seven hangs for ever. The others end at once, or after
# the 10 s above.
LOOK_SECONDS = 2.0
LOST_LOOKS = 7
# Subcommands that VBoxManage carries out without its service, however long they take. That the
# service ends meanwhile says nothing about them.
WITHOUT_SERVICE = ("convertfromraw",)


class Answer(t.NamedTuple):
    """What one call of VBoxManage gave."""

    rc: int
    stdout: str
    stderr: str
    processes: int = 1


class Runner(t.Protocol):
    """Runs one command; raises subprocess.TimeoutExpired when it takes too long."""

    def __call__(self, argv: t.Sequence[str], timeout: float) -> Answer: ...


class Call:
    """One run of a command, in a locale with stable, complete text; all other environment stays."""

    def __init__(self, argv: t.Sequence[str]) -> None:
        # VBOX_USER_HOME and VBOX_IPC_SOCKETID choose the world of the client and must reach it.
        self._process = subprocess.Popen(  # pylint: disable=ansible-bad-function
            list(argv),
            env=dict(os.environ, LC_ALL="C.UTF-8", LANG="C.UTF-8", LANGUAGE="C"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._alone = len(argv) > 1 and argv[1] in WITHOUT_SERVICE
        # Looked at while the client starts: before it, each call would take that much longer.
        self._served_by = instance.services()

    def answer(self, timeout: float) -> Answer:
        """Wait for its end; raises subprocess.TimeoutExpired after that many seconds."""
        end = time.monotonic() + timeout
        lost = 0
        while True:
            left = max(0.0, end - time.monotonic())
            try:
                stdout, stderr = self._process.communicate(timeout=min(left, LOOK_SECONDS))
            except subprocess.TimeoutExpired:
                lost = lost + 1 if self._has_lost_its_service() else 0
                if left <= LOOK_SECONDS:
                    self.kill()
                    self._process.wait()
                    raise
                if lost >= LOST_LOOKS:
                    self.kill()
                continue
            return Answer(
                self._process.returncode,
                stdout.decode("utf-8", "surrogateescape"),
                stderr.decode("utf-8", "surrogateescape"),
            )

    def kill(self) -> None:
        """End it, if it has not ended."""
        self._process.kill()

    def _has_lost_its_service(self) -> bool:
        if self._alone:
            return False
        alive = instance.services()
        # The first call starts the service.
        self._served_by = self._served_by or alive
        return bool(self._served_by) and not self._served_by & alive


def run_process(argv: t.Sequence[str], timeout: float) -> Answer:
    """Run a command."""
    return Call(argv).answer(timeout)


def run_question(argv: t.Sequence[str], timeout: float) -> Answer:
    """Run a command that changes nothing; if it takes long, a second time beside it."""
    answers: queue.Queue[Answer | Exception] = queue.Queue()
    calls: list[Call] = []

    def ask() -> None:
        try:
            calls.append(Call(argv))
            answers.put(calls[-1].answer(timeout))
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    processes = 1
    try:
        found = answers.get(timeout=min(timeout, SECOND_QUESTION_SECONDS))
    except queue.Empty:
        threading.Thread(target=ask, daemon=True).start()
        processes = 2
        found = answers.get()
    # The slower one may be one that hangs, and nobody waits for it.
    for call in calls:
        call.kill()
    if isinstance(found, Exception):
        raise found
    return found._replace(processes=processes)


class Client:
    """Calls VBoxManage: argument lists, a timeout on every call, retries where they are safe."""

    def __init__(
        self,
        executable: str,
        timeout: float = 120,
        runner: Runner = run_process,
        question_runner: Runner = run_question,
        sleep: t.Callable[[float], None] = time.sleep,
        clock: t.Callable[[], float] = time.monotonic,
        saves: Saves | None = None,
    ) -> None:
        self.executable = executable
        self.timeout = timeout
        self.sleep = sleep
        self.clock = clock
        self.processes = 0
        self.saves = saves or Saves()
        self._runner = runner
        self._question_runner = question_runner
        self._count = threading.Lock()

    def wait_until(
        self, test: t.Callable[[], t.Any], seconds: float, pause: float = POLL_SECONDS
    ) -> bool:
        """Ask until it is so; whether it was so in that time."""
        return bool(wait.until(test, seconds, pause, sleep=self.sleep, clock=self.clock))

    def _call(self, runner: Runner, argv: t.Sequence[str], timeout: float) -> str:
        command = [self.executable, *argv]
        self.saves.finish_settings()
        try:
            answer = runner(command, timeout)
        except subprocess.TimeoutExpired as error:
            self._add(1)
            raise errors.CallTimeoutError(
                f"VBoxManage {argv[0]} did not answer within {timeout:g} s",
                hint="look at VBoxSVC on this host, or raise the option timeout",
                error_code="TIMEOUT",
                cmd=command,
            ) from error
        except OSError as error:
            raise errors.VirtualBoxError(
                f"{self.executable} cannot be run: {error.strerror}", cmd=command
            ) from error
        self._add(answer.processes)
        if answer.rc != 0 or errors.has_error(answer.stderr):
            raise errors.from_answer(command, answer.rc, answer.stdout, answer.stderr)
        return answer.stdout

    def _add(self, processes: int) -> None:
        with self._count:
            self.processes += processes

    def _pause(self, attempt: int) -> None:
        # Random, so that parallel plays do not meet again at the same moment.
        self.sleep(min(LONGEST_PAUSE, 0.2 * 2**attempt) * random.uniform(0.5, 1.0))

    def read(self, *argv: str, timeout: float | None = None) -> str:
        """A call that changes nothing: repeated when the service was busy, gone or silent."""
        for attempt in range(READ_ATTEMPTS):
            try:
                answer = self._call(self._question_runner, argv, timeout or self.timeout)
                if not self.saves.settings_missing():
                    return answer
            except errors.CallTimeoutError:
                if attempt:
                    raise
            except errors.VirtualBoxError as error:
                busy = error.refused or error.unreached or error.server_gone
                if attempt == READ_ATTEMPTS - 1 or not busy:
                    raise
                self._pause(attempt)
        raise AssertionError("unreachable")

    def write(
        self,
        *argv: str,
        still_wanted: t.Callable[[], bool] | None = None,
        timeout: float | None = None,
    ) -> str:
        """A call that changes something.

        Repeated only after a refusal that proves that nothing was done: the service was not
        reached, or somebody else's lock was in the way and `still_wanted`, a fresh read, says that
        the call still makes sense.
        """
        for attempt in range(WRITE_ATTEMPTS):
            try:
                return self._call(self._runner, argv, timeout or self.timeout)
            except errors.VirtualBoxError as error:
                if attempt == WRITE_ATTEMPTS - 1 or not (
                    error.unreached or (error.refused and still_wanted)
                ):
                    raise
                self._pause(attempt)
                if error.refused and still_wanted and not still_wanted():
                    raise
        raise AssertionError("unreachable")
