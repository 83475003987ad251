# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One model, and one normaliser, for the wanted and the live configuration."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

HIDDEN = "********"
INFINITY = 1000000
CONSTRAINT_KINDS = ("rsc_location", "rsc_colocation", "rsc_order")

# Milliseconds of the units that Pacemaker knows; a bare number is seconds.
UNITS = {"ms": 1, "msec": 1, "us": 0.001, "usec": 0.001, "": 1000, "s": 1000, "sec": 1000}
UNITS.update({"m": 60000, "min": 60000, "h": 3600000, "hr": 3600000})
DURATION = re.compile(r"^\s*(\d+)\s*([a-z]*)\s*$", re.I)
DURATION_KEYS = frozenset(("interval", "timeout", "start-delay"))


def text(value: t.Any) -> str:
    """A value as Pacemaker stores it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def texts(values: t.Mapping[str, t.Any] | None) -> dict[str, str]:
    """Names and values as Pacemaker stores them; a value of None is no value."""
    return {str(k): text(v) for k, v in (values or {}).items() if v is not None}


def duration(value: str) -> str:
    """A duration in one spelling, so that 5, 5s and 5000ms are equal."""
    match = DURATION.match(value)
    if not match or match.group(2).lower() not in UNITS:
        return value
    milliseconds = int(int(match.group(1)) * UNITS[match.group(2).lower()])
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def score(value: str) -> str:
    """A score in one spelling, so that inf, +INFINITY and 1000000 are equal."""
    word = value.strip().upper()
    if word in ("INFINITY", "+INFINITY", "INF", "+INF"):
        return "INFINITY"
    if word in ("-INFINITY", "-INF"):
        return "-INFINITY"
    try:
        number = int(word)
    except ValueError:
        return value
    if abs(number) >= INFINITY:
        return "INFINITY" if number > 0 else "-INFINITY"
    return str(number)


def operation(attributes: t.Mapping[str, str]) -> dict[str, str]:
    """An operation without its id, durations in one spelling."""
    return {
        key: duration(value) if key in DURATION_KEYS else value
        for key, value in sorted(attributes.items())
        if key != "id"
    }


def constraint_attributes(attributes: t.Mapping[str, str]) -> dict[str, str]:
    """The attributes of a constraint without its id, scores in one spelling."""
    return {
        key: score(value) if key == "score" else value
        for key, value in sorted(attributes.items())
        if key != "id"
    }


@dataclass
class Resource:
    """A primitive, alone or cloned. None means: not said, leave alone."""

    id: str
    agent: str
    params: dict[str, str] | None = None
    meta: dict[str, str] = field(default_factory=dict)
    operations: list[dict[str, str]] | None = None
    clone_id: str | None = None
    clone_meta: dict[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    # Names of further parameters, whose values in the cluster stay as they are.
    kept: frozenset[str] = frozenset()

    def over(self, live: Resource) -> Resource:
        """The desired object laid over the actual one: what it does not name stays."""
        return Resource(
            id=self.id,
            agent=self.agent,
            params=live.params if self.params is None else {**self.params, **self.stays(live)},
            meta={**live.meta, **self.meta},
            operations=live.operations if self.operations is None else self.operations,
            clone_id=self.clone_id or live.clone_id,
            clone_meta={**live.clone_meta, **self.clone_meta},
        )

    def stays(self, live: Resource | None) -> dict[str, str]:
        """The live parameters that are to be kept."""
        has = (live.params if live else None) or {}
        return {name: value for name, value in has.items() if name in self.kept}

    def shape(self) -> tuple[t.Any, ...]:
        """What two resources are compared by."""
        operations = sorted(self.operations or [], key=lambda op: sorted(op.items()))
        return (
            self.agent, self.params or {}, self.meta, operations, self.clone_id, self.clone_meta,
        )  # fmt: skip

    def public(self) -> frozenset[str]:
        """The parameters that the desired object names in clear text."""
        return frozenset(self.params or {}) - self.secrets

    def as_dict(self, public: frozenset[str]) -> dict[str, t.Any]:
        """For diffs and results. Any other parameter may be a password that nobody names now."""
        result: dict[str, t.Any] = {"agent": self.agent}
        if self.params:
            result["params"] = {k: v if k in public else HIDDEN for k, v in self.params.items()}
        if self.meta:
            result["meta"] = dict(self.meta)
        if self.operations:
            result["operations"] = sorted(self.operations, key=lambda op: sorted(op.items()))
        if self.clone_id:
            result["clone"] = {"id": self.clone_id, "meta": dict(self.clone_meta)}
        return result


@dataclass
class Constraint:
    """A location, colocation or order between whole resources.

    A location is about one node, or has a rule: an expression over an attribute of the nodes.
    """

    id: str
    kind: str
    attributes: dict[str, str]
    rule: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, t.Any]:
        rule = {"rule": dict(self.rule)} if self.rule else {}
        return {"type": self.kind.replace("rsc_", ""), **self.attributes, **rule}


@dataclass
class Configuration:
    """The part of a cluster's configuration that this collection describes."""

    properties: dict[str, str] = field(default_factory=dict)
    resource_defaults: dict[str, str] = field(default_factory=dict)
    operation_defaults: dict[str, str] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    constraints: dict[str, Constraint] = field(default_factory=dict)

    def as_dict(self, public: t.Mapping[str, frozenset[str]]) -> dict[str, dict[str, t.Any]]:
        """For diffs and results; only the named parameters of each resource are shown."""
        return {
            "properties": dict(self.properties),
            "resource_defaults": dict(self.resource_defaults),
            "operation_defaults": dict(self.operation_defaults),
            "resources": {
                i: r.as_dict(public.get(i, frozenset())) for i, r in sorted(self.resources.items())
            },
            "constraints": {i: c.as_dict() for i, c in sorted(self.constraints.items())},
        }
