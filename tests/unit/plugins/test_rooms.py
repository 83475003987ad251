# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rooms of the plugins import each other in one direction only."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
PACKAGE = "ansible_collections.virtual.datacenter.plugins"


def imports() -> dict[str, set[str]]:
    """The files that each file of the plugins imports, by their names below plugins."""
    paths = {
        ".".join(path.relative_to(PLUGINS).with_suffix("").parts): path
        for path in PLUGINS.rglob("*.py")
    }
    found: dict[str, set[str]] = {name: set() for name in paths}
    for name, path in paths.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith(PACKAGE):
                continue
            source = (node.module or "")[len(PACKAGE) + 1 :]
            for alias in node.names:
                module = f"{source}.{alias.name}"
                found[name].add(module if module in paths else source)
    return found


def circle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def room(name: str) -> str:
    return name.rpartition(".")[0]


def test_neither_files_nor_rooms_import_in_a_circle() -> None:
    files = imports()
    assert len(files) > 100
    assert circle(files) == []
    rooms: dict[str, set[str]] = {}
    for name, used in files.items():
        rooms.setdefault(room(name), set()).update({room(other) for other in used} - {room(name)})
    assert circle(rooms) == []


def test_the_core_imports_nothing_else_of_ours() -> None:
    used = {other for name, others in imports().items() if "._core." in name for other in others}
    assert {room(other) for other in used} <= {"module_utils._core"}
