# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every option prune_* of every module prunes what a given list leaves out, and nothing else.

The options are found in the argument specifications, so a new one is covered without being named.
A new module with such an option fails here until PLANNERS says how its plan is made.
"""

from __future__ import annotations

import copy
import importlib
import types
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import (
    desired as pacemaker_desired,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import (
    model as pacemaker_model,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import (
    plan as pacemaker_plan,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import (
    task as pacemaker_task,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network import (
    dhcp_model,
    dhcp_plan,
    nat_model,
    nat_plan,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    model,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    plan as planner,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.plan_data import (
    DesiredVm,
)
from ansible_collections.virtual.datacenter.plugins.modules import (
    virtualbox_dhcp_server,
    virtualbox_nat_network,
    virtualbox_vm,
)

MODULES = Path(__file__).resolve().parents[4] / "plugins" / "modules"
PACKAGE = "ansible_collections.virtual.datacenter.plugins.modules"
Options = t.Dict[str, t.Any]
Place = t.Tuple[str, ...]


class SpecificationError(Exception):
    """Carries an argument specification out of a module's main()."""


def documented(options: Options) -> Options:
    """What a documentation says of options, in the form of an argument specification."""
    return {
        name: {"type": "str", **option, "options": documented(option.get("suboptions") or {})}
        for name, option in options.items()
    }


def specification(name: str, monkeypatch: pytest.MonkeyPatch) -> Options:
    module = importlib.import_module(f"{PACKAGE}.{name}")
    if not hasattr(module, "main"):
        # An action plugin does its work, and the documentation is all that is here.
        return documented(yaml.safe_load(module.DOCUMENTATION)["options"])

    def stop(_module: AnsibleModule, argument_spec: Options, **_more: t.Any) -> None:
        raise SpecificationError(argument_spec)

    with monkeypatch.context() as patch:
        # A module may have a class of its own that is made of this one.
        patch.setattr(AnsibleModule, "__init__", stop)
        with pytest.raises(SpecificationError) as caught:
            module.main()
    return t.cast(Options, caught.value.args[0])


def named(spec: Options, fits: t.Callable[[str], bool], above: Place = ()) -> t.Iterator[Place]:
    """Where the specification has a list whose name fits, at any depth."""
    for name, option in spec.items():
        if option["type"] == "list" and fits(name):
            yield (*above, name)
        yield from named(option.get("options") or {}, fits, (*above, name))


def lists(spec: Options, what: str) -> list[Place]:
    """The lists that an option prune_WHAT is about: of that name, or of one that ends so."""
    exact = list(named(spec, lambda name: name == what))
    return exact or list(named(spec, lambda name: name.endswith(f"_{what}")))


# --- the plan of each module: everything that FULL names is there, and a task comes --------------

BRIDGE = "10.9.0.0/24"
FULL: dict[str, Options] = {
    "virtualbox_vm": {
        "name": "vm",
        "nics": [
            {
                "number": 1,
                "type": "nat",
                "port_forwards": [{"name": "ssh", "host_port": 2222, "guest_port": 22}],
            },
            {"number": 2, "type": "internal", "network": "edge"},
        ],
        "storage_controllers": [{"name": "SATA", "type": "sata"}],
        "storage_attachments": [
            {"controller": "SATA", "port": 0, "type": "hdd", "medium": "/a.vdi"},
            {"controller": "SATA", "port": 1, "type": "dvd"},
        ],
        "shared_folders": [{"name": "share", "host_path": "/srv"}],
    },
    "virtualbox_nat_network": {
        "name": "net",
        "network": BRIDGE,
        "port_forwards": [
            {"name": "ssh", "host_port": 2222, "guest_address": "10.9.0.5", "guest_port": 22}
        ],
    },
    "virtualbox_dhcp_server": {
        "network": "net",
        "server_address": "10.9.0.2",
        "netmask": "255.255.255.0",
        "lower_address": "10.9.0.10",
        "upper_address": "10.9.0.99",
        "options": [{"name": "routers", "value": "10.9.0.1"}],
        "groups": [{"name": "one", "options": [{"name": "routers", "value": "10.9.0.1"}]}],
        "fixed_addresses": [
            {
                "mac": "08:00:27:00:00:01",
                "address": "10.9.0.5",
                "options": [{"name": "routers", "value": "10.9.0.1"}],
            }
        ],
    },
    "pacemaker_cib": {
        "resources": [{"id": "x_one", "agent": "systemd:one"}],
        "colocations": [{"id": "x_with", "resource": "x_one", "with_resource": "other"}],
        "orders": [{"id": "x_then", "first": "x_one", "then": "other"}],
        "locations": [{"id": "x_at", "resource": "x_one", "node": "one", "score": "1"}],
    },
}
# Options that are no switches.
VALUES = {"prune_prefix": "x_"}
# A prefix is no list: it is about all of these.
PREFIXED = {"prune_prefix": [("resources",), ("colocations",), ("orders",), ("locations",)]}

KINDS = {
    "resources": "resource",
    "colocations": "rsc_colocation",
    "orders": "rsc_order",
    "locations": "rsc_location",
}

