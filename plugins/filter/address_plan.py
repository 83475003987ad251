# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter address_plan: see address_plan.yml beside this file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.address import address_plan


class FilterModule:
    """Filters of the address plan."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"address_plan": address_plan}
