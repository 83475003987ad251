# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes and syncs blocks without a pause until SIGTERM, then says what the file must hold.

Usage: writer.py FILE RESULT. The result is the number of writes, the longest one in seconds, and
the SHA-256 of the file as it was written.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time

BLOCK, BLOCKS = 65536, 32
ended: list[int] = []
signal.signal(signal.SIGTERM, lambda number, _frame: ended.append(number))
mirror = bytearray(BLOCK * BLOCKS)
writes, longest = 0, 0.0
with open(sys.argv[1], "wb", buffering=0) as out:
    out.write(mirror)
    while not ended:
        block = os.urandom(BLOCK)
        start = (writes % BLOCKS) * BLOCK
        mirror[start : start + BLOCK] = block
        began = time.monotonic()
        out.seek(start)
        out.write(block)
        os.fsync(out.fileno())
        longest = max(longest, time.monotonic() - began)
        writes += 1
        time.sleep(0.02)
with open(sys.argv[2], "w", encoding="ascii") as result:
    result.write(f"{writes} {longest:.2f} {hashlib.sha256(mirror).hexdigest()}\n")
