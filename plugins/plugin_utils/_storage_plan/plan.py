# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a machine's storage: what the inventory wants, compared with what the machine has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._storage_plan.devices import (
    Devices,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._storage_plan.inputs import (
    input_problems,
    with_defaults,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._storage_plan.sizes import (
    EXTENT,
    usable,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._storage_plan.steps import Record
from ansible_collections.virtual.datacenter.plugins.plugin_utils._storage_plan.volumes import (
    Volumes,
)

# After these steps the machine is read again: they can make more volumes visible.
BEFORE = ("wipes", "partitions", "groups", "activations")


class Planner(Devices, Volumes):
    """Decides about volume groups, and through them about all that lies in them."""

    def group(self, group: Record) -> None:
        name = group["name"]
        now = self.found["groups"].get(name)
        if now and now["missing"]:
            self.problems.append(
                f"Volume group {name} misses {len(now['missing'])} device(s)"
                f" ({', '.join(now['missing'])}): attach them again. If they are lost for good,"
                f" `vgreduce --removemissing {name}` gives up what lay there."
            )
            return
        if any(volume["merging"] for volume in self.volumes_of(name).values()):
            self.problems.append(
                f"A snapshot of volume group {name} is being merged: wait until it has ended, or"
                " restart the machine where the merge waits for that."
            )
            return
        before = len(self.problems)
        paths: list[str] = []
        extent = now["extent"] if now else EXTENT
        total = now["size"] // extent if now else 0
        news: list[str] = []
        for device in group["devices"]:
            volume = self.physical_volume(name, device)
            if volume is None:
                continue
            path, size = volume
            paths.append(path)
            known = self.found["physical_volumes"].get(path)
            if known is None or not known["group"]:
                news.append(f"take {path} into volume group {name}")
                total += usable(size, extent) // extent
            elif usable(size, extent) > known["size"]:
                news.append(f"grow physical volume {path}")
                total += (usable(size, extent) - known["size"]) // extent
        if len(self.problems) > before:
            return
        if news:
            self.step("groups", "; ".join(news), vg=name, pvs=paths)
        free = total - sum(volume["size"] // extent for volume in self.volumes_of(name).values())
        self.volumes(group, extent, total, free)


def storage_plan(wanted: Sequence[Record], found: Record) -> dict[str, Any]:
    wanted = with_defaults(wanted)
    planner = Planner(wanted, found)
    planner.problems += input_problems(wanted)
    if not planner.problems:
        for group in wanted:
            planner.group(group)
    for kind in ("fstab", "mounts", "migrations", "modes"):
        planner.steps[kind].sort(key=lambda step: str(step["path"]).count("/"))
    steps = planner.steps
    return {
        "problems": planner.problems,
        "says": planner.says,
        "look_again": any(steps[kind] for kind in BEFORE),
        **steps,
    }
