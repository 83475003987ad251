# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of machines that the inventory opens to others, besides those that follow from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan import reach
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.firewall_rules import (
    NAME,
    port_range,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.frontends import of_group
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.library import netaddr
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.model import Machine
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import (
    Problems,
    shown,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.segments import Segment

OPTION = "datacenter_open_ports"
Machines = Mapping[str, Machine]


def _named(word: str, config: Mapping[str, Any], machines: Machines) -> list[Machine]:
    """The machines that a word means: one of this name, or those of a group."""
    if word in machines:
        return [machines[word]]
    return [machines[name] for name in of_group(word, config) if name in machines]


def _targets(
    words: list[str], config: Mapping[str, Any], machines: Machines, where: str, problems: Problems
) -> list[Machine]:
    found: list[Machine] = []
    for word in words:
        named = _named(word, config, machines)
        if not named or any(machine.role == "gateway" for machine in named):
            problems.add(
                "Ports are opened of machines, or of the machines of a group, that are no gateways",
                f"found {shown(word)}",
                f"to of {where}",
            )
            continue
        found += [machine for machine in named if machine not in found]
    if not words:
        problems.add("Ports are opened of machines", "the list is empty", f"to of {where}")
    return found


class _Source:
    """Where connections may come from: networks, and the segments that they lie in."""

    def __init__(
        self,
        word: str,
        config: Mapping[str, Any],
        segments: Mapping[str, Segment],
        machines: Machines,
    ) -> None:
        named = [machine for machine in _named(word, config, machines) if machine.address]
        self.networks: list[str] = []
        self.segments: set[str] = set()
        if word in segments:
            self.networks = [str(segments[word].network)]
            self.segments = {word}
        elif named:
            self.networks = [str(machine.address) for machine in named]
            self.segments = {str(machine.segment) for machine in named}
        else:
            try:
                network = netaddr.IPNetwork(word, version=4)
            except (netaddr.AddrFormatError, ValueError):
                return
            if network.ip == network.network:
                self.networks = [str(network)]
                self.segments = {s.name for s in segments.values() if network in s.network}


def _check_reached(
    source: _Source,
    targets: list[Machine],
    rule: Mapping[str, Any],
    segments: Mapping[str, Segment],
    problems: Problems,
) -> None:
    """The gateway lets through what the machine lets in."""
    ranges = [port_range(text) for text in rule["ports"]]
    ports = sorted({port for item in ranges if item for port in item})
    for home in sorted(source.segments):
        for target in sorted({str(machine.segment) for machine in targets} - {home}):
            closed = [
                str(port)
                for port in ports
                if not reach.covered(segments[home].reaches, target, rule["protocol"], port)
            ]
            if closed:
                problems.add(
                    f"Segment {home} reaches {target} ({rule['name']} in {OPTION},"
                    f" {rule['protocol']} {' and '.join(closed)})",
                    f"it reaches {', '.join(segments[home].reaches) or 'none'}",
                    f"reaches of segment {home} in datacenter_segments",
                )


def open_ports(
    config: Mapping[str, Any],
    segments: Mapping[str, Segment],
    machines: Machines,
    problems: Problems,
) -> list[dict[str, Any]]:
    """Each with name, machines, protocol, ports, and sources; without sources it is for anybody."""
    found: list[dict[str, Any]] = []
    for given in config.get("open_ports", []):
        rule = {"protocol": "tcp", **given}
        where = f"{rule['name']} in {OPTION}"
        if not NAME.match(rule["name"]):
            problems.add(
                "The name of open ports is 1 to 100 letters, digits, spaces and ,.:()/_-",
                f"found {shown(rule['name'])}",
                f"name of {shown(rule['name'])} in {OPTION}",
            )
        targets = _targets(rule["to"], config, machines, where, problems)
        for text in rule["ports"]:
            if port_range(text) is None:
                problems.add(
                    "A port is a number, or a range such as 8000-8010",
                    f"found {shown(text)}",
                    f"ports of {where}",
                )
        if not rule["ports"]:
            problems.add("Open ports are named", "the list is empty", f"ports of {where}")
        sources: list[str] = []
        for word in rule.get("from") or []:
            source = _Source(word, config, segments, machines)
            if not source.networks:
                problems.add(
                    "Ports are opened to segments, groups, machines and IPv4 networks",
                    f"found {shown(word)}",
                    f"from of {where}",
                )
            _check_reached(source, targets, rule, segments, problems)
            sources += source.networks
        found.append(
            {
                "name": rule["name"],
                "machines": [machine.name for machine in targets],
                "protocol": rule["protocol"],
                "ports": rule["ports"],
                "sources": sources,
            }
        )
    return found
