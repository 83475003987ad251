# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks that cannot be used, sizes of networks, ports, and the servers that the gateway asks."""

from __future__ import annotations

import re

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.check_ports import (
    check_ports,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.library import netaddr
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import (
    Problems,
    overlap,
    shown,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.said import Said
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.segments import (
    own_addresses,
)

UNUSABLE = {
    "0.0.0.0/8": "this network",
    "127.0.0.0/8": "the loopback network",
    "169.254.0.0/16": "the link-local network",
    "224.0.0.0/4": "the multicast network",
    "240.0.0.0/4": "a reserved network",
}
UPLINK_NETWORK = "10.0.2.0/24"
MOST_CARDS = 8
# kubeadm gives each node a /24 of the pods' network, and counts at most 2^16 of them.
NODE_PREFIX = 24
WIDEST_POD_PREFIX = 8
# The API server keeps a bitmap of all Services; the tenth address is that of the cluster's DNS.
WIDEST_SERVICE_PREFIX = 12
NARROWEST_SERVICE_PREFIX = 28
RANGES = ("datacenter_pod_subnet", "datacenter_service_subnet")
DNS_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+\Z"
)
HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?\Z")
API_SERVER = re.compile(r"https://[A-Za-z0-9][A-Za-z0-9.-]{0,252}(:[0-9]{1,5})?\Z")
# What dnsmasq takes behind server=: domains, an address, a port.
SERVER = re.compile(r"(/[A-Za-z0-9./-]*/)?(?P<address>[0-9a-fA-F.:]+)(#(?P<port>[0-9]{1,5}))?\Z")


def parsed(text: str) -> netaddr.IPNetwork | None:
    """A network that is one; what is none is named where the plan is made."""
    try:
        network = netaddr.IPNetwork(str(text), version=4)
    except (netaddr.AddrFormatError, ValueError):
        return None
    return network if network.ip == network.network else None


def _segments(said: Said) -> dict[str, netaddr.IPNetwork]:
    if not said.right("datacenter_segments"):
        return {}
    found = {item["name"]: parsed(item["subnet"]) for item in said.options["datacenter_segments"]}
    return {name: network for name, network in found.items() if network is not None}


def _usable(network: netaddr.IPNetwork, what: str, where: str, problems: Problems) -> None:
    for unusable, meaning in UNUSABLE.items():
        if overlap(network, netaddr.IPNetwork(unusable)):
            problems.add(
                f"{what} is a network that machines can have",
                f"{network} overlaps {unusable}, {meaning}",
                where,
            )


def check_segments(said: Said, problems: Problems) -> None:
    for name, network in _segments(said).items():
        where = f"subnet of segment {name} in datacenter_segments"
        _usable(network, f"Segment {name}", where, problems)
        if overlap(network, netaddr.IPNetwork(UPLINK_NETWORK)):
            problems.add(
                f"Segment {name} keeps away from the gateway's uplink, {UPLINK_NETWORK}"
                " (VirtualBox's own NAT network)",
                f"found {network}",
                where,
            )
    if not said.right("datacenter_segments"):
        return
    count = len(said.options["datacenter_segments"])
    if count == 0:
        problems.add("A data center has a segment", "the list is empty", "datacenter_segments")
    if said.of_virtualbox() and count > MOST_CARDS - 1:
        problems.add(
            f"A gateway in VirtualBox has {MOST_CARDS} cards, one for the uplink and one for each"
            f" of {MOST_CARDS - 1} segments",
            f"there are {count} segments",
            "datacenter_segments",
        )


def check_cluster(said: Said, problems: Problems) -> None:
    """The pods' network has a part for each node, and that of the Services has room for them."""
    for option in RANGES:
        network = parsed(said.options.get(option, "")) if said.right(option) else None
        if network is None:
            continue
        what = "The pods' network" if option == RANGES[0] else "The Services' network"
        _usable(network, what, option, problems)
        if option == RANGES[0]:
            _pods(network, said, problems)
        elif not WIDEST_SERVICE_PREFIX <= network.prefixlen <= NARROWEST_SERVICE_PREFIX:
            problems.add(
                f"{what} has a prefix from /{WIDEST_SERVICE_PREFIX} to /{NARROWEST_SERVICE_PREFIX}",
                f"found {network}",
                option,
            )


def _pods(network: netaddr.IPNetwork, said: Said, problems: Problems) -> None:
    nodes = len(said.of_role("control_plane")) + len(said.of_role("worker"))
    if not WIDEST_POD_PREFIX <= network.prefixlen <= NODE_PREFIX:
        problems.add(
            f"The pods' network has a prefix from /{WIDEST_POD_PREFIX} to /{NODE_PREFIX}"
            f" (each node gets a /{NODE_PREFIX} of it)",
            f"found {network}",
            RANGES[0],
        )
    elif nodes > 2 ** (NODE_PREFIX - network.prefixlen):
        problems.add(
            f"The pods' network has a /{NODE_PREFIX} for each of {nodes} nodes",
            f"{network} has {2 ** (NODE_PREFIX - network.prefixlen)}",
            RANGES[0],
        )


def check_api_server(said: Said, problems: Problems) -> None:
    if not said.right("datacenter_api_server"):
        return
    server = said.options["datacenter_api_server"]
    if server and not API_SERVER.match(server):
        problems.add(
            "The Kubernetes API is reached as https://NAME or https://NAME:PORT",
            f"found {shown(server)}",
            "datacenter_api_server",
        )


def check_servers(said: Said, problems: Problems) -> None:
    gateways = [machine["name"] for machine in said.of_role("gateway")]
    held: dict[netaddr.IPAddress, str] = {}
    for name, network in _segments(said).items():
        for address, gateway in own_addresses(network, gateways).items():
            held[address] = f"{gateway} in segment {name}"
        if network.size > 1:
            held[network[1]] = f"the gateway in segment {name}"
    if said.right("datacenter_upstream_dns"):
        for server in said.options["datacenter_upstream_dns"]:
            _dns(server, held, problems)
    if said.right("datacenter_package_cache_hosts"):
        for host in said.options["datacenter_package_cache_hosts"]:
            if not DNS_NAME.match(host):
                problems.add(
                    "A host whose packages are cached is a DNS name without scheme and port",
                    f"found {shown(host)}",
                    "datacenter_package_cache_hosts",
                )
    if said.right("datacenter_ntp_servers"):
        for server in said.options["datacenter_ntp_servers"]:
            if not HOST_NAME.match(server):
                problems.add(
                    "A time server is a name or an address",
                    f"found {shown(server)}",
                    "datacenter_ntp_servers",
                )


def _dns(server: str, held: dict[netaddr.IPAddress, str], problems: Problems) -> None:
    where = "datacenter_upstream_dns"
    match = SERVER.match(server)
    try:
        address = netaddr.IPAddress(match["address"] if match else server)
    except (netaddr.AddrFormatError, ValueError):
        address = None
    if match is None or address is None or not 0 < int(match["port"] or 53) <= 65535:
        problems.add("A DNS server is an address", f"found {shown(server)}", where)
    elif address in held:
        problems.add(
            "The gateway asks other DNS servers than itself",
            f"{address} is {held[address]}",
            where,
        )
    elif not match["port"] and (address.is_loopback() or int(address) == 0):
        problems.add(
            "The gateway asks other DNS servers than itself", f"found {shown(server)}", where
        )


def check_networks(said: Said, problems: Problems) -> None:
    check_segments(said, problems)
    check_cluster(said, problems)
    check_ports(said, problems)
    check_api_server(said, problems)
    check_servers(said, problems)
