# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation that modules share which only read."""

from __future__ import annotations


class ModuleDocFragment:
    ATTRIBUTES = r"""
attributes:
  check_mode:
    support: full
    description: Changes nothing in any case.
  diff_mode:
    support: none
    description: There is nothing to compare.
  idempotent:
    support: full
    description: Only reads.
"""
