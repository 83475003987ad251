# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter checked_inventory: see checked_inventory.yml beside this file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.check import (
    checked_inventory,
)


class FilterModule:
    """The check of an inventory."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"checked_inventory": checked_inventory}
