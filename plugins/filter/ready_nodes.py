# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter ready_nodes: see ready_nodes.yml beside this file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def ready_nodes(nodes: list[dict[str, Any]]) -> list[str]:
    """The names of the Node objects whose condition Ready is True."""
    return [
        str(node["metadata"]["name"])
        for node in nodes
        if any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for condition in node.get("status", {}).get("conditions", [])
        )
    ]


class FilterModule:
    """Filters of a cluster's nodes."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"ready_nodes": ready_nodes}
