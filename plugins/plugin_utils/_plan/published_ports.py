# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of the host that lead to services behind the gateway."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.floating_ips import API
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.model import (
    FloatingIp,
    Machine,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import (
    Problems,
    shown,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.ways import API_PORT

PORTS = "datacenter_published_ports"
PORT_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
# Ports that the gateway itself has on its uplink.
GATEWAY_PORTS = {22: "the gateway's SSH", API_PORT: "the Kubernetes API"}


def _target(
    to: str, floating: Mapping[str, FloatingIp], machines: Mapping[str, Machine]
) -> str | None:
    if to in floating:
        return floating[to].address
    return machines[to].address if to in machines else None


def published_ports(
    config: dict[str, Any],
    floating: Mapping[str, FloatingIp],
    machines: Mapping[str, Machine],
    problems: Problems,
) -> list[dict[str, Any]]:
    """Ports of the host that lead to an address behind the gateway."""
    taken = dict(config.get("host_ports", {}))
    second = [m.name for m in machines.values() if m.role == "gateway"][1:2]
    known = [*floating, *(name for name, machine in machines.items() if machine.address)]
    found: list[dict[str, Any]] = []
    for port in config.get("published_ports", []):
        name, number = port["name"], port["port"]
        where = f"{name} in {PORTS}"
        if not PORT_NAME.match(name) or name in ("ssh", API) or name in [p["name"] for p in found]:
            problems.add(
                "A published port has a name of its own, of up to 31 lower-case letters, digits and"
                " hyphens, other than ssh and api",
                f"found {shown(name)}",
                f"name of {shown(name)} in {PORTS}",
            )
        # Such names are those of the ports that lead through the second gateway.
        if second and name.endswith(f"-{second[0]}"):
            problems.add(
                f"The name of a published port does not end in -{second[0]}, as those of the ports"
                " through the second gateway do",
                f"found {shown(name)}",
                f"name of {shown(name)} in {PORTS}",
            )
        for key in ("port", "to_port"):
            problems.port(port.get(key, number), f"{key} of {where}")
        owner = taken.get(number) or GATEWAY_PORTS.get(number)
        if owner:
            problems.add(
                "A published port is free on the host and on the gateway",
                f"{number} is that of {owner}",
                f"port of {where}",
            )
        taken[number] = name
        address = _target(port["to"], floating, machines)
        if address is None:
            problems.add(
                "A published port leads to a floating IP or to a machine with an address",
                f"{shown(port['to'])} is none of {', '.join(known) or 'nothing'}",
                f"to of {where}",
            )
            continue
        found.append(
            {
                "name": name,
                "port": number,
                "to_address": address,
                "to_port": port.get("to_port") or number,
            }
        )
    return found
