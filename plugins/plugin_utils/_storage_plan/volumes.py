# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logical volumes: sizes, file systems, growing and shrinking."""

from __future__ import annotations

from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._storage_plan.mounts import (
    NEW_TAG,
    Mounts,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._storage_plan.sizes import (
    MIB,
    REST,
    extents_of,
    human,
    parse_size,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._storage_plan.steps import Record

XFS_SMALLEST = 300 * MIB


class Volumes(Mounts):
    """Decides about volumes and what lies on them."""

    def volumes_of(self, group: str) -> dict[str, Any]:
        volumes = self.found["volumes"]
        return {name: volume for name, volume in volumes.items() if name.split("/")[0] == group}

    def targets(self, group: Record, extent: int, total: int) -> dict[str, int]:
        """Wanted sizes in extents; the volume with the rest gets what no other volume has."""
        sizes = {volume["name"]: parse_size(volume["size"]) for volume in group.get("volumes", [])}
        found = {
            name: extents_of(size, extent, total)
            for name, size in sizes.items()
            if size is not None and size[0] != REST
        }
        others = sum(
            volume["size"] // extent
            for name, volume in self.volumes_of(group["name"]).items()
            if name.split("/")[1] not in sizes
        )
        for name, size in sizes.items():
            if size is not None and size[0] == REST:
                now = self.found["volumes"].get(f"{group['name']}/{name}", {}).get("size", 0)
                found[name] = max(total - others - sum(found.values()), now // extent)
        return found

    def volumes(self, group: Record, extent: int, total: int, free: int) -> None:
        targets = self.targets(group, extent, total)
        needed = 0
        claims = []
        for volume in group.get("volumes", []):
            target = targets[volume["name"]]
            now = self.found["volumes"].get(f"{group['name']}/{volume['name']}")
            more = target - (now["size"] // extent if now else 0)
            if more > 0:
                needed += more
                claims.append(f"{volume['name']} {human(more * extent)}")
        if needed > free or 0 in targets.values():
            claims += [f"{name} the rest" for name, target in targets.items() if target == 0]
            self.problems.append(
                f"Volume group {group['name']} has {human(free * extent)} free and"
                f" {human(needed * extent)} are wanted ({', '.join(claims)}). Grow or add a device"
                " (devices), or make the sizes smaller."
            )
            return
        for volume in group.get("volumes", []):
            self.volume(group["name"], volume, targets[volume["name"]] * extent, extent)

    def volume(self, group: str, volume: Record, target: int, extent: int) -> None:
        name = f"{group}/{volume['name']}"
        kind = volume["filesystem"]
        now = self.found["volumes"].get(name)
        if kind == "xfs" and target < XFS_SMALLEST and not (now and now["filesystem"]):
            self.problems.append(
                f"Volume {name} would be {human(target)}: xfs needs {human(XFS_SMALLEST)}."
                " Change size or filesystem."
            )
            return
        same = {"vg": group, "lv": volume["name"]}
        if now is None:
            tag = f"--addtag {NEW_TAG}" if volume.get("mount") else ""
            self.step(
                "creations", f"make volume {name} of {human(target)}", **same, size=target, opts=tag
            )
        elif now["origin"]:
            self.problems.append(
                f"Volume {name} is wanted and is a snapshot of {now['origin']}. Change the name."
            )
            return
        elif not now["active"]:
            self.step("activations", f"activate volume {name}", **same)
        elif not self.may_stay(name, volume, now, target):
            return
        active = now is not None and now["active"]
        on_it = now["filesystem"] if now is not None and active else None
        if kind != "none" and (now is None or (active and not on_it)):
            self.step("filesystems", f"make {kind} on {name}", fstype=kind, dev=f"/dev/{name}")
        if volume.get("mount") and (now is None or active):
            self.mount(name, volume, now)
        if now is None or not active:
            return
        if now["size"] < target:
            self.step(
                "growths",
                f"grow volume {name} from {human(now['size'])} to {human(target)}",
                **same,
                size=target,
                resizefs=on_it is not None,
            )
        elif on_it and now["size"] <= target and now["size"] - on_it["size"] >= MIB:
            self.step(
                "resizes",
                f"grow {kind} on {name} to its volume's {human(now['size'])}",
                fstype=kind,
                dev=f"/dev/{name}",
            )

    def may_stay(self, name: str, volume: Record, now: Record, target: int) -> bool:
        if not self.filesystem_fits(name, volume["filesystem"], now):
            return False
        return now["size"] <= target or self.shrink(name, volume, now, target)

    def filesystem_fits(self, name: str, kind: str, now: Record) -> bool:
        signatures = now["signatures"]
        if kind == "none" or not signatures or signatures == [kind]:
            return True
        self.problems.append(
            f"Volume {name} holds {', '.join(signatures)} and {kind} is wanted: nothing is"
            f" formatted anew. Change filesystem, or empty it by hand (wipefs --all /dev/{name})."
        )
        return False

    def shrink(self, name: str, volume: Record, now: Record, target: int) -> bool:
        says = f"Volume {name} is {human(now['size'])} and {human(target)} is wanted"
        if parse_size(volume["size"]) == (REST, 0):
            return True
        if not volume.get("allow_shrink"):
            self.problems.append(
                f"{says}: shrinking is refused. Set size to what it has, or allow_shrink on the"
                " volume (ext4 only, not mounted)."
            )
            return False
        if not now["filesystem"] or now["filesystem"]["type"] != "ext4":
            self.problems.append(f"{says}: only ext4 can be made smaller. Change size.")
            return False
        if now["mounted_on"]:
            self.problems.append(
                f"{says}: it can only be made smaller while it is not mounted. Stop what uses it"
                f" and run `umount {now['mounted_on'][0]}`, then try again."
            )
            return False
        self.step(
            "shrinks",
            f"shrink volume {name} from {human(now['size'])} to {human(target)}",
            vg=name.split("/")[0],
            lv=volume["name"],
            size=target,
        )
        return True
