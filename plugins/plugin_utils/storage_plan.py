# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares a machine's storage with what is wanted: what must not be done, and what is to be done.

Pure: `wanted` is the list of volume groups that the role base_lvm takes, `found` the answer of the
module storage_info.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils.storage_sizes import (
    EXTENT,
    MIB,
    REST,
    extents_of,
    human,
    parse_size,
    usable,
)

# A logical volume with this tag was made by the role and its content is not in use yet.
NEW_TAG = "base_lvm_new"
NAME = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_+.-]{0,99}")
# Where a volume is mounted while content moves onto it.
WORKPLACE = "/run/base_lvm/"
# A device that is missing must not keep the machine from starting: nobody could look at it.
MOUNT_OPTIONS = "defaults,nofail,x-systemd.device-timeout=30s"
UNITS = (".service", ".socket", ".target", ".timer", ".path")
XFS_SMALLEST = 300 * MIB
# What a partition table, or an alignment, may leave unused at the end of a disk.
SLACK = 2 * MIB

# Steps that change what can be known about volumes.
BEFORE = ("wipes", "partitions", "groups", "activations")

Record = Mapping[str, Any]


def partition_path(disk: str, number: int) -> str:
    """The name that udev gives to a partition."""
    if disk.startswith("/dev/disk/"):
        return f"{disk}-part{number}"
    return f"{disk}{'p' if disk[-1].isdigit() else ''}{number}"


def mount_options(volume: Record) -> str:
    """Those of the volume, and that its services do not start without it."""
    options = [volume.get("mount_options") or MOUNT_OPTIONS]
    for service in volume.get("services") or []:
        unit = service if service.endswith(UNITS) else f"{service}.service"
        options += [f"x-systemd.required-by={unit}", f"x-systemd.before={unit}"]
    return ",".join(options)


def questions(wanted: Sequence[Record]) -> dict[str, Any]:
    """The options that storage_info needs to answer for these groups."""
    volumes = [(group, volume) for group in wanted for volume in group.get("volumes", [])]
    return {
        "devices": [device["path"] for group in wanted for device in group["devices"]],
        "volumes": [f"{group['name']}/{volume['name']}" for group, volume in volumes],
        "paths": [volume["mount"] for _group, volume in volumes if volume.get("mount")],
        "beneath": [
            volume["mount"]
            for _group, volume in volumes
            if volume.get("mount") and volume.get("remove_old_content")
        ],
    }


def with_defaults(wanted: Sequence[Record]) -> list[dict[str, Any]]:
    """Ansible checks the options of a role's list, and leaves out the defaults of its items."""
    return [
        dict(
            group,
            volumes=[{"filesystem": "ext4", **volume} for volume in group.get("volumes") or []],
        )
        for group in wanted
    ]


def input_problems(wanted: Sequence[Record]) -> list[str]:
    """What is wrong with the data itself, whatever the machine looks like."""
    problems: list[str] = []
    seen: dict[str, str] = {}

    def once(kind: str, key: str, owner: str) -> None:
        if f"{kind} {key}" in seen:
            problems.append(f"{kind} {key} is given to {seen[f'{kind} {key}']} and to {owner}.")
        seen[f"{kind} {key}"] = owner

    for group in wanted:
        title = f"volume group {group['name']}"
        once("The name", group["name"], title)
        if not NAME.fullmatch(group["name"]):
            problems.append(f"'{group['name']}' cannot be the name of a volume group.")
        for device in group["devices"]:
            once("Device", f"{device['path']} {device.get('partition') or ''}".strip(), title)
        rests = 0
        for volume in group.get("volumes", []):
            name = f"{group['name']}/{volume['name']}"
            once("The name", name, f"volume {name}")
            if not NAME.fullmatch(volume["name"]):
                problems.append(f"'{volume['name']}' cannot be the name of a volume.")
            size = parse_size(volume["size"])
            if size is None:
                problems.append(
                    f"Volume {name}: '{volume['size']}' is no size; wanted is something like 10G,"
                    " 512M, 40% (of the group) or rest."
                )
            rests += size is not None and size[0] == REST
            mount = volume.get("mount")
            if not mount:
                continue
            once("Mount point", mount, f"volume {name}")
            if not re.fullmatch(r"(/[^/\s]+)+", mount) or {".", ".."} & set(mount.split("/")):
                problems.append(
                    f"Volume {name}: '{mount}' is no mount point; wanted is an absolute path"
                    " without blanks."
                )
            for service in volume.get("services") or []:
                if not re.fullmatch(r"[a-zA-Z0-9_.@:-]{1,100}", service):
                    problems.append(f"Volume {name}: '{service}' is no name of a service.")
        if rests > 1:
            problems.append(f"{title.capitalize()}: only one volume can have the rest.")
    return problems


