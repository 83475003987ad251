# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of a host firewall: what is wrong with them, and the same rules as nftables takes them.

A rule has name, action, protocol, ports and sources, as in the specification of the role.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import (
    HIGHEST_PORT,
    INTERFACE,
    Problems,
    shown,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.reach import merged

RULES, REFUSALS = "host_firewall_rules", "host_firewall_container_refusals"
INTERFACES, SUBNETS = "host_firewall_interfaces", "host_firewall_machine_subnets"
TRIAL, LEAST_TRIAL_SECONDS = "host_firewall_trial_seconds", 10
# nftables holds comments of up to 128 characters, in which a quote has no meaning but to end them.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,.:()/_-]{0,99}\Z")
PORTS = re.compile(r"(?P<first>[0-9]{1,5})(-(?P<last>[0-9]{1,5}))?\Z")


def port_range(text: Any) -> tuple[int, int] | None:
    """The first and the last port of text such as 22 or 8000-8010; None if it is none."""
    match = PORTS.match(str(text))
    if match is None:
        return None
    first = int(match["first"])
    last = int(match["last"] or first)
    return (first, last) if 1 <= first <= last <= HIGHEST_PORT else None


def _network(text: Any) -> ipaddress.IPv4Network | None:
    try:
        return ipaddress.IPv4Network(str(text))
    except ValueError:
        return None


def _check_rule(rule: Mapping[str, Any], option: str, problems: Problems) -> None:
    where = f"{rule['name']} in {option}"
    if not NAME.match(str(rule["name"])):
        problems.add(
            f"The name of a rule in {option} is 1 to 100 letters, digits, spaces and ,.:()/_-",
            f"found {shown(rule['name'])}",
            option,
        )
    ports = list(rule.get("ports") or [])
    for text in ports:
        if port_range(text) is None:
            problems.add(
                f"A port is a number from 1 to {HIGHEST_PORT}, or a range such as 8000-8010",
                f"found {shown(text)}",
                f"ports of {where}",
            )
    if ports and rule.get("protocol") == "any":
        problems.add("Ports are of tcp or udp", "found any", f"protocol of {where}")
    if not ports and option == REFUSALS:
        problems.add("What containers may not open has ports", "found none", f"ports of {where}")
    for text in rule.get("sources") or []:
        if _network(text) is None:
            problems.add(
                "A source is an IPv4 address, or a network such as 10.70.1.0/24",
                f"found {shown(text)}",
                f"sources of {where}",
            )


def firewall_problems(given: Mapping[str, Any]) -> list[str]:
    """What is wrong with options of the role host_firewall, a sentence each.

    `given` has rules, container_refusals, interfaces, machine_subnets and trial_seconds.
    """
    problems = Problems()
    for rule in given["rules"]:
        _check_rule(rule, RULES, problems)
    for rule in given["container_refusals"]:
        _check_rule(rule, REFUSALS, problems)
    for name in given["interfaces"]:
        if not INTERFACE.match(str(name)):
            problems.add(
                f"{INTERFACES} has names of interfaces", f"found {shown(name)}", INTERFACES
            )
    for text in given["machine_subnets"]:
        if _network(text) is None:
            problems.add(
                f"{SUBNETS} has networks such as 10.70.1.0/24", f"found {shown(text)}", SUBNETS
            )
    if given["trial_seconds"] < LEAST_TRIAL_SECONDS:
        problems.add(
            f"New rules are on trial for {LEAST_TRIAL_SECONDS} seconds or more",
            f"found {given['trial_seconds']}",
            TRIAL,
        )
    return problems.messages


def networks(texts: Iterable[Any]) -> list[str]:
    """Addresses and networks of which none lies in another, for nftables refuses those."""
    found = ipaddress.collapse_addresses(ipaddress.IPv4Network(str(text)) for text in texts)
    return [str(item) if item.prefixlen < 32 else str(item.network_address) for item in found]


def firewall_rules(rules: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same rules with all keys, and with ports and sources that do not overlap."""
    found = []
    for rule in rules:
        ranges = [port_range(text) for text in rule.get("ports") or []]
        if None in ranges:
            raise ValueError(
                f"wanted: ports such as 22 or 8000-8010; found: {', '.join(rule['ports'])}"
            )
        found.append(
            {
                "name": rule["name"],
                "action": rule.get("action") or "accept",
                "protocol": rule.get("protocol") or "tcp",
                "ports": merged(item for item in ranges if item),
                "sources": networks(rule.get("sources") or []),
            }
        )
    return found
