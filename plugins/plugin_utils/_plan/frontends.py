# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frontends of the load balancers: that of the Kubernetes API, and those of the inventory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan import reach
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.floating_ips import API
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.library import netaddr
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.model import (
    FloatingIp,
    Machine,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import (
    Problems,
    shown,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.segments import Segment
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.ways import API_PORT

OPTION = "datacenter_frontends"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
API_FRONTEND = "kubernetes_api"
# A name that the certificate of every API server has.
API_HOST = "kubernetes"
TARGETS = ("group", "machine", "address")
Places = Mapping[str, Machine]


def of_api(machines: Places) -> dict[str, Any]:
    """The frontend of the Kubernetes API."""
    return {
        "name": API_FRONTEND,
        "floating_ip": API,
        "bind_port": API_PORT,
        "backends": [
            {"name": machine.name, "address": machine.address, "port": API_PORT}
            for machine in machines.values()
            if machine.role == "control_plane"
        ],
        "check": {"type": "https_get", "path": "/readyz", "expect_status": 200},
    }


def of_group(name: str, config: Mapping[str, Any]) -> list[str]:
    """The names of the machines of a group of the inventory."""
    return [item["name"] for item in config["machines"] if name in item["groups"]]


def _servers(
    backend: dict[str, Any],
    where: str,
    config: dict[str, Any],
    machines: Places,
    problems: Problems,
) -> Iterator[dict[str, Any]]:
    """The servers that one entry means: a machine, those of a group, or what has an address."""
    given = [target for target in TARGETS if backend.get(target)]
    rest = {key: value for key, value in backend.items() if key not in (*TARGETS, "name")}
    if len(given) != 1:
        problems.add(
            f"A backend of {where} is one of {', '.join(TARGETS)}",
            f"found {' and '.join(given) or 'none of them'}",
            f"backends of {where}",
        )
        return
    if given == ["address"]:
        address = problems.address(backend["address"], f"address in backends of {where}")
        if address is not None:
            yield {"name": backend.get("name") or str(address), "address": str(address), **rest}
        return
    wanted = backend[given[0]]
    names = of_group(wanted, config) if given == ["group"] else [wanted]
    placed = [machines[name] for name in names if name in machines and machines[name].address]
    if not placed:
        what = "a group with machines" if given == ["group"] else "a machine with an address"
        problems.add(
            f"The {given[0]} behind {where} is {what}",
            f"{shown(wanted)} is none",
            f"backends of {where}",
        )
    for machine in placed:
        yield {"name": machine.name, "address": machine.address, **rest}


def _reached(
    servers: list[dict[str, Any]],
    home: str,
    where: str,
    segments: dict[str, Segment],
    problems: Problems,
) -> None:
    """The load balancers' segment reaches those of the servers."""
    targets: dict[tuple[str, int], list[str]] = {}
    for server in servers:
        address = netaddr.IPAddress(server["address"])
        target = next((s.name for s in segments.values() if address in s.network), home)
        targets.setdefault((target, server["port"]), []).append(server["name"])
    for (target, port), names in targets.items():
        if target != home and not reach.covered(segments[home].reaches, target, "tcp", port):
            problems.add(
                f"Segment {home} reaches {target} ({where} passes requests on to"
                f" {', '.join(names)}, tcp {port})",
                f"it reaches {', '.join(segments[home].reaches) or 'none'}",
                f"reaches of segment {home} in datacenter_segments",
            )


def _no_gateways(
    servers: list[dict[str, Any]], where: str, segments: dict[str, Segment], problems: Problems
) -> None:
    """No server has the address of a gateway, of which there are several then."""
    own = {str(at): (of, s.name) for s in segments.values() for at, of in s.own.items()}
    for server in servers:
        if server["address"] in own:
            gateway, segment = own[server["address"]]
            problems.add(
                f"No server behind {where} is a gateway",
                f"{server['address']} is that of {gateway} in {segment}",
                f"backends of {where}",
            )


def _floating_ip(
    frontend: dict[str, Any], floating: Mapping[str, FloatingIp], problems: Problems
) -> FloatingIp | None:
    name = frontend["floating_ip"]
    if name not in floating:
        problems.add(
            f"The frontend {frontend['name']} is of a floating IP"
            f" ({', '.join(floating) or 'none is given'})",
            f"{shown(name)} is none of them",
            f"floating_ip of {frontend['name']} in {OPTION}, or datacenter_floating_ips",
        )
        return None
    return floating[name]


def _take_ports(
    frontend: dict[str, Any],
    taken: dict[tuple[str, int], str],
    placed: bool,
    problems: Problems,
) -> None:
    """The ports of its floating IP that a frontend listens on, noted in `taken` with its name."""
    name, floating_ip = frontend["name"], frontend["floating_ip"]
    ports = {"bind_port": frontend["bind_port"]}
    if frontend.get("redirect_http_port"):
        ports["redirect_http_port"] = frontend["redirect_http_port"]
    for option, port in ports.items():
        where = f"{option} of {name} in {OPTION}"
        if problems.port(port, where) and placed and (floating_ip, port) in taken:
            problems.add(
                "Every frontend has a port of its floating IP for itself",
                f"{port} of {floating_ip} is of both {taken[floating_ip, port]} and {name}",
                where,
            )
        taken.setdefault((floating_ip, port), name)


def frontends(
    config: dict[str, Any],
    floating: Mapping[str, FloatingIp],
    segments: dict[str, Segment],
    machines: Places,
    problems: Problems,
) -> list[dict[str, Any]]:
    """All frontends as options of the role ha_lb; a group of machines becomes one server each."""
    planes = any(machine.role == "control_plane" for machine in machines.values())
    found = [of_api(machines)] if planes and API in floating else []
    taken = {(item["floating_ip"], item["bind_port"]): item["name"] for item in found}
    given = config.get("frontends", [])
    if given and not any(machine.role == "load_balancer" for machine in machines.values()):
        problems.add(
            "Frontends are served by load balancers",
            "group load_balancer is empty",
            f"the inventory group load_balancer, or {OPTION}",
        )
    for frontend in given:
        name = frontend["name"]
        where = f"{name} in {OPTION}"
        if not NAME.match(name) or name in (API_FRONTEND, "stats", "metrics"):
            problems.add(
                "The name of a frontend is 1 to 63 letters, digits, dots, hyphens and underscores,"
                f" and none of {API_FRONTEND}, stats and metrics",
                f"found {shown(name)}",
                f"name of {shown(name)} in {OPTION}",
            )
        if name in [item["name"] for item in found]:
            problems.add("Every frontend has a name of its own", f"{name} is there twice", OPTION)
        home = _floating_ip(frontend, floating, problems)
        _take_ports(frontend, taken, home is not None, problems)
        servers = []
        for backend in frontend["backends"]:
            problems.port(backend["port"], f"backends of {where}", "The port of a backend")
            servers += list(_servers(backend, where, config, machines, problems))
        if not frontend["backends"]:
            problems.add("A frontend has a backend", "the list is empty", f"backends of {where}")
        if len({server["name"] for server in servers}) != len(servers):
            problems.add(
                f"Every server behind {where} is there once",
                f"found {', '.join(server['name'] for server in servers)}",
                f"backends of {where}",
            )
        _no_gateways(servers, where, segments, problems)
        if home is not None:
            _reached(servers, home.segment, where, segments, problems)
        found.append({**frontend, "backends": servers})
    return found
