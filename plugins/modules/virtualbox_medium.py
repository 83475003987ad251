#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: virtualbox_medium
short_description: Make, copy, grow, compact, move, and remove VirtualBox hard disk images
version_added: 0.1.0
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
description:
  - Describes the image of a hard disk as data and makes it so.
  - An image never shrinks. An image that exists is not compared with what O(source_path) or
    O(source_uuid) names, and is not converted.
  - An image that an interrupted run has left half made is recognised and made anew by the next run.
    An interrupted move or compaction is carried to its end.
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
      - Size that the guest sees, in MiB. Needed for a new image that is not a copy.
      - A smaller image grows to it. A larger one is an error.
    type: int
  source_path:
    description:
      - Absolute path of an image that a new image is a full copy of, in any format that VirtualBox
        reads.
      - A copy of a differencing image holds what the images below it hold, and does not need them.
    type: path
  source_uuid:
    description:
      - UUID of an image that VirtualBox knows, as another way than O(source_path) to name the one
        to copy.
    type: str
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
  description:
    description:
      - A text about the image. An empty one removes it.
      - VirtualBox keeps it in its list of images, not in the file, so it is lost when the image is
        closed.
    type: str
  moved_from:
    description:
      - Absolute path where the image may still lie. It is moved from there to O(path), and the VMs
        that it is attached to keep it.
      - Nothing is done if there is no file at this path. A file at both paths is an error.
      - The ending of O(path) must be that of the format.
    type: path
  compact:
    description:
      - Whether blocks of the file that hold only zeros are given back to the file system.
      - The file itself tells whether there are any, so nothing is done, and nothing would be done
        in check mode, if there are none.
      - Only possible for VDI images of the variant V(standard) that are not differencing images.
        If there is something to give back, it is an error if the image has differencing images on
        it, or is attached to a VM that runs.
    type: bool
    default: false
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
    source_path: /srv/images/debian-13-generic-amd64.raw
    size_mb: 10240

- name: A full copy of the current state of a VM with snapshots
  virtual.datacenter.virtualbox_medium:
    path: /srv/virtualbox/copy.vdi
    source_uuid: 5d1e5f5e-8d9c-4a52-9a1e-0b6c7d8e9f00

