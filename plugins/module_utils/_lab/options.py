# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of lab_network and lab_autostart for the gateways and the published ports."""

from __future__ import annotations

from typing import Any


def uplink() -> dict[str, Any]:
    """The gateways, and the ports that lead to them; documented by the fragment lab_uplink."""
    gateway = {
        "name": {"type": "str", "required": True},
        "mac": {"type": "str", "required": True},
    }
    port = {
        "name": {"type": "str", "required": True},
        "host_port": {"type": "int", "required": True},
        "guest_port": {"type": "int", "required": True},
        "machine": {"type": "str"},
    }
    return {
        "gateways": {"type": "list", "elements": "dict", "default": [], "options": gateway},
        "ports": {"type": "list", "elements": "dict", "default": [], "options": port},
    }
