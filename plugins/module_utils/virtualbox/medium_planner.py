# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be done to a medium, decided without touching anything."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.virtual.datacenter.plugins.module_utils.virtualbox.actions import (
    Action,
    filled,
)
from ansible_collections.virtual.datacenter.plugins.module_utils.virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils.virtualbox.model import Medium


@dataclass(frozen=True)
class MediumWish:
    """What a task wants of a medium."""

    medium: Medium
    state: str = "present"
    source_path: str | None = None
    source_raw: bool = True
    source_size_mb: int | None = None
    source_registered: bool = True
    delete_media: bool = False


@dataclass(frozen=True)
class MediumPlan:
    before: Medium | None
    after: Medium | None
    actions: tuple[Action, ...] = ()

    @property
    def makes_medium(self) -> bool:
        return self.before is None and self.after is not None


def plan_medium(actual: Medium | None, wish: MediumWish, leftovers: bool = False) -> MediumPlan:
    """The way from the actual medium (None: there is none) to the wanted one."""
    path = wish.medium.path
    clean = (
        (Action("clean", f"remove the half-made medium {path} of an interrupted run"),)
        if leftovers
        else ()
    )
    if wish.state == "absent":
        if actual is None:
            return MediumPlan(None, None, clean)
        return _remove_medium(actual, wish)
    if actual is not None:
        after = _merge_medium(actual, wish)
        return MediumPlan(actual, after, (*clean, *_medium_changes(actual, after)))
    fresh, creation = _medium_creation(wish)
    after = _merge_medium(fresh, wish)
    return MediumPlan(None, after, (*clean, *creation, *_medium_changes(fresh, after)))


def _remove_medium(actual: Medium, wish: MediumWish) -> MediumPlan:
    path = actual.path
    close = ("closemedium", "disk", path)
    if actual.children:
        raise VirtualBoxError(
            f"the medium {path} has differencing images on it: {', '.join(actual.children)}",
            hint="remove the linked clones and snapshots first",
            error_code="VBOX_E_OBJECT_IN_USE",
        )
    if actual.file_missing:
        gone = Action("close", f"forget medium {path}, its file is gone", close)
        return MediumPlan(actual, None, (gone,))
    if wish.delete_media:
        delete = Action("remove", f"delete medium {path}", (*close, "--delete"))
        return MediumPlan(actual, None, (delete,))
    if not actual.registered:
        return MediumPlan(actual, actual)
    after = replace(actual, registered=False)
    return MediumPlan(
        actual, after, (Action("close", f"close medium {path}, the file stays", close),)
    )


def _medium_creation(wish: MediumWish) -> tuple[Medium, tuple[Action, ...]]:
    wanted, source = wish.medium, wish.source_path
    path = wanted.path
    kind = wanted.format or "vdi"
    variant = wanted.variant or "standard"
    form = ("--format", kind.upper(), "--variant", variant.capitalize())
    size_mb = wish.source_size_mb if source else wanted.size_mb
    fresh = Medium(path, format=kind, variant=variant, type="normal", size_mb=size_mb)
    if source and wish.source_raw:
        convert = ("convertfromraw", source, path, *form)
        text = f"make medium {path} from {source}"
        return fresh, (Action("convert", text, convert, slow=True),)
    if source:
        clone = ("clonemedium", "disk", source, path, *form)
        actions = [Action("clone", f"make medium {path} from {source}", clone, slow=True)]
        if not wish.source_registered:
            # clonemedium has taken the source into VirtualBox's list.
            close = ("closemedium", "disk", source)
            actions.append(Action("close", f"close medium {source}, the file stays", close))
        return fresh, tuple(actions)
    if size_mb is None:
        raise VirtualBoxError(
            f"the medium {path} does not exist, and without a size or a source it cannot be made",
            error_code="BAD_OPTION",
        )
    create = ("createmedium", "disk", "--filename", path, "--size", str(size_mb), *form)
    return fresh, (Action("create", f"create medium {path} of {size_mb} MiB", create, slow=True),)


def _merge_medium(actual: Medium, wish: MediumWish) -> Medium:
    wanted = wish.medium
    for name in ("format", "variant"):
        value, found = getattr(wanted, name), getattr(actual, name)
        if value is not None and found not in (None, value):
            raise VirtualBoxError(
                f"the medium {wanted.path} exists with {name} {found}, not {value}, "
                "and cannot be changed in place",
                hint="use another path for the new medium",
                error_code="BAD_OPTION",
            )
    if (
        wanted.size_mb is not None
        and actual.size_mb is not None
        and wanted.size_mb < actual.size_mb
    ):
        raise VirtualBoxError(
            f"the medium {wanted.path} has {actual.size_mb} MiB "
            f"and cannot shrink to {wanted.size_mb} MiB",
            hint="a disk can grow but not shrink",
            error_code="VBOX_E_NOT_SUPPORTED",
        )
    merged: Medium = filled(actual, size_mb=wanted.size_mb, type=wanted.type)
    return merged


def _medium_changes(before: Medium, after: Medium) -> t.Iterator[Action]:
    if after.size_mb is not None and after.size_mb != before.size_mb:
        argv = ("modifymedium", "disk", after.path, "--resize", str(after.size_mb))
        yield Action("grow", f"grow medium {after.path} to {after.size_mb} MiB", argv, slow=True)
    if after.type is not None and after.type != before.type:
        argv = ("modifymedium", "disk", after.path, "--type", after.type)
        yield Action("modify", f"make medium {after.path} {after.type}", argv)
