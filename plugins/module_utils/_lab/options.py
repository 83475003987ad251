# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the lab modules: those that some share, and whether what was given is accepted."""

from __future__ import annotations

import os
import platform
from typing import Any

from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError


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


def accept(problem: str | None) -> None:
    """Fail with what is wrong with the options, if anything is, and where the lab cannot run."""
    if problem:
        raise TaskError(problem, error_code="BAD_OPTION")
    if platform.system() != "Linux" or os.geteuid() != 0:
        raise TaskError(
            "The lab needs root on Linux: set become, or use a hypervisor as provider.",
            error_code="NOT_ROOT",
        )
