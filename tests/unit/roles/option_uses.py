# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where roles and playbooks use the options of roles: every expression, as jinja2 reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import yaml
from jinja2 import nodes

ROOT = Path(__file__).resolve().parents[3]
# Expressions without braces.
BARE = {"when", "that", "until", "failed_when", "changed_when", "break_when"}
TYPES = ("bool", "int", "list")


class Use(NamedTuple):
    """One load of an option: the filter right behind it, or output if it is all of an output."""

    place: str
    name: str
    through: str


class AnyName(dict):  # type: ignore[type-arg]
    """Filters and tests of Ansible and of collections; only their names matter here."""

    def __contains__(self, key: object) -> bool:
        return True

    def __missing__(self, key: str) -> Any:
        return lambda value, *_rest, **_options: value

    def get(self, key: str, default: Any = None) -> Any:
        return self[key]


ENVIRONMENT = jinja2.Environment(extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"])
ENVIRONMENT.filters = AnyName()
ENVIRONMENT.tests = AnyName()


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def options(role: Path) -> dict[str, str]:
    """The options of a role that are not text: name to type."""
    found: dict[str, str] = {}
    for entry in load(role / "meta" / "argument_specs.yml")["argument_specs"].values():
        for name, option in entry.get("options", {}).items():
            if option["type"] in TYPES:
                found[name] = option["type"]
    return found


def expressions(value: Any, bare: bool = False) -> Iterator[str]:
    """Every template in what a YAML file holds; bare conditions are put into braces."""
    if isinstance(value, dict):
        for key, item in value.items():
            # A condition may also be a list, and the text of a message may not be one.
            yield from expressions(item, key in BARE)
            if isinstance(key, str):
                yield from expressions(key)
    elif isinstance(value, list):
        for item in value:
            yield from expressions(item, bare)
    elif isinstance(value, str):
        if "{{" in value or "{%" in value:
            yield value
        elif bare:
            yield "{{ (" + value + ") }}"


def templates(paths: list[Path]) -> Iterator[tuple[str, str]]:
    for path in paths:
        place = str(path.relative_to(ROOT))
        if path.suffix == ".yml":
            for text in expressions(load(path)):
                yield place, text
        elif path.suffix == ".j2":
            yield place, path.read_text(encoding="utf-8")


def uses(paths: list[Path], names: dict[str, str]) -> list[Use]:
    return [use for place, text in templates(paths) for use in uses_in(place, text, names)]


def uses_in(place: str, text: str, names: dict[str, str]) -> list[Use]:
    found = []
    for parent, node in _pairs(ENVIRONMENT.parse(text)):
        if isinstance(node, nodes.Name) and node.ctx == "load" and node.name in names:
            through = ""
            if isinstance(parent, nodes.Filter) and parent.node is node:
                through = parent.name
            elif isinstance(parent, nodes.Output):
                through = "output"
            found.append(Use(f"{place}: {' '.join(text.split())[:150]}", node.name, through))
    return found


def _pairs(node: nodes.Node) -> Iterator[tuple[nodes.Node, nodes.Node]]:
    for child in node.iter_child_nodes():
        yield node, child
        yield from _pairs(child)


def files_of(role: Path) -> list[Path]:
    kinds = ("tasks/*.yml", "handlers/*.yml", "vars/*.yml", "defaults/*.yml", "templates/*.j2")
    return sorted(path for kind in kinds for path in role.glob(kind))


def files_of_playbooks() -> list[Path]:
    kinds = ("*.yml", "tasks/*.yml", "vars/*.yml", "templates/*.j2")
    return sorted(path for kind in kinds for path in (ROOT / "playbooks").glob(kind))
