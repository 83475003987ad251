# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network of a data center in the lab: which things there are, and how they are read and made.

Namespace vdc-NAME holds one bridge per segment and none has an address: the gateway machine is the
router.
Namespace vdc-NAME-outside stands for the world behind the uplink and plays a hypervisor's NAT
engine.
Neither has a way to this host's own network, so nothing leaves the machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.virtual.datacenter.plugins.module_utils._lab import gateways, names

ROUTER = "10.0.2.2"
RESOLVER = "10.0.2.3"
GATEWAY = gateways.ADDRESSES[0]
NETWORK = "10.0.2.0"
PREFIX = 24
INTERNET_HOST = "198.51.100.10"
RECORDS = {"upstream.test": INTERNET_HOST}
OUTSIDE_ADDRESSES = f"{ROUTER}/{PREFIX} {RESOLVER}/{PREFIX}"
OUTSIDE_LOOPBACK = f"{INTERNET_HOST}/32"
SETTINGS = {
    "net/ipv6/conf/all/disable_ipv6": "1",
    "net/ipv6/conf/default/disable_ipv6": "1",
    "net/bridge/bridge-nf-call-iptables": "0",
    "net/bridge/bridge-nf-call-ip6tables": "0",
    "net/bridge/bridge-nf-call-arptables": "0",
}
BRIDGE_OPTIONS = ["forward_delay", "0", "stp_state", "0", "mcast_snooping", "0"]
BRIDGE = "up, forward_delay 0, stp_state 0, mcast_snooping 0"
WORDS = {
    "create directory": "make the folder {thing} of the network of data center '{name}'",
    "remove directory": "remove the folder {thing} of the network of data center '{name}'",
    "create namespace": "make the network namespace {thing} of data center '{name}'",
    "change namespace": "isolate the network namespace {thing} of data center '{name}' again",
    "remove namespace": "remove the network namespace {thing} of data center '{name}'",
    "create bridge": "make bridge {thing} in the network of data center '{name}'",
    "change bridge": "repair bridge {thing} in the network of data center '{name}'",
    "remove bridge": "remove bridge {thing} from the network of data center '{name}'",
    "create cable": "lay the cable between data center '{name}' and the world outside",
    "change cable": "repair the cable between data center '{name}' and the world outside",
    "remove cable": "remove the cable between data center '{name}' and the world outside",
    "create addresses": "give the world outside of data center '{name}' its addresses",
    "change addresses": "correct the addresses of the world outside of data center '{name}'",
    "remove addresses": "take the addresses from the world outside of data center '{name}'",
    "create service dhcp": "start DHCP and DNS on the uplink of data center '{name}'",
    "change service dhcp": "restart DHCP and DNS on the uplink of data center '{name}'",
    "remove service dhcp": "stop DHCP and DNS on the uplink of data center '{name}'",
    "create service ports": "publish ports of data center '{name}' on 127.0.0.1",
    "change service ports": "publish ports of data center '{name}' on 127.0.0.1 anew",
    "remove service ports": "publish no port of data center '{name}' any more",
}
ISOLATED = "isolated"
NO_CABLE = "down"


@dataclass(frozen=True)
class Port:
    """One published port: the loopback port of this host and the port of the gateway machine
    behind it, the first one where no machine is named.
    """

    name: str
    host_port: int
    guest_port: int
    machine: str | None = None

    def forward(self, addresses: Mapping[str, str]) -> str:
        address = addresses.get(self.machine or "", GATEWAY)
        return f"{self.host_port}:{address}:{self.guest_port}"


def who_gets_which(machines: Sequence[gateways.Gateway]) -> list[str]:
    """One gateway gets the only address there is, two of them each its own."""
    if len(machines) < 2:
        return [f"dhcp-range={GATEWAY},{GATEWAY},255.255.255.0,1h"]
    addresses = gateways.addresses(machines)
    return [
        f"dhcp-range={NETWORK},static,255.255.255.0,1h",
        *(f"dhcp-host={machine.mac.lower()},{addresses[machine.name]}" for machine in machines),
    ]


def lease_file(machines: Sequence[gateways.Gateway]) -> str:
    """Leases of another order would keep each of two gateways from the address of the other."""
    if len(machines) < 2:
        return "leases"
    return "-".join(["leases", *(machine.mac.replace(":", "").lower() for machine in machines)])


