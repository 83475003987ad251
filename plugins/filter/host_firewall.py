# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters firewall_problems and firewall_rules: see the .yml files beside this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.firewall_rules import (
    firewall_problems,
    firewall_rules,
)


class FilterModule:
    """Filters that check and read the options of the role host_firewall."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"firewall_problems": firewall_problems, "firewall_rules": firewall_rules}
