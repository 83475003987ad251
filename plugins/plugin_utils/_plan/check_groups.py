# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups that are missing or empty, hosts that do not exist, and names that nobody knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.inventory import ROLE_GROUPS
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import (
    Problems,
    shown,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.said import Said
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.specification import nearest

PREFIXES = ("datacenter_", "machine_")
# Roles whose names begin as the variables of machines do, today or by the design.
ROLES = ("machine_image_", "machine_base_", "machine_storage_")
# What the role datacenter itself leaves behind.
OWN = ("datacenter_plan", "datacenter_clock", "datacenter_layer")
MOST_HOSTS = 3


def _meant(variable: str, known: list[str]) -> str:
    """The nearest known name. All begin alike, so that only the rest says which is near."""
    prefix = variable.split("_")[0] + "_"
    ends = {name[len(prefix) :]: name for name in known if name.startswith(prefix)}
    end = nearest(variable[len(prefix) :], list(ends))
    return end.replace("nearest is ", f"nearest is {prefix}")


def check_unknown(
    names: Mapping[str, Iterable[str]], known: Iterable[str], problems: Problems
) -> None:
    """Each unknown name once, with the hosts that have it. `names` is host to variable names."""
    right = sorted(known)
    holders: dict[str, list[str]] = {}
    for host, variables in names.items():
        for variable in variables:
            if not variable.startswith(PREFIXES) or variable.startswith(ROLES):
                continue
            if variable not in right and variable not in OWN:
                holders.setdefault(variable, []).append(host)
    for variable, hosts in holders.items():
        some = ", ".join(hosts[:MOST_HOSTS])
        of = some if len(hosts) <= MOST_HOSTS else f"{some} and {len(hosts) - MOST_HOSTS} more"
        problems.add(
            "Variables that begin with datacenter_ or machine_ are those of this collection",
            f"{shown(variable)} of {of} is none{_meant(variable, right)}",
            "its name, or remove it",
        )


def _roles(said: Said, problems: Problems) -> None:
    machines = set(said.groups.get("machines", []))
    for role in ROLE_GROUPS:
        for name in said.groups.get(role, []):
            if name not in machines:
                problems.add(
                    "Every host of the groups of machines is in the group machines too",
                    f"{shown(name)} of {role} is not",
                    f"the inventory, so that {role} is a child of machines",
                )
    without = {machine["name"] for machine in said.machines if not machine["roles"]}
    for group, hosts in said.groups.items():
        meant = nearest(group, list(ROLE_GROUPS))
        if group not in ROLE_GROUPS and meant and without & set(hosts):
            problems.add(
                f"The groups of machines are {', '.join(ROLE_GROUPS)}",
                f"{shown(group)} is none{meant}",
                f"the name of the group {shown(group)}",
            )


def _machine_hosts(said: Said, problems: Problems) -> None:
    if not said.machine_hosts:
        problems.add(
            "The group machine_hosts holds the hosts that machines are on",
            "it is missing or empty",
            "the inventory",
        )
        return
    for machine in said.machines:
        host = machine["host"]
        if host not in said.machine_hosts:
            problems.add(
                f"The host of {machine['name']} is in the group machine_hosts",
                f"{shown(host)} is not{nearest(host, said.machine_hosts)}",
                f"machine_host of {machine['name']}, or the group",
            )
    gateways = {machine["host"] for machine in said.of_role("gateway")}
    if len(gateways) > 1:
        problems.add(
            "The gateways are on the same host (the networks between them end at the host)",
            ", ".join(
                f"{machine['name']} is on {machine['host']}" for machine in said.of_role("gateway")
            ),
            "machine_host of a gateway",
        )
    others = set(said.machine_hosts) - gateways
    away = [machine for machine in said.machines if machine["host"] in others]
    if len(gateways) == 1 and away:
        problems.add(
            f"All machines are on the host of their gateway, {min(gateways)} (the networks between"
            " them end at the host)",
            ", ".join(
                f"{machine['name']} is on {machine['host']}" for machine in away[:MOST_HOSTS]
            ),
            "machine_host of these machines",
        )


def check_groups(said: Said, problems: Problems) -> None:
    if not said.machines:
        problems.add(
            "The group machines holds the machines of the data center",
            "it is missing or empty",
            "the inventory",
        )
    _machine_hosts(said, problems)
    _roles(said, problems)
