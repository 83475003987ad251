# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings files that VirtualBox has not saved to the end.

VirtualBox writes `X-tmp`, renames `X` to `X-prev`, then `X-tmp` to `X`. Killed in between, it
leaves no `X`: without VirtualBox.xml the next service starts as if no VM had ever been made, and
answers so without an error; without its .vbox file a VM is listed as inaccessible. Such saves are
carried to their end here.

Where the process of a VM is gone before the service has noted its saved state (3 of some 90 saves
beside another running VM, 7.2.22), the file is written without it. The service knows it until its
end, and then no more.
"""

from __future__ import annotations

import contextlib
import errno
import html
import os
import re
import sys
import time
import typing as t
from xml.etree import ElementTree

from ansible_collections.virtual.datacenter.plugins.module_utils._core import wait
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    instance,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)

# A save that is under way takes milliseconds between its renames.
SAVE_SECONDS = 1.0
# A service that nobody asks ends after 5 s.
SERVICE_SECONDS = 20.0
NAMESPACE = "{http://www.virtualbox.org/}"
SNAPSHOT_FOLDER = re.compile(rb'\bsnapshotFolder="([^"]+)"')
STATE_FILE = re.compile(rb'<Machine\b[^>]*\sstateFile="([^"]+)"')
STATE_SUFFIX = ".sav"

Told = t.TypeVar("Told")


def settings_home() -> str:
    """The folder of VirtualBox.xml, found as VirtualBox itself does."""
    given = os.environ.get("VBOX_USER_HOME")
    if given:
        return given
    # The password database counts for root, whatever HOME says.
    home = os.path.expanduser("~root" if os.geteuid() == 0 else "~")
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "VirtualBox")
    old = os.path.join(home, ".VirtualBox")
    if os.path.isdir(old):
        return old
    return os.path.join(os.environ.get("XDG_CONFIG_HOME") or f"{home}/.config", "VirtualBox")


def read_settings(path: str) -> bytes:
    """The content of a settings file; a save is waited for while it is between its renames."""
    found: list[bytes] = []

    def saved() -> bool:
        try:
            with open(path, "rb") as stream:
                found.append(stream.read())
        except FileNotFoundError:
            if not os.path.exists(f"{path}-prev"):
                raise
        return bool(found)

    if not wait.until(saved, SAVE_SECONDS, 0.005):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    return found[0]


def unnamed_state(text: bytes, path: str) -> str:
    """A saved state that lies in the folder of a VM but is not named in its file; or empty."""
    named = SNAPSHOT_FOLDER.search(text)
    folder = html.unescape(named.group(1).decode()) if named else "Snapshots"
    try:
        files = os.listdir(os.path.join(os.path.dirname(path), folder))
    except OSError:
        return ""
    lost = (name for name in files if name.endswith(STATE_SUFFIX) and name.encode() not in text)
    return max(lost, default="")


def lost_state(settings_file: str) -> str:
    """The saved state that the file of a VM names, if it is not there; else empty."""
    try:
        named = STATE_FILE.search(read_settings(settings_file))
    except OSError:
        return ""
    if named is None:
        return ""
    path = os.path.join(os.path.dirname(settings_file), html.unescape(named.group(1).decode()))
    return "" if os.path.lexists(path) else path


def machine_entries() -> list[tuple[str, str]]:
    """UUID and settings file of every VM that VirtualBox.xml names, accessible or not."""
    home = settings_home()
    root = ElementTree.fromstring(read_settings(os.path.join(home, "VirtualBox.xml")))
    return [
        (entry.get("uuid", "").strip("{}").lower(), os.path.join(home, entry.get("src", "")))
        for entry in root.iter(f"{NAMESPACE}MachineEntry")
    ]


def _settings_files(first: str) -> t.Iterator[str]:
    if first:
        yield first
    yield os.path.join(settings_home(), "VirtualBox.xml")
    with contextlib.suppress(OSError, ElementTree.ParseError):
        yield from (path for _uuid, path in machine_entries() if path != first)


def look_up(uuid: str, read: t.Callable[[bytes, str], Told | None], first: str = "") -> Told | None:
    """Search VirtualBox.xml and all settings files of VMs for an image; None if none names it.

    `read` looks into the text and path of one file. Files that cannot be read tell nothing: VMs
    without them are for the modules for VMs to complain about.
    """
    for path in _settings_files(first):
        try:
            text = read_settings(path)
            # Most files do not name it, and reading them as XML takes the time.
            found = read(text, path) if uuid.encode() in text else None
        except (OSError, ElementTree.ParseError):
            continue
        if found is not None:
            return found
    return None


def finish(path: str) -> bool:
    """Give a missing settings file the content that was about to be saved; whether it was done."""
    for copy, last in ((f"{path}-tmp", True), (f"{path}-prev", False)):
        try:
            ElementTree.parse(copy)
            # A link never replaces: if somebody was faster, theirs stays.
            os.link(copy, path)
        except (OSError, ElementTree.ParseError):
            continue
        if last:
            os.unlink(copy)
        return True
    return False


class Saves:
    """Looks for interrupted saves; `warn` tells the user what was finished."""

    def __init__(
        self,
        warn: t.Callable[[str], None] = lambda text: None,
        sleep: t.Callable[[float], None] = time.sleep,
        clock: t.Callable[[], float] = time.monotonic,
    ) -> None:
        self._warn = warn
        self._sleep = sleep
        self._clock = clock

    def _wait(self, reached: t.Callable[[], bool], seconds: float) -> bool:
        return wait.until(reached, seconds, 0.05, sleep=self._sleep, clock=self._clock)

    def settings_missing(self) -> bool:
        """Whether a service that starts now would begin with an empty world by mistake."""
        path = os.path.join(settings_home(), "VirtualBox.xml")
        return not os.path.exists(path) and os.path.exists(f"{path}-prev")

    def finish_settings(self) -> None:
        """Before a call that may start the service: see that it finds its settings."""
        if not self.settings_missing():
            return
        path = os.path.join(settings_home(), "VirtualBox.xml")
        if self._wait(lambda: os.path.exists(path), SAVE_SECONDS):
            return
        # One that started without settings would answer from nothing, and in the end save that.
        if not self._wait(lambda: not instance.services() or os.path.exists(path), SERVICE_SECONDS):
            raise VirtualBoxError(
                f"VirtualBox was killed while it saved {path}, and its service "
                f"{sorted(instance.services())} runs on without it",
                hint="close all programs and VMs of VirtualBox, then run again",
                error_code="SETTINGS_LOST",
            )
        if finish(path):
            self._warn(f"VirtualBox was killed while it saved {path}: the save was finished")

    def finish_machines(self, uuids: t.Collection[str]) -> bool:
        """The settings files of inaccessible VMs; whether one of them is there again."""
        try:
            entries = machine_entries()
        except (OSError, ElementTree.ParseError):
            return False
        finished = False
        for uuid, path in entries:
            lost = uuid in uuids and not os.path.exists(path)
            if lost and finish(path):
                self._warn(f"VirtualBox was killed while it saved {path}: the save was finished")
                finished = True
        return finished
