# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""netaddr, or a stand-in that says how to get it: documentation is read where it is missing too."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleError

try:
    import netaddr
except ImportError:

    class _Missing:
        def __getattr__(self, name: str) -> Any:
            raise AnsibleError(
                "The Python package netaddr is wanted on the controller, and is not installed. "
                "Run: pip install netaddr"
            )

    netaddr = _Missing()

__all__ = ["netaddr"]
