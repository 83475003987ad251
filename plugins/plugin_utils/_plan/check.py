# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that can be known to be wrong with an inventory, before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.address import address_plan
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.check_groups import (
    check_groups,
    check_unknown,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.check_machines import (
    check_machines,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.check_names import (
    check_names,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.check_networks import (
    RANGES,
    check_networks,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.check_ports import (
    HOST_PORTS,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.check_text import (
    check_text,
    unprintable,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.inventory import (
    host_memory_mb,
    host_networks,
    inventory_machines,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.jump import jump_command
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import Problems
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.said import (
    NotWorkedOutError,
    Said,
    worked_out,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.specification import (
    Reader,
    Specification,
)

# The plan itself says what is wrong with these, whatever they are.
PLANNED = ("machine_segment", "machine_address")
# What the user may want several of.
LISTS = ("floating_ips", "frontends", "dns_records", "published_ports", "open_ports")
# Without these there is no plan.
NEEDED = ("datacenter_name", "datacenter_domain", "datacenter_segments", "datacenter_floating_ip")


def frontend_option(balancer: Specification) -> dict[str, Any]:
    """What a frontend is: that of the role ha_lb, with machines and groups behind it too."""
    options = {
        name: option
        for name, option in balancer["ha_lb_frontends"]["options"].items()
        if name != "bind_address"
    }
    options["floating_ip"] = {**options["floating_ip"], "required": True}
    server = dict(options["backends"]["options"])
    for name in ("name", "address"):
        server[name] = {"type": "str"}
    server.update({"group": {"type": "str"}, "machine": {"type": "str"}})
    options["backends"] = {**options["backends"], "options": server}
    return {"type": "list", "elements": "dict", "options": options}


def _given(
    name: str, variables: Mapping[str, Any], options: Specification, problems: Problems
) -> dict[str, Any]:
    """The machine variables of a machine, as the inventory has them."""
    found = {}
    for option in options:
        if option not in variables:
            continue
        try:
            found[option] = worked_out(variables, option)
        except NotWorkedOutError as error:
            where = f"{option} of {name}"
            problems.add(f"{where} can be worked out for every host", str(error), where)
    return found


def _machine(
    name: str, variables: Mapping[str, Any], options: Specification, problems: Problems
) -> dict[str, Any]:
    """The good variables of one machine; the plan has defaults for the others."""
    planned = {option: str(variables[option]) for option in PLANNED if variables.get(option)}
    read, wrong = Reader(problems, name).options(variables, options)
    wrong |= unprintable(read, name, problems)
    return {**{key: value for key, value in read.items() if key not in wrong}, **planned}


def read_inventory(
    asked: Mapping[str, Any],
    hostvars: Mapping[str, Any],
    groups: Mapping[str, list[str]],
    problems: Problems,
) -> Said:
    """The inventory with values of their types; what is not so is noted."""
    specification = asked["specification"]
    of_data_center = {
        **specification["inventory"]["options"],
        "datacenter_frontends": frontend_option(asked["balancer"]),
    }
    of_machine = specification["machine"]["options"]
    names = {str(host): [str(key) for key in hostvars[host]] for host in groups.get("all", [])}
    check_unknown(names, [*of_data_center, *of_machine], problems)
    given = {key: value for key, value in asked["options"].items() if key in of_data_center}
    options, wrong = Reader(problems).options(given, of_data_center)
    if asked["options"].get("datacenter_name") is None:
        problems.add("The data center has a name", "none is given", "datacenter_name")
        wrong.add("datacenter_name")
    wrong |= unprintable(options, "", problems)
    machines: dict[str, dict[str, Any]] = {}
    members = [str(name) for name in groups.get("machines", [])]
    of_members = {name: _given(name, hostvars[name], of_machine, problems) for name in members}
    defaults = {
        "cpus": options.get("datacenter_default_cpus", 2),
        "memory_mb": options.get("datacenter_default_memory_mb", 2048),
        "host": next(iter(asked["machine_hosts"]), "localhost"),
    }
    of_machine = {key: value for key, value in of_machine.items() if key not in PLANNED}
    of_machine["machine_volume_groups"] = asked["storage"]["base_lvm_volume_groups"]
    for name, variables in of_members.items():
        machines[name] = _machine(name, variables, of_machine, problems)
    return Said(
        options=options,
        machines=inventory_machines(members, machines, groups, defaults),
        groups={str(name): [str(host) for host in hosts] for name, hosts in groups.items()},
        machine_hosts=[str(host) for host in asked["machine_hosts"]],
        variables={str(name): hostvars[name] for name in members},
        wrong=wrong,
    )


def _jump(said: Said, hostvars: Mapping[str, Any], problems: Problems) -> str:
    """What the inventory says of the way to the gateway's host, or what follows from it."""
    if said.right("datacenter_ssh_proxy_command") and said.options["datacenter_ssh_proxy_command"]:
        return str(said.options["datacenter_ssh_proxy_command"])
    gateway = next(iter(said.of_role("gateway")), None)
    if gateway is None or gateway["host"] not in said.machine_hosts:
        return ""
    host = gateway["host"]
    try:
        return jump_command(host, hostvars[host])
    except NotWorkedOutError as error:
        where = f"the connection variables of {host}"
        problems.add(f"{where} can be worked out", str(error), where)
        return ""


def _plan(said: Said, hostvars: Mapping[str, Any], problems: Problems) -> dict[str, Any]:
    if not said.right(*NEEDED):
        return {}
    options = said.options
    checked = address_plan(
        {
            "name": options["datacenter_name"],
            "domain": options["datacenter_domain"],
            "floating_ip": options["datacenter_floating_ip"],
            **{
                key: options[f"datacenter_{key}"]
                for key in LISTS
                if said.right(f"datacenter_{key}")
            },
            "host_ports": {
                options[name]: what for name, what in HOST_PORTS.items() if said.right(name)
            },
            "segments": options["datacenter_segments"],
            "machines": said.machines,
            "reserved_ranges": {name: options[name] for name in RANGES if said.right(name)},
            "host_networks": host_networks(said.machine_hosts, hostvars),
            "host_memory_mb": host_memory_mb(said.machine_hosts, hostvars),
            "jump": _jump(said, hostvars, problems),
        }
    )
    problems.take(checked["problems"])
    plan: dict[str, Any] = checked["plan"]
    return plan


def checked_inventory(
    asked: Mapping[str, Any], hostvars: Mapping[str, Any], groups: Mapping[str, list[str]]
) -> dict[str, Any]:
    """The address plan of an inventory, and one sentence for everything that is wrong with it.

    `asked` holds options {name: value} of the data center, specification {entry point: ...} of the
    role datacenter, storage {option: ...} of the role base_lvm, balancer {option: ...} of the role
    ha_lb, and machine_hosts [name].
    """
    problems = Problems()
    said = read_inventory(asked, hostvars, groups, problems)
    check_names(said, problems)
    check_groups(said, problems)
    check_text(said, problems)
    check_networks(said, problems)
    check_machines(said, problems)
    plan = _plan(said, hostvars, problems)
    return {"plan": plan, "problems": problems.messages}
