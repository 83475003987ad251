# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The floating IPs: that of the Kubernetes API, and those of services of the user's own."""

from __future__ import annotations

import contextlib
import re
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.library import netaddr
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.machines import Taken
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.model import FloatingIp
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import (
    Problems,
    ends,
    shown,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.segments import Segment

API = "api"
OF_API = "datacenter_floating_ip"
FURTHER = "datacenter_floating_ips"
NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?\Z")


def _given(config: dict[str, Any]) -> list[dict[str, Any]]:
    """All floating IPs as the inventory has them, that of the API first."""
    api = config.get("floating_ip")
    first = [{"name": API, "address": api, "where": OF_API}] if api else []
    return first + [
        {**item, "where": f"address of {item['name']} in {FURTHER}"}
        for item in config.get("floating_ips", [])
    ]


def _sentence(item: dict[str, Any]) -> str:
    return "The floating IP" if item["where"] == OF_API else f"The floating IP {item['name']}"


def taken_addresses(config: dict[str, Any]) -> Taken:
    """The addresses that no machine may have, and what has them."""
    taken: Taken = {}
    for item in _given(config):
        with contextlib.suppress(netaddr.AddrFormatError, ValueError):
            address = netaddr.IPAddress(str(item["address"]), version=4)
            what = _sentence(item)
            taken.setdefault(address, what[0].lower() + what[1:])
    return taken


def _home(
    address: netaddr.IPAddress,
    item: dict[str, Any],
    balancers: list[dict[str, Any]],
    segments: dict[str, Segment],
    problems: Problems,
) -> Segment | None:
    """The segment of a floating IP, if that is the one of all load balancers."""
    home = next((s for s in segments.values() if address in s.network), None)
    of_balancers = sorted({str(machine["segment"]) for machine in balancers})
    if home is None or (balancers and of_balancers != [home.name]):
        problems.add(
            f"{_sentence(item)} lies in the segment of every load balancer"
            f" ({', '.join(of_balancers) or 'none'})",
            f"{address} is in {home.name if home else 'no segment'}",
            f"{item['where']}, or machine_segment of the load balancers",
        )
        return None
    return home


def _check_address(
    address: netaddr.IPAddress, item: dict[str, Any], home: Segment, problems: Problems
) -> None:
    what, where = _sentence(item), item["where"]
    if home.in_pool(address):
        problems.add(
            f"{what} is not in a DHCP pool",
            f"{address} is in the pool {home.dhcp_start} to {home.dhcp_end} of {home.name}",
            where,
        )
    if address == home.router:
        problems.add(f"{what} is not the router", f"{address} is of {home.name}", where)
    if address in home.own:
        problems.add(
            f"{what} is not the address of a gateway",
            f"{address} is that of {home.own[address]} in {home.name}",
            where,
        )
    if address in ends(home.network):
        problems.add(f"{what} is a host address", f"{address} of {home.network}", where)


def _check_name(
    item: dict[str, Any], config: dict[str, Any], names: set[str], problems: Problems
) -> bool:
    """Whether a floating IP can have its name, which DNS answers too."""
    name, where = item["name"], f"name of {shown(item['name'])} in {FURTHER}"
    if item["where"] == OF_API:
        return True
    if not NAME.match(name):
        problems.add(
            "The name of a floating IP is 1 to 63 lower-case letters, digits and hyphens and begins"
            " with a letter",
            f"found {shown(name)}",
            where,
        )
        return False
    machines = {machine["name"] for machine in config["machines"]}
    if name == API or name in machines or name in names:
        owner = f"that of the Kubernetes API ({OF_API})" if name == API else "taken already"
        problems.add("Every floating IP has a name of its own", f"{name} is {owner}", where)
        return False
    return True


def floating_ips(
    config: dict[str, Any], segments: dict[str, Segment], problems: Problems
) -> dict[str, FloatingIp]:
    """The floating IPs that have a place, by name."""
    balancers = [m for m in config["machines"] if m["role"] == "load_balancer"]
    found: dict[str, FloatingIp] = {}
    given = _given(config)
    if balancers and not given:
        problems.add("Load balancers have a floating IP", "none is given", f"{OF_API} or {FURTHER}")
    for item in given:
        named = _check_name(item, config, set(found), problems)
        address = problems.address(item["address"], item["where"])
        home = _home(address, item, balancers, segments, problems) if address else None
        if not named or address is None or home is None:
            continue
        _check_address(address, item, home, problems)
        for other in found.values():
            if other.address == str(address):
                problems.add(
                    "Every floating IP has an address of its own",
                    f"{address} is of both {other.name} and {item['name']}",
                    item["where"],
                )
        prefer = item.get("prefer")
        if prefer and prefer not in {machine["name"] for machine in balancers}:
            problems.add(
                f"{_sentence(item)} prefers a load balancer",
                f"{shown(prefer)} is none",
                f"prefer of {item['name']} in {FURTHER}",
            )
        found[item["name"]] = FloatingIp(
            name=item["name"],
            fqdn=f"{item['name']}.{config['domain']}",
            address=str(address),
            prefix=home.network.prefixlen,
            segment=home.name,
            prefer=prefer,
        )
    return found
