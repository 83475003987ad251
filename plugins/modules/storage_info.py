#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: storage_info
short_description: Disks, LVM, file systems and mounts of a machine, in one look
version_added: 0.1.0
description:
  - Reads what the filter P(virtual.datacenter.storage_plan#filter) needs to compare a machine's
    storage with what is wanted.
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
requirements:
  - Root.
  - lvm (Debian package C(lvm2)); without it no groups and volumes are reported.
extends_documentation_fragment:
  - virtual.datacenter.read_only.attributes
options:
  devices:
    description: Disks and partitions to describe.
    type: list
    elements: path
    default: []
  rescan:
    description:
      - Ask the disks among O(devices) for their size before, so that one that a hypervisor has
        made larger is seen as such. Not done in check mode.
    type: bool
    default: false
  volumes:
    description: Logical volumes whose file systems are looked at, as C(group/volume).
    type: list
    elements: str
    default: []
  paths:
    description:
      - Mount points, present or future. A folder that is none yet and holds something is measured,
        and the processes that use it are found.
    type: list
    elements: path
    default: []
  beneath:
    description: Mount points of which it is told how many entries the folder beneath holds.
    type: list
    elements: path
    default: []
seealso:
  - plugin: virtual.datacenter.storage_plan
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Look at a disk and at what is mounted on /var
  virtual.datacenter.storage_info:
    devices: [/dev/sdb]
    paths: [/var]
  register: storage
"""

RETURN = r"""
lvm:
  description: Whether LVM is installed.
  returned: success
  type: bool
devices:
  description:
    - O(devices) as they were given, each with C(exists), the real C(path), C(size) in bytes,
      C(partition) (its number, if it is one), C(partitions), C(holders), C(signatures) and
      C(mounted_on).
  returned: success
  type: dict
groups:
  description: Volume groups by name, with C(size), C(free), C(extent) and C(missing) devices.
  returned: success
  type: dict
physical_volumes:
  description: Physical volumes by real path, with C(group), C(size) and C(device_size).
  returned: success
  type: dict
volumes:
  description:
    - All logical volumes as C(group/volume), with C(size), C(tags), C(active), C(origin),
      C(used_percent), C(invalid) and C(merging). Those of O(volumes) also have C(filesystem)
      (C(type) and C(size)) and C(mounted_on).
  returned: success
  type: dict
paths:
  description:
    - O(paths), each with C(exists), C(folder), C(empty), C(mode), C(owner), C(mounted),
      and where content lies in a folder C(content_size), C(users) and C(mounts_below).
  returned: success
  type: dict
beneath:
  description: O(beneath) with the number of entries that the mount hides.
  returned: success
  type: dict
fstab:
  description: Entries of /etc/fstab by mount point, with C(source), C(type) and C(options).
  returned: success
  type: dict
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: COMMAND_TIMEOUT
cmd:
  description: The command that failed, if it was one.
  returned: failure
  type: list
  elements: str
rc:
  description: How that command ended.
  returned: failure
  type: int
stderr:
  description: What that command said.
  returned: failure
  type: str
"""

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change, command, files
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._storage import (
    disks,
    filesystems,
    lvm,
    mounts,
)

# A disk that does not answer keeps its commands waiting for ever.
SECONDS = 300
LOOK_AT = "the disks, and at what the kernel's log says of them"
INSTALL = "util-linux"
# In a mount namespace of its own the file system is taken off its mount point, for this look only.
COUNT_BENEATH = 'umount --lazy "$1" && find "$1" -mindepth 1 -maxdepth 1 -printf x | wc -c'


class Survey:
    """One look at the machine."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.mounts = mounts.parse_mountinfo(files.mountinfo())

    def run(self, argv: list[str], wanted: str) -> str:
        try:
            return command.run(*argv, seconds=SECONDS, look_at=LOOK_AT, install=INSTALL).stdout
        except TaskError as error:
            error.message = f"{wanted} could not be read: {error.message}"
            raise

    def lvm(self) -> dict[str, t.Any]:
        program = command.find("lvm")
        # Without device mapper, such as in a container, there can be no volume.
        if program is None or not os.path.exists("/dev/mapper/control"):
            return {"lvm": program is not None, **lvm.parse("")}
        return {"lvm": True, **lvm.parse(self.run([program, *lvm.ARGUMENTS], "LVM's state"))}

    def mounted_on(self, device: str) -> list[str]:
        number = os.stat(device).st_rdev
        name = f"{os.major(number)}:{os.minor(number)}"
        # A bind mount of a folder is no place where the file system itself is mounted.
        places = [
            mount["path"]
            for mount in self.mounts
            if mount["device"] == name and mount["root"] == "/"
        ]
        return list(dict.fromkeys(places))

    def device(self, path: str, physical: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        if self.module.params["rescan"] and not self.module.check_mode:
            disks.rescan(disks.kernel_name(path))
        found = disks.describe(path)
        if not found["exists"]:
            return found
        parts = [found["path"], *(part["path"] for part in found["partitions"])]
        found["mounted_on"] = [where for part in parts for where in self.mounted_on(part)]
        found["signatures"] = self.signatures(found["path"], physical)
        for part in found["partitions"]:
            part["signatures"] = self.signatures(part["path"], physical)
        return found

    def signatures(self, path: str, physical: t.Mapping[str, t.Any]) -> list[str]:
        if path in physical:
            return ["LVM2_member"]
        argv = ["wipefs", "--json", "--no-act", path]
        return disks.parse_signatures(self.run(argv, f"What lies on {path}"))

    def volume(self, name: str) -> dict[str, t.Any]:
        path = f"/dev/{name}"
        if not os.path.exists(path):
            return {"filesystem": None, "signatures": [], "mounted_on": []}
        where = self.mounted_on(path)
        found = filesystems.read(path, where[0] if where else None)
        signatures = [found["type"]] if found else self.signatures(path, {})
        return {"filesystem": found, "signatures": signatures, "mounted_on": where}

    def beneath(self, path: str) -> int:
        if not any(mount["path"] == path for mount in self.mounts):
            return 0
        argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", COUNT_BENEATH]
        return int(self.run([*argv, "sh", path], f"What lies beneath {path}"))

    def all(self) -> dict[str, t.Any]:
        params = self.module.params
        found = self.lvm()
        for name in params["volumes"]:
            if name in found["volumes"]:
                found["volumes"][name].update(self.volume(name))
        physical = found["physical_volumes"]
        found["devices"] = {path: self.device(path, physical) for path in params["devices"]}
        found["paths"] = {path: mounts.look(path, self.mounts) for path in params["paths"]}
        for folder in found["paths"].values():
            if folder["mounted"]:
                folder["mounted"] = dict(folder["mounted"], volume=self.volume_of(folder, found))
        found["beneath"] = {path: self.beneath(path) for path in params["beneath"]}
        with open("/etc/fstab", encoding="utf-8", errors="replace") as data:
            found["fstab"] = mounts.parse_fstab(data.read())
        return found

    def volume_of(self, folder: dict[str, t.Any], found: dict[str, t.Any]) -> str:
        for name, volume in found["volumes"].items():
            if folder["mounted"]["path"] in volume.get("mounted_on", []):
                return str(name)
        return ""


def main() -> None:
    paths: dict[str, t.Any] = {"type": "list", "elements": "path", "default": []}
    module = AnsibleModule(
        argument_spec={
            "devices": paths,
            "rescan": {"type": "bool", "default": False},
            "volumes": {"type": "list", "elements": "str", "default": []},
            "paths": paths,
            "beneath": paths,
        },
        supports_check_mode=True,
    )
    with change.failures(module):
        found = Survey(module).all()
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
