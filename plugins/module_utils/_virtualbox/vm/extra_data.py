# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Extra data and guest properties of a VM: names and values that are any text."""

from __future__ import annotations

import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)

Pairs = t.Tuple[t.Tuple[str, str], ...]

# Extra data of this collection; a task changes it by options of its own.
OURS = "virtual.datacenter/"


def merged(actual: Pairs, wanted: Pairs) -> Pairs:
    """The actual ones with those that are wanted; an empty value removes one."""
    found = {**dict(actual), **dict(wanted)}
    return tuple((name, found[name]) for name in sorted(found) if found[name] != "")


def check(extra_data: Pairs) -> None:
    """Names that VirtualBox refuses, and those that would take a mark away."""
    for name, _value in extra_data:
        if not name:
            raise VirtualBoxError("extra data needs a name", error_code="BAD_OPTION")
        if name.startswith(OURS):
            raise VirtualBoxError(
                f"the extra data '{name}' belongs to this collection",
                hint="use the option managed_by or address",
                error_code="BAD_OPTION",
            )


def extra_data_actions(uuid: str, vm: str, before: Pairs, after: Pairs) -> t.Iterator[Action]:
    for name, value in _changes(before, after):
        argv = ("setextradata", uuid, name, *((value,) if value else ()))
        text = f"{'set' if value else 'remove'} extra data '{name}' of VM '{vm}'"
        yield Action("extra_data", text, argv, uuid, live=True)


def guest_property_actions(uuid: str, vm: str, before: Pairs, after: Pairs) -> t.Iterator[Action]:
    for name, value in _changes(before, after):
        words = ("set", uuid, name, value) if value else ("unset", uuid, name)
        text = f"{'set' if value else 'remove'} guest property '{name}' of VM '{vm}'"
        yield Action("guest_property", text, ("guestproperty", *words), uuid, live=True)


def _changes(before: Pairs, after: Pairs) -> t.Iterator[tuple[str, str]]:
    old, new = dict(before), dict(after)
    for name in sorted({*old, *new}):
        if old.get(name, "") != new.get(name, ""):
            yield name, new.get(name, "")
