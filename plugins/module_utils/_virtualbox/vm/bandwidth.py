# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bandwidth groups: limits that network cards of a VM share."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action

KIB = 1024


@dataclass(frozen=True)
class BandwidthGroup:
    """A limit that several NICs share; 0 is none."""

    name: str
    limit_kib_per_second: int


def actions(
    uuid: str, vm: str, before: tuple[BandwidthGroup, ...], after: tuple[BandwidthGroup, ...]
) -> t.Iterator[Action]:
    """New groups come before the NICs that use them."""
    known = {item.name: item for item in before}
    for item in after:
        old = known.get(item.name)
        if old == item:
            continue
        limit = ("--limit", f"{item.limit_kib_per_second}K")
        words: tuple[str, ...]
        if old is None:
            words = ("add", item.name, "--type", "network", *limit)
        else:
            words = ("set", item.name, *limit)
        text = f"limit bandwidth group '{item.name}' of VM '{vm}'"
        yield Action("bandwidth", text, ("bandwidthctl", uuid, *words), uuid, live=old is not None)
