#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: machine_image
short_description: Write a Debian root file system to an empty disk, on LVM and ready to boot
version_added: 0.1.0
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
description:
  - Makes a disk that boots by BIOS and by EFI from an archive of a Debian root file system. It has
    a GPT, an EFI system partition, C(/boot) on a partition, and all else on logical volumes of one
    volume group.
  - The programs of the root file system make the disk, so that the result is the same on whatever
    Debian machine the module runs. Neither device mapper nor GRUB nor LVM is needed there.
  - The disk says which image it holds and whether it is whole. An interrupted build is taken up by
    the next run, a finished one is left alone.
requirements:
  - Root, the C(loop) kernel module, and the commands C(tar), C(mmd) and C(mcopy) (mtools).
attributes:
  check_mode:
    description: Can run in check mode and tell what it would do.
    support: full
  diff_mode:
    description: Shows which image is on the disk before and after.
    support: full
  idempotent:
    description: A second run with the same O(inputs) changes nothing.
    support: full
  platform:
    description: Systems that the module runs on.
    platforms: posix
    support: full
options:
  disk:
    description:
      - The disk, a block device, or a file of the wanted size that stands for one.
    type: path
    required: true
  disk_size_mb:
    description:
      - With a file, its size in MiB. It is made where there is none.
    type: int
  archive:
    description: A tar archive of the root file system, with a kernel, GRUB, LVM and e2fsprogs.
    type: path
    required: true
  inputs:
    description:
      - SHA-256 of all that the image is made from, in hexadecimal digits. It tells one image from
        another, and identifiers on the disk are derived from it.
    type: str
    required: true
  manifest:
    description:
      - A JSON file that is written beside the image, with RV(image) added to O(facts).
    type: path
    required: true
  facts:
    description: A JSON file with what is known about the root file system.
    type: path
    required: true
  volume_group:
    description: Name of the volume group.
    type: str
    default: system
  volumes:
    description: The logical volumes. Each gets an ext4 file system with the content of its mount.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the volume.
        type: str
        required: true
      mount:
        description: Where it is mounted. One of them is C(/).
        type: str
        required: true
      size_mb:
        description: Its size in MiB, rounded up to extents of 4 MiB.
        type: int
        required: true
      options:
        description: Mount options.
        type: str
        default: defaults
  boot_size_mb:
    description: Size of C(/boot) in MiB.
    type: int
    default: 512
  efi_size_mb:
    description: Size of the EFI system partition in MiB.
    type: int
    default: 64
  kernel_options:
    description: What the kernel is told by the first GRUB menu.
    type: str
    default: ""
  source_date_epoch:
    description: The time in seconds since 1970 that the file systems claim to be from.
    type: int
    required: true
  work_dir:
    description:
      - A folder with room for the root file system twice. It is empty again at the end.
      - A folder that belongs to somebody else, that others may write to, or a link is refused.
    type: path
    required: true
  erase_disk:
    description:
      - Write to a disk that is not empty too. All that is on it is lost.
    type: bool
    default: false
seealso:
  - module: virtual.datacenter.virtualbox_medium
"""

EXAMPLES = r"""
- name: An image on the second disk
  virtual.datacenter.machine_image:
    disk: /dev/sdb
    archive: /srv/image/root.tar
    facts: /srv/image/root.json
    manifest: /srv/image/image.json
    inputs: "{{ [suite, packages] | to_json | hash('sha256') }}"
    work_dir: /var/lib/virtual.datacenter/work
    source_date_epoch: 1767225600
    volumes:
      - {name: root, mount: /, size_mb: 512}
      - {name: usr, mount: /usr, size_mb: 2048}
      - {name: var, mount: /var, size_mb: 1024}
"""

RETURN = r"""
image:
  description: What is on the disk. In check mode, what would be, as far as that can be known.
  returned: success
  type: dict
  sample:
    size_mb: 6144
    sha256: 5d1e5f5e8d9c4a529a1e0b6c7d8e9f000102030405060708090a0b0c0d0e0f10
    volume_group: system
