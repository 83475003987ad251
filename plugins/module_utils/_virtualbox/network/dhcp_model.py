# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""DHCP servers as plain data: the wanted and the actual state speak the same language.

In a wanted object None means: leave alone.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import devices

# As VirtualBox numbers them.
CONDITION_TYPES = ("mac", "mac_wildcard", "vendor", "vendor_wildcard", "user", "user_wildcard")
# VirtualBox 7.2 refuses every value of the others: "Value is too long".
WORKING_CONDITIONS = CONDITION_TYPES[:2]
LEASES = ("min_lease_seconds", "default_lease_seconds", "max_lease_seconds")

# The names that VBoxManage documents for the numbers, in the spelling of option names.
OPTION_NAMES = {
    1: "subnet_mask",
    2: "time_offset",
    3: "routers",
    4: "time_servers",
    5: "name_servers",
    6: "domain_name_servers",
    7: "log_servers",
    12: "host_name",
    13: "boot_file_size",
    15: "domain_name",
    17: "root_path",
    19: "ip_forwarding",
    23: "default_ip_ttl",
    26: "interface_mtu",
    28: "broadcast_address",
    33: "static_route",
    40: "nis_domain",
    41: "nis_servers",
    42: "ntp_servers",
    43: "vendor_specific_info",
    44: "netbios_name_servers",
    46: "netbios_node_type",
    66: "tftp_server_name",
    67: "bootfile_name",
    69: "smtp_servers",
    70: "pop3_servers",
    72: "www_servers",
    119: "domain_search",
}
# What VirtualBox takes as text; all others only as bytes.
TEXT_OPTIONS = {*range(1, 50), 62, *range(64, 77)} - {43, 47}
ADDRESS_OPTIONS = {
    *range(3, 12),
    *(16, 21, 28, 32, 33, 41, 42, 44, 45, 48, 49, 65),
    *range(68, 77),
}
NUMBER_OPTIONS = {2, 13, 22, 23, 24, 25, 26, 35, 37, 38, 46}
OPTION_NUMBERS = {name: number for number, name in OPTION_NAMES.items()}


@dataclass(frozen=True)
class DhcpOption:
    number: int
    value: str
    # Raw bytes in hexadecimal, sent as they are.
    hex: bool = False


@dataclass(frozen=True)
class Scope:
    """Options and lease times of a server, a group or one client; 0 s means: not set."""

    options: tuple[DhcpOption, ...] | None = ()
    forced_options: tuple[int, ...] | None = ()
    suppressed_options: tuple[int, ...] | None = ()
    min_lease_seconds: int | None = 0
    default_lease_seconds: int | None = 0
    max_lease_seconds: int | None = 0


@dataclass(frozen=True)
class Condition:
    type: str
    value: str
    include: bool = True


@dataclass(frozen=True)
class Group:
    name: str
    conditions: tuple[Condition, ...] | None = ()
    scope: Scope = field(default_factory=Scope)


@dataclass(frozen=True)
class FixedAddress:
    """The configuration of one client, known by its MAC or as a NIC of a VM."""

    mac: str = ""
    # UUID.
    vm: str = ""
    nic: int = 0
    # Empty: one from the range.
    address: str | None = ""
    scope: Scope = field(default_factory=Scope)

    @property
    def key(self) -> tuple[str, str, int]:
        return self.mac, self.vm, self.nic

    @property
    def text(self) -> str:
        return f"MAC {self.mac}" if self.mac else f"NIC {self.nic} of VM {self.vm}"


@dataclass(frozen=True)
class DhcpServer:
    """A DHCP server, wanted or actual."""

    network: str
    server_address: str | None = None
    netmask: str | None = None
    lower_address: str | None = None
    upper_address: str | None = None
    enabled: bool | None = None
    scope: Scope = field(default_factory=Scope)
    groups: tuple[Group, ...] = ()
    fixed_addresses: tuple[FixedAddress, ...] = ()


def mac(text: str) -> str:
    """One spelling of a MAC; a pattern of one stays as it is."""
    readable = devices.mac_readable(text)
    return readable if len(devices.mac_plain(text)) == 12 else text


def sorted_options(options: t.Iterable[DhcpOption]) -> tuple[DhcpOption, ...]:
    """Options by their number, hexadecimal ones in one spelling."""
    found = [
        DhcpOption(item.number, hexadecimal(item.value) if item.hex else item.value, item.hex)
        for item in options
    ]
    return tuple(sorted(found, key=lambda item: item.number))


def hexadecimal(text: str) -> str:
    """Bytes with colons, lower case; what is no such thing stays as it is."""
    plain = text.replace(":", "").lower()
    try:
        return ":".join(f"{byte:02x}" for byte in bytes.fromhex(plain))
    except ValueError:
        return text


def group(name: str, conditions: t.Iterable[tuple[str, str, bool]], scope: Scope) -> Group:
    """A group with its conditions in one spelling; VirtualBox keeps the given one."""
    found = [
        Condition(kind, mac(value) if kind == "mac" else value, include)
        for kind, value, include in conditions
    ]
    return Group(name, tuple(sorted(found, key=lambda item: (item.type, item.value))), scope)


def describe_scope(scope: Scope) -> dict[str, t.Any]:
    return {
        "options": [
            {**vars(item), "name": OPTION_NAMES.get(item.number, "")}
            for item in scope.options or ()
        ],
        "forced_options": list(scope.forced_options or ()),
        "suppressed_options": list(scope.suppressed_options or ()),
        **{name: getattr(scope, name) or 0 for name in LEASES},
    }


def describe(server: DhcpServer | None) -> dict[str, t.Any]:
    """A DHCP server as results show it."""
    if server is None:
        return {}
    return {
        "network": server.network,
        "server_address": server.server_address,
        "netmask": server.netmask,
        "lower_address": server.lower_address,
        "upper_address": server.upper_address,
        "enabled": server.enabled,
        **describe_scope(server.scope),
        "groups": [
            {
                "name": item.name,
                "conditions": [vars(condition).copy() for condition in item.conditions or ()],
                **describe_scope(item.scope),
            }
            for item in server.groups
        ],
        "fixed_addresses": [
            {
                "mac": item.mac,
                "vm": item.vm,
                "nic": item.nic,
                "address": item.address,
                **describe_scope(item.scope),
            }
            for item in server.fixed_addresses
        ],
    }
