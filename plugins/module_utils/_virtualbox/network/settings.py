# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VirtualBox.xml: NAT networks and DHCP servers as they are, whatever their names look like.

VirtualBox saves this file before a call of VBoxManage that changes it returns, and writes names so
that they can be read back, which its listings do not.
"""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass
from xml.etree import ElementTree

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network import (
    dhcp_model,
    nat_model,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.recovery import (
    NAMESPACE,
    read_settings,
    settings_home,
)

NORMAL_ENCODING = "0"
# The slot of an individual configuration that is for a MAC address.
NO_SLOT = 4294967295


@dataclass(frozen=True)
class GlobalSettings:
    nat_networks: tuple[nat_model.NatNetwork, ...] = ()
    dhcp_servers: tuple[dhcp_model.DhcpServer, ...] = ()

    def nat_network(self, name: str) -> nat_model.NatNetwork | None:
        return next((item for item in self.nat_networks if item.name == name), None)

    def dhcp_server(self, network: str) -> dhcp_model.DhcpServer | None:
        return next((item for item in self.dhcp_servers if item.network == network), None)


# What a world that was never used begins with on Linux, before there is a file.
NEW_WORLD = GlobalSettings(
    dhcp_servers=(
        dhcp_model.DhcpServer(
            "HostInterfaceNetworking-vboxnet0",
            "192.168.56.100",
            "255.255.255.0",
            "192.168.56.101",
            "192.168.56.254",
            True,
        ),
    )
)


def read(client: Client) -> GlobalSettings:
    """The settings of this world."""
    client.saves.finish_settings()
    path = os.path.join(settings_home(), "VirtualBox.xml")
    try:
        return parse(read_settings(path))
    except FileNotFoundError:
        return NEW_WORLD
    except OSError as error:
        raise VirtualBoxError(
            f"the settings of VirtualBox in {path} cannot be read: {error.strerror}",
            hint="run as the user that they belong to",
            error_code="OS_ERROR",
        ) from error


def parse(text: str | bytes) -> GlobalSettings:
    """The content of VirtualBox.xml; pure."""
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise VirtualBoxError(
            f"VirtualBox.xml is not valid: {error}",
            hint="restore it from VirtualBox.xml-prev",
            error_code="BAD_SETTINGS",
        ) from error
    return GlobalSettings(
        tuple(_nat_network(item) for item in root.iter(f"{NAMESPACE}NATNetwork")),
        tuple(_dhcp_server(item) for item in root.iter(f"{NAMESPACE}DHCPServer")),
    )


def _flag(element: ElementTree.Element, key: str, default: bool) -> bool:
    value = element.get(key)
    return default if value is None else value.lower() in ("1", "true")


def _nat_network(element: ElementTree.Element) -> nat_model.NatNetwork:
    forwards = [
        nat_model.forward(
            family,
            name=rule.get("name", ""),
            protocol="udp" if rule.get("proto") == "0" else "tcp",
            host_address=rule.get("hostip", ""),
            host_port=int(rule.get("hostport", "0")),
            guest_address=rule.get("guestip", ""),
            guest_port=int(rule.get("guestport", "0")),
        )
        for family, tag in (("ipv4", "PortForwarding4"), ("ipv6", "PortForwarding6"))
        for rule in element.iterfind(f"{NAMESPACE}{tag}/{NAMESPACE}Forwarding")
    ]
    loopbacks = [
        (item.get("address", ""), int(item.get("offset", "0")))
        for item in element.iterfind(f"{NAMESPACE}Mappings/{NAMESPACE}Loopback4")
    ]
    return nat_model.network(
        element.get("networkName", ""),
        network=element.get("network", ""),
        dhcp_enabled=_flag(element, "needDhcp", True),
        ipv6_enabled=_flag(element, "ipv6", False),
        ipv6_prefix=element.get("ipv6prefix", ""),
        ipv6_default_route=_flag(element, "advertiseDefaultIPv6Route", False),
        enabled=_flag(element, "enabled", True),
        port_forwards=forwards,
        loopbacks=loopbacks,
    )


def _scope(element: ElementTree.Element | None) -> dict[str, t.Any]:
    """What global options, groups and individual configurations have in common."""
    if element is None:
        return {}

    def seconds(key: str) -> int:
        return int(element.get(key, "0")) if element is not None else 0

    def numbers(key: str) -> tuple[int, ...]:
        text = element.get(key, "") if element is not None else ""
        return tuple(sorted({int(word) for word in text.split()}))

    return {
        "options": dhcp_model.sorted_options(
            dhcp_model.DhcpOption(
                int(item.get("name", "0")),
                item.get("value", ""),
                item.get("encoding", NORMAL_ENCODING) != NORMAL_ENCODING,
            )
            for item in element.iterfind(f"{NAMESPACE}Option")
        ),
        "forced_options": numbers("forcedOptions"),
        "suppressed_options": numbers("suppressedOptions"),
        "min_lease_seconds": seconds("secMinLeaseTime"),
        "default_lease_seconds": seconds("secDefaultLeaseTime"),
        "max_lease_seconds": seconds("secMaxLeaseTime"),
    }


def _dhcp_server(element: ElementTree.Element) -> dhcp_model.DhcpServer:
    groups = [
        dhcp_model.group(
            item.get("name", ""),
            [
                (
                    dhcp_model.CONDITION_TYPES[int(condition.get("type", "0"))],
                    condition.get("value", ""),
                    _flag(condition, "inclusive", True),
                )
                for condition in item.iterfind(f"{NAMESPACE}Condition")
            ],
            dhcp_model.Scope(**_scope(item)),
        )
        for item in element.iterfind(f"{NAMESPACE}Group")
    ]
    fixed = []
    for item in element.iterfind(f"{NAMESPACE}Config"):
        slot = int(item.get("slot", NO_SLOT))
        vm = item.get("vm-name", "")
        fixed.append(
            dhcp_model.FixedAddress(
                mac="" if vm else dhcp_model.mac(item.get("MACAddress", "")),
                vm=vm,
                nic=slot + 1 if vm else 0,
                address=item.get("fixedAddress", ""),
                scope=dhcp_model.Scope(**_scope(item)),
            )
        )
    return dhcp_model.DhcpServer(
        network=element.get("networkName", ""),
        server_address=element.get("IPAddress", ""),
        netmask=element.get("networkMask", ""),
        lower_address=element.get("lowerIP", ""),
        upper_address=element.get("upperIP", ""),
        enabled=_flag(element, "enabled", True),
        scope=dhcp_model.Scope(**_scope(element.find(f"{NAMESPACE}Options"))),
        groups=tuple(sorted(groups, key=lambda item: item.name)),
        fixed_addresses=tuple(sorted(fixed, key=lambda item: item.key)),
    )
