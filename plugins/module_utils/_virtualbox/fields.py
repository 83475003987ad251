# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One row for each option of a VM: how a task, VBoxManage and the settings file name it.

A row holds words and places only. Offering an option, reading it from either source, comparing it
and setting it are the functions below, the same for all rows. A table is a tuple of rows, or a
dataclass of which some fields are rows.
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)

Words = t.Tuple[t.Tuple[str, str], ...]
Values = t.Mapping[str, t.Any]
Bounds = t.Tuple[int, int]
# Gives the text of an element's attribute in a settings file, None if there is none.
Find = t.Callable[[str, str], t.Optional[str]]

ROW = "row"
TRUE = ("on", "true", "1")


@dataclasses.dataclass(frozen=True)
class Field:
    """One option."""

    # Of a task, of a model, and of results.
    name: str
    # Option of VBoxManage; the number of a NIC or serial port follows it.
    flag: str = ""
    # Key of showvminfo, likewise; empty: only the settings file has it.
    key: str = ""
    # Where the settings file has it: `Element.attribute`, and what it means that there is none:
    # `=value`.
    place: str = ""
    # Empty: a word if there are words, else a switch.
    kind: str = ""
    # Words of a task, and what VBoxManage takes for them.
    words: Words = ()
    # What showvminfo or the settings file shows, where it is not what VBoxManage takes.
    shown: tuple[tuple[str, t.Any], ...] = ()
    # Numbers that VirtualBox takes.
    between: Bounds | None = None
    # Which part of a pair with a comma it is that showvminfo shows.
    part: int | None = None
    # For a text: from what is shown, and to what VBoxManage takes.
    reads: t.Callable[[str], str] = str
    writes: t.Callable[[t.Any], str] = str

    @property
    def type(self) -> str:
        return self.kind or ("str" if self.words else "bool")

    @property
    def choices(self) -> tuple[str, ...]:
        return tuple(word for word, _argument in self.words)

    @functools.cached_property
    def source(self) -> tuple[str, str, str | None]:
        """Element, attribute, and what it means that there is none."""
        place, equals, default = self.place.partition("=")
        element, _dot, attribute = place.partition(".")
        return element, attribute, default if equals else None

    @functools.cached_property
    def usual(self) -> t.Any:
        """What it means that the settings file has none."""
        return self.value(self.source[2] or "")

    @functools.cached_property
    def _known(self) -> dict[str, t.Any]:
        return {argument.lower(): word for word, argument in self.words} | dict(self.shown)

    @functools.cached_property
    def _arguments(self) -> dict[str, str]:
        return dict(self.words)

    def argument(self, value: t.Any) -> str:
        """As VBoxManage takes it."""
        if self.words:
            return self._arguments[value]
        if self.type == "bool":
            return "on" if value else "off"
        return self.writes(value)

    def value(self, text: str) -> t.Any:
        """As a task says it; a word that no task can say is kept."""
        if self.kind == "int":
            return int(text)
        if self.type == "bool":
            return self._known.get(text, text in TRUE)
        if not self._known:
            return self.reads(text)
        lower = text.lower()
        return self._known.get(text, self._known.get(lower, lower))

    def option(self) -> dict[str, t.Any]:
        """As the argument specification of a module has it."""
        return {"type": self.type, **({"choices": list(self.choices)} if self.words else {})}


Table = t.Union[type, t.Tuple[Field, ...]]


def same(*words: str) -> Words:
    """Words that VBoxManage has too."""
    return tuple((word, word) for word in words)


def row(flag: str = "", key: str = "", **more: t.Any) -> t.Any:
    """A field of a dataclass that is an option; None is unknown or left alone."""
    made = {ROW: Field("", flag, key, **more)}
    return dataclasses.field(default=None, metadata=made)  # pylint: disable=invalid-field-call


def rows(table: Table) -> tuple[Field, ...]:
    """The rows of a table."""
    return table if isinstance(table, tuple) else _rows_of(table)


@functools.lru_cache(maxsize=64)
def _rows_of(table: type) -> tuple[Field, ...]:
    return tuple(
        dataclasses.replace(item.metadata[ROW], name=item.name)
        for item in dataclasses.fields(table)
        if ROW in item.metadata
    )


def options(table: Table) -> dict[str, dict[str, t.Any]]:
    """The options of a task for all rows."""
    return {item.name: item.option() for item in rows(table)}


def values(table: Table, item: t.Any) -> dict[str, t.Any]:
    """What an object has in the fields that are rows."""
    return {found.name: getattr(item, found.name) for found in rows(table)}


def in_file(table: Table, find: Find) -> dict[str, t.Any]:
    """From a settings file; a row that has no place there is left out."""
    found = {}
    for item in rows(table):
        element, attribute, default = item.source
        text = find(element, attribute) if attribute else None
        if text is not None:
            found[item.name] = item.value(text)
        elif default is not None:
            found[item.name] = item.usual
    return found


def in_showvminfo(
    table: Table, scalars: t.Mapping[str, str], number: int | str = ""
) -> dict[str, t.Any]:
    """From what showvminfo shows; what this VirtualBox does not show is left out."""
    found = {}
    for item in rows(table):
        text = scalars.get(f"{item.key}{number}") if item.key else None
        if text is not None and item.part is not None:
            text = text.partition(",")[2 * item.part] or None
        if text is not None:
            found[item.name] = item.value(text)
    return found


def changes(
    table: Table, before: Values, after: Values, number: int | str = ""
) -> tuple[list[str], list[str]]:
    """The arguments of VBoxManage that lead from one state to the other, and what they change."""
    arguments: list[str] = []
    changed: list[str] = []
    for item in rows(table):
        value = after.get(item.name)
        if item.flag and value is not None and value != before.get(item.name):
            arguments += [f"{item.flag}{number}", item.argument(value)]
            changed.append(item.name)
    return arguments, changed


def check(table: Table, asked: Values, what: str) -> None:
    """Numbers that VirtualBox would refuse."""
    for item in rows(table):
        if item.between is not None:
            check_number(f"{item.name} of {what}", asked.get(item.name), item.between)


def check_number(what: str, value: int | None, bounds: Bounds) -> None:
    """A number of a task; None was not given."""
    low, high = bounds
    if value is not None and not low <= value <= high:
        takes = f"only {low}" if low == high else f"{low} to {high}"
        raise VirtualBoxError(
            f"{what} is to be {value}, and VirtualBox takes {takes}", error_code="BAD_OPTION"
        )
