# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where volumes are mounted, and the content that moves onto them."""

from __future__ import annotations

from ansible_collections.virtual.datacenter.plugins.plugin_utils._storage_plan.sizes import (
    human,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._storage_plan.steps import (
    Record,
    Steps,
)

# A logical volume with this tag was made by the role and its content is not in use yet.
NEW_TAG = "base_lvm_new"
# Where a volume is mounted while content moves onto it.
WORKPLACE = "/run/base_lvm/"
# A device that is missing must not keep the machine from starting: nobody could look at it.
MOUNT_OPTIONS = "defaults,nofail,x-systemd.device-timeout=30s"
UNITS = (".service", ".socket", ".target", ".timer", ".path")


def mount_options(volume: Record) -> str:
    """Those of the volume, and that its services do not start without it."""
    options = [volume.get("mount_options") or MOUNT_OPTIONS]
    for service in volume.get("services") or []:
        unit = service if service.endswith(UNITS) else f"{service}.service"
        options += [f"x-systemd.required-by={unit}", f"x-systemd.before={unit}"]
    return ",".join(options)


def same_device(source: str, name: str) -> bool:
    """Whether a source of fstab is this volume; a dash within a name is doubled in /dev/mapper."""
    group, _slash, volume = name.partition("/")
    mapper = f"/dev/mapper/{group.replace('-', '--')}-{volume.replace('-', '--')}"
    return source in (f"/dev/{name}", mapper)


class Mounts(Steps):
    """Decides about mount points, fstab and content."""

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
        # Up to a tenth of a volume goes to the metadata of its file system.
        if folder["content_size"] > size * 9 // 10:
            self.problems.append(
                f"The content of {path} is {human(folder['content_size'])} and does not fit onto"
                f" volume {name} of {human(size)}. Give it a larger size."
            )
            return False
        return True
