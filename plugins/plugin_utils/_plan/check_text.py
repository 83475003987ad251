# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that would become syntax where it is written, and folders that programs cannot bear."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import (
    Problems,
    shown,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.said import Said

# The path of a Unix socket has at most 107 characters; OpenSSH adds 17 while it makes one.
LONGEST_SOCKET = 107 - 17
FOLDERS = ("datacenter_state_dir", "datacenter_cache_dir", "datacenter_virtualbox_folder")
# Written into the configuration of SSH without quotes.
UNQUOTED = set(" \t\"'\\%#$")


def texts(value: Any) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from texts([*value, *value.values()])
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts(item)


def unprintable(values: Mapping[str, Any], owner: str, problems: Problems) -> set[str]:
    """The options that could not be one line of a file of a service, or of a seed."""
    wrong: set[str] = set()
    for option, value in values.items():
        where = f"{option} of {owner}" if owner else option
        for text in texts(value):
            if not text.isprintable():
                wrong.add(option)
                problems.add(
                    f"Text in {where} is on one line and has characters that can be seen",
                    f"found {shown(text)}",
                    where,
                )
    return wrong


def _bytes(path: str) -> int:
    return len(path.encode(errors="replace"))


def check_folders(said: Said, problems: Problems) -> None:
    for option in FOLDERS:
        folder = said.options.get(option)
        if not said.right(option) or not isinstance(folder, str):
            continue
        if not folder.startswith(("/", "~")):
            problems.add(f"{option} is an absolute path", f"found {shown(folder)}", option)
    medium = said.options.get("datacenter_base_medium")
    if said.right("datacenter_base_medium") and medium and not medium.startswith(("/", "~")):
        problems.add(
            "The disk image of the machines has an absolute path",
            f"found {shown(medium)}",
            "datacenter_base_medium",
        )


def check_state(said: Said, problems: Problems) -> None:
    option = "datacenter_state_dir"
    if not said.right(option):
        return
    folder = os.path.expanduser(said.options[option])
    bad = sorted(UNQUOTED & set(folder))
    if bad:
        problems.add(
            "The state folder has a path that the configuration of SSH can bear, without blanks,"
            " quotes, %, #, $ and backslashes",
            f"found {shown(folder)}",
            option,
        )
    longest = max((machine["name"] for machine in said.machines), key=len, default="")
    socket = f"{folder}/ssh/{longest}"
    if _bytes(socket) > LONGEST_SOCKET:
        problems.add(
            "SSH keeps a connection in a file of the state folder, whose path has at most"
            f" {LONGEST_SOCKET} characters",
            f"{shown(socket)} has {_bytes(socket)}",
            f"{option} to a shorter path",
        )


def check_environment(said: Said, problems: Problems) -> None:
    option = "datacenter_virtualbox_environment"
    if not said.right(option):
        return
    for name, value in said.options[option].items():
        usable = isinstance(name, str) and name.isidentifier() and name.isascii()
        if not usable or not isinstance(value, (str, int, float)):
            problems.add(
                "The environment of VBoxManage is names of variables with a text each",
                f"found {shown(name)} with {shown(value)}",
                option,
            )


def check_text(said: Said, problems: Problems) -> None:
    check_folders(said, problems)
    check_state(said, problems)
    check_environment(said, problems)