- name: A disk that has moved to a larger file system, and is kept small
  virtual.datacenter.virtualbox_medium:
    path: /srv/large/build01.vdi
    moved_from: /srv/virtualbox/build01.vdi
    compact: true

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
    description:
      description: The text about it; only known if O(description) is set or VirtualBox does not
        list the image.
      type: str
      returned: always
    unused_mb:
      description: How many MiB of the file compacting would give back; only known if
        O(compact=true).
      type: int
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
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    task as arguments,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.journal import (
    Journal,
    wait_for_end,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium import (
    apply as medium_apply,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium import (
    model,
    read,
    vdi,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium.plan import (
    DesiredMedium,
    MediumPlan,
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
    "source_uuid": {"type": "str"},
    "source_format": {"type": "str", "choices": ["auto", "raw", "image"], "default": "auto"},
    "type": {"type": "str", "choices": list(model.TYPES)},
    "description": {"type": "str"},
    "moved_from": {"type": "path"},
    "compact": {"type": "bool", "default": False},
    "delete_media": {"type": "bool", "default": False},
}


def is_raw(path: str) -> bool:
    """Whether a file is none of the formats that VirtualBox opens."""
    with open(path, "rb") as stream:
        head = stream.read(512)
        stream.seek(max(0, os.path.getsize(path) - 512))
        tail = stream.read(8)
    known = vdi.is_vdi(head) or head.startswith(
        (b"KDMV", b"# Disk DescriptorFile", b"conectix", b"QFI\xfb")
    )
    return not known and tail != b"conectix"


class Found(t.NamedTuple):
    """The image as it was found, and what an interrupted run has left to be done first."""

    medium: model.Medium | None
    half_made: bool = False
    # It is at the wanted path, but VirtualBox looks for it at the former one.
    in_place: bool = False


class Task(arguments.Task):
    """One run of the module."""

    def __init__(
        self, client: Client, desired: DesiredMedium, params: dict[str, t.Any], check_mode: bool
    ) -> None:
        super().__init__(client)
        self.desired = desired
        self.source_format: str = params["source_format"]
        self.source_uuid: str = (params["source_uuid"] or "").lower()
        self.moved_from: str = params["moved_from"] or ""
        self.check_mode = check_mode
        self.actual: model.Medium | None = None
        self.listed: read.Media = []
        self.journal = Journal(os.path.dirname(desired.medium.path), desired.medium.path)

    def _with_source(self) -> DesiredMedium:
        path = self.desired.source_path
        if self.source_uuid:
            known = [disk for disk in self.listed if disk["UUID"].lower() == self.source_uuid]
            if not known:
                raise VirtualBoxError(
                    f"VirtualBox knows no hard disk image with the UUID {self.source_uuid}",
                    hint="name its file by the option source_path",
                    error_code="VBOX_E_OBJECT_NOT_FOUND",
                )
            path = known[0]["Location"]
        if not path:
            return self.desired
        if not os.path.isfile(path):
            raise VirtualBoxError(
                f"the source {path} does not exist", error_code="VBOX_E_FILE_ERROR"
            )
        guess = self.source_format == "auto" and not self.source_uuid
        if self.source_format == "raw" or (guess and is_raw(path)):
            return replace(
                self.desired, source_raw=True, source_size_mb=os.path.getsize(path) // MIB
            )
        source = read.read_medium(self.client, path, listed=self.listed)
        return replace(
            self.desired,
            source_path=path,
            source_raw=False,
            source_size_mb=source.size_mb if source else None,
            source_registered=bool(source and source.registered),
        )

    def _read(self, path: str, listed: read.Media) -> model.Medium | None:
        wanted = self.desired.medium
        return read.read_medium(
            self.client,
            path,
            listed=listed,
            removal=self.desired.state == "absent",
            variant=wanted.variant is not None or wanted.type == "shareable",
            description=wanted.description is not None,
            unused=self.desired.compact,
        )

    def _note(self) -> dict[str, t.Any]:
        """What an interrupted run has noted, once nobody works on it any more."""
        note = self.journal.read()
        if note and not self.check_mode and wait_for_end(self.client, note):
            note = self.journal.read()
        return note

    def _find(self, note: dict[str, t.Any]) -> Found:
        """Where the image lies; what is in the way is an error."""
        path, listed = self.desired.medium.path, self.listed
        moving = note.get("what") == "move"
        if note.get("what") == "medium":
            # Half made: whatever it says about itself is of no use.
            return Found(None, half_made=True)
        absent = self.desired.state == "absent"
        former = note.get("from", "") if moving else "" if absent else self.moved_from
        if former in ("", path):
            return Found(self._read(path, listed))
        here, there = os.path.lexists(path), os.path.lexists(former)
        known = read.known_at(listed, path)
        before = read.known_at(listed, former)
        if here and there:
            if not moving or known is not None:
                raise VirtualBoxError(
                    f"both {path} and {former} exist, and only one can be the medium",
                    hint="remove one of them, or leave out the option moved_from",
                    error_code="BAD_OPTION",
                )
            return Found(None if absent else self._read(former, listed), half_made=True)
        if here and before is not None and known is None:
            if not moving:
                self._check_identity(path, before)
            medium = self._read(path, [{**before, "Location": path}])
            return Found(medium and replace(medium, path=former), in_place=True)
        if there and not absent and known is None:
            return Found(self._read(former, listed))
        return Found(self._read(path, listed))

    def _check_identity(self, path: str, known: dict[str, str]) -> None:
        """Somebody has moved the file by hand; is it that file?"""
        found = vdi.read_header(path)
        if found is None or found.uuid != known["UUID"].lower():
            raise VirtualBoxError(
                f"VirtualBox looks for the medium {known['UUID']} at {known['Location']}, which is "
                f"gone, and that {path} is the same cannot be seen",
                hint=f"if it is: VBoxManage modifymedium {known['UUID']} --setlocation {path}",
                error_code="BAD_OPTION",
            )

    def plan(self) -> MediumPlan:
        """Read the actual state and plan from it."""
        note = self._note()
        self.listed = read.media(self.client)
        if note.get("what") in ("move", "compact") and not self.check_mode:
            paths = (self.desired.medium.path, note.get("from", ""))
            self.listed = read.wait_until_idle(self.client, paths, self.listed)
        found = self._find(note)
        self.actual = found.medium
        desired = replace(self.desired, in_place=found.in_place)
        if self.actual is None and desired.state == "present":
            desired = self._with_source()
        try:
            return self._without_dangling(desired, found.half_made)
        except VirtualBoxError:
            if self.actual is None or not self.actual.locked:
                raise
            # Said once more, with the names of the VMs that are in the way.
            self.actual = read.with_holders(self.client, self.actual)
            return plan_medium(self.actual, desired, found.half_made)

    def _without_dangling(self, desired: DesiredMedium, half_made: bool) -> MediumPlan:
        """To remove an image, first forget the images on it that went with the folder of a VM."""
        actual = self.actual
        if actual is None or desired.state != "absent" or not actual.children:
            return plan_medium(actual, desired, half_made)
        roots = [disk for disk in self.listed if disk["Location"] in actual.children]
        gone = read.dangling(self.client, self.listed, roots)
        lost = [disk["Location"] for disk in gone]
        children = tuple(path for path in actual.children if path not in lost)
        plan = plan_medium(replace(actual, children=children), desired, half_made)
        return replace(plan, actions=(*read.close_dangling(gone), *plan.actions))

    def carry_out(self, plan: MediumPlan) -> None:
        """Apply a plan."""
        medium_apply.apply_medium(self.client, plan, self.desired.medium.path, self.journal)

    def settle(self) -> None:
        """A note of an interrupted run is of no more use."""
        self.journal.end()


def make_desired(module: AnsibleModule) -> DesiredMedium:
    """The desired object that the options of a task describe."""
    params = module.params
    params["moved_from"] = arguments.absolute(module, "moved_from", params["moved_from"])
    path = arguments.absolute(module, "path", params["path"]) or ""
    suffix = os.path.splitext(path)[1].lstrip(".").lower()
    kind = params["format"] or (suffix if suffix in FORMATS else None)
    medium = model.Medium(
        path,
        format=kind,
        **{name: params[name] for name in ("variant", "size_mb", "type", "description")},
    )
    return DesiredMedium(
        medium,
        state=params["state"],
        source_path=arguments.absolute(module, "source_path", params["source_path"]),
        compact=params["compact"],
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


def result(task: Task, outcome: change.Outcome) -> change.Result:
    """What only this module returns."""
    return {
        "medium": model.describe_medium(outcome.now(task.actual)),
        "diff": {"before": comparable(outcome.before), "after": comparable(outcome.after)},
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=arguments.argument_spec(**OPTIONS),
        mutually_exclusive=[("source_path", "source_uuid")],
        supports_check_mode=True,
    )
    arguments.run_module(
        module,
        lambda client: Task(client, make_desired(module), module.params, module.check_mode),
        result,
    )


if __name__ == "__main__":
    main()