def dnsmasq_config(run_directory: str, machines: Sequence[gateways.Gateway] = ()) -> str:
    """What dnsmasq reads that plays DHCP and DNS of a hypervisor's NAT engine: an address for each
    gateway and a few names; it asks no other server. One gateway gives the same text as no list.
    """
    lines = [
        "port=53",
        "no-resolv",
        "no-hosts",
        "no-poll",
        "bind-interfaces",
        f"interface={names.UPLINK_OUTSIDE}",
        "except-interface=lo",
        f"listen-address={RESOLVER}",
        "dhcp-authoritative",
        *who_gets_which(machines),
        f"dhcp-option=option:router,{ROUTER}",
        f"dhcp-option=option:dns-server,{RESOLVER}",
        f"dhcp-leasefile={run_directory}/{lease_file(machines)}",
        f"log-facility={run_directory}/dnsmasq.log",
        "log-dhcp",
        "log-queries",
        f"pid-file={run_directory}/dnsmasq.pid",
        "user=root",
    ]
    lines.extend(f"host-record={name},{address}" for name, address in RECORDS.items())
    return "".join(line + "\n" for line in lines)


def read_links(text: str) -> dict[str, dict[str, Any]]:
    """`ip -j -d link show` as a mapping from the interface's name."""
    return {link["ifname"]: link for link in json.loads(text or "[]") if link}


def read_addresses(text: str) -> dict[str, list[str]]:
    """`ip -j -4 addr show` as addresses with prefix length per interface."""
    found: dict[str, list[str]] = {}
    for link in json.loads(text or "[]"):
        if link:
            found[link["ifname"]] = [
                f"{entry['local']}/{entry['prefixlen']}"
                for entry in link.get("addr_info", [])
                if entry.get("family") == "inet"
            ]
    return found


def is_up(link: Mapping[str, Any]) -> bool:
    return "UP" in link.get("flags", [])


def describe_bridge(link: Mapping[str, Any]) -> str:
    data = link.get("linkinfo", {}).get("info_data", {})
    options = ", ".join(f"{name} {data.get(name, '?')}" for name in BRIDGE_OPTIONS[::2])
    return f"{'up' if is_up(link) else 'down'}, {options}"


def bridges_of(links: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """All bridges, whoever made them: the namespace is ours alone."""
    return {
        f"bridge {name}": describe_bridge(link)
        for name, link in links.items()
        if link.get("linkinfo", {}).get("info_kind") == "bridge"
    }


def describe_cable(
    inside: Mapping[str, Mapping[str, Any]], outside: Mapping[str, Mapping[str, Any]]
) -> str | None:
    near, far = inside.get(names.UPLINK_INSIDE), outside.get(names.UPLINK_OUTSIDE)
    if near is None and far is None:
        return None
    if near is None or far is None or not is_up(near) or not is_up(far):
        return NO_CABLE
    return f"{names.UPLINK_OUTSIDE} on {near.get('master', 'nothing')}"


def wanted_network(
    datacenter: str,
    bridges: Sequence[str],
    run_directory: str,
    dhcp_service: str,
    port_service: str | None,
) -> dict[str, str]:
    """Everything that the network consists of, in the order in which it is made."""
    inside, outside = names.namespace(datacenter), names.outside_namespace(datacenter)
    wanted = {
        f"directory {run_directory}": "present",
        f"namespace {inside}": ISOLATED,
        f"namespace {outside}": ISOLATED,
        f"bridge {names.UPLINK_BRIDGE}": BRIDGE,
    }
    for bridge in bridges:
        wanted[f"bridge {bridge}"] = BRIDGE
    wanted["cable uplink"] = f"{names.UPLINK_OUTSIDE} on {names.UPLINK_BRIDGE}"
    wanted["addresses outside"] = f"{OUTSIDE_ADDRESSES}, loopback {OUTSIDE_LOOPBACK}"
    wanted["service dhcp"] = dhcp_service
    if port_service:
        wanted["service ports"] = port_service
    return wanted


def describe_addresses(addresses: Mapping[str, Sequence[str]]) -> str:
    near = " ".join(addresses.get(names.UPLINK_OUTSIDE, []))
    loopback = " ".join(item for item in addresses.get("lo", []) if not item.startswith("127."))
    return f"{near or 'none'}, loopback {loopback or 'none'}"
