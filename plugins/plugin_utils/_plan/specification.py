# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values as an argument specification has them, with a sentence for each that is not so.

Ansible's own check shows the whole specification with each mistake, and none of the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Callable

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import BOOLEANS_FALSE, BOOLEANS_TRUE
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.as_list import as_list
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import (
    Problems,
    shown,
)

Specification = Mapping[str, Mapping[str, Any]]


class WrongError(Exception):
    """A value that an option cannot have; its text has been noted as a problem."""


def nearest(name: str, known: list[str]) -> str:
    """What a wrong name may have been meant to be, as the end of a sentence."""
    found = get_close_matches(name, known, 1, 0.6)
    return f", the nearest is {found[0]}" if found else ""


def _text(value: Any) -> str:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise WrongError("is text")


def _whole_number(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    digits = value.strip() if isinstance(value, str) else ""
    if digits.isascii() and digits.removeprefix("-").isdigit() and len(digits) < 19:
        return int(digits)
    raise WrongError("is a whole number")


def _number(value: Any) -> float:
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    raise WrongError("is a number")


def _truth(value: Any) -> bool:
    given = value.lower() if isinstance(value, str) else value
    if isinstance(given, (str, int, float)) and given in BOOLEANS_TRUE:
        return True
    if isinstance(given, (str, int, float)) and given in BOOLEANS_FALSE:
        return False
    raise WrongError("is true or false")


def _dictionary(value: Any) -> dict[str, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise WrongError("holds names with values")


READERS: dict[str, Callable[[Any], Any]] = {
    "str": _text,
    "path": _text,
    "int": _whole_number,
    "float": _number,
    "bool": _truth,
    "dict": _dictionary,
}


def _list(value: Any, text_too: bool) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return list(value)
    if text_too and isinstance(value, str):
        try:
            return as_list(value)
        except AnsibleFilterError:
            pass
    raise WrongError("is a list")


class Reader:
    """Reads values of one owner, such as a machine. Text from the command line may be a list."""

    def __init__(self, problems: Problems, owner: str = "") -> None:
        self.problems = problems
        self.owner = f" of {owner}" if owner else ""
        self.option = ""

    def wrong(self, wanted: str, found: str) -> None:
        """What is wrong somewhere in an option, and that option as the one to change."""
        self.problems.add(wanted, found, self.option)

    def options(
        self, values: Mapping[str, Any], options: Specification
    ) -> tuple[dict[str, Any], set[str]]:
        """Good values, and defaults of the specification for bad ones; the names of the bad."""
        read: dict[str, Any] = {}
        wrong: set[str] = set()
        for name, option in options.items():
            if name not in values:
                continue
            self.option = f"{name}{self.owner}"
            try:
                read[name] = self.value(values[name], option, self.option, top=True)
            except WrongError:
                wrong.add(name)
                if "default" in option:
                    read[name] = option["default"]
        return read, wrong

    def value(self, value: Any, option: Mapping[str, Any], where: str, top: bool = False) -> Any:
        try:
            if value is None:
                raise WrongError("has a value")
            if option["type"] == "list":
                return self._items(_list(value, top), option, where)
            read = READERS[option["type"]](value)
        except WrongError as error:
            if error.args:
                self.wrong(f"{where} {error}", f"found {shown(value)}")
            raise WrongError from error
        if option["type"] == "dict" and "options" in option:
            return self._members(read, option["options"], where)
        choices = option.get("choices")
        if choices and read not in choices:
            self.wrong(
                f"{where} is one of {', '.join(map(str, choices))}",
                f"found {shown(value)}{nearest(str(read), list(map(str, choices)))}",
            )
            raise WrongError
        return read

    def _items(self, items: list[Any], option: Mapping[str, Any], where: str) -> list[Any]:
        element = {key: value for key, value in option.items() if key in ("options", "choices")}
        element["type"] = option.get("elements", "str")
        found = []
        bad = False
        for number, item in enumerate(items, start=1):
            try:
                found.append(self.value(item, element, f"{self._named(item, number)} of {where}"))
            except WrongError:
                bad = True
        if bad:
            raise WrongError
        return found

    @staticmethod
    def _named(item: Any, number: int) -> str:
        name = item.get("name") if isinstance(item, Mapping) else None
        return shown(name) if name and isinstance(name, str) else f"entry {number}"

    def _members(self, values: dict[str, Any], options: Specification, where: str) -> Any:
        bad = False
        for name in values:
            if name not in options:
                known = list(options)
                self.wrong(
                    f"{where} has {', '.join(known)} and nothing else",
                    f"found {shown(name)}{nearest(str(name), known)}",
                )
                bad = True
        read: dict[str, Any] = {}
        for name, option in options.items():
            if values.get(name) is None:
                if option.get("required"):
                    self.wrong(f"{where} has {name}", "none is given")
                    bad = True
                continue
            try:
                read[name] = self.value(values[name], option, f"{name} of {where}")
            except WrongError:
                bad = True
        if bad:
            raise WrongError
        return read
