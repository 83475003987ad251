# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines as the address plan takes them, for its tests."""

from __future__ import annotations

from typing import Any


def machine(name: str, role: str, segment: str | None = None, address: str | None = None) -> Any:
    return {
        "name": name,
        "role": role,
        "roles": [role],
        "groups": ["all", "machines", role],
        "segment": segment,
        "address": address,
        "cpus": 2,
        "memory_mb": 1024,
        "disks": [],
        "volume_groups": [],
        "host": "vbox01",
    }
