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
import fcntl
import glob
import hashlib
import json
import os
import shutil
import time
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    BusyError,
    VirtualBoxError,
)

FOLDER = ".virtual.datacenter"
POLL_SECONDS = 0.05


def process_start(pid: int) -> str:
    """When a process was started, in the kernel's count; empty without it, or without /proc."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stream:
            # The name of the program, in brackets, may hold anything.
            fields = stream.read().rpartition(")")[2].split()
            # A process that has ended and is not yet collected by its parent is none.
            return "" if fields[0] in "ZX" else fields[19]
    except (OSError, IndexError):
        return ""


def writer_lives(note: dict[str, t.Any]) -> bool:
    """Whether the run that wrote a note still works, although who started it may be gone."""
    pid = note.get("pid", 0)
    return pid not in (0, os.getpid()) and process_start(pid) == note.get("started") != ""


def holder(handle: int) -> str:
    """Who holds the lock of an open file or folder, as far as the kernel tells."""
    status = os.fstat(handle)
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    with contextlib.suppress(OSError), open("/proc/locks", encoding="utf-8") as stream:
        for line in stream:
            fields = line.split()
            if len(fields) > 5 and fields[1] == "FLOCK" and fields[5] == place:
                return _process(fields[4])
    return "another process"


def _process(pid: str) -> str:
    command = ""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as stream:
        command = stream.read(200).replace(b"\0", b" ").decode("utf-8", "replace").strip()
    return f"process {pid} ({command})" if command else f"process {pid}"


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
                self._lock(handle, end)
                if self._is_folder(handle):
                    yield
                    return
            finally:
                os.close(handle)

    def _lock(self, handle: int, end: float) -> None:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() < end:
                    time.sleep(POLL_SECONDS)
                    continue
            raise VirtualBoxError(
                f"the notes in {self.folder} were wanted for {self.lock_seconds:g} s, and "
                f"{holder(handle)} holds them",
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
        note = {**note, "pid": os.getpid(), "started": process_start(os.getpid())}
        with self._locked():
            if writer_lives(self.read()):
                raise BusyError(f"another run works on {note.get('name') or note.get('path')}")
            partial = f"{self.path}.{os.getpid()}"
            with open(partial, "w", encoding="utf-8") as stream:
                json.dump(note, stream)
            os.replace(partial, self.path)

    def end(self) -> None:
        """Remove the note, unless another run works with it; the folder goes with the last one."""
        if not os.path.isdir(self.folder):
            return
        with self._locked():
            if not writer_lives(self.read()):
                for path in (self.path, *glob.glob(f"{glob.escape(self.path)}.*")):
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


def interrupted_vms(folder: str) -> list[str]:
    """The names of the VMs that a note in the folder is about."""
    made = [note for note in all_notes(folder) if note.get("what") in ("create", "remove")]
    return sorted({str(note.get("name", "")) for note in made})


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
