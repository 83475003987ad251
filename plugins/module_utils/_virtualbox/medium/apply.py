# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out the actions of a plan for a medium."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import listings
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    BusyError,
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.journal import (
    Journal,
    remove_paths,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium.plan import (
    MediumPlan,
)


def _call(client: Client, action: Action) -> None:
    client.write(*action.argv, timeout=action.seconds(client.timeout))


def forget_medium(client: Client, path: str) -> None:
    """Delete a half-made image, whether VirtualBox knows it or not."""
    if any(
        disk.get("Location") == path for disk in listings.media_list(client.read("list", "hdds"))
    ):
        client.write("closemedium", "disk", path)
    remove_paths([path], inside=os.path.dirname(path))


def apply_medium(client: Client, plan: MediumPlan, path: str, journal: Journal) -> None:
    """Carry out a plan for a medium."""
    for action in plan.actions:
        if action.kind == "clean":
            forget_medium(client, path)
            journal.end()
        elif action.kind in ("create", "convert", "clone"):
            create_medium(client, action, path, journal)
        elif action.kind == "move":
            _move_medium(client, action, path, journal)
        elif action.kind == "compact":
            _compact_medium(client, action, path, journal)
        else:
            _call(client, action)
    journal.end()


def _claim(journal: Journal, note: dict[str, t.Any]) -> None:
    """Note that a medium is going to be at its path, where nothing may be by now."""
    journal.begin(note)
    if os.path.lexists(note["path"]):
        journal.end()
        raise BusyError(f"another run has just made medium {note['path']}")


def _noted_call(
    client: Client, action: Action, journal: Journal, undo: t.Callable[[], None] = lambda: None
) -> None:
    """A call under a note, which stays for the next run if nobody knows what came of the call."""
    try:
        _call(client, action)
    except VirtualBoxError as error:
        if not error.outcome_unknown:
            undo()
            journal.end()
        raise


def _move_medium(client: Client, action: Action, path: str, journal: Journal) -> None:
    """Within one file system a move is a renaming, else a copy that may be left half made."""

    def undo() -> None:
        if os.path.lexists(action.path):
            remove_paths([path], inside=os.path.dirname(path))

    _claim(journal, {"what": "move", "path": path, "from": action.path})
    _noted_call(client, action, journal, undo)


def _compact_medium(client: Client, action: Action, path: str, journal: Journal) -> None:
    journal.begin({"what": "compact", "path": path})
    _noted_call(client, action, journal)


def create_medium(client: Client, action: Action, path: str, journal: Journal) -> None:
    _claim(journal, {"what": "medium", "path": path})
    _noted_call(client, action, journal, lambda: forget_medium(client, path))
