# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marks of services that do not have their files yet. A reboot forgets them: it applies all."""

from __future__ import annotations

import contextlib
import os

FOLDER = "/run/virtual.datacenter/pending"


def _path(service: str) -> str:
    return os.path.join(FOLDER, service.replace("/", "_"))


def mark(service: str) -> None:
    os.makedirs(FOLDER, mode=0o755, exist_ok=True)
    with open(_path(service), "a", encoding="utf-8"):
        pass


def is_marked(service: str) -> bool:
    return os.path.exists(_path(service))


def clear(service: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_path(service))