class Planner:
    """Collects problems and steps; a step is the arguments of the module that does it."""

    def __init__(self, wanted: Sequence[Record], found: Record) -> None:
        self.wanted = wanted
        self.found = found
        self.problems: list[str] = []
        self.says: list[str] = []
        self.steps: dict[str, list[dict[str, Any]]] = {
            kind: []
            for kind in (
                "wipes",
                "partitions",
                "groups",
                "activations",
                "creations",
                "filesystems",
                "migrations",
                "fstab",
                "mounts",
                "remounts",
                "growths",
                "resizes",
                "shrinks",
                "modes",
                "finishes",
                "old_content",
            )
        }

    def step(self, kind: str, says: str, **arguments: Any) -> None:
        self.steps[kind].append(arguments)
        self.says.append(says)

    # Devices and groups

    def foreign(self, where: str, group: str, device: Record, signatures: Sequence[str]) -> bool:
        """Whether something of somebody else lies there; says so, or has it wiped if told so."""
        if not signatures or signatures == ["LVM2_member"]:
            return False
        if not device.get("wipe_foreign_signature"):
            self.problems.append(
                f"{where} is wanted for volume group {group} and holds {', '.join(signatures)}:"
                " nothing is overwritten. If that can go, set wipe_foreign_signature on the device."
            )
            return True
        self.step("wipes", f"wipe {', '.join(signatures)} from {where}", device=where)
        return False

    def in_use(self, where: str, group: str, disk: Record) -> bool:
        users = [f"mounted on {path}" for path in disk["mounted_on"]]
        users += [f"used by {name}" for name in disk["holders"]]
        if users:
            self.problems.append(
                f"{where} is wanted for volume group {group} and is {', '.join(users)}."
                " Free it, or name another device."
            )
        return bool(users)

    def physical_volume(self, group: str, device: Record) -> tuple[str, int] | None:
        """Path and size of the device that is or becomes a physical volume; None is a problem."""
        disk = self.found["devices"][device["path"]]
        if not disk["exists"]:
            self.problems.append(
                f"Volume group {group}: there is no device {device['path']}. Attach it, or change"
                " base_lvm_volume_groups."
            )
            return None
        if device.get("partition"):
            return self.partition(group, device, disk)
        if self.taken(device["path"], disk["path"], group):
            return None
        if disk["path"] not in self.found["physical_volumes"]:
            if self.in_use(device["path"], group, disk):
                return None
            if disk["partitions"]:
                numbers = ", ".join(str(part["number"]) for part in disk["partitions"])
                self.problems.append(
                    f"{device['path']} is wanted for volume group {group} and has partitions"
                    f" ({numbers}). Name one with partition, or remove them."
                )
                return None
            if self.foreign(device["path"], group, device, disk["signatures"]):
                return None
        return disk["path"], disk["size"]

    def taken(self, where: str, path: str, group: str) -> bool:
        owner = self.found["physical_volumes"].get(path, {}).get("group", "")
        if owner and owner != group:
            self.problems.append(
                f"{where} is wanted for volume group {group} and belongs to {owner}. Take it out"
                " of there (vgreduce, pvremove), or name another device."
            )
            return True
        return False

    def partition(self, group: str, device: Record, disk: Record) -> tuple[str, int] | None:
        number, parts = device["partition"], disk["partitions"]
        mine = [part for part in parts if part["number"] == number]
        where = partition_path(device["path"], number)
        if not mine:
            return self.new_partition(group, device, disk)
        part = mine[0]
        if self.taken(where, part["path"], group):
            return None
        if part["path"] not in self.found["physical_volumes"]:
            if self.in_use(where, group, dict(disk, holders=[])):
                return None
            if self.foreign(part["path"], group, device, part["signatures"]):
                return None
        size = part["end"] - part["start"]
        if part is parts[-1] and disk["size"] - part["end"] > SLACK:
            if disk["signatures"] != ["gpt"]:
                self.problems.append(
                    f"{where} could grow, but {device['path']} has no GPT. Give {group} another"
                    " device, or change the table by hand."
                )
                return None
            room = human(disk["size"] - part["end"])
            self.grow_partition(device["path"], number, f"grow partition {where} by {room}")
            size = disk["size"] - MIB - part["start"]
        return part["path"], size

    def grow_partition(self, device: str, number: int, says: str, start: str = "0%") -> None:
        self.step("partitions", says, device=device, number=number, part_start=start)

    def new_partition(self, group: str, device: Record, disk: Record) -> tuple[str, int] | None:
        number, parts = device["partition"], disk["partitions"]
        where = partition_path(device["path"], number)
        start = MIB
        if disk["signatures"] == ["gpt"]:
            start = max([part["end"] for part in parts], default=MIB)
        elif parts or self.in_use(device["path"], group, disk):
            if parts:
                self.problems.append(
                    f"{where} is wanted for volume group {group}, but {device['path']} has no GPT:"
                    f" it holds {', '.join(disk['signatures'])}. Name another device."
                )
            return None
        elif self.foreign(device["path"], group, device, disk["signatures"]):
            return None
        free = max((part["number"] for part in parts), default=0) + 1
        if number != free:
            self.problems.append(
                f"{where} is wanted for volume group {group}; the next partition of"
                f" {device['path']} is number {free}. Change partition."
            )
            return None
        size = disk["size"] - MIB - start
        if size < SLACK:
            self.problems.append(
                f"{where} is wanted for volume group {group}, but {device['path']} is full:"
                f" {human(max(disk['size'] - start, 0))} are left. Grow the disk, or name another."
            )
            return None
        # parted wants whole MiB to be quiet about alignment.
        begin = -(-start // MIB)
        self.grow_partition(device["path"], number, f"make partition {where}", f"{begin}MiB")
        return where, size

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

    # Volumes

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

    # Mounts

    def mount(self, name: str, volume: Record, now: Record | None) -> None:
        path, folder = volume["mount"], self.found["paths"][volume["mount"]]
        entry = {
            "path": path,
            "src": f"/dev/{name}",
            "fstype": volume["filesystem"],
            "opts": mount_options(volume),
            "passno": "2" if volume["filesystem"] == "ext4" else "0",
        }
        if not self.may_be_mounted(name, path, folder, now):
            return
        new = now is None or NEW_TAG in now["tags"]
        mounted = folder["mounted"] is not None
        listed = self.found["fstab"].get(path)
        # An empty folder that looks as a fresh file system does has nothing to move.
        plain = folder["empty"] and (folder.get("mode"), folder.get("owner")) == ("0755", "0:0")
        moves = new and not mounted and not listed and folder["exists"] and not plain
        if not mounted and not listed and folder["exists"] and not folder["empty"] and not new:
            self.problems.append(
                f"{path} holds something, and so may volume {name}, which is to be mounted there."
                f" Empty the folder; or, if the volume's content can go, run"
                f" `lvchange --addtag {NEW_TAG} {name}`: then the folder's content moves onto it."
            )
            return
        changed = listed is None or any(
            listed[key] != entry[other] for key, other in (("type", "fstype"), ("options", "opts"))
        )
        if moves:
            if not self.content_fits(name, path, folder, now):
                return
            self.step(
                "migrations",
                f"move the content of {path} onto {name}",
                name=name,
                path=path,
                fstype=volume["filesystem"],
                services=list(volume.get("services") or []),
                holds_something=not folder["empty"],
            )
        if changed:
            self.step("fstab", f"enter {path} into fstab", **entry)
        if not mounted:
            self.step("mounts", f"mount {name} on {path}", **entry)
        elif changed:
            self.step("remounts", f"mount {name} on {path} with its new options", **entry)
        mode = volume.get("mode")
        if mode and (not mounted or folder.get("mode") != mode):
            self.step("modes", f"set the mode of {path} to {mode}", path=path, mode=mode)
        if new:
            self.step("finishes", f"take {name} into use", name=name)
        elif mounted and self.found["beneath"].get(path):
            count = self.found["beneath"][path]
            self.step("old_content", f"remove {count} old entries beneath {path}", path=path)

    def may_be_mounted(self, name: str, path: str, folder: Record, now: Record | None) -> bool:
        before = len(self.problems)
        listed = self.found["fstab"].get(path)
        mounted = folder["mounted"]
        places = now["mounted_on"] if now else []
        others = [place for place in places if place != path and not place.startswith(WORKPLACE)]
        if mounted and mounted["volume"] != name:
            self.problems.append(
                f"Volume {name} is to be mounted on {path}, where {mounted['source']} is mounted."
                " Unmount that, or change mount."
            )
        elif listed and not same_device(listed["source"], name):
            self.problems.append(
                f"Volume {name} is to be mounted on {path}, and /etc/fstab mounts"
                f" {listed['source']} there. Remove that line, or change mount."
            )
        elif others and not mounted:
            self.problems.append(
                f"Volume {name} is mounted on {others[0]} and wanted on {path}. Unmount it there"
                " and remove its line from /etc/fstab, or change mount."
            )
        elif folder["exists"] and not folder["folder"]:
            self.problems.append(
                f"Volume {name} is to be mounted on {path}, which is no folder. Change mount."
            )
        return len(self.problems) == before

    def content_fits(self, name: str, path: str, folder: Record, now: Record | None) -> bool:
        if folder["empty"]:
            return True
        if folder["mounts_below"]:
            self.problems.append(
                f"The content of {path} cannot move onto {name}: below it"
                f" {', '.join(folder['mounts_below'])} is mounted. Unmount that first."
            )
            return False
        sizes = [
            step["size"]
            for step in self.steps["creations"]
            if name == "/".join((step["vg"], step["lv"]))
        ]
        size = sizes[0] if sizes else (now or {}).get("size", 0)
        # A file system keeps some of its volume for itself.
        if folder["content_size"] > size * 9 // 10:
            self.problems.append(
                f"The content of {path} is {human(folder['content_size'])} and does not fit onto"
                f" volume {name} of {human(size)}. Give it a larger size."
            )
            return False
        return True


def same_device(source: str, name: str) -> bool:
    """Whether a source of fstab is this volume; a dash within a name is doubled in /dev/mapper."""
    group, _slash, volume = name.partition("/")
    mapper = f"/dev/mapper/{group.replace('-', '--')}-{volume.replace('-', '--')}"
    return source in (f"/dev/{name}", mapper)


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
