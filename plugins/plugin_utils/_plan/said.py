# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory says, with every value of its type: what the checks of preflight look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible.errors import AnsibleError
from jinja2 import Undefined


class NotWorkedOutError(Exception):
    """The template of a variable cannot be worked out; the text says why."""


def worked_out(variables: Mapping[str, Any], name: str) -> Any:
    """The value of a variable of a host; None without one. Its template is worked out here."""
    if name not in variables:
        return None
    try:
        value = variables[name]
    except AnsibleError as error:
        raise NotWorkedOutError(str(error).splitlines()[0]) from error
    if isinstance(value, Undefined):
        raise NotWorkedOutError(str(getattr(value, "_undefined_message", "it is undefined")))
    return value


@dataclass(frozen=True)
class Said:
    """Options of the data center, its machines as `inventory_machines` has them, and the groups.

    `variables` holds all variables of each host, `wrong` the names of options whose values are not
    of their type and have been named already.
    """

    options: Mapping[str, Any]
    machines: list[dict[str, Any]]
    groups: Mapping[str, list[str]]
    machine_hosts: list[str]
    variables: Mapping[str, Mapping[str, Any]]
    wrong: set[str]

    def right(self, *names: str) -> bool:
        """Whether options are there and of their type."""
        return not self.wrong & set(names) and all(name in self.options for name in names)

    def of_role(self, role: str) -> list[dict[str, Any]]:
        return [machine for machine in self.machines if machine["role"] == role]

    def of_virtualbox(self) -> bool:
        """Whether VirtualBox gets the machines, be it for a rehearsal."""
        return self.options.get("datacenter_provider") == "virtualbox" or bool(
            self.options.get("datacenter_virtualbox_rehearsal")
        )
