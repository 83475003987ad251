# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter within_subnets: see within_subnets.yml beside this file."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any


def within_subnets(addresses: Iterable[str], subnets: Iterable[str]) -> list[str]:
    """Those of the addresses that lie in one of the subnets. What is no address lies in none."""
    networks = [ipaddress.ip_network(subnet) for subnet in subnets]

    def inside(text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in networks)

    return [text for text in addresses if inside(text)]


class FilterModule:
    """Filters of addresses."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"within_subnets": within_subnets}
