# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters checks, problems and overview: see the .yml files beside this one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._checks import all as list_of
from ansible_collections.virtual.datacenter.plugins.plugin_utils._checks.check import (
    FAILED,
    WARNING,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._checks.overview import overview


def problems(seen: Mapping[str, Any], *names: str) -> list[dict[str, Any]]:
    """What is wrong, of the checks of these names."""
    found = list_of.checks(seen, names)
    return [
        {**check.as_dict(), "text": f"{check.sentence} {check.hint}".rstrip()}
        for check in found
        if check.state in (WARNING, FAILED)
    ]


class FilterModule:
    """Filters that judge what was seen of a data center."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"problems": problems, "overview": overview}
