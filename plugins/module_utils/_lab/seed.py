# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a cloud-init seed, from the ISO that a hypervisor would attach or from a folder."""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Mapping

from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._core.files import (
    write as write_whole,
)

REQUIRED = ("meta-data", "user-data")
ISO_SUFFIX = re.compile(r"\.?;\d+$")


def plain_name(name: str) -> str:
    """ISO 9660 names without version and in lower case (for an image without Rock Ridge and
    Joliet names).
    """
    return ISO_SUFFIX.sub("", name).lower()


def read_iso(path: str) -> dict[str, bytes]:
    try:
        from pycdlib import PyCdlib
        from pycdlib.pycdlibexception import PyCdlibException
    except ImportError as error:
        raise TaskError(
            "The Python library pycdlib is missing on the machine's host: pip install pycdlib.",
            error_code="LIBRARY_MISSING",
        ) from error
    iso = PyCdlib()
    try:
        iso.open(path)
    except (OSError, PyCdlibException) as error:
        raise TaskError(
            f"The seed {path} is not a readable ISO image: {error}", error_code="SEED_UNREADABLE"
        ) from error
    try:
        kind = (
            "rr_path" if iso.has_rock_ridge() else "joliet_path" if iso.has_joliet() else "iso_path"
        )
        files = {}
        for child in iso.list_children(**{kind: "/"}):
            if not child.is_file():
                continue
            if kind == "rr_path":
                name = child.rock_ridge.name().decode()
            elif kind == "joliet_path":
                name = child.file_identifier().decode("utf-16_be")
            else:
                name = child.file_identifier().decode()
            content = io.BytesIO()
            iso.get_file_from_iso_fp(content, **{kind: f"/{name}"})
            files[ISO_SUFFIX.sub("", name) if kind != "iso_path" else plain_name(name)] = (
                content.getvalue()
            )
        return files
    finally:
        iso.close()


def read_directory(path: str) -> dict[str, bytes]:
    files = {}
    for name in sorted(os.listdir(path)):
        full = os.path.join(path, name)
        if os.path.isfile(full) and not name.startswith("."):
            with open(full, "rb") as file:
                files[name] = file.read()
    return files


def read(path: str) -> dict[str, bytes]:
    """All files of the seed by name."""
    if os.path.isdir(path):
        files = read_directory(path)
    elif os.path.isfile(path):
        files = read_iso(path)
    else:
        raise TaskError(
            f"The seed {path} does not exist: make it first (module cloud_init_seed).",
            error_code="SEED_MISSING",
        )
    missing = [name for name in REQUIRED if name not in files]
    if missing:
        raise TaskError(
            f"The seed {path} lacks {' and '.join(missing)}.", error_code="SEED_INCOMPLETE"
        )
    return files


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """Seeds hold secret keys, so states and diffs show digests only."""
    return {name: hashlib.sha256(files[name]).hexdigest()[:16] for name in sorted(files)}


def write(directory: str, files: Mapping[str, bytes]) -> None:
    """Replace the folder's files one by one; a running machine sees the folder read-only."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    for name, content in files.items():
        write_whole(os.path.join(directory, name), content, mode=0o600)
    for name in os.listdir(directory):
        if name not in files:
            os.unlink(os.path.join(directory, name))
