# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a run, its plays and its tasks took the last time, in a file for each kind of run."""

from __future__ import annotations

import collections
import contextlib
import glob
import hashlib
import json
import os
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core import files

KEPT_FILES = 100
KEPT_FROM_SECONDS = 2.0


def clock(seconds: float) -> str:
    """Seconds as a person reads them: 0.4 s, 45 s, 3:07 min, 1:02:07 h."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if whole < 100:
        return f"{whole} s"
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d} h"


class RunTimes:
    """The times of the last run, and those of this one. Every step has a key of its own."""

    def __init__(self, folder: str, kind: t.Any) -> None:
        name = hashlib.sha256(json.dumps(kind, default=str).encode()).hexdigest()[:16]
        self.folder = folder
        self.path = os.path.join(folder, f"{name}.json")
        self.last: dict[str, dict[str, float]] = {}
        self.now: dict[str, dict[str, float]] = {"began": {}, "took": {}}
        self._counted: collections.Counter[str] = collections.Counter()
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
            with open(self.path, encoding="utf-8") as stream:
                found = json.load(stream)
            self.last = {
                table: {str(key): float(value) for key, value in found[table].items()}
                for table in self.now
                if table in found
            }

    def key(self, name: str) -> str:
        """The key of a step that begins: steps may have the same name."""
        self._counted[name] += 1
        return f"{name} {self._counted[name]}"

    def begin(self, key: str, seconds: float) -> None:
        """A play begins so many seconds after the run began."""
        self.now["began"][key] = round(seconds, 1)

    def end(self, key: str, seconds: float) -> None:
        self.now["took"][key] = round(seconds, 1)

    def took(self, key: str) -> float | None:
        """The seconds that the step took the last time."""
        return self.last.get("took", {}).get(key)

    def to_go(self, key: str) -> float | None:
        """The seconds from the beginning of the step to the end of the run, the last time."""
        began, whole = self.last.get("began", {}).get(key), self.took("")
        return None if began is None or whole is None else max(0.0, whole - began)

    def keep(self, seconds: float) -> None:
        """Keep the times of this run, which took so long; OSError if that cannot be."""
        self.end("", seconds)
        long = {
            key: value
            for key, value in self.now["took"].items()
            if value >= KEPT_FROM_SECONDS or not key
        }
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        files.write(self.path, json.dumps({**self.now, "took": long}, indent=1) + "\n", mode=0o600)
        others = sorted(glob.glob(os.path.join(glob.escape(self.folder), "*.json")), key=age)
        for path in others[KEPT_FILES:]:
            os.unlink(path)


def age(path: str) -> float:
    """Newest first."""
    with contextlib.suppress(OSError):
        return -os.stat(path).st_mtime
    return 0.0
