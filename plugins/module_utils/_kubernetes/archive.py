# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an archive of Kubernetes binaries and images holds, and what a machine lacks of it."""

from __future__ import annotations

import fnmatch
import json
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError

SUMS = "SHA256SUMS"
MANIFEST = "manifest.json"
# Which archive file an image came from is written on the image itself, so nothing can go stale.
LABEL = "virtual.datacenter/archive-sha256"


class ArchiveError(TaskError):
    """The archive cannot be used; the text says why."""

    default_code = "BAD_ARCHIVE"


@dataclass(frozen=True)
class Image:
    """An image of the archive."""

    name: str
    file: str
    sha256: str

    @property
    def short_name(self) -> str:
        """registry.example/coredns/coredns:v1 -> coredns."""
        return self.name.rsplit("/", 1)[-1].split(":", 1)[0]


@dataclass(frozen=True)
class Archive:
    """The contents of an archive: what the manifest names, with the sums of SHA256SUMS."""

    version: str
    binaries: dict[str, str]
    images: tuple[Image, ...]


@dataclass(frozen=True)
class Installed:
    """What is known of an installed file: its sum as of its last change."""

    sha256: str
    size: int
    mtime_ns: int


def parse_sums(text: str) -> dict[str, str]:
    """The lines of sha256sum, file to sum."""
    sums = {}
    for line in text.splitlines():
        match = re.fullmatch(r"([0-9a-f]{64}) [ *](?:\./)?(.+)", line.strip())
        if match:
            sums[match.group(2)] = match.group(1)
    return sums


def parse_archive(manifest: bytes, sums: t.Mapping[str, str]) -> Archive:
    """The manifest and the sums as one model."""
    try:
        document = json.loads(manifest)
        version = str(document["kubernetes_version"])
        binaries = {str(name): f"bin/{name}" for name in document["binaries"]}
        images = [(str(image["name"]), str(image["file"])) for image in document["images"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveError(
            f"{MANIFEST} is not a manifest of Kubernetes artefacts: {error!r}"
        ) from error
    files = [*binaries.values(), *(file for _name, file in images)]
    missing = sorted(set(files) - set(sums))
    if missing:
        raise ArchiveError(f"{SUMS} has no sum of: {', '.join(missing)}")
    return Archive(
        version=version.lstrip("v"),
        binaries={name: sums[file] for name, file in binaries.items()},
        images=tuple(Image(name, file, sums[file]) for name, file in images),
    )


def wanted_binaries(archive: Archive, names: t.Iterable[str]) -> dict[str, str]:
    """The named binaries with their sums."""
    missing = sorted(set(names) - set(archive.binaries))
    if missing:
        raise ArchiveError(f"the archive has no binary named: {', '.join(missing)}")
    return {name: archive.binaries[name] for name in names}


def wanted_images(archive: Archive, patterns: t.Collection[str]) -> list[Image]:
    """The images whose full or short name one of the patterns matches."""

    def matches(image: Image, pattern: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for name in (image.name, image.short_name))

    unused = [
        pattern
        for pattern in patterns
        if not any(matches(image, pattern) for image in archive.images)
    ]
    if unused:
        raise ArchiveError(f"no image of the archive is named: {', '.join(unused)}")
    return [
        image for image in archive.images if any(matches(image, pattern) for pattern in patterns)
    ]


def parse_image_list(text: str) -> dict[str, str]:
    """C(ctr images ls): the images and, where they came from an archive, the sum of its file."""
    present = {}
    for line in text.splitlines()[1:]:
        words = line.split()
        if words:
            label = re.search(re.escape(LABEL) + r"=([0-9a-f]{64})", line)
            present[words[0]] = label.group(1) if label else ""
    return present


def missing_images(wanted: t.Iterable[Image], present: t.Mapping[str, str]) -> list[Image]:
    """The images that are not there, or came from another file."""
    return [image for image in wanted if present.get(image.name) != image.sha256]
