# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of the documentation as data, and what they give to modules and roles."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
PREFIX = "virtual.datacenter."
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
FENCE = re.compile(r"^```yaml\n(.*?)^```$", re.M | re.S)
INCLUDES = ("ansible.builtin.include_role", "ansible.builtin.import_role")
# What stands for a value that a template gives, by its type.
STAND_INS = {"bool": True, "dict": {}, "float": 1.0, "int": 1, "list": [], "path": "/path"}


@dataclass(frozen=True)
class Use:
    """A module or an entry point of a role, and the options that an example gives it."""

    name: str
    options: dict[str, Any]
    # The entry points of a role. A module has none.
    entries: tuple[str, ...] = ()


def texts(path: Path) -> list[str]:
    """The examples of one file, as YAML."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return FENCE.findall(text)
    if path.parts[-3:-1] == ("plugins", "filter") and path.suffix == ".yml":
        return [yaml.safe_load(text)["EXAMPLES"]]
    if path.suffix == ".py":
        return [
            ast.literal_eval(node.value)
            for node in ast.parse(text).body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "EXAMPLES"
        ]
    return [text]


def files() -> list[Path]:
    """All files with examples."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    for pattern in (
        "docs/*.md",
        "roles/*/README.md",
        "examples/*/*.yml",
        "plugins/modules/*.py",
        "plugins/inventory/*.py",
        "plugins/callback/*.py",
        "plugins/filter/*.yml",
    ):
        found += sorted(ROOT.glob(pattern))
    return found


def uses(node: Any) -> Iterator[Use]:
    """Every use of our modules and roles below a piece of an example."""
    if isinstance(node, list):
        for item in node:
            yield from uses(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            name = str(key).removeprefix(PREFIX)
            if str(key).startswith(PREFIX) and name in MODULES:
                # What a template gives as a whole is known to nobody here.
                if not isinstance(value, str):
                    yield Use(name, value or {})
            elif key in INCLUDES and value["name"].startswith(PREFIX):
                entry = value.get("tasks_from", "main")
                entries = node["loop"] if "{{" in entry else [entry]
                options = node.get("vars", {})
                yield Use(value["name"].removeprefix(PREFIX), options, tuple(entries))
            elif key == "roles":
                for item in value:
                    if item["role"].startswith(PREFIX):
                        role = item["role"].removeprefix(PREFIX)
                        yield Use(role, item.get("vars", {}), ("main",))
            else:
                yield from uses(value)


def filled(value: Any, option: dict[str, Any]) -> Any:
    """The value with stand-ins where templates give what is no text."""
    kind = option.get("type", "str")
    if isinstance(value, str) and "{{" in value:
        if option.get("choices"):
            return option["choices"][0]
        return STAND_INS.get(kind, value)
    if isinstance(value, list):
        element = {**option, "type": option.get("elements", "raw")}
        return [filled(item, element) for item in value]
    if isinstance(value, dict) and option.get("options"):
        known = option["options"]
        return {key: filled(item, known.get(key, {})) for key, item in value.items()}
    return value
