# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes of machines, and the ways between segments that their roles need."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan import reach
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.as_list import as_list
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.check_networks import parsed
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import (
    Problems,
    shown,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.said import (
    NotWorkedOutError,
    Said,
    worked_out,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.segments import leg_number
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.ways import WAYS

FEWEST_CPUS, MOST_CPUS = 1, 64
LEAST_MEMORY_MB = 256
MOST_DISKS = 28
ORDINALS = {1: "first", 2: "second", 3: "third"}
# What kubeadm asks of a control plane, and the name of its check.
KUBEADM = (("cpus", 2, "NumCPU", "processors"), ("memory_mb", 1700, "Mem", "MB of memory"))
IGNORED = "k8s_control_plane_ignored_preflight_errors"
# Pacemaker gives up on fencing after 60 s.
LONGEST_FENCING_DELAY_SECONDS = 20


def _ignored(variables: Any) -> set[str]:
    try:
        names = as_list(worked_out(variables, IGNORED) or [])
    except (AnsibleFilterError, NotWorkedOutError):
        return set()
    return {str(name).lower() for name in names}


def check_sizes(said: Said, problems: Problems) -> None:
    for machine in said.machines:
        name = machine["name"]
        if not FEWEST_CPUS <= machine["cpus"] <= MOST_CPUS:
            problems.add(
                f"{name} has {FEWEST_CPUS} to {MOST_CPUS} processors",
                f"found {machine['cpus']}",
                f"machine_cpus of {name}",
            )
        if machine["memory_mb"] < LEAST_MEMORY_MB:
            problems.add(
                f"{name} has at least {LEAST_MEMORY_MB} MB of memory",
                f"found {machine['memory_mb']}",
                f"machine_memory_mb of {name}",
            )
        if machine["role"] == "control_plane":
            _control_plane(machine, _ignored(said.variables[name]), problems)
        _disks(machine, problems)
        if machine["role"] == "gateway":
            _gateway(machine, said, problems)


def _control_plane(machine: dict[str, Any], ignored: set[str], problems: Problems) -> None:
    for key, least, check, unit in KUBEADM:
        if machine[key] < least and not {check.lower(), "all"} & ignored:
            option = f"machine_{key} of {machine['name']}"
            problems.add(
                f"A control plane has at least {least} {unit}, kubeadm refuses less",
                f"{machine['name']} has {machine[key]}",
                f"{option}, or have the check {check} ignored by {IGNORED}",
            )


def _disks(machine: dict[str, Any], problems: Problems) -> None:
    name = machine["name"]
    if len(machine["disks"]) > MOST_DISKS:
        problems.add(
            f"{name} has at most {MOST_DISKS} further disks",
            f"found {len(machine['disks'])}",
            f"machine_disks of {name}",
        )


def _gateway(machine: dict[str, Any], said: Said, problems: Problems) -> None:
    """An address of a gateway would be ignored: it is the same one of each segment."""
    if not machine["address"] or not said.right("datacenter_segments"):
        return
    networks = [parsed(segment["subnet"]) for segment in said.options["datacenter_segments"]]
    number = leg_number(machine["name"], [item["name"] for item in said.of_role("gateway")])
    legs = [str(net[number]) for net in networks if net is not None and net.size > number]
    if machine["address"] not in legs:
        problems.add(
            f"The gateway {machine['name']} has the {ORDINALS[number]} address of each segment",
            f"found {shown(machine['address'])}",
            f"machine_address of {machine['name']}: remove it",
        )


def check_ways(said: Said, problems: Problems) -> None:
    """Segments that do not reach each other although the roles of their machines have to."""
    if not said.right("datacenter_segments") or not said.of_role("control_plane"):
        return
    segments = said.options["datacenter_segments"]
    # Of two with one name the first counts, as in the plan.
    reaches = {item["name"]: item.get("reaches") or [] for item in reversed(segments)}
    missing: dict[tuple[str, str], list[str]] = {}
    for way in WAYS:
        sources = {machine["segment"] for machine in said.of_role(way.source)}
        targets = {machine["segment"] for machine in said.of_role(way.target)}
        for source in sorted(sources & reaches.keys()):
            for target in sorted((targets & reaches.keys()) - {source}):
                closed = [
                    port
                    for port in way.ports
                    if not reach.covered(reaches[source], target, way.protocol, port)
                ]
                if closed:
                    ports = " and ".join(map(str, closed))
                    purpose = f"{way.purpose}, {way.protocol} {ports}"
                    missing.setdefault((source, target), []).append(purpose)
    for (source, target), purposes in missing.items():
        problems.add(
            f"Segment {source} reaches {target} ({'; '.join(purposes)})",
            f"it reaches {', '.join(reaches[source]) or 'none'}",
            f"reaches of segment {source} in datacenter_segments",
        )


def check_patience(said: Said, problems: Problems) -> None:
    if not said.right("datacenter_patience"):
        return
    patience = said.options["datacenter_patience"]
    option = "datacenter_ssh_timeout_seconds"
    # Not a number, which YAML and Python can say, lies nowhere between.
    if not 1 <= patience <= 100:
        problems.add(
            "Everything may take 1 to 100 times as long as on a host of usual speed",
            f"found {patience:g}",
            "datacenter_patience",
        )
    elif said.right(option) and said.options[option] < 1:
        problems.add(
            "A machine has at least a second until it answers SSH",
            f"found {said.options[option]}",
            option,
        )


def check_fencing(said: Said, problems: Problems) -> None:
    option = "datacenter_fencing_delay_seconds"
    if said.right(option) and not 0 <= said.options[option] <= LONGEST_FENCING_DELAY_SECONDS:
        problems.add(
            "A load balancer without the floating IPs waits 0 to "
            f"{LONGEST_FENCING_DELAY_SECONDS} s before it has the other one switched off",
            f"found {said.options[option]}",
            option,
        )


def check_machines(said: Said, problems: Problems) -> None:
    check_patience(said, problems)
    check_fencing(said, problems)
    check_sizes(said, problems)
    check_ways(said, problems)
