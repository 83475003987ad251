# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that read the inventory; documented in the .yml files beside this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.inventory import (
    host_memory_mb,
    host_networks,
    inventory_machines,
)


class FilterModule:
    """Filters that read the inventory."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "inventory_machines": inventory_machines,
            "host_networks": host_networks,
            "host_memory_mb": host_memory_mb,
        }
