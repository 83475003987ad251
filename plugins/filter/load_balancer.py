# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters haproxy_frontends and load_balancer_problems: see the .yml files beside this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._load_balancer.check import (
    problems_of,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._load_balancer.frontends import (
    frontends,
)


class FilterModule:
    """Filters that fill in and check the options of the role ha_lb."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"haproxy_frontends": frontends, "load_balancer_problems": problems_of}
