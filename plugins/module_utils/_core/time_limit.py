# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time limit under the name that kubernetes_archive calls it by."""

from __future__ import annotations

from ansible_collections.virtual.datacenter.plugins.module_utils._core.command import (
    ENDINGS,
    ExpiredError,
    limited,
)

__all__ = ["ENDINGS", "ExpiredError", "run"]

run = limited
