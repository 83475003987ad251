# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter networks_conf: see networks_conf.yml beside this file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network import (
    networks_conf as rules,
)


def networks_conf(networks: Iterable[str]) -> str:
    """The lines of VirtualBox's networks.conf that allow these networks."""
    try:
        return rules.render(networks)
    except VirtualBoxError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Filters of files of VirtualBox."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"networks_conf": networks_conf}
