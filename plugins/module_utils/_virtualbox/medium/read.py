# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actual state of a hard disk image: VBoxManage's list, the file itself, and the settings."""

from __future__ import annotations

import os
import re
import typing as t
from dataclasses import replace
from xml.etree import ElementTree

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    listings,
    recovery,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium import (
    model,
    registry,
    vdi,
)

MIB = 1024 * 1024
USERS = "In use by VMs:"
USER = re.compile(r"\(UUID: (" + listings.UUID + r")\)")

Entry = t.Dict[str, str]
Media = t.List[Entry]


def media(client: Client) -> Media:
    """All hard disk images that VirtualBox has in its list."""
    return listings.media_list(client.read("list", "hdds"))


def dangling(client: Client, listed: Media, roots: t.Sequence[Entry]) -> Media:
    """Of these images and all on them: what only VirtualBox's list still has, the last one first.

    The file is gone, no VM has the image, and it was in the folder of no VM that VirtualBox has:
    the disk of such a VM may only not be mounted.
    """
    found: Media = []
    folders = _vm_folders() if roots else []
    for root in roots:
        tree = [root]
        # An image is listed after the one that it is built on.
        uuids = {root["UUID"]}
        for disk in listed:
            if disk.get("Parent UUID") in uuids:
                uuids.add(disk["UUID"])
                tree.append(disk)
        if all(_is_dangling(client, disk, folders) for disk in tree):
            found += reversed(tree)
    return found


def _vm_folders() -> list[str]:
    try:
        return [f"{os.path.dirname(path)}/" for _uuid, path in recovery.machine_entries()]
    except (OSError, ElementTree.ParseError):
        return ["/"]


def _is_dangling(client: Client, disk: Entry, folders: t.Sequence[str]) -> bool:
    path = disk.get("Location", "")
    if os.path.lexists(path) or path.startswith(tuple(folders)):
        return False
    return not USER.search(client.read("showmediuminfo", "disk", disk["UUID"]).partition(USERS)[2])


def close_dangling(disks: t.Iterable[Entry]) -> tuple[Action, ...]:
    """The calls that take them out of VirtualBox's list."""
    return tuple(
        Action(
            "close",
            f"forget disk {disk['Location']} of a VM that is gone",
            ("closemedium", "disk", disk["UUID"]),
        )
        for disk in disks
    )


def known_at(listed: Media, path: str) -> dict[str, str] | None:
    """The entry of the image at that path."""
    return next((disk for disk in listed if disk.get("Location") == path), None)


def read_medium(
    client: Client,
    path: str,
    *,
    listed: Media | None = None,
    removal: bool = False,
    variant: bool = False,
    description: bool = False,
    unused: bool = False,
) -> model.Medium | None:
    """The medium at that path, None if there is none; not more of it than is asked for.

    showmediuminfo takes a medium into VirtualBox's list for good. So the list is enough where it
    has the medium, and what showmediuminfo has taken in is put out again.
    """
    listed = media(client) if listed is None else listed
    known = known_at(listed, path)
    if known is None:
        if not os.path.exists(path):
            return None
        if removal:
            return model.Medium(path, registered=False)
        found = _unlisted(client, path)
    else:
        children = [disk["Location"] for disk in listed if disk.get("Parent UUID") == known["UUID"]]
        locked = known.get("State", "").startswith("locked")
        found = replace(
            listed_medium(path, known), registered=True, children=tuple(children), locked=locked
        )
        if not os.path.exists(path):
            return replace(found, file_missing=True)
        if description:
            found = replace(found, description=read_description(found.uuid))
        if variant or unused:
            found = replace(found, variant=_variant(client, found))
    if unused:
        found = replace(found, unused_mb=_unused_mb(path))
    return found


def _unlisted(client: Client, path: str) -> model.Medium:
    text = client.read("showmediuminfo", "disk", path)
    try:
        client.write("closemedium", "disk", path)
    except VirtualBoxError as error:
        # Attached to a VM by somebody else in this moment: then it may stay.
        if error.error_code != "VBOX_E_OBJECT_IN_USE":
            raise
    info = listings.medium_info(text)
    return replace(
        listed_medium(path, info), registered=False, variant=variant_word(info), description=""
    )


def listed_medium(path: str, info: dict[str, str]) -> model.Medium:
    """As far as the list shows it."""
    size = re.match(r"(\d+)", info.get("Capacity", ""))
    return model.Medium(
        path=path,
        uuid=info["UUID"].lower(),
        parent_uuid="" if info.get("Parent UUID") == "base" else info.get("Parent UUID", ""),
        format=info.get("Storage format", "").lower(),
        size_mb=int(size.group(1)) if size else None,
        type=info.get("Type", "").split(" ")[0] or None,
    )


def variant_word(info: dict[str, str]) -> str:
    """From an answer of showmediuminfo."""
    return "fixed" if info.get("Format variant", "").startswith("fixed") else "standard"


def _variant(client: Client, medium: model.Medium) -> str:
    """From the file itself where it is a VDI, which saves a call."""
    found = vdi.read_header(medium.path)
    if found is not None and found.variant:
        return found.variant
    return variant_word(show(client, medium.path, medium.uuid))


def show(client: Client, path: str, uuid: str) -> dict[str, str]:
    """`showmediuminfo` of an image in the list."""
    text = client.read("showmediuminfo", "disk", path)
    if "\nDescription:" in text:
        # Anybody's text, not escaped: it could look like the lines below it.
        text = text.replace(f"\nDescription:    {read_description(uuid)}\n", "\n", 1)
    return listings.medium_info(text)


def _unused_mb(path: str) -> int | None:
    """None for a file whose blocks cannot be looked into."""
    found = vdi.read_header(path)
    return None if found is None else -(-vdi.unused_bytes(path, found) // MIB)


def wait_until_idle(client: Client, paths: t.Collection[str], listed: Media) -> Media:
    """The list, once VirtualBox itself has ended what somebody asked of these images.

    It goes on with a move or a compaction although the program that asked for it is gone. A VM
    that runs is not waited for.
    """
    looks = iter([listed])
    busy: Media = []

    def idle() -> bool:
        nonlocal listed, busy
        known = next(looks, None)
        listed = media(client) if known is None else known
        busy = [
            disk
            for disk in listed
            if disk.get("Location") in paths and disk.get("State", "").startswith("locked")
        ]
        return all(_holders(client, disk["Location"]) for disk in busy)

    if not client.wait_until(idle, client.timeout):
        raise VirtualBoxError(
            f"VirtualBox still works on {busy[0]['Location']}",
            hint="wait for it, or raise the option timeout",
            error_code="TIMEOUT",
        )
    return listed


def _holders(client: Client, path: str) -> tuple[str, ...]:
    text = client.read("showmediuminfo", "disk", path)
    users = {uuid.lower() for uuid in USER.findall(text.partition(f"\n{USERS}")[2])}
    running = listings.vm_list(client.read("list", "runningvms"))
    return tuple(sorted(name for name, uuid in running if uuid in users))


def with_holders(client: Client, medium: model.Medium) -> model.Medium:
    """The medium with the names of the running VMs that have it attached."""
    return replace(medium, holders=_holders(client, medium.path))


def read_description(uuid: str) -> str:
    """The description of an image; only the settings hold it so that any text is safe.

    An image that is attached is in the settings of a VM, one that is not in those of VirtualBox.
    """
    found = recovery.look_up(uuid, lambda text, path: registry.images_in(text, path).get(uuid))
    return found.description if found else ""
