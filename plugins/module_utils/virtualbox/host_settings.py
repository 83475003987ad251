# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks that VirtualBox keeps in its own settings, where their names are escaped."""

from __future__ import annotations

import os
import typing as t
from xml.etree import ElementTree

from ansible_collections.virtual.datacenter.plugins.module_utils.virtualbox import parser, saves
from ansible_collections.virtual.datacenter.plugins.module_utils.virtualbox.errors import (
    VirtualBoxError,
)

NAMESPACE = parser.NAMESPACE


def read() -> ElementTree.Element:
    """VirtualBox.xml; a VirtualBox that was asked anything has one."""
    path = os.path.join(saves.settings_home(), "VirtualBox.xml")
    try:
        return ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise VirtualBoxError(
            f"VirtualBox's own settings {path} cannot be read: {error}",
            hint="run as the user that the VMs belong to",
        ) from error


def _elements(element: ElementTree.Element, *path: str) -> list[ElementTree.Element]:
    return element.findall("/".join(f"{NAMESPACE}{part}" for part in path))


def _flag(element: ElementTree.Element, name: str) -> bool:
    return element.get(name, "0") in ("1", "true")


def _forwarding(rule: ElementTree.Element) -> dict[str, t.Any]:
    return {
        "name": rule.get("name", ""),
        "protocol": "udp" if rule.get("proto") == "0" else "tcp",
        "host_address": rule.get("hostip", ""),
        "host_port": int(rule.get("hostport", "0")),
        "guest_address": rule.get("guestip", ""),
        "guest_port": int(rule.get("guestport", "0")),
    }


def nat_networks(root: ElementTree.Element) -> list[dict[str, t.Any]]:
    """NAT networks with their port forwards."""
    places = ("Global", "NetserviceRegistry", "NATNetworks", "NATNetwork")
    return [
        {
            "name": network.get("networkName", ""),
            "enabled": _flag(network, "enabled"),
            "network": network.get("network", ""),
            "dhcp_enabled": _flag(network, "needDhcp"),
            "ipv6_enabled": _flag(network, "ipv6"),
            "ipv6_prefix": network.get("ipv6prefix", ""),
            "ipv6_default_route": _flag(network, "advertiseDefaultIPv6Route"),
            "port_forwards": [
                _forwarding(rule)
                for part in ("PortForwarding4", "PortForwarding6")
                for rule in _elements(network, part, "Forwarding")
            ],
            "loopback_mappings": [
                {"address": item.get("address", ""), "offset": int(item.get("offset", "0"))}
                for item in _elements(network, "Mappings", "Loopback4")
            ],
        }
        for network in _elements(root, *places)
    ]


def _options(element: ElementTree.Element, *path: str) -> dict[str, str]:
    return {
        option.get("name", ""): option.get("value", "")
        for option in _elements(element, *path, "Option")
    }


def dhcp_servers(root: ElementTree.Element) -> list[dict[str, t.Any]]:
    """DHCP servers of VirtualBox's networks; options by number."""
    return [
        {
            "network": server.get("networkName", ""),
            "enabled": _flag(server, "enabled"),
            "server_address": server.get("IPAddress", ""),
            "network_mask": server.get("networkMask", ""),
            "lower_address": server.get("lowerIP", ""),
            "upper_address": server.get("upperIP", ""),
            "options": _options(server, "Options"),
            "groups": [
                {"name": group.get("name", ""), "options": _options(group)}
                for group in _elements(server, "Group")
            ],
        }
        for server in _elements(root, "Global", "NetserviceRegistry", "DHCPServers", "DHCPServer")
    ]
