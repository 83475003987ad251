# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that view the address plan; documented in the .yml files beside this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.host_firewall import (
    host_firewall_view,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.reach import flows
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.views import (
    balancer_view,
    cluster_nodes,
    gateway_view,
    host_ports,
    members,
    names,
)


class FilterModule:
    """Filters that read the address plan."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "gateway_flows": flows,
            "gateway_view": gateway_view,
            "balancer_view": balancer_view,
            "cluster_nodes": cluster_nodes,
            "host_firewall_view": host_firewall_view,
            "host_ports": host_ports,
            "members": members,
            "names": names,
        }
