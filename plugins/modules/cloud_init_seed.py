#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_init_seed
short_description: Write the NoCloud seed image that cloud-init reads on first boot
version_added: 0.1.0
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
description:
  - Writes an ISO image with the label C(cidata) and the files C(user-data), C(meta-data),
    C(network-config).
  - The files in an image that exists are compared with the wanted ones; only another content makes
    a new image.
  - A new image takes the place of the old one in one step, and only its owner may read it.
requirements:
  - Python library pycdlib on the host where the module runs.
attributes:
  check_mode:
    description: Can run in check mode and tell what it would do.
    support: full
  diff_mode:
    description: Shows which of the files differ.
    support: partial
    details: The content of the files is not shown, because seeds hold keys.
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
  platform:
    description: Systems that the module runs on.
    platforms: posix
    support: full
options:
  path:
    description: Absolute path of the image. A missing folder is made, for its owner only.
    type: path
    required: true
  state:
    description: Whether the image exists.
    type: str
    choices: [present, absent]
    default: present
  user_data:
    description: Content of C(user-data). Needed if O(state=present).
    type: str
  meta_data:
    description: Content of C(meta-data). Needed if O(state=present).
    type: str
  network_config:
    description: Content of C(network-config). Without it the image has no such file.
    type: str
seealso:
  - module: virtual.datacenter.virtualbox_vm
"""

EXAMPLES = r"""
- name: Seed of one machine
  virtual.datacenter.cloud_init_seed:
    path: /srv/seeds/cp01.iso
    user_data: "{{ lookup('ansible.builtin.template', 'user-data.j2') }}"
    meta_data: |
      instance-id: cp01-1
      local-hostname: cp01
    network_config: |
      version: 2
      ethernets:
        uplink:
          match: {macaddress: "02:00:5e:10:00:01"}
          dhcp4: true

- name: Remove the seed
  virtual.datacenter.cloud_init_seed:
    path: /srv/seeds/cp01.iso
    state: absent
"""

RETURN = r"""
path:
  description: Path of the image.
  returned: success
  type: str
  sample: /srv/seeds/cp01.iso
