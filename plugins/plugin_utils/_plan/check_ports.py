# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ports of the host that lead through the gateways: each leads to one thing."""

from __future__ import annotations

from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import (
    HIGHEST_PORT,
    Problems,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.said import Said

SSH = "datacenter_ssh_port"
# The ports of the host that have an owner already.
HOST_PORTS = {
    SSH: "the gateway's SSH",
    "datacenter_api_port": "the Kubernetes API",
}
PUBLISHED = "datacenter_published_ports"
STEP = "datacenter_second_gateway_port_step"
FENCING = "datacenter_fencing_port"
# How much higher it is than that for SSH if nobody says it, or lower where that is no port.
FENCING_STEP = 20000


def _ports(said: Said) -> list[tuple[int, str, str]]:
    """Each port that leads through the first gateway, where to, and the option that says so."""
    found = [
        (said.options[name], what, name) for name, what in HOST_PORTS.items() if said.right(name)
    ]
    published: list[dict[str, Any]] = said.options[PUBLISHED] if said.right(PUBLISHED) else []
    found += [
        (item["port"], item["name"], f"port of {item['name']} in {PUBLISHED}") for item in published
    ]
    return [item for item in found if 1 <= item[0] <= HIGHEST_PORT]


def _second(said: Said, problems: Problems) -> None:
    """The ports through the second gateway are ports, and none of the first's."""
    gateways = [machine["name"] for machine in said.of_role("gateway")]
    if len(gateways) != 2 or not said.right(STEP):
        return
    step = said.options[STEP]
    if step < 1:
        problems.add(
            "The ports that lead through the second gateway are at least 1 higher than those"
            " through the first",
            f"found {step}",
            STEP,
        )
        return
    ports = _ports(said)
    first = {port: what for port, what, _option in ports}
    for port, what, option in ports:
        second = port + step
        change = f"{STEP}, or {option}"
        if second > HIGHEST_PORT:
            problems.add(
                f"The port of the host that leads through {gateways[1]} to {what} is a number up"
                f" to {HIGHEST_PORT}",
                f"{port} + {step} is {second}",
                change,
            )
        elif second in first:
            problems.add(
                "Both gateways have ports of their own on the host",
                f"{second} leads through {gateways[0]} to {first[second]}, and through"
                f" {gateways[1]} to {what} ({port} + {step})",
                change,
            )


def _fencing(said: Said, problems: Problems) -> None:
    """The port that takes requests for fencing on a VirtualBox host leads nowhere else."""
    needed = (FENCING, SSH, STEP, "datacenter_provider")
    if not all(said.right(name) for name in needed):
        return
    if said.options["datacenter_provider"] != "virtualbox":
        return
    port, first, step = (said.options[name] for name in (FENCING, SSH, STEP))
    if port:
        problems.port(port, FENCING)
    else:
        port = first + (FENCING_STEP if first + FENCING_STEP <= HIGHEST_PORT else -FENCING_STEP)
    gateways = [machine["name"] for machine in said.of_role("gateway")]
    for other, what, _option in _ports(said):
        for number, gateway in enumerate(gateways[:2]):
            if port == other + number * step:
                problems.add(
                    "Fencing has a port of its own on the host",
                    f"{port} leads through {gateway} to {what}",
                    FENCING,
                )


def check_ports(said: Said, problems: Problems) -> None:
    names = [name for name in HOST_PORTS if said.right(name)]
    for name in names:
        problems.port(said.options[name], name)
    if len(names) == 2 and said.options[names[0]] == said.options[names[1]]:
        problems.add(
            "The gateway's SSH and the Kubernetes API have a port each on the host",
            f"both are {said.options[names[0]]}",
            " or ".join(names),
        )
    _second(said, problems)
    _fencing(said, problems)
