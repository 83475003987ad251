#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: virtualbox_medium
short_description: Create, convert, grow, and remove VirtualBox hard disk images
version_added: 0.1.0
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
description:
  - Describes the image of a hard disk as data and makes it so.
  - An image never shrinks. An image that exists is not compared with O(source_path), and is not
    converted.
  - An image that an interrupted run has left half made is recognised and made anew by the next run.
extends_documentation_fragment:
  - virtual.datacenter.virtualbox
  - virtual.datacenter.virtualbox.attributes
options:
  path:
    description: Absolute path of the image.
    type: path
    required: true
  state:
    description:
      - With V(present) the image exists.
      - With V(absent) VirtualBox does not know it; the file is deleted if O(delete_media=true).
    type: str
    choices: [present, absent]
    default: present
  format:
    description:
      - Format of the image. The default for a new one is told by the end of O(path), else V(vdi).
    type: str
    choices: [vdi, vmdk, vhd]
  variant:
    description:
      - A V(standard) image grows with what is written to it, a V(fixed) one has its full size from
        the start.
      - The default for a new image is V(standard).
    type: str
    choices: [standard, fixed]
  size_mb:
    description:
      - Size that the guest sees, in MiB. Needed for a new image without O(source_path).
      - A smaller image grows to it. A larger one is an error.
    type: int
  source_path:
    description: Absolute path of an image that a new image is a copy of.
    type: path
  source_format:
    description:
      - Format of O(source_path). V(auto) looks into the file, V(raw) is an image as it is on a
        disk, and V(image) is one that VirtualBox can open.
    type: str
    choices: [auto, raw, image]
    default: auto
  type:
    description: What writing to the image means. The default for a new one is V(normal).
    type: str
    choices: [normal, immutable, writethrough, shareable]
  delete_media:
    description: With O(state=absent), also delete the file.
    type: bool
    default: false
seealso:
  - module: virtual.datacenter.virtualbox_vm
"""

EXAMPLES = r"""
- name: A disk of 20 GiB
  virtual.datacenter.virtualbox_medium:
    path: /srv/virtualbox/build01.vdi
    size_mb: 20480

- name: A disk made from a cloud image, with room to grow
  virtual.datacenter.virtualbox_medium:
    path: /srv/virtualbox/debian-13.vdi
    source_path: /srv/images/debian-13-genericcloud-amd64.raw
    size_mb: 10240

- name: Remove the disk and its file
  virtual.datacenter.virtualbox_medium:
    path: /srv/virtualbox/build01.vdi
    state: absent
    delete_media: true
"""

RETURN = r"""
medium:
  description: The image as it is now; in check mode as it would be. Empty if there is none.
  returned: success
  type: dict
  contains:
    path:
      description: Path of the image.
      type: str
      returned: always
    uuid:
      description: UUID of the image.
      type: str
      returned: always
    parent_uuid:
      description: UUID of the image below a differencing image, else empty.
      type: str
      returned: always
    format:
      description: Format of the image.
      type: str
      returned: always
    variant:
      description: V(standard) or V(fixed); only known if O(variant) is set or VirtualBox does not
        list the image.
      type: str
      returned: always
    size_mb:
      description: Size that the guest sees, in MiB.
      type: int
      returned: always
    type:
      description: What writing to the image means.
      type: str
      returned: always
    registered:
      description: Whether VirtualBox has it in its list of media.
      type: bool
      returned: always
  sample:
    path: /srv/virtualbox/build01.vdi
    uuid: 5d1e5f5e-8d9c-4a52-9a1e-0b6c7d8e9f00
    format: vdi
    variant: standard
    size_mb: 20480
    type: normal
actions:
  description: What was done, or in check mode would be done, in order.
  returned: success
  type: list
  elements: dict
  sample:
    - action: create
      text: create medium /srv/virtualbox/build01.vdi of 20480 MiB
      command: [createmedium, disk, --filename, /srv/virtualbox/build01.vdi, --size, "20480",
        --format, VDI]
processes:
  description: How many times C(VBoxManage) was called.
  returned: success
  type: int
  sample: 2
error_code:
  description: Name of the error, from VirtualBox or from this module.
  returned: failure
  type: str
cmd:
  description: The call of C(VBoxManage) that failed, if it was one.
  returned: failure
  type: list
  elements: str
stderr:
  description: Error text of that call.
  returned: failure
  type: str
