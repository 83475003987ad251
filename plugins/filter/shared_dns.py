# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter shared_dns: see shared_dns.yml beside this file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.virtual.datacenter.plugins.module_utils._kubernetes import (
    details,
    membership,
)


def shared_dns(pods: list[dict[str, Any]], nodes: list[dict[str, Any]]) -> str:
    """Why cluster DNS goes down with one node although there are two, or nothing."""
    return details.shared_dns(pods, [membership.parse_node(node) for node in nodes])


class FilterModule:
    """Filters of cluster DNS."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"shared_dns": shared_dns}
