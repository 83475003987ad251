# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One step of a plan for VirtualBox."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.virtual.datacenter.plugins.module_utils._core import change

# A copy of a disk may take this many times the ordinary timeout.
SLOW_FACTOR = 30


@dataclass(frozen=True)
class Action(change.Action):
    """One step; `argv` is the call of VBoxManage, if it is one."""

    # UUID of the VM that the call has to lock.
    vm: str = ""
    # May be done while the VM runs.
    live: bool = False
    # Copies a disk and may take long.
    slow: bool = False
    # Path of the medium that the call makes or changes.
    path: str = ""

    def seconds(self, timeout: float) -> float:
        """How long the call may take, where others may take `timeout`."""
        return timeout * SLOW_FACTOR if self.slow else timeout


def filled(item: t.Any, **values: t.Any) -> t.Any:
    """The item with every value that is not None."""
    return replace(item, **{name: value for name, value in values.items() if value is not None})
