# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses and names of networks: one spelling, and refusals before VirtualBox sees them."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    bad_option,
)

Address = t.Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Network = t.Union[ipaddress.IPv4Network, ipaddress.IPv6Network]


def spelled(text: str) -> str:
    """An address in its usual spelling; what is none stays as it is."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def spelled_network(text: str) -> str:
    """A network in its usual spelling; what is none stays as it is."""
    # Without a length it would become that of one host.
    if "/" not in text:
        return text
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        return text


def address(option: str, text: str, version: int = 4) -> Address:
    """The address that an option names."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        found = None
    if found is None or found.version != version:
        raise bad_option(f"{option}: '{text}' is not an IPv{version} address")
    return found


def network4(option: str, text: str) -> ipaddress.IPv4Network:
    """The IPv4 network that an option names, with length and without host bits."""
    try:
        found = ipaddress.IPv4Network(text, strict=False)
    except ValueError as error:
        raise bad_option(f"{option}: '{text}' is not an IPv4 network", str(error)) from error
    if "/" not in text:
        raise bad_option(f"{option}: '{text}' has no prefix length", f"write {text}/24")
    if text.partition("/")[0] != str(found.network_address):
        raise bad_option(
            f"{option}: '{text}' is the address of a host, not of a network", f"write {found}"
        )
    return found


def netmask(option: str, text: str) -> int:
    """The prefix length of a netmask."""
    try:
        found = ipaddress.IPv4Network(f"0.0.0.0/{text}")
    except ValueError:
        found = None
    # A length, or a host mask like 0.0.0.255, is none for VirtualBox.
    if found is None or str(found.netmask) != text:
        raise bad_option(f"{option}: '{text}' is not a netmask", "write it like 255.255.255.0")
    return found.prefixlen


def name(option: str, text: str) -> str:
    """A name of a network: any text, but not empty and without control characters."""
    if not text:
        raise bad_option(f"{option} must not be empty")
    if any(ord(character) < 32 and character not in "\t\n" for character in text):
        raise bad_option(f"{option}: {text!r} holds control characters")
    return text


def port(option: str, number: int) -> int:
    """A port number."""
    if not 1 <= number <= 65535:
        raise bad_option(f"{option}: {number} is not a port", "ports go from 1 to 65535")
    return number
