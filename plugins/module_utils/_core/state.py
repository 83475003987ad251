# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A planned state and an actual state of the same shape, and what leads from one to the other.

A state is an ordered mapping from the name of a thing to one line (or text) that says how it is.
Everything that a module reports (actions, diff, changed) comes from two such states, so they
cannot disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ansible_collections.virtual.datacenter.plugins.module_utils._core import change


@dataclass(frozen=True)
class Action(change.Action):
    """One step; its kind is create, change or remove, and thing is a key of the state.

    Until `told` has given it the words of its module, its text is those two.
    """

    thing: str = ""


@dataclass(frozen=True)
class Plan:
    """What leads from one state to another."""

    before: Mapping[str, str]
    after: Mapping[str, str]
    actions: Sequence[Action]


def step(verb: str, thing: str) -> Action:
    return Action(verb, f"{verb} {thing}", thing=thing)


def plan(actual: Mapping[str, str], wanted: Mapping[str, str]) -> list[Action]:
    """Remove what is not wanted (last made, first removed), then make or change the rest in the
    wanted order.
    """
    actions = [step("remove", thing) for thing in reversed(list(actual)) if thing not in wanted]
    for thing, value in wanted.items():
        if thing not in actual:
            actions.append(step("create", thing))
        elif actual[thing] != value:
            actions.append(step("change", thing))
    return actions


def told(actions: Sequence[Action], words: Mapping[str, str], name: str) -> list[Action]:
    """The same actions in sentences; the words are for a verb with a thing or kind of thing."""
    found = []
    for action in actions:
        kind, _space, thing = action.thing.partition(" ")
        sentence = words.get(f"{action.kind} {action.thing}") or words[f"{action.kind} {kind}"]
        found.append(replace(action, text=sentence.format(name=name, thing=thing)))
    return found


def as_text(state: Mapping[str, str]) -> str:
    """One thing per line, longer texts below their name, for the diff that a person reads."""
    lines = []
    for thing, value in state.items():
        if "\n" in value:
            lines.append(f"{thing}:")
            lines.extend(f"  {line}" for line in value.splitlines())
        else:
            lines.append(f"{thing}: {value}")
    return "".join(line + "\n" for line in lines)


def diff(actual: Mapping[str, str], wanted: Mapping[str, str], header: str) -> dict[str, str]:
    return {
        "before": as_text(actual),
        "after": as_text(wanted),
        "before_header": header,
        "after_header": header,
    }
