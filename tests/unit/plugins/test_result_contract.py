# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One contract for the results of all modules: actions, failures, and what the documentation says.

A new module, error class or fail_json is found here by itself.
"""

from __future__ import annotations

import ast
import importlib
import re
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
MODULES = sorted(PLUGINS.glob("modules/*.py"))
HELPERS = sorted(
    [
        *PLUGINS.glob("module_utils/**/*.py"),
        PLUGINS / "plugin_utils/run_lock.py",
        PLUGINS / "plugin_utils/ssh_tunnel.py",
    ]
)
CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
# Action plugins do their work.
WITHOUT_MAIN = {"run_lock", "screen_text", "ssh_tunnel"}
# Caught where they are raised, and never told to a user.
INTERNAL = {"DoubtError", "UnreachableError", "UntrustedError"}


def returned(path: Path) -> dict[str, t.Any]:
    """What the documentation of a module says that it returns."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "RETURN":
            return dict(yaml.safe_load(ast.literal_eval(node.value)))
    raise AssertionError(f"{path} documents nothing that it returns")


def nodes(paths: t.Iterable[Path]) -> t.Iterator[tuple[str, ast.AST]]:
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            yield f"{path.relative_to(PLUGINS)}:{getattr(node, 'lineno', 0)}", node


def constants(node: ast.AST) -> t.Iterator[str]:
    """The texts that an expression may be: X if C else Y is both."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def codes() -> t.Iterator[tuple[str, str]]:
    """Every error code that is written down in a plugin, and where."""
    for place, node in nodes([*MODULES, *HELPERS]):
        if isinstance(node, ast.keyword) and node.arg == "error_code":
            yield from ((place, text) for text in constants(node.value))
        elif isinstance(node, ast.Assign):
            names = [ast.unparse(target).rpartition(".")[2] for target in node.targets]
            if {"error_code", "default_code"} & set(names):
                yield from ((place, text) for text in constants(node.value))


def test_every_error_code_is_in_capital_letters() -> None:
    found = list(codes())
    assert len(found) > 150
    # from_answer has none where VirtualBox gives none: then it is that of the class.
    wrong = [(place, text) for place, text in found if text and not CODE.fullmatch(text)]
    assert wrong == []


def test_every_failure_has_a_code() -> None:
    missing = [
        place
        for place, node in nodes([*MODULES, *HELPERS])
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("fail_json")
        and not {"error_code", None} & {keyword.arg for keyword in node.keywords}
    ]
    assert missing == []


def test_every_error_that_a_user_sees_is_one_of_ours() -> None:
    found = 0
    for path in HELPERS:
        name = ".".join(("", *path.relative_to(PLUGINS).with_suffix("").parts))
        module = importlib.import_module(f"ansible_collections.virtual.datacenter.plugins{name}")
        for value in vars(module).values():
            if (
                isinstance(value, type)
                and issubclass(value, Exception)
                and value.__module__ == module.__name__
                and value.__name__ not in INTERNAL
            ):
                found += 1
                assert issubclass(value, TaskError), f"{value} is no TaskError"
                assert CODE.fullmatch(value.default_code)
    assert found > 8


@pytest.mark.parametrize(
    "path",
    MODULES,
    ids=lambda path: path.stem,
)
def test_every_module_documents_the_code_of_its_failures(path: Path) -> None:
    code = returned(path)["error_code"]
    assert code["returned"] == "failure" and code["type"] == "str"
    assert CODE.fullmatch(code.get("sample", "X"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_module_that_changes_something_returns_its_actions(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    actions = returned(path).get("actions")
    if actions is None:
        # It changes nothing.
        assert path.stem.endswith("_info") or path.stem in WITHOUT_MAIN
        return
    assert (actions["type"], actions["elements"]) == ("list", "dict")
    keys = set(change.Action("kind", "text").as_result())
    assert set(actions["contains"]) == keys
    assert actions["contains"]["command"]["elements"] == "str"
    for sample in actions["sample"]:
        assert set(sample) == keys
    assert "run_module(" in source or ".as_result()" in source


def test_an_action_and_a_failure_as_the_user_sees_them() -> None:
    action = change.Action("restart", "restart haproxy", ("systemctl", "restart", "haproxy"))
    assert action.as_result() == {
        "action": "restart",
        "text": "restart haproxy",
        "command": ["systemctl", "restart", "haproxy"],
    }
    error = TaskError(
        "it failed", hint="try again", error_code="X", cmd=("a", "b"), rc=1, stderr="no", port=22
    )
    assert error.as_result() == {
        "msg": "it failed - try again",
        "error_code": "X",
        "cmd": ["a", "b"],
        "rc": 1,
        "stdout": "",
        "stderr": "no",
        "port": 22,
    }
    assert TaskError("it failed").as_result() == {"msg": "it failed", "error_code": "FAILED"}
