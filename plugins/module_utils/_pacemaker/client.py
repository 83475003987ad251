# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The only code of this collection that runs Pacemaker's tools."""

from __future__ import annotations

import contextlib
import os
import tempfile
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core import command
from ansible_collections.virtual.datacenter.plugins.module_utils._core.command import Answer
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import errors

DISCONNECTED = 102
QUERY = ("cibadmin", "--query")
# Without versions: a patch touches only what differs, so that a change of others meanwhile is kept.
DIFF = ("crm_diff", "--no-version")
PATCH = ("cibadmin", "--patch", "--sync-call", "--xml-pipe")
VERIFY = ("crm_verify", "--verbose", "--xml-pipe")
# How crm_verify 2 and 3 end on warnings, which we leave alone; errors have the same exit status.
WARNINGS = ("Warnings found during check", "(with warnings)")
STATUS = ("crm_mon", "--one-shot", "--inactive", "--output-as=xml")


# Far more than a cluster needs to take a change over; one without quorum never does.
SECONDS = 120
LOOK_AT = "crm_mon -1 and the journal of pacemaker"


class Runner(t.Protocol):
    """Runs a command and gives it this text on its standard input."""

    def __call__(self, argv: t.Sequence[str], data: str = "") -> Answer: ...


def run(argv: t.Sequence[str], data: str = "") -> Answer:
    """Run one of Pacemaker's tools; secrets go by standard input, never as arguments."""
    try:
        return command.run(*argv, seconds=SECONDS, stdin=data, check=False, look_at=LOOK_AT)
    except TaskError as error:
        if error.error_code != "COMMAND_MISSING":
            raise
        raise errors.NotConnectedError(
            f"{argv[0]} cannot be run here: install the package pacemaker-cli-utils.", cmd=argv
        ) from error


class Client:
    """Asks and changes the cluster that this node belongs to."""

    def __init__(self, folder: str | None = None, runner: Runner = run) -> None:
        self.run = runner
        self.folder = folder

    def query(self) -> str:
        """The live cluster information base as XML."""
        return self._connected(QUERY).stdout

    def status(self) -> str:
        """The state of nodes and resources as XML."""
        return self._connected(STATUS).stdout

    def faults(self, xml: str) -> str:
        """The errors that Pacemaker's own checker finds in this document; empty when none."""
        answer = self.run(VERIFY, data=xml)
        said = (answer.stderr + answer.stdout).strip() or f"crm_verify ended with {answer.rc}"
        harmless = answer.rc == 0 or any(ending in said for ending in WARNINGS)
        return "" if harmless else said

    def change(self, old: str, new: str) -> None:
        """Bring what differs between two documents into the cluster, in one step."""
        with self._file(old) as old_path, self._file(new) as new_path:
            argv = [*DIFF, "--original", old_path, "--new", new_path]
            patch = self.run(argv)
        if patch.rc not in (0, 1) or not patch.stdout.strip():
            raise errors.RefusedError("crm_diff could not compare", cmd=argv, **patch._asdict())
        answer = self.run(PATCH, data=patch.stdout)
        if answer.rc != 0:
            raise errors.RefusedError(
                "The cluster refused the change",
                hint="another program may change it too: run again, or read stderr",
                cmd=PATCH,
                **answer._asdict(),
            )

    def _connected(self, argv: t.Sequence[str]) -> Answer:
        answer = self.run(argv)
        if answer.rc == DISCONNECTED:
            raise errors.NotConnectedError(
                "The cluster does not run on this node: start pacemaker first.",
                cmd=argv,
                **answer._asdict(),
            )
        if answer.rc != 0:
            raise errors.PacemakerError(
                f"{argv[0]} failed", hint="read stderr", cmd=argv, **answer._asdict()
            )
        return answer

    @contextlib.contextmanager
    def _file(self, text: str) -> t.Iterator[str]:
        """A file that only root reads: fence devices carry passwords."""
        handle, path = tempfile.mkstemp(dir=self.folder, prefix="cib-", suffix=".xml")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            yield path
        finally:
            os.unlink(path)
