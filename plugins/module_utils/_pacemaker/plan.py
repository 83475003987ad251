# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares desired and actual objects; the list it gives is all that is ever changed."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import model
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.cib import (
    OPTION_SETS,
    Cib,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.errors import (
    InvalidConfigurationError,
)


@dataclass(frozen=True)
class Action(change.Action):
    """One change of one resource, constraint or property of the cluster."""

    # The kind of the thing, and its name.
    thing: str = ""
    id: str = ""


def _action(verb: str, thing: str, identity: str) -> Action:
    text = f"{verb} {thing.replace('rsc_', '')} {identity}"
    return Action(verb, text, thing=thing, id=identity)


class Plan(t.NamedTuple):
    """The changes in order, and how the described things look once they are made."""

    actions: list[Action]
    before: model.Configuration
    after: model.Configuration


def make(
    live: model.Configuration,
    wanted: model.Configuration,
    prune_prefix: str = "",
    pruned: t.Collection[str] = (),
) -> Plan:
    """What must change to reach the desired state; nothing that is not named or pruned is touched.

    `pruned` holds the kinds of things of which the desired gives the whole list.
    """
    actions: list[Action] = []
    before, after = model.Configuration(), model.Configuration()
    for kind in OPTION_SETS:
        has = getattr(live, kind)
        for name, value in getattr(wanted, kind).items():
            if name in has:
                getattr(before, kind)[name] = has[name]
            getattr(after, kind)[name] = value
            if has.get(name) != value:
                actions.append(_action("change" if name in has else "create", kind, name))
    for identity, resource in wanted.resources.items():
        lives = live.resources.get(identity)
        unknown = resource.kept - set(resource.stays(lives))
        if unknown:
            raise InvalidConfigurationError(
                f"The parameter {min(unknown)} of {identity} is to be kept, and the cluster has "
                "none: give it in secret_params, or take it out of keep_params."
            )
        if lives is None:
            actions.append(_action("create", "resource", identity))
            after.resources[identity] = resource
            continue
        before.resources[identity] = lives
        after.resources[identity] = resource.over(lives)
        if after.resources[identity].shape() != lives.shape():
            actions.append(_action("change", "resource", identity))
    for identity, constraint in wanted.constraints.items():
        after.constraints[identity] = constraint
        there = live.constraints.get(identity)
        if there is None:
            actions.append(_action("create", constraint.kind, identity))
            continue
        before.constraints[identity] = there
        if there != constraint:
            actions.append(_action("change", constraint.kind, identity))
    if prune_prefix:
        actions += _prune(live, wanted, before, prune_prefix, pruned)
    return Plan(actions, before, after)


def _prune(
    live: model.Configuration,
    wanted: model.Configuration,
    before: model.Configuration,
    prefix: str,
    pruned: t.Collection[str],
) -> list[Action]:
    actions: list[Action] = []
    for identity, constraint in live.constraints.items():
        listed = identity in wanted.constraints or constraint.kind not in pruned
        if identity.startswith(prefix) and not listed:
            before.constraints[identity] = constraint
            actions.append(_action("remove", constraint.kind, identity))
    for identity, resource in live.resources.items():
        listed = identity in wanted.resources or "resource" not in pruned
        if identity.startswith(prefix) and not listed:
            before.resources[identity] = resource
            actions.append(_action("remove", "resource", identity))
    return actions


def apply(plan: Plan, cib: Cib) -> None:
    """Make the changes of the plan in the document, and no other."""
    for action in plan.actions:
        verb, kind, identity = action.kind, action.thing, action.id
        if kind in OPTION_SETS:
            cib.put_option(kind, identity, getattr(plan.after, kind)[identity])
        elif kind == "resource" and verb == "remove":
            cib.remove_resource(identity)
        elif kind == "resource":
            cib.put_resource(plan.after.resources[identity])
        elif verb == "remove":
            cib.remove_constraint(identity)
        else:
            cib.put_constraint(plan.after.constraints[identity])
