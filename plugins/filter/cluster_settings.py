# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter cluster_differences: see cluster_differences.yml beside this file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils.cluster_settings import (
    cluster_differences,
)


class FilterModule:
    """Filters of the settings of a cluster."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"cluster_differences": cluster_differences}