actions:
  description: What was done, or in check mode would be done, in order.
  returned: success
  type: list
  elements: dict
  contains:
    action:
      description: Kind of the step.
      type: str
      returned: always
    text:
      description: The step in words.
      type: str
      returned: always
    command:
      description: The command that does it, empty where it is none.
      type: list
      elements: str
      returned: always
  sample:
    - action: build
      text: write the image to /dev/sdb
      command: []
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: DISK_NOT_EMPTY
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

import json
import os
import re
import shutil
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change, files
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._image import build as building
from ansible_collections.virtual.datacenter.plugins.module_utils._image import disk as disks
from ansible_collections.virtual.datacenter.plugins.module_utils._image import folder
from ansible_collections.virtual.datacenter.plugins.module_utils._image import layout as layouts

Params = t.Dict[str, t.Any]


def decide(params: Params, found: disks.Found) -> list[str]:
    """What has to be done: nothing, only the manifest, or all; or an error that says why not."""
    disk, said = params["disk"], found.claim
    if said and said.state == "complete" and said.inputs == params["inputs"]:
        return [] if has_manifest(params) else ["manifest"]
    if found.used_by:
        raise TaskError(
            f"An image is to be written to {disk}, and that is in use: {found.used_by}. "
            "Choose another one (disk).",
            error_code="DISK_IN_USE",
        )
    if said and said.state == "building":
        return ["clear", "build", "manifest"]
    if said is None and found.content_at is None:
        return ["build", "manifest"]
    what = (
        f"the image {said.inputs[:12]}, and wanted is {params['inputs'][:12]}"
        if said
        else f"data, the first of it at byte {found.content_at}"
    )
    if not params["erase_disk"]:
        raise TaskError(
            f"An image is only written to an empty disk, and {disk} holds {what}. Give it an empty "
            "disk (disk), or allow all that is on it to be lost (erase_disk).",
            error_code="DISK_NOT_EMPTY",
        )
    return ["clear", "build", "manifest"]


def read_manifest(path: str) -> dict[str, t.Any]:
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def has_manifest(params: Params) -> bool:
    return bool(read_manifest(params["manifest"]).get("inputs") == params["inputs"])


