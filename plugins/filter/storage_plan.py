# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters storage_plan and storage_questions: see the files of that name beside this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._storage_plan.inputs import (
    questions,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._storage_plan.plan import (
    storage_plan,
)


def plan(found: dict[str, Any], wanted: list[dict[str, Any]]) -> dict[str, Any]:
    return storage_plan(wanted, found)


class FilterModule:
    """Filters of a machine's storage."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"storage_plan": plan, "storage_questions": questions}
