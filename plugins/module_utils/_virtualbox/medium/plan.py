# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be done to a medium, decided without touching anything."""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import (
    Action,
    filled,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
    bad_option,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium.model import (
    SIZES,
    Medium,
)

NEVER_GROWS_FIXED = ("vdi", "vhd")


@dataclass(frozen=True)
class DesiredMedium:
    """What a task wants of a medium."""

    medium: Medium
    state: str = "present"
    source_path: str | None = None
    source_raw: bool = True
    source_size_mb: int | None = None
    source_registered: bool = True
    compact: bool = False
    # The file is at its wanted path already, but VirtualBox still looks for it at the former one.
    in_place: bool = False
    delete_media: bool = False


@dataclass(frozen=True)
class MediumPlan:
    before: Medium | None
    after: Medium | None
    actions: tuple[Action, ...] = ()


def plan_medium(
    actual: Medium | None, desired: DesiredMedium, leftovers: bool = False
) -> MediumPlan:
    """The way from the actual medium (None: there is none) to the wanted one.

    The actual one may still lie at another path, which is where it is moved from.
    """
    path = desired.medium.path
    if desired.state != "absent":
        _check_size(desired.medium, actual)
    clean = (
        (Action("clean", f"remove the half-made medium {path} of an interrupted run"),)
        if leftovers
        else ()
    )
    if desired.state == "absent":
        if actual is None:
            return MediumPlan(None, None, clean)
        placed, move = _move(actual, desired)
        removal = _remove_medium(placed, desired)
        return replace(removal, before=actual, actions=(*clean, *move, *removal.actions))
    if actual is not None:
        _check_present(actual)
        placed, move = _move(actual, desired)
        after = _merge_medium(placed, desired)
        return MediumPlan(actual, after, (*clean, *move, *_medium_changes(placed, after)))
    fresh, creation = _medium_creation(desired)
    after = _merge_medium(fresh, desired)
    return MediumPlan(None, after, (*clean, *creation, *_medium_changes(fresh, after)))


def _check_size(wanted: Medium, actual: Medium | None) -> None:
    kind = (actual.format if actual is not None else wanted.format) or "vdi"
    known = SIZES.get(kind)
    if known is None or wanted.size_mb is None:
        return
    low, high = known
    if not low <= wanted.size_mb <= high:
        raise bad_option(
            f"size_mb of the {kind} {wanted.path} is to be {wanted.size_mb}, and VirtualBox takes "
            f"{low} to {high}"
        )


def _check_shareable(medium: Medium) -> None:
    """VirtualBox shares only images that do not grow."""
    if medium.type == "shareable" and medium.variant == "standard":
        raise VirtualBoxError(
            f"the medium {medium.path} is to be shareable, and it is of the variant standard",
            hint="only the variant fixed can be shared: make another medium with it",
            error_code="BAD_OPTION",
        )


def _check_present(actual: Medium) -> None:
    if actual.file_missing:
        raise VirtualBoxError(
            f"VirtualBox knows the medium {actual.path}, but its file is gone",
            hint="put it back, or let VirtualBox forget it with state absent",
            error_code="VBOX_E_FILE_ERROR",
        )


def _check_idle(actual: Medium, what: str) -> None:
    """VirtualBox would refuse, with a text that names neither the VM nor a way out."""
    if not actual.locked:
        return
    who = (
        f"is attached to {', '.join(repr(name) for name in actual.holders)}, which is running"
        if actual.holders
        else "is in use: by a running linked clone, or by another program"
    )
    raise VirtualBoxError(
        f"the medium {actual.path} {who}, and cannot be {what} meanwhile",
        hint="stop the VM first",
        error_code="VBOX_E_INVALID_OBJECT_STATE",
    )


def _move(actual: Medium, desired: DesiredMedium) -> tuple[Medium, tuple[Action, ...]]:
    """The medium at its wanted path; the VMs that have it keep it."""
    path = desired.medium.path
    if actual.path == path:
        return actual, ()
    placed = replace(actual, path=path, registered=True)
    if desired.in_place:
        text = f"tell VirtualBox that medium {actual.path} lies at {path} now"
        argv = ("modifymedium", "disk", actual.uuid, "--setlocation", path)
        return placed, (Action("relocate", text, argv),)
    suffix, found = actual.format or "", os.path.splitext(path)[1]
    if found != f".{suffix}":
        raise VirtualBoxError(
            f"the medium {actual.path} is a {suffix} and cannot be moved to {path}, because "
            f"VirtualBox gives a file that it moves the ending .{suffix}",
            hint=f"use a path that ends with .{suffix}",
            error_code="BAD_OPTION",
        )
    _check_idle(actual, "moved")
    argv = ("modifymedium", "disk", actual.path, "--move", path)
    text = f"move medium {actual.path} to {path}"
    return placed, (Action("move", text, argv, slow=True, path=actual.path),)


