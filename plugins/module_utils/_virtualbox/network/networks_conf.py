# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which addresses the administrator lets host-only interfaces have: /etc/vbox/networks.conf."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
    bad_option,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network.addresses import (  # noqa: E501
    Network,
)

PATH = "/etc/vbox/networks.conf"
# What VirtualBox allows if there is no file; a file replaces both.
DEFAULT = "* 192.168.56.0/21 fe80::/10"


def parse(text: str) -> tuple[Network, ...]:
    """The allowed networks; pure.

    Only lines whose first word is a star count, and what is no network in them is passed over, as
    VirtualBox does.
    """
    found: list[Network] = []
    for line in text.splitlines():
        words = line.split()
        if words[:1] != ["*"]:
            continue
        for word in words[1:]:
            try:
                found.append(ipaddress.ip_network(word, strict=False))
            except ValueError:
                continue
    return tuple(found)


def render(networks: t.Iterable[str]) -> str:
    """The lines of a file that allows these networks, one each; pure.

    What VirtualBox would pass over without a word is refused.
    """
    lines = []
    for text in networks:
        try:
            found = ipaddress.ip_network(text, strict=False)
        except ValueError as error:
            raise bad_option(f"'{text}' is not a network", "write it like 192.168.56.0/21") from (
                error
            )
        if "/" not in text:
            raise bad_option(f"'{text}' has no prefix length", f"write {text}/24 or {found}")
        if ipaddress.ip_address(text.partition("/")[0]) != found.network_address:
            raise bad_option(f"'{text}' is an address in a network", f"write {found}")
        lines.append(f"* {found}\n")
    return "".join(lines)


def allows(ranges: t.Iterable[Network], wanted: ipaddress.IPv4Interface) -> bool:
    """Whether an interface may have this address with this mask."""
    return any(
        isinstance(item, ipaddress.IPv4Network) and wanted.network.subnet_of(item)
        for item in ranges
    )


def check(wanted: ipaddress.IPv4Interface, path: str = PATH) -> None:
    """Refuse an address that VirtualBox would refuse after it has made the interface."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            ranges = parse(stream.read())
        source = f"those of {path} are"
    except OSError:
        # VirtualBox too takes one that cannot be read for none.
        ranges = parse(DEFAULT)
        source = f"without the file {path} they are"
    if allows(ranges, wanted):
        return
    shown = ", ".join(str(item) for item in ranges if item.version == 4) or "none"
    # A file that is made anew takes the place of the default.
    line = f"* {wanted.network}" if "without" not in source else f"{DEFAULT} {wanted.network}"
    raise VirtualBoxError(
        f"{wanted.ip} with the mask {wanted.netmask} is not in the ranges that VirtualBox allows "
        f"for host-only networks; {source} {shown}",
        hint=f"add the line '{line}' to {path}, as root, or choose another address",
        error_code="RANGE_NOT_ALLOWED",
    )
