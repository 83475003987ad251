# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns what tools and files of a Linux machine say into plain data."""

from __future__ import annotations

import calendar
import json
import time
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._haproxy import runtime


def units(text: str) -> list[dict[str, str]]:
    """The properties that `systemctl show` printed of each unit, in the order of the question."""
    blocks = [block.splitlines() for block in text.strip().split("\n\n")]
    return [dict(line.split("=", 1) for line in block if "=" in line) for block in blocks]


def failed_units(text: str) -> list[str]:
    """The first column of `systemctl list-units --plain --no-legend`."""
    return [line.split()[0] for line in text.splitlines() if line.split()]


def addresses(text: str) -> list[str]:
    """The addresses of `ip -json address show`, but those of the loopback device."""
    return [
        entry["local"]
        for link in json.loads(text or "[]")
        if link.get("ifname") != "lo"
        for entry in link.get("addr_info", [])
        if "local" in entry and entry.get("scope") == "global"
    ]


def boot_seconds(uptime: str, first_process: str, ticks: int) -> int | None:
    """The Unix time of the start of the first process, which a container has of its own.

    Of /proc/uptime, /proc/1/stat, and the ticks in a second; None without them.
    """
    words = first_process.rpartition(")")[2].split()
    if not uptime.strip() or len(words) < 20:
        return None
    return round(time.time() - float(uptime.split()[0]) + int(words[19]) / ticks)


def memory_mb(text: str) -> dict[str, int]:
    """Megabytes in all and available, of /proc/meminfo."""
    found = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {
        name: int(found[key].split()[0]) // 1024
        for name, key in (("total_mb", "MemTotal"), ("available_mb", "MemAvailable"))
        if key in found
    }


def os_release(text: str) -> str:
    """The name of the system that a person reads, of /etc/os-release."""
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return values.get("PRETTY_NAME", "").strip("\"'")


def end_date(text: str) -> int | None:
    """The Unix time of `notAfter=Nov 29 09:00:00 2027 GMT`, or None."""
    words = text.strip().rpartition("=")[2]
    try:
        return calendar.timegm(time.strptime(words, "%b %d %H:%M:%S %Y GMT"))
    except ValueError:
        return None


def leases(text: str) -> list[dict[str, t.Any]]:
    """The IPv4 leases of dnsmasq's file; one that never ends has `expires` 0."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 4 and words[0].isdigit() and "." in words[2]:
            found.append(
                {
                    "expires": int(words[0]),
                    "mac": words[1].lower(),
                    "address": words[2],
                    "name": "" if words[3] == "*" else words[3],
                }
            )
    return found


def servers(text: str) -> list[dict[str, str]]:
    """The servers behind each frontend, of haproxy's `show stat`."""
    return [
        {
            "backend": row["pxname"],
            "name": row["svname"],
            "status": row["status"],
            "check": row.get("last_chk") or row.get("check_status") or "",
        }
        for row in runtime.server_rows(text)
    ]