Outcome = t.Tuple[int, Options]


def plan_vm(full: Options, task: Options) -> Outcome:
    def desired(params: Options) -> DesiredVm:
        return virtualbox_vm.make_desired(t.cast(t.Any, types.SimpleNamespace(params=params)))

    actual = planner.plan_vm(None, desired(full)).after
    made = planner.plan_vm(actual, desired(task))
    return len(made.actions), model.describe_vm(made.after)


def plan_nat(full: Options, task: Options) -> Outcome:
    actual = nat_plan.plan(virtualbox_nat_network.make_desired(full), None).after
    made = nat_plan.plan(virtualbox_nat_network.make_desired(task), actual)
    assert made.after is not None
    return len(made.actions), nat_model.describe(made.after)


def plan_dhcp(full: Options, task: Options) -> Outcome:
    actual = dhcp_plan.plan(virtualbox_dhcp_server.make_desired(full), None).after
    made = dhcp_plan.plan(virtualbox_dhcp_server.make_desired(task), actual)
    assert made.after is not None
    return len(made.actions), dhcp_model.describe(made.after)


def plan_cib(full: Options, task: Options) -> Outcome:
    live = pacemaker_desired.read(full, (3, 0, 0))

    class Live:
        """A cluster that has what the full task describes."""

        def version(self) -> tuple[int, ...]:
            return (3, 0, 0)

        def read(self) -> pacemaker_model.Configuration:
            return live

    cluster = pacemaker_task.Task(t.cast(t.Any, None), task, True)
    made = cluster.plan_for(t.cast(t.Any, Live()))
    gone = {action.id for action in made.actions if action.kind == "remove"}
    held = {**live.resources, **live.constraints}
    after: Options = {
        option: [
            identity
            for identity, item in held.items()
            if identity not in gone and getattr(item, "kind", "resource") == kind
        ]
        for option, kind in KINDS.items()
    }
    assert all(isinstance(action, pacemaker_plan.Action) for action in made.actions)
    return len(made.actions), after


PLANNERS: dict[str, t.Callable[[Options, Options], Outcome]] = {
    "virtualbox_vm": plan_vm,
    "virtualbox_nat_network": plan_nat,
    "virtualbox_dhcp_server": plan_dhcp,
    "pacemaker_cib": plan_cib,
}


def parsed(spec: Options, given: Options) -> Options:
    """As Ansible gives them to a module."""
    result = ArgumentSpecValidator(spec).validate(copy.deepcopy(given))
    assert result.error_messages == []
    return t.cast(Options, result.validated_parameters)


def without_lists(spec: Options, full: Options) -> Options:
    """What names the object, and no list."""
    return {name: value for name, value in full.items() if not isinstance(value, list)}


def with_empty(spec: Options, full: Options, place: Place) -> Options:
    """The list at a place is given and empty; what it is in is named, and no more."""
    name, *below = place
    if not below:
        return {name: []}
    inner = spec[name]["options"]
    keys = [key for key, option in inner.items() if option.get("required")]
    keys += [key for key in ("mac", "address") if key in inner and not keys]
    return {
        name: [
            {
                **{key: item[key] for key in keys if key in item},
                **with_empty(inner, item, tuple(below)),
            }
            for item in full[name]
            if below[0] in item
        ]
    }


def held(described: Options, place: Place) -> list[t.Any]:
    """All that the lists at a place hold."""
    name, *below = place
    items = described[name]
    return [thing for item in items for thing in held(item, tuple(below))] if below else items


def test_each_prunes_only_what_a_given_list_leaves_out(monkeypatch) -> None:
    found = []
    for path in sorted(MODULES.glob("*.py")):
        name = path.stem
        spec = specification(name, monkeypatch)
        switches = [option for option in spec if option.startswith("prune_")]
        for switch in switches:
            assert name in PLANNERS, f"say in PLANNERS how the plan of {name} is made"
            full, plan = parsed(spec, FULL[name]), PLANNERS[name]
            on = {switch: VALUES.get(switch, True)}
            least = without_lists(spec, FULL[name])
            about = f"{name}: {switch}"

            # Without a list nothing happens, whatever else may be pruned.
            for task in (on, {other: VALUES.get(other, True) for other in switches}):
                actions, _after = plan(full, parsed(spec, {**least, **task}))
                assert actions == 0, f"{about} prunes a list that is not given"

            places = PREFIXED.get(switch) or lists(spec, switch[len("prune_") :])
            assert places, f"{about} is about no list of the module"
            for place in places:
                task = {**least, **with_empty(spec, FULL[name], place), **on}
                actions, after = plan(full, parsed(spec, task))
                assert actions > 0, f"{about} prunes nothing of {'.'.join(place)}"
                assert held(after, place) == [], f"{about} leaves something in {'.'.join(place)}"
                # The same list without the option removes nothing.
                del task[switch]
                actions, after = plan(full, parsed(spec, task))
                assert actions == 0, f"{'.'.join(place)} of {name} is pruned without {switch}"
            found.append((name, switch))
    assert len(found) >= 9, found
