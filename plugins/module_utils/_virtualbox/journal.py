# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Notes on disk about creations and removals under way.

They tell what an interrupted run has left from what belongs to somebody else: a note is written
before the first call and removed after the last one. Files without a note are
never touched.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import shutil
import time
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core import files, processes
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import instance
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    BusyError,
    VirtualBoxError,
)

FOLDER = ".virtual.datacenter"
# What a note about a medium is about: its making, its move, its compaction.
MEDIUM_NOTES = ("medium", "move", "compact")


def writer_lives(note: dict[str, t.Any]) -> bool:
    """Whether the run that wrote a note still works, although who started it may be gone."""
    pid = note.get("pid", 0)
    return pid not in (0, os.getpid()) and processes.started(pid) == note.get("started") != ""


def wait_for_end(client: Client, note: dict[str, t.Any]) -> bool:
    """Wait until nobody works on an interrupted creation or removal any more.

    Ansible may be gone while the module that it started, or the VBoxManage that that one started,
    still works. Tells whether there was anything to wait for.
    """
    needle = note["path"] if note["what"] in MEDIUM_NOTES else note["uuid"]

    def ended() -> bool:
        return not writer_lives(note) and not instance.calls_under_way(needle)

    if ended():
        return False
    if not client.wait_until(ended, client.timeout):
        raise VirtualBoxError(
            f"an earlier run still works on {note.get('name') or needle}",
            hint=f"wait for it, or end process {note.get('pid')}",
            error_code="TIMEOUT",
        )
    return True


class Journal:
    """The note about one object, kept in a hidden folder next to the objects."""

    # Others hold the lock for the time of writing one small file.
    lock_seconds = 60.0

    def __init__(self, folder: str, key: str) -> None:
        self.folder = os.path.join(folder, FOLDER)
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:24]
        self.path = os.path.join(self.folder, f"{digest}.json")

    def read(self) -> dict[str, t.Any]:
        """The note; empty if there is none."""
        try:
            with open(self.path, encoding="utf-8") as stream:
                found = json.load(stream)
        except FileNotFoundError:
            return {}
        except ValueError:
            # Killed while writing the note: nothing had been started.
            return {}
        return found if isinstance(found, dict) else {}

    @contextlib.contextmanager
    def _locked(self) -> t.Iterator[None]:
        """One run at a time reads and writes the notes of a folder."""
        end = time.monotonic() + self.lock_seconds
        while True:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            try:
                handle = os.open(self.folder, os.O_RDONLY)
            except FileNotFoundError:
                continue
            try:
                self._lock(handle, end - time.monotonic())
                if self._is_folder(handle):
                    yield
                    return
            finally:
                os.close(handle)

    def _lock(self, handle: int, seconds: float) -> None:
        if not files.lock(handle, seconds):
            raise VirtualBoxError(
                f"the notes in {self.folder} were wanted for {self.lock_seconds:g} s, and "
                f"{files.holder(handle)} holds them",
                hint="wait for it, or end it",
                error_code="TIMEOUT",
            )

    def _is_folder(self, handle: int) -> bool:
        # Another run may have removed the folder, and made a new one, while we waited.
        try:
            return os.path.samestat(os.fstat(handle), os.stat(self.folder))
        except FileNotFoundError:
            return False

    def begin(self, note: dict[str, t.Any]) -> None:
        """Write the note, complete or not at all; only one run at a time may have one."""
        note = {**note, "pid": os.getpid(), "started": processes.started(os.getpid())}
        with self._locked():
            if writer_lives(self.read()):
                raise BusyError(f"another run works on {note.get('name') or note.get('path')}")
            files.write(self.path, json.dumps(note))

    def end(self) -> None:
        """Remove the note, unless another run works with it; the folder goes with the last one."""
        if not os.path.isdir(self.folder):
            return
        with self._locked():
            if not writer_lives(self.read()):
                for path in (self.path, *files.partials(self.path)):
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(path)
            with contextlib.suppress(OSError):
                os.rmdir(self.folder)


def all_notes(folder: str) -> t.Iterator[dict[str, t.Any]]:
    """Every note in the folder that can be read."""
    for path in sorted(glob.glob(os.path.join(glob.escape(folder), FOLDER, "*.json"))):
        try:
            with open(path, encoding="utf-8") as stream:
                note = json.load(stream)
        except (OSError, ValueError):
            continue
        if isinstance(note, dict):
            yield note


def interrupted_vms(folder: str, mark: str | None = None) -> list[str]:
    """The names of the VMs that a note in the folder is about: all, or those that get this mark."""
    made = [note for note in all_notes(folder) if note.get("what") in ("create", "remove")]
    # Notes of older versions have no mark.
    ours = [note for note in made if mark is None or note.get("managed_by", mark) == mark]
    return sorted({str(note.get("name", "")) for note in ours})


def remove_paths(paths: t.Sequence[str], inside: str) -> None:
    """Delete files and folders, only inside the given folder; missing ones are fine."""
    root = os.path.realpath(inside)
    for path in paths:
        real = os.path.realpath(path)
        if real == root or os.path.commonpath([real, root]) != root:
            continue
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def remove_empty(folder: str, inside: str) -> None:
    """Remove a folder and those above it, as long as they are empty and inside the given one."""
    root = os.path.realpath(inside)
    current = os.path.realpath(folder)
    while current != root and os.path.commonpath([current, root]) == root:
        try:
            os.rmdir(current)
        except OSError:
            return
        current = os.path.dirname(current)
