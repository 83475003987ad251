# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The list of disk images in a settings file, of a VM or of VirtualBox itself; pure."""

from __future__ import annotations

import functools
import os
import re
import typing as t
from dataclasses import dataclass
from xml.etree import ElementTree

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import listings

Element = ElementTree.Element


@dataclass(frozen=True)
class Image:
    """A disk image in the list of a settings file."""

    path: str
    # UUID of the image below it.
    parent: str
    description: str


@functools.lru_cache(maxsize=256)
def tag(path: str) -> str:
    """A path of elements as ElementTree takes it."""
    return re.sub(r"\w+", lambda name: listings.NAMESPACE + name.group(), path)


def images_in(text: bytes, path: str) -> dict[str, Image]:
    """All images that a settings file, of a VM or of VirtualBox, has in its list, by UUID."""
    return images_of(next(ElementTree.fromstring(text).iter(tag("MediaRegistry")), None), path)


def images_of(registry: Element | None, path: str) -> dict[str, Image]:
    """The images of the element with the list; `path` is that of its settings file."""
    return {} if registry is None else dict(_images(registry, os.path.dirname(path)))


def _images(element: Element, folder: str, parent: str = "") -> t.Iterator[tuple[str, Image]]:
    for child in element:
        uuid, location = listings.identity(child.get("uuid")), child.get("location")
        if uuid:
            path = os.path.normpath(os.path.join(folder, location)) if location else ""
            yield uuid, Image(path, parent, child.findtext(tag("Description")) or "")
        yield from _images(child, folder, uuid)
