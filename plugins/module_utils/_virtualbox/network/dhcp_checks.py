# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is refused of a wanted DHCP server before VirtualBox takes half of it; pure."""

from __future__ import annotations

import ipaddress
import re
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    bad_option,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network import (
    addresses,
    dhcp_model,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network.dhcp_model import (  # noqa: E501
    DhcpOption,
    DhcpServer,
    Scope,
)

SUBNET_MASK = 1
LONGEST_LEASE = 2**32 - 1
# VirtualBox writes them to its settings only beside options, so its next start would lose them.
KEPT_WITH_OPTIONS = ("forced_options", "suppressed_options", *dhcp_model.LEASES)
MAC_PART = r"[0-9a-fA-F?]{1,2}|[0-9a-fA-F?]?\*"


def option_number(text: str) -> int:
    """The number of an option that is given by number or name."""
    number = int(text) if re.fullmatch(r"[0-9]{1,3}", text) else None
    if number is None:
        number = dhcp_model.OPTION_NUMBERS.get(text.lower().replace("-", "_"))
    if number is None or not 1 <= number <= 254:
        raise bad_option(
            f"options: there is no DHCP option '{text}'",
            f"give a number from 1 to 254, or one of {', '.join(dhcp_model.OPTION_NUMBERS)}",
        )
    if number == SUBNET_MASK:
        raise bad_option("options: the subnet mask is no option of its own", "use netmask")
    return number


def check_desired(server: DhcpServer) -> None:
    """Faults that the desired object shows by itself."""
    addresses.name("network", server.network)
    for key in ("server_address", "lower_address", "upper_address"):
        if getattr(server, key) is not None:
            addresses.address(key, getattr(server, key))
    if server.netmask is not None:
        addresses.netmask("netmask", server.netmask)
    _check_scope("options", server.scope)
    for group in server.groups:
        addresses.name("groups", group.name)
        _check_scope(f"groups: '{group.name}'", group.scope)
        for condition in group.conditions or ():
            if condition.type not in dhcp_model.WORKING_CONDITIONS:
                raise bad_option(f"groups: VirtualBox takes no condition of type {condition.type}")
            if condition.type == "mac":
                check_mac("groups", condition.value)
            elif not re.fullmatch(rf"({MAC_PART})(:({MAC_PART})){{0,5}}", condition.value):
                raise bad_option(
                    f"groups: '{condition.value}' is no pattern of a MAC",
                    "write it like 08:00:27:* or 08:00:2?:*:01:*",
                )
    for item in server.fixed_addresses:
        if item.mac:
            check_mac("fixed_addresses", item.mac)
        elif not 1 <= item.nic <= 36:
            raise bad_option(f"fixed_addresses: a VM has no NIC {item.nic}")
        if item.address:
            addresses.address("fixed_addresses", item.address)
        _check_scope(f"fixed_addresses: {item.text}", item.scope)
    _unique("groups", [group.name for group in server.groups])
    _unique("fixed_addresses", [item.text for item in server.fixed_addresses])


def check_mac(option: str, text: str) -> None:
    if not re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", text):
        raise bad_option(f"{option}: '{text}' is not a MAC address")


def _unique(option: str, keys: t.Sequence[t.Any]) -> None:
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise bad_option(f"{option}: {', '.join(str(key) for key in sorted(twice))} is there twice")


def _check_scope(where: str, scope: Scope) -> None:
    for option in scope.options or ():
        _check_option(where, option)
    _unique(where, [option.number for option in scope.options or ()])
    for key in dhcp_model.LEASES:
        seconds = getattr(scope, key)
        if seconds is not None and not 0 <= seconds <= LONGEST_LEASE:
            raise bad_option(f"{where}: {key} must be 0 to 4294967295 seconds, found {seconds}")


def _check_option(where: str, option: DhcpOption) -> None:
    number, value = option.number, option.value
    if option.hex:
        if not re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2})*", value):
            raise bad_option(f"{where}: option {number}: '{value}' is no row of hexadecimal bytes")
        return
    if number not in dhcp_model.TEXT_OPTIONS:
        raise bad_option(
            f"{where}: VirtualBox takes option {number} only as bytes",
            "set hex: true and give the value in hexadecimal",
        )
    if number in dhcp_model.ADDRESS_OPTIONS:
        if not value.split():
            raise bad_option(f"{where}: option {number} needs an address")
        for word in value.split(" "):
            addresses.address(f"{where}: option {number}", word)
    if number in dhcp_model.NUMBER_OPTIONS and not re.fullmatch(r"[0-9]+( [0-9]+)*", value):
        raise bad_option(f"{where}: option {number}: '{value}' is not a number")


def check_after(after: DhcpServer) -> None:
    """What has to fit together when everything is done."""
    found = {
        key: ipaddress.IPv4Address(t.cast(str, getattr(after, key)))
        for key in ("server_address", "lower_address", "upper_address")
    }
    length = addresses.netmask("netmask", t.cast(str, after.netmask))
    network = ipaddress.IPv4Network((int(found["server_address"]), length), strict=False)
    for key, address in found.items():
        if address not in network:
            raise bad_option(
                f"{key} {address} is not in {network}, the network of server_address and netmask",
                "set server_address, netmask, lower_address and upper_address together",
            )
        if address in (network.network_address, network.broadcast_address):
            raise bad_option(f"{key} {address} is not an address of a host in {network}")
    server, lower, upper = found.values()
    if lower > upper:
        raise bad_option(f"lower_address {lower} is above upper_address {upper}")
    if lower <= server <= upper:
        raise bad_option(
            f"server_address {server} is in the range {lower} to {upper} that the server gives away"
        )
    _check_leases("the server", after.scope)
    scope = after.scope
    kept = [key for key in KEPT_WITH_OPTIONS if getattr(scope, key)]
    if kept and not scope.options:
        raise bad_option(
            f"VirtualBox forgets {', '.join(kept)} of a server without any option",
            "name one in options, for example routers, or set them in groups",
        )
    for group in after.groups:
        _check_leases(f"group '{group.name}'", group.scope)
    owners: dict[str, str] = {}
    for item in after.fixed_addresses:
        _check_leases(item.text, item.scope)
        if not item.address:
            continue
        address = ipaddress.IPv4Address(item.address)
        if address not in network or address == server:
            raise bad_option(
                f"fixed_addresses: {address} of {item.text} is not in {network}"
                if address != server
                else f"fixed_addresses: {address} of {item.text} is the server's own address",
                "name it in fixed_addresses with another address, or set prune_fixed_addresses",
            )
        other = owners.setdefault(item.address, item.text)
        if other != item.text:
            raise bad_option(
                f"fixed_addresses: {other} and {item.text} both have {address}",
                "name both, or set prune_fixed_addresses",
            )


def _check_leases(where: str, scope: Scope) -> None:
    set_ones = [key for key in dhcp_model.LEASES if getattr(scope, key)]
    for low, high in zip(set_ones, set_ones[1:]):
        if getattr(scope, low) > getattr(scope, high):
            raise bad_option(
                f"{low} {getattr(scope, low)} is above {high} {getattr(scope, high)} of {where}"
            )
