# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway machines of a data center in the lab, and their addresses on the uplink."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# As a hypervisor's NAT engine counts. Without a list of gateways, whoever asks gets the first.
ADDRESSES = ("10.0.2.15", "10.0.2.16")
MAC_PATTERN = re.compile(r"(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}\Z")


@dataclass(frozen=True)
class Gateway:
    """A gateway machine, and the MAC address of its card on the uplink."""

    name: str
    mac: str


def addresses(gateways: Sequence[Gateway]) -> dict[str, str]:
    """The address of each gateway on the uplink, by its name."""
    return {gateway.name: address for gateway, address in zip(gateways, ADDRESSES)}


def check(gateways: Sequence[Mapping[str, Any]], ports: Sequence[Mapping[str, Any]]) -> str | None:
    """A sentence that says what is wrong with what a module was given, or None."""
    if len(gateways) > len(ADDRESSES):
        return f"There are up to {len(ADDRESSES)} gateways, found {len(gateways)}"
    for key in ("name", "mac"):
        found = [gateway[key].lower() for gateway in gateways]
        if len(set(found)) != len(found):
            return f"Each gateway has a {key} of its own, found {', '.join(found)}"
    for gateway in gateways:
        if not MAC_PATTERN.match(gateway["mac"]):
            return (
                f"The MAC address of the gateway '{gateway['name']}' must be six pairs of"
                f" hexadecimal digits with colons between them, found '{gateway['mac']}'"
            )
    known = [gateway["name"] for gateway in gateways]
    for port in ports:
        if known and port["machine"] and port["machine"] not in known:
            return (
                f"The published port '{port['name']}' is to lead to '{port['machine']}', which is"
                f" none of the gateways: {', '.join(known)}"
            )
    return None
