# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter as_list: see as_list.yml beside this file."""

from __future__ import annotations

import typing as t

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.as_list import as_list


class FilterModule:
    """Lists that may have been given as text."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"as_list": as_list}