files:
  description: Names and sizes in bytes of the files in the image as it is now, or in check mode
    would be.
  returned: success
  type: dict
  sample:
    user-data: 1834
    meta-data: 62
    network-config: 215
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
    - action: write
      text: "write /srv/seeds/cp01.iso: user-data"
      command: []
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: BAD_OPTION
"""

import io
import os
import traceback
import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change, files
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError

try:
    import pycdlib
    from pycdlib.pycdlibexception import PyCdlibException
except ImportError:
    PYCDLIB_ERROR: str | None = traceback.format_exc()
else:
    PYCDLIB_ERROR = None

LABEL = "cidata"
MODE = 0o600
FILES = {"user_data": "user-data", "meta_data": "meta-data", "network_config": "network-config"}

Files = t.Dict[str, bytes]


def wanted_files(params: dict[str, t.Any]) -> Files:
    """The files that the task asks for."""
    return {
        name: params[option].encode("utf-8")
        for option, name in FILES.items()
        if params[option] is not None
    }


def read_image(path: str) -> Files | None:
    """The files in the image; None if there is no image, or one that no cloud-init would take."""
    if not os.path.exists(path):
        return None
    image = pycdlib.PyCdlib()
    try:
        image.open(path)
        try:
            if image.pvd.volume_identifier.decode("ascii").strip() != LABEL:
                return None
            found: Files = {}
            for child in image.list_children(joliet_path="/"):
                if child.is_file():
                    name = child.file_identifier().decode("utf-16-be")
                    content = io.BytesIO()
                    image.get_file_from_iso_fp(content, joliet_path=f"/{name}")
                    found[name] = content.getvalue()
            return found
        finally:
            image.close()
    except (PyCdlibException, UnicodeDecodeError, OSError):
        return None


def write_image(files: Files, path: str) -> None:
    """Write a new image: level 4 for names with hyphens, Joliet and Rock Ridge for every reader."""
    image = pycdlib.PyCdlib()
    image.new(interchange_level=4, joliet=3, rock_ridge="1.09", vol_ident=LABEL)
    for name, content in sorted(files.items()):
        image.add_fp(
            io.BytesIO(content), len(content), f"/{name}", rr_name=name, joliet_path=f"/{name}"
        )
    image.write(path)
    image.close()


def describe(files: Files | None, before: Files | None = None) -> dict[str, t.Any]:
    """One side of the diff: the files with their sizes, and which of them are new or changed."""
    if files is None:
        return {"state": "absent"}
    shown = {}
    for name, content in sorted(files.items()):
        changed = before is not None and before.get(name) not in (None, content)
        shown[name] = f"{len(content)} bytes{', other content' if changed else ''}"
    return {"state": "present", "files": shown}


class Plan(t.NamedTuple):
    """The files of the image as they are and as they are to be, and what that takes."""

    before: Files | None
    after: Files | None
    actions: list[change.Action]


class Task(change.Task):
    """One run of the module."""

    def __init__(self, params: dict[str, t.Any]) -> None:
        self.path: str = params["path"]
        if not os.path.isabs(self.path):
            raise TaskError(
                f"path must be an absolute path, not '{self.path}'", error_code="BAD_OPTION"
            )
        self.wanted = wanted_files(params) if params["state"] == "present" else None
        if self.wanted is not None and PYCDLIB_ERROR is not None:
            raise TaskError(
                missing_required_lib("pycdlib"),
                error_code="LIBRARY_MISSING",
                exception=PYCDLIB_ERROR,
            )

    def plan(self) -> Plan:
        """Read the image and plan from it."""
        if self.wanted is None:
            there = os.path.lexists(self.path)
            remove = change.Action("remove", f"remove {self.path}")
            return Plan({} if there else None, None, [remove] if there else [])
        actual, actions = read_image(self.path), []
        if actual != self.wanted:
            names = [
                name
                for name in sorted({*self.wanted, *(actual or {})})
                if self.wanted.get(name) != (actual or {}).get(name)
            ]
            actions.append(change.Action("write", f"write {self.path}: {', '.join(names)}"))
        if actual is not None and os.stat(self.path).st_mode & 0o777 != MODE:
            actions.append(change.Action("mode", f"make {self.path} readable by its owner only"))
        return Plan(actual, self.wanted, actions)

    def carry_out(self, plan: Plan) -> None:
        """Apply a plan."""
        try:
            for action in plan.actions:
                if action.kind == "remove":
                    os.unlink(self.path)
                elif action.kind == "mode":
                    os.chmod(self.path, MODE)
                else:
                    self._write()
        except OSError as error:
            raise TaskError(
                f"{self.path} cannot be written: {error.strerror}", error_code="OS_ERROR"
            ) from error

    def _write(self) -> None:
        # Seeds of machines on another host come into a folder that nobody has made there.
        os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
        with files.replacing(self.path, MODE) as fresh:
            write_image(self.wanted or {}, fresh)


def result(task: Task, outcome: change.Outcome) -> change.Result:
    """What only this module returns."""
    before = describe(outcome.before)
    if task.wanted is None:
        before.pop("files", None)
    return {
        "path": task.path,
        "files": {name: len(content) for name, content in sorted((task.wanted or {}).items())},
        "diff": {"before": before, "after": describe(outcome.after, outcome.before)},
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            # Seeds hold private keys; no_log keeps them out of logs and of the task's arguments.
            "user_data": {"type": "str", "no_log": True},
            "meta_data": {"type": "str"},
            "network_config": {"type": "str"},
        },
        required_if=[("state", "present", ["user_data", "meta_data"])],
        supports_check_mode=True,
    )
    change.run_module(module, lambda: Task(module.params), result)


if __name__ == "__main__":
    main()
