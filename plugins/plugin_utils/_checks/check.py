# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One thing that was looked at: what was found, and what to do about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

OK = "ok"
NOTE = "note"
UNKNOWN = "unknown"
WARNING = "warning"
FAILED = "failed"
# From the best to the worst.
STATES = (OK, NOTE, UNKNOWN, WARNING, FAILED)


@dataclass(frozen=True)
class Check:
    """`of` is the machine or thing that the sentence is about, `hint` says what to do next."""

    of: str
    state: str
    sentence: str
    hint: str = ""
    name: str = ""

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def worst(states: Iterable[str]) -> str:
    """The worst of several states; ok without any."""
    return max(states, key=STATES.index, default=OK)


def one(of: str, problem: str, well: str, hint: str, state: str = FAILED) -> Check:
    """A check that is `well`, or has a `problem` with a hint."""
    return Check(of, state, problem, hint) if problem else Check(of, OK, well)


def listing(names: Iterable[str], none: str = "none") -> str:
    """Names in a sentence."""
    return ", ".join(names) or none
