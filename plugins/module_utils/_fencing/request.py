# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a load balancer may ask of the host of the machines: their power, and nothing else.

The text of a request comes from the network. Only a whole text of one of the known forms is one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError

LIST = "list"
OF_A_MACHINE = ("status", "on", "off", "reboot")
SHOWN = 60
# How a request names a machine.
MACHINE = r"[a-z0-9][a-z0-9.-]*"
REQUEST = re.compile(rf"(list)|(status|on|off|reboot) ({MACHINE})")


@dataclass(frozen=True)
class Request:
    """An action, and the machine that it is about; the list is about none."""

    action: str
    machine: str = ""


def parse(text: str, machines: Sequence[str]) -> Request:
    """The request that the text is; anything else is refused."""
    found = REQUEST.fullmatch(text)
    if found and found[1]:
        return Request(LIST)
    if found and found[3] in machines:
        return Request(found[2], found[3])
    raise TaskError(
        f"This key allows {LIST}, and {', '.join(OF_A_MACHINE)} with one of {', '.join(machines)};"
        f" found {text[:SHOWN]!a}{' and more' if len(text) > SHOWN else ''}.",
        error_code="REFUSED",
    )
