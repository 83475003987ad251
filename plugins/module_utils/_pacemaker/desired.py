# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turns the module's options into the model."""

from __future__ import annotations

import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import model
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.errors import (
    InvalidConfigurationError,
)

# From this version on the option is called fencing-enabled; the old name lives on as an alias.
FENCING_RENAMED = (3, 0, 2)
# Kinds of things, and the option that lists them.
LISTS = {
    "resource": "resources",
    "rsc_colocation": "colocations",
    "rsc_order": "orders",
    "rsc_location": "locations",
}
ORDER_KINDS = ("mandatory", "optional", "serialize")
COMPARISONS = ("lt", "gt", "lte", "gte")


def read(params: t.Mapping[str, t.Any], version: tuple[int, ...]) -> model.Configuration:
    """The desired objects as a model; names follow the cluster's version of Pacemaker."""
    wanted = model.Configuration(
        properties=model.texts(params.get("properties")),
        resource_defaults=model.texts(params.get("resource_defaults")),
        operation_defaults=model.texts(params.get("operation_defaults")),
    )
    if params.get("fencing_enabled") is not None:
        name = "fencing-enabled" if version >= FENCING_RENAMED else "stonith-enabled"
        wanted.properties[name] = model.text(params["fencing_enabled"])
    for options in params.get("resources") or []:
        resource = _resource(options)
        if resource.id in wanted.resources:
            raise InvalidConfigurationError(f"The resource {resource.id} is described twice.")
        wanted.resources[resource.id] = resource
    for constraint in _constraints(params):
        if constraint.id in wanted.constraints:
            raise InvalidConfigurationError(f"The constraint {constraint.id} is described twice.")
        wanted.constraints[constraint.id] = constraint
    return wanted


def _resource(options: t.Mapping[str, t.Any]) -> model.Resource:
    words = options["agent"].split(":")
    if len(words) not in (2, 3) or not all(words) or (len(words) == 3) != (words[0] == "ocf"):
        raise InvalidConfigurationError(
            f"{options['agent']} is no agent: give class:type, or ocf:provider:type."
        )
    params, secrets = options.get("params"), options.get("secret_params")
    given = params is not None or secrets is not None
    kept = frozenset(options.get("keep_params") or [])
    twice = kept & {*(params or {}), *(secrets or {})}
    if twice:
        raise InvalidConfigurationError(
            f"The parameter {min(twice)} of {options['id']} is to be kept and to be set: "
            "name it in keep_params, or in params or secret_params."
        )
    operations = options.get("operations")
    clone = options.get("clone")
    return model.Resource(
        id=options["id"],
        agent=options["agent"],
        params={**model.texts(params), **model.texts(secrets)} if given else None,
        meta=model.texts(options.get("meta")),
        operations=None if operations is None else [_operation(op) for op in operations],
        clone_id=(clone.get("id") or f"{options['id']}-clone") if clone is not None else None,
        clone_meta=model.texts(clone.get("meta")) if clone is not None else {},
        secrets=frozenset(secrets or {}),
        kept=kept if given else frozenset(),
    )


def _operation(options: t.Mapping[str, t.Any]) -> dict[str, str]:
    attributes = model.texts(options.get("options"))
    attributes["name"] = options["name"]
    attributes["interval"] = f"{options.get('interval_seconds') or 0}s"
    if options.get("timeout_seconds") is not None:
        attributes["timeout"] = f"{options['timeout_seconds']}s"
    return model.operation(attributes)


def _constraints(params: t.Mapping[str, t.Any]) -> t.Iterator[model.Constraint]:
    for c in params.get("colocations") or []:
        yield _constraint(
            "rsc_colocation",
            c["id"],
            {
                "rsc": c["resource"],
                "with-rsc": c["with_resource"],
                "score": c.get("score") or "INFINITY",
            },
        )
    for c in params.get("orders") or []:
        more = {} if c.get("symmetrical", True) else {"symmetrical": "false"}
        kind = (c.get("kind") or "mandatory").capitalize()
        more.update(first=c["first"], then=c["then"], kind=kind)
        yield _constraint("rsc_order", c["id"], more)
    for c in params.get("locations") or []:
        yield _location(c)


def _location(options: t.Mapping[str, t.Any]) -> model.Constraint:
    node, attribute = options.get("node"), options.get("attribute")
    if bool(node) == bool(attribute):
        raise InvalidConfigurationError(
            f"The location {options['id']} is about a node or an attribute, and gives one of both."
        )
    if node:
        attributes = {"rsc": options["resource"], "node": node, "score": options["score"]}
        return _constraint("rsc_location", options["id"], attributes)
    rule = {
        "attribute": attribute,
        "operation": options.get("operation") or "gt",
        "value": str(options.get("value") or 0),
        "score": options["score"],
    }
    return _constraint("rsc_location", options["id"], {"rsc": options["resource"]}, rule)


def _constraint(
    kind: str,
    identity: str,
    attributes: t.Mapping[str, str],
    rule: t.Mapping[str, str] | None = None,
) -> model.Constraint:
    normal = model.constraint_attributes
    return model.Constraint(identity, kind, normal(attributes), normal(rule or {}))
