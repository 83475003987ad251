# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan of storage collects: problems, steps, and what they do in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]


class Steps:
    """Collects problems and steps; a step is the arguments of the module that does it."""

    def __init__(self, wanted: Sequence[Record], found: Record) -> None:
        self.wanted = wanted
        self.found = found
        self.problems: list[str] = []
        self.says: list[str] = []
        self.steps: dict[str, list[dict[str, Any]]] = {
            kind: []
            for kind in (
                "wipes",
                "partitions",
                "groups",
                "activations",
                "creations",
                "filesystems",
                "migrations",
                "fstab",
                "mounts",
                "remounts",
                "growths",
                "resizes",
                "shrinks",
                "modes",
                "finishes",
                "old_content",
            )
        }

    def step(self, kind: str, says: str, **arguments: Any) -> None:
        self.steps[kind].append(arguments)
        self.says.append(says)
