# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders of the host that a guest can see."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)


@dataclass(frozen=True)
class SharedFolder:
    name: str
    host_path: str
    read_only: bool = False
    auto_mount: bool = False
    mount_point: str = ""


def check(folders: t.Iterable[SharedFolder]) -> None:
    """Names that VirtualBox would refuse in the middle of a run."""
    for folder in folders:
        if any(character.isspace() for character in folder.name) or not folder.name:
            raise VirtualBoxError(
                f"'{folder.name}' cannot be the name of a shared folder",
                hint="use a name without spaces",
                error_code="BAD_OPTION",
            )


def actions(
    uuid: str, vm: str, before: tuple[SharedFolder, ...], after: tuple[SharedFolder, ...]
) -> t.Iterator[Action]:
    """A changed one is made anew: changing it in place is younger than VirtualBox 7.0."""
    old, new = set(before), set(after)
    for item in sorted(old - new, key=lambda folder: folder.name):
        text = f"no longer share folder '{item.name}' with VM '{vm}'"
        argv = ("sharedfolder", "remove", uuid, "--name", item.name)
        yield Action("unshare", text, argv, uuid)
    for item in sorted(new - old, key=lambda folder: folder.name):
        mount = ("--auto-mount-point", item.mount_point) if item.mount_point else ()
        argv = (
            "sharedfolder",
            "add",
            uuid,
            "--name",
            item.name,
            "--hostpath",
            item.host_path,
            *(("--readonly",) if item.read_only else ()),
            *(("--automount",) if item.auto_mount else ()),
            *mount,
        )
        text = f"share folder '{item.name}' with VM '{vm}'"
        yield Action("share", text, argv, uuid)
