# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A data center on one page, as plain data: what the text, the JSON and the HTML of status show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._checks.all import checks
from ansible_collections.virtual.datacenter.plugins.plugin_utils._checks.check import (
    FAILED,
    STATES,
    UNKNOWN,
    WARNING,
    Check,
    worst,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._checks.cluster import (
    held_since,
    holders,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._checks.seen import Seen


def verdict(counts: Mapping[str, int]) -> str:
    """The state of the whole in a few words."""
    words = {FAILED: "failed", WARNING: "to be looked at", UNKNOWN: "unknown"}
    told = [f"{counts[state]} {word}" for state, word in words.items() if counts[state]]
    return ", ".join(told) or "all is well"


def machine(seen: Seen, name: str, found: list[Check], now: int) -> dict[str, Any]:
    """One machine, with the worst of what was found about it."""
    planned, health = seen.planned[name], seen.health.get(name)
    node = next((node for node in seen.found_nodes or [] if node.name == name), None)
    known = health or {}
    return {
        "name": name,
        "role": planned.get("role"),
        "segment": planned.get("segment"),
        "address": planned.get("address"),
        "host": planned.get("host"),
        "power": seen.power_of(name),
        "answers": health is not None,
        "state": worst(check.state for check in found if check.of == name),
        "holds": [address for address in seen.floating_ips if name in holders(seen, address)],
        "up_seconds": now - known["booted"] if known.get("booted") else None,
        "load": (known.get("load") or [None])[0],
        "memory": known.get("memory") or {},
        "file_systems": known.get("file_systems") or [],
        "services": known.get("services") or {},
        "system": known.get("system", ""),
        "kernel": known.get("kernel", ""),
        "leases": known.get("leases") or [],
        "node_ready": node.ready if node else None,
        "node_version": node.version if node else "",
    }


def overview(data: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that was seen, and what the checks say of it."""
    seen, now = Seen(data), int(data.get("now") or 0)
    found = checks(data)
    counts = {state: sum(check.state == state for check in found) for state in STATES}
    return {
        "name": seen.name,
        "at": now,
        "state": worst(check.state for check in found),
        "verdict": verdict(counts),
        "counts": counts,
        "floating_ips": [
            {
                "address": address,
                "held_by": holders(seen, address),
                "since": held_since(seen, address),
            }
            for address in seen.floating_ips
        ],
        "machines": [machine(seen, name, found, now) for name in seen.planned],
        "segments": [
            {"name": name, "subnet": segment.get("subnet"), "reaches": segment.get("reaches")}
            for name, segment in (data.get("plan") or {}).get("segments", {}).items()
        ],
        "certificates": [
            {"of": name, **certificate}
            for name, certificates in seen.certificates.items()
            for certificate in sorted(certificates, key=lambda item: int(item["ends"]))
        ],
        "checks": [check.as_dict() for check in found],
        # Each hint once, that of the worst first.
        "next": list(
            dict.fromkeys(
                check.hint
                for state in (FAILED, WARNING, UNKNOWN)
                for check in found
                if check.state == state and check.hint
            )
        ),
    }
