# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions and commands to a haproxy that runs, by its socket."""

from __future__ import annotations

import csv
import socket
import typing as t

# How much of an answer is read at once.
PIECE_BYTES = 65536
# Of a line of `show stat`, beside those of frontends, backends and listeners.
SERVER_TYPE = "2"


def ask(path: str, command: str, seconds: float) -> str:
    """What haproxy answers. Each command has a connection of its own, as haproxy wants it.

    OSError if nothing answers at the path within that time.
    """
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(seconds)
        client.connect(path)
        client.sendall(f"{command}\n".encode())
        pieces = iter(lambda: client.recv(PIECE_BYTES), b"")
        return b"".join(pieces).decode("utf-8", "replace")


def server_rows(text: str) -> t.Iterator[dict[str, str]]:
    """The lines of `show stat` that are about servers, by the names of their columns."""
    rows = csv.DictReader(text.lstrip("# ").splitlines())
    return (row for row in rows if row.get("type") == SERVER_TYPE)