def describe(params: Params, layout: layouts.Layout, sha256: str) -> dict[str, t.Any]:
    """The image as data."""
    areas = layout.areas()
    return {
        "size_mb": layout.disk_size // layouts.MIB,
        "sha256": sha256,
        "volume_group": layout.group,
        "volumes": [
            {"name": v.name, "mount": v.mount, "size_mb": areas[v.name].size // layouts.MIB}
            for v in layout.volumes
        ],
        "partitions": [
            {"name": area.name, "size_mb": area.size // layouts.MIB} for area in layout.partitions
        ],
    }


def save_manifest(params: Params, image: dict[str, t.Any]) -> None:
    """Beside the image: what the root file system holds, and what the image is."""
    content = {"inputs": params["inputs"], **read_manifest(params["facts"]), "image": image}
    files.write(params["manifest"], json.dumps(content, indent=2, sort_keys=True) + "\n")


def make_layout(params: Params, size: int) -> layouts.Layout:
    volumes = [layouts.Volume(**volume) for volume in params["volumes"]]
    return layouts.make(
        params["inputs"],
        size,
        params["volume_group"],
        volumes,
        params["boot_size_mb"],
        params["efi_size_mb"],
    )


def wanted_file_size(params: Params) -> int | None:
    """Size in bytes of a file that has to be made."""
    if params["disk_size_mb"] is None or os.path.exists(params["disk"]):
        return None
    return int(params["disk_size_mb"]) * layouts.MIB


def write(params: Params, layout: layouts.Layout, steps: list[str], said: list[str]) -> None:
    """Build in a work folder that only one build uses at a time."""
    work = f"{params['work_dir']}/build"
    folder.make(params["work_dir"])
    with open(f"{params['work_dir']}/lock", "wb") as lock:
        if not files.lock(lock.fileno()):
            raise TaskError(
                f"Another build uses {params['work_dir']}: wait for it, or change work_dir.",
                error_code="BUSY",
            )
        # What a killed run has left.
        shutil.rmtree(work, ignore_errors=True)
        os.mkdir(work)
        try:
            builder = building.Builder(
                layout, work, params["source_date_epoch"], params["kernel_options"]
            )
            building.build(
                builder, params["disk"], params["archive"], "clear" in steps, said.append
            )
        finally:
            shutil.rmtree(work, ignore_errors=True)


class Plan(t.NamedTuple):
    """What is on the disk, what is to be on it, and the steps from one to the other."""

    before: dict[str, str]
    after: dict[str, str]
    actions: list[change.Action]


class Task(change.Task):
    """One run of the module."""

    def __init__(self, params: Params) -> None:
        if not re.match(r"^[0-9a-f]{64}$", params["inputs"]):
            raise TaskError(
                f"inputs has to be 64 hexadecimal digits, found '{params['inputs']}'.",
                error_code="BAD_OPTION",
            )
        self.params = params
        # What was done in detail.
        self.said: list[str] = []
        self.layout: layouts.Layout
        self.texts = {
            "clear": f"clear {params['disk']}",
            "build": f"write the image to {params['disk']}",
            "manifest": f"write {params['manifest']}",
        }

    def plan(self) -> Plan:
        """Read the disk and plan from it; what must not be lost is an error."""
        params = self.params
        size = wanted_file_size(params)
        missing = disks.Found(size or 0, None, None, "")
        found = disks.look(params["disk"]) if size is None else missing
        self.layout = make_layout(params, found.size)
        steps = decide(params, found)
        if "build" in steps:
            folder.refuse_foreign(params["work_dir"])
        before = "absent" if size is not None else " ".join(found.claim) if found.claim else "empty"
        if "clear" in steps and not found.claim:
            before = "other data"
        return Plan(
            {"disk": before},
            {"disk": f"complete {params['inputs']}"},
            [change.Action(step, self.texts[step]) for step in steps],
        )

    def carry_out(self, plan: Plan) -> None:
        """Write the image, then say in the manifest what it is."""
        params, steps = self.params, [action.kind for action in plan.actions]
        size = wanted_file_size(params)
        if size is not None:
            with open(params["disk"], "xb") as file:
                file.truncate(size)
        if "build" in steps:
            # An older manifest must not be taken for that of a half-made image.
            if os.path.exists(params["manifest"]):
                os.unlink(params["manifest"])
            write(params, self.layout, steps, self.said)
        sha256 = disks.digest(params["disk"], self.layout.disk_size)
        save_manifest(params, describe(params, self.layout, sha256))


def result(task: Task, outcome: change.Outcome) -> change.Result:
    """What only this module returns."""
    known = {} if outcome.check_mode and outcome.actions else read_manifest(task.params["manifest"])
    return {
        "image": describe(task.params, task.layout, known.get("image", {}).get("sha256", "")),
        "steps": task.said,
        "diff": {"before": outcome.before, "after": outcome.after},
    }


def main() -> None:
    """Entry point."""
    volume = {
        "name": {"type": "str", "required": True},
        "mount": {"type": "str", "required": True},
        "size_mb": {"type": "int", "required": True},
        "options": {"type": "str", "default": "defaults"},
    }
    module = AnsibleModule(
        argument_spec={
            "disk": {"type": "path", "required": True},
            "disk_size_mb": {"type": "int"},
            "archive": {"type": "path", "required": True},
            "inputs": {"type": "str", "required": True},
            "manifest": {"type": "path", "required": True},
            "facts": {"type": "path", "required": True},
            "volume_group": {"type": "str", "default": "system"},
            "volumes": {"type": "list", "elements": "dict", "required": True, "options": volume},
            "boot_size_mb": {"type": "int", "default": 512},
            "efi_size_mb": {"type": "int", "default": 64},
            "kernel_options": {"type": "str", "default": ""},
            "source_date_epoch": {"type": "int", "required": True},
            "work_dir": {"type": "path", "required": True},
            "erase_disk": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    change.run_module(module, lambda: Task(module.params), result)


if __name__ == "__main__":
    main()
