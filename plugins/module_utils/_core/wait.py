# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one loop of this collection that waits for something until its time is over."""

from __future__ import annotations

import time
import typing as t

Found = t.TypeVar("Found")


def until(
    test: t.Callable[[], Found],
    seconds: float,
    pause: float = 0.1,
    *,
    sleep: t.Callable[[float], object] = time.sleep,
    clock: t.Callable[[], float] = time.monotonic,
) -> Found:
    """Ask until the answer is true; the last answer, a false one when the time is over."""
    end = clock() + seconds
    while True:
        found = test()
        if found or clock() >= end:
            return found
        sleep(pause)