def _remove_medium(actual: Medium, desired: DesiredMedium) -> MediumPlan:
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
    if desired.delete_media:
        delete = Action("remove", f"delete medium {path}", (*close, "--delete"))
        return MediumPlan(actual, None, (delete,))
    if not actual.registered:
        return MediumPlan(actual, actual)
    after = replace(actual, registered=False)
    return MediumPlan(
        actual, after, (Action("close", f"close medium {path}, the file stays", close),)
    )


def _medium_creation(desired: DesiredMedium) -> tuple[Medium, tuple[Action, ...]]:
    wanted, source = desired.medium, desired.source_path
    path = wanted.path
    kind = wanted.format or "vdi"
    variant = wanted.variant or "standard"
    form = ("--format", kind.upper(), "--variant", variant.capitalize())
    size_mb = desired.source_size_mb if source else wanted.size_mb
    # VirtualBox leaves out blocks of zeros, whatever a new image is made from.
    fresh = Medium(
        path,
        format=kind,
        variant=variant,
        type="normal",
        size_mb=size_mb,
        description=None if wanted.description is None else "",
        unused_mb=0 if desired.compact else None,
    )
    if source and desired.source_raw:
        convert = ("convertfromraw", source, path, *form)
        text = f"make medium {path} from {source}"
        return fresh, (Action("convert", text, convert, slow=True),)
    if source:
        clone = ("clonemedium", "disk", source, path, *form)
        actions = [Action("clone", f"make medium {path} from {source}", clone, slow=True)]
        if not desired.source_registered:
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


def _merge_medium(actual: Medium, desired: DesiredMedium) -> Medium:
    wanted = desired.medium
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
    merged: Medium = filled(
        actual, size_mb=wanted.size_mb, type=wanted.type, description=wanted.description
    )
    return _compacted(merged) if desired.compact else merged


def _compacted(medium: Medium) -> Medium:
    """What the kind of the image forbids always fails, what its use does only if it matters."""
    why = ""
    if medium.format != "vdi":
        why = f"is a {medium.format}, and VirtualBox compacts only vdi"
    elif medium.variant == "fixed":
        why = "is of the variant fixed, which keeps its full size"
    elif medium.parent_uuid:
        why = f"is a differencing image on {medium.parent_uuid}"
    elif medium.unused_mb is None:
        why = "is not in a layout of VDI that is known"
    elif medium.unused_mb and medium.children:
        why = f"has differencing images on it: {', '.join(medium.children)}"
    if why:
        raise VirtualBoxError(
            f"the medium {medium.path} cannot be compacted: it {why}",
            hint="leave out the option compact",
            error_code="VBOX_E_NOT_SUPPORTED",
        )
    if medium.unused_mb:
        _check_idle(medium, "compacted")
    return replace(medium, unused_mb=0)


def _medium_changes(before: Medium, after: Medium) -> t.Iterator[Action]:
    argv: tuple[str, ...]
    if after.size_mb is not None and after.size_mb != before.size_mb:
        _check_idle(before, "grown")
        if before.variant == "fixed" and before.format in NEVER_GROWS_FIXED:
            raise VirtualBoxError(
                f"the medium {after.path} is to grow to {after.size_mb} MiB, and a {before.format} "
                "of the variant fixed cannot",
                hint="leave size_mb, or make another medium of the variant standard",
                error_code="VBOX_E_NOT_SUPPORTED",
            )
        # The option that counts in MB refuses growth by much as a slip of the pen.
        size = str(after.size_mb * 1024 * 1024)
        argv = ("modifymedium", "disk", after.path, "--resizebyte", size)
        yield Action("grow", f"grow medium {after.path} to {after.size_mb} MiB", argv, slow=True)
    if after.type is not None and after.type != before.type:
        _check_shareable(after)
        if before.children:
            raise VirtualBoxError(
                f"the medium {after.path} is to be {after.type}, and has differencing images on "
                f"it: {', '.join(before.children)}",
                hint="remove the linked clones and snapshots first",
                error_code="VBOX_E_OBJECT_IN_USE",
            )
        argv = ("modifymedium", "disk", after.path, "--type", after.type)
        yield Action("modify", f"make medium {after.path} {after.type}", argv)
    if after.description is not None and after.description != before.description:
        argv = ("modifymedium", "disk", after.path, "--description", after.description)
        yield Action("describe", f"change the description of medium {after.path}", argv)
    if after.unused_mb is not None and after.unused_mb != before.unused_mb:
        argv = ("modifymedium", "disk", after.path, "--compact")
        text = f"compact medium {after.path} by {before.unused_mb} MiB"
        yield Action("compact", text, argv, slow=True)