"""

import os
import typing as t
from dataclasses import replace

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils.virtualbox import (
    apply,
    arguments,
    model,
    reader,
)
from ansible_collections.virtual.datacenter.plugins.module_utils.virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils.virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils.virtualbox.journal import Journal
from ansible_collections.virtual.datacenter.plugins.module_utils.virtualbox.medium_planner import (
    MediumPlan,
    MediumWish,
    plan_medium,
)

FORMATS = ("vdi", "vmdk", "vhd")
MIB = 1024 * 1024

OPTIONS: dict[str, dict[str, t.Any]] = {
    "path": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "format": {"type": "str", "choices": list(FORMATS)},
    "variant": {"type": "str", "choices": ["standard", "fixed"]},
    "size_mb": {"type": "int"},
    "source_path": {"type": "path"},
    "source_format": {"type": "str", "choices": ["auto", "raw", "image"], "default": "auto"},
    "type": {"type": "str", "choices": list(model.MEDIUM_TYPES)},
    "delete_media": {"type": "bool", "default": False},
}


def is_raw(path: str) -> bool:
    """Whether a file is none of the formats that VirtualBox opens."""
    with open(path, "rb") as stream:
        head = stream.read(512)
        stream.seek(max(0, os.path.getsize(path) - 512))
        tail = stream.read(8)
    known = (
        head.startswith((b"KDMV", b"# Disk DescriptorFile", b"conectix", b"QFI\xfb"))
        or head[64:68] == b"\x7f\x10\xda\xbe"
    )
    return not known and tail != b"conectix"


class Task:
    """One run of the module."""

    def __init__(
        self, client: Client, wish: MediumWish, source_format: str, check_mode: bool
    ) -> None:
        self.client = client
        self.wish = wish
        self.source_format = source_format
        self.check_mode = check_mode
        self.actual: model.Medium | None = None
        self.journal = Journal(os.path.dirname(wish.medium.path), wish.medium.path)

    def _with_source(self) -> MediumWish:
        path = self.wish.source_path
        if not path:
            return self.wish
        if not os.path.isfile(path):
            raise VirtualBoxError(
                f"the source {path} does not exist", error_code="VBOX_E_FILE_ERROR"
            )
        raw = self.source_format == "raw" or (self.source_format == "auto" and is_raw(path))
        if raw:
            return replace(self.wish, source_raw=True, source_size_mb=os.path.getsize(path) // MIB)
        source = reader.read_medium(self.client, path)
        return replace(
            self.wish,
            source_raw=False,
            source_size_mb=source.size_mb if source else None,
            source_registered=bool(source and source.registered),
        )

    def plan(self) -> MediumPlan:
        """Read the actual state and plan from it."""
        path = self.wish.medium.path
        note = self.journal.read()
        if note and not self.check_mode and apply.wait_for_end(self.client, note):
            note = self.journal.read()
        leftovers = bool(note)
        if leftovers:
            # Half made: whatever it says about itself is of no use.
            self.actual = None
        else:
            self.actual = reader.read_medium(
                self.client,
                path,
                removal=self.wish.state == "absent",
                variant=self.wish.medium.variant is not None,
            )
        wish = (
            self._with_source()
            if self.actual is None and self.wish.state == "present"
            else self.wish
        )
        return plan_medium(self.actual, wish, leftovers)

    def carry_out(self, plan: MediumPlan) -> None:
        """Apply a plan."""
        apply.apply_medium(self.client, plan, self.wish.medium.path, self.journal)


def make_wish(module: AnsibleModule) -> MediumWish:
    """The task as a wish."""
    params = module.params
    path = arguments.absolute(module, "path", params["path"]) or ""
    suffix = os.path.splitext(path)[1].lstrip(".").lower()
    kind = params["format"] or (suffix if suffix in FORMATS else None)
    medium = model.Medium(
        path, format=kind, variant=params["variant"], size_mb=params["size_mb"], type=params["type"]
    )
    return MediumWish(
        medium,
        state=params["state"],
        source_path=arguments.absolute(module, "source_path", params["source_path"]),
        delete_media=params["delete_media"],
    )


def comparable(medium: model.Medium | None) -> dict[str, t.Any]:
    """A medium as diffs show it."""
    if medium is None:
        return {"state": "absent"}
    shown = model.describe_medium(medium)
    for key in ("uuid", "parent_uuid", "registered"):
        del shown[key]
    return shown


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=arguments.argument_spec(**OPTIONS), supports_check_mode=True
    )
    client = arguments.make_client(module)
    with arguments.failures(module):
        task = Task(client, make_wish(module), module.params["source_format"], module.check_mode)
        outcome = arguments.converge(task.plan, task.carry_out, module.check_mode, client.sleep)
        if not module.check_mode:
            task.journal.end()
    module.exit_json(
        **outcome.results(client),
        medium=model.describe_medium(outcome.after if module.check_mode else task.actual),
        diff={"before": comparable(outcome.before), "after": comparable(outcome.after)},
    )


if __name__ == "__main__":
    main()
