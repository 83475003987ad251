# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turns a live cluster into the options of pacemaker_cib that describe it."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import desired, model
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.cib import (
    OPTION_SETS,
    Cib,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.errors import (
    InvalidConfigurationError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.plan import make

# What Pacemaker writes down about itself.
OWN_PROPERTIES = frozenset(
    ("cluster-infrastructure", "cluster-name", "dc-version", "have-watchdog", "last-lrm-refresh")
)
FENCING = ("fencing-enabled", "stonith-enabled")
SECRET = re.compile(r"pass|secret|token|key|credential|community", re.I)
SECONDS = re.compile(r"^(\d+)s$")

Options = t.Dict[str, t.Any]


def options(cib: Cib) -> tuple[Options, list[str]]:
    """The options, and what they cannot say.

    Something is among the options exactly if pacemaker_cib, given them, would leave it as it is.
    """
    live = cib.read()
    found: Options = {kind: dict(getattr(live, kind)) for kind in OPTION_SETS}
    properties = found["properties"]
    for name in OWN_PROPERTIES & set(properties):
        del properties[name]
    for name in FENCING:
        if properties.get(name) in ("true", "false"):
            found["fencing_enabled"] = properties.pop(name) == "true"
    left_out = cib.foreign_constraints()
    grouped = cib.grouped()
    for kind, option, thing, entry in _described(live, cib.private_params()):
        entries = found.setdefault(option, [])
        if entry["id"] in grouped or not _leaves_alone(live, option, entry, cib.version()):
            left_out.append(f"{kind.replace('rsc_', '')} {thing.id}")
        else:
            entries.append(entry)
    return {**{option: [] for option in desired.LISTS.values()}, **found}, sorted(left_out)


def _described(
    live: model.Configuration, private: t.Mapping[str, t.Collection[str]]
) -> t.Iterator[tuple[str, str, model.Resource | model.Constraint, Options]]:
    for resource in live.resources.values():
        entry = _resource(resource, private.get(resource.id, ()))
        yield "resource", desired.LISTS["resource"], resource, entry
    for constraint in live.constraints.values():
        yield constraint.kind, desired.LISTS[constraint.kind], constraint, _constraint(constraint)


def _leaves_alone(
    live: model.Configuration, option: str, entry: Options, version: tuple[int, ...]
) -> bool:
    if entry.get("kind", "mandatory") not in desired.ORDER_KINDS:
        return False
    if entry.get("operation", "gt") not in desired.COMPARISONS:
        return False
    try:
        return not make(live, desired.read({option: [entry]}, version)).actions
    except InvalidConfigurationError:
        return False


def _resource(resource: model.Resource, private: t.Collection[str]) -> Options:
    params = resource.params or {}
    secret = sorted(name for name in params if name in private or SECRET.search(name))
    found: Options = {
        "id": resource.id,
        "agent": resource.agent,
        "params": {name: value for name, value in params.items() if name not in secret},
        "meta": dict(resource.meta),
        "operations": [_operation(attributes) for attributes in resource.operations or []],
    }
    if secret:
        found["keep_params"] = secret
    if resource.clone_id:
        found["clone"] = {"id": resource.clone_id, "meta": dict(resource.clone_meta)}
    return found


def _operation(attributes: t.Mapping[str, str]) -> Options:
    rest = dict(attributes)
    found: Options = {"name": rest.pop("name", ""), "options": rest}
    for key in ("interval", "timeout"):
        whole = SECONDS.match(rest.get(key, ""))
        if whole:
            found[f"{key}_seconds"] = int(whole.group(1))
            del rest[key]
    return found


def _constraint(constraint: model.Constraint) -> Options:
    has, rule = constraint.attributes, constraint.rule
    found: Options
    if constraint.kind == "rsc_colocation":
        found = {
            "resource": has.get("rsc", ""),
            "with_resource": has.get("with-rsc", ""),
            "score": has.get("score", ""),
        }
    elif constraint.kind == "rsc_order":
        found = {
            "first": has.get("first", ""),
            "then": has.get("then", ""),
            "kind": has.get("kind", "").lower(),
            "symmetrical": has.get("symmetrical") != "false",
        }
    elif rule:
        number = rule.get("value", "")
        found = {
            "resource": has.get("rsc", ""),
            "attribute": rule.get("attribute", ""),
            "operation": rule.get("operation", ""),
            "value": int(number) if re.match(r"^-?\d+$", number) else None,
            "score": rule.get("score", ""),
        }
    else:
        found = {
            "resource": has.get("rsc", ""),
            "node": has.get("node", ""),
            "score": has.get("score", ""),
        }
    return {"id": constraint.id, **found}
