# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a VM has beside hardware: bandwidth groups, shared folders, extra data, guest properties."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)

Pairs = t.Tuple[t.Tuple[str, str], ...]

# Extra data of this collection; a task changes it by options of its own.
OURS = "virtual.datacenter/"
KIB = 1024


@dataclass(frozen=True)
class BandwidthGroup:
    """A limit that several NICs share; 0 is none."""

    name: str
    limit_kib_per_second: int


@dataclass(frozen=True)
class SharedFolder:
    name: str
    host_path: str
    read_only: bool = False
    auto_mount: bool = False
    mount_point: str = ""


Named = t.TypeVar("Named", BandwidthGroup, SharedFolder)


def by_name(actual: tuple[Named, ...], wanted: tuple[Named, ...], prune: bool) -> tuple[Named, ...]:
    """The actual ones with those that are wanted; others stay unless pruned."""
    found: dict[str, Named] = {} if prune else {item.name: item for item in actual}
    found.update((item.name, item) for item in wanted)
    return tuple(found[name] for name in sorted(found))


def pairs(actual: Pairs, wanted: Pairs) -> Pairs:
    """The actual ones with those that are wanted; an empty value removes one."""
    found = {**dict(actual), **dict(wanted)}
    return tuple((name, found[name]) for name in sorted(found) if found[name] != "")


def check(extra_data: Pairs, folders: t.Iterable[SharedFolder]) -> None:
    """What VirtualBox would refuse in the middle, or what would take a mark away."""
    for name, _value in extra_data:
        if not name:
            raise VirtualBoxError("extra data needs a name", error_code="BAD_OPTION")
        if name.startswith(OURS):
            raise VirtualBoxError(
                f"the extra data '{name}' belongs to this collection",
                hint="use the option managed_by or address",
                error_code="BAD_OPTION",
            )
    for folder in folders:
        if any(character.isspace() for character in folder.name) or not folder.name:
            raise VirtualBoxError(
                f"'{folder.name}' cannot be the name of a shared folder",
                hint="use a name without spaces",
                error_code="BAD_OPTION",
            )


def bandwidth_actions(
    uuid: str, vm: str, before: tuple[BandwidthGroup, ...], after: tuple[BandwidthGroup, ...]
) -> t.Iterator[Action]:
    """New groups come before the NICs that use them."""
    known = {item.name: item for item in before}
    for item in after:
        old = known.get(item.name)
        if old == item:
            continue
        limit = ("--limit", f"{item.limit_kib_per_second}K")
        words: tuple[str, ...]
        if old is None:
            words = ("add", item.name, "--type", "network", *limit)
        else:
            words = ("set", item.name, *limit)
        text = f"limit bandwidth group '{item.name}' of VM '{vm}'"
        yield Action("bandwidth", text, ("bandwidthctl", uuid, *words), uuid, live=old is not None)


def shared_folder_actions(
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


def extra_data_actions(uuid: str, vm: str, before: Pairs, after: Pairs) -> t.Iterator[Action]:
    for name, value in _changes(before, after):
        argv = ("setextradata", uuid, name, *((value,) if value else ()))
        text = f"{'set' if value else 'remove'} extra data '{name}' of VM '{vm}'"
        yield Action("extra_data", text, argv, uuid, live=True)


def guest_property_actions(uuid: str, vm: str, before: Pairs, after: Pairs) -> t.Iterator[Action]:
    for name, value in _changes(before, after):
        words = ("set", uuid, name, value) if value else ("unset", uuid, name)
        text = f"{'set' if value else 'remove'} guest property '{name}' of VM '{vm}'"
        yield Action("guest_property", text, ("guestproperty", *words), uuid, live=True)


def _changes(before: Pairs, after: Pairs) -> t.Iterator[tuple[str, str]]:
    old, new = dict(before), dict(after)
    for name in sorted({*old, *new}):
        if old.get(name, "") != new.get(name, ""):
            yield name, new.get(name, "")
