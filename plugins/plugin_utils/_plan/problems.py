# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with an inventory, and the parsers that notice it."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.library import netaddr

LONGEST = 80
# What a network interface may be called in files of programs, without quotes.
INTERFACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,14}\Z")
HIGHEST_PORT = 65535


def shown(value: Any) -> str:
    """A value in a sentence: on one line, and not longer than a line."""
    if value is None:
        return "nothing"
    text = str(value) if isinstance(value, (int, float)) else repr(value)
    if isinstance(value, str):
        text = repr(str(value))
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def one_line(text: str) -> str:
    """Text without what would end a line or hide in it."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class Problems:
    """Collects what is wrong, each as one sentence that says which option to change."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def add(self, wanted: str, found: str, change: str) -> None:
        self.take([f"{wanted}: {found}. Change {change}."])

    def take(self, messages: list[str]) -> None:
        """Add sentences that are whole, each one once."""
        for message in map(one_line, messages):
            if message not in self.messages:
                self.messages.append(message)

    def network(self, value: Any, option: str) -> netaddr.IPNetwork | None:
        """The IPv4 network that an option holds; None, and a problem, if it is none."""
        wanted = f"{option} must be an IPv4 network such as 10.70.1.0/24"
        try:
            network = netaddr.IPNetwork(str(value), version=4)
        except (netaddr.AddrFormatError, ValueError):
            self.add(wanted, f"found {shown(value)}", option)
            return None
        if network.ip != network.network:
            self.add(wanted, f"{value} has host bits set", option)
            return None
        return network

    def address(self, value: Any, option: str) -> netaddr.IPAddress | None:
        """The IPv4 address that an option holds; None, and a problem, if it is none."""
        try:
            return netaddr.IPAddress(str(value), version=4)
        except (netaddr.AddrFormatError, ValueError):
            self.add(f"{option} must be an IPv4 address", f"found {shown(value)}", option)
            return None

    def port(self, value: int, option: str, what: str = "A port") -> bool:
        """Whether the number is that of a port; if not, that is a problem."""
        if 1 <= value <= HIGHEST_PORT:
            return True
        self.add(f"{what} is a number from 1 to {HIGHEST_PORT}", f"found {value}", option)
        return False


def overlap(one: netaddr.IPNetwork, other: netaddr.IPNetwork) -> bool:
    """Of two networks that share an address, one lies in the other."""
    return one in other or other in one


def ends(network: netaddr.IPNetwork) -> tuple[netaddr.IPAddress, netaddr.IPAddress]:
    """The two addresses of a network that no host can have."""
    return network[0], network[-1]
