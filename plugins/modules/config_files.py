#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: config_files
short_description: Write several configuration files in one go
version_added: 0.1.0
description:
  - Brings the contents and modes of some files to what is wanted, in one round trip instead of two
    for each file.
  - Where O(files[].validate) says how, files are checked before any of them is written.
  - Missing parent folders are made. The files belong to who runs the module.
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
attributes:
  check_mode:
    support: full
    description: Tells which files would change, without checking their contents.
  diff_mode:
    support: full
    description: Shows the contents before and after.
  idempotent:
    support: full
    description: Changes only what differs.
options:
  files:
    description:
      - The files, in the order in which they are written.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description:
          - Where the file is.
        type: path
        required: true
      content:
        description:
          - What it holds.
        type: str
        required: true
      mode:
        description:
          - Its permissions, as an octal number in quotes.
        type: str
        default: "0644"
      validate:
        description:
          - A command that accepts the file, with C(%s) for its path. No shell is used.
        type: str
  pending:
    description:
      - A file that is made before anything is changed, and that whoever restarts the service
        removes.
      - So a run that is killed between the two leaves a trace, and the next one restarts the
        service. Handlers would forget it. A place below C(/run) forgets it at the next boot.
    type: path
  services:
    description:
      - Units of systemd that read the files. They are looked at, in the same round trip, and never
        touched. What is to be done with those in RV(services_down), a task of its own does.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Configure a service
  virtual.datacenter.config_files:
    files:
      - path: /etc/example/rules.nft
        content: "{{ lookup('ansible.builtin.template', 'rules.nft.j2') }}"
        validate: nft --check --file %s
      - path: /etc/systemd/system/example.service
        content: "{{ lookup('ansible.builtin.template', 'example.service.j2') }}"
    pending: /run/example.pending
    services: [example]
  register: configured

- name: Run the service with what is configured
  ansible.builtin.systemd_service:
    name: example
    enabled: true
    daemon_reload: "{{ configured.pending }}"
    state: "{{ 'restarted' if configured.pending else 'started' }}"
  when: configured.pending or 'example' in configured.services_down

- name: Note that it does
  ansible.builtin.file:
    path: /run/example.pending
    state: absent
  when: configured.pending
"""

RETURN = r"""
changed_paths:
  description: The files that were, or in check mode would be, written or given another mode.
  returned: success
  type: list
  elements: str
  sample: [/etc/example/rules.nft]
pending:
  description: Whether O(pending) is there or would be, from this run or an earlier one.
  returned: success
  type: bool
services_down:
  description: Those of O(services) that do not run, or would not at the next boot.
  returned: success
  type: list
  elements: str
  sample: [example]
"""

import os
import shlex
import stat
import typing as t

from ansible.module_utils.basic import AnsibleModule

# What systemctl calls a unit that runs, and one that starts at boot or with what needs it.
RUNNING = ("active", "activating", "reloading")
ENABLED = ("enabled", "enabled-runtime", "static", "alias", "indirect", "generated")


class File:
    """One wanted file, compared with what is there."""

    def __init__(self, wish: t.Mapping[str, t.Any]) -> None:
        self.path: str = wish["path"]
        self.content: bytes = wish["content"].encode("utf-8")
        self.mode = int(wish["mode"], 8)
        self.validate: str | None = wish["validate"]
        # In the same folder: then it takes the old one's place at once, and who watches the folder
        # sees a rename (containerd does not look at a file that appears from elsewhere).
        folder, name = os.path.split(self.path)
        self.fresh = os.path.join(folder, f".{name}.new")
        self.old_content: bytes | None = None
        self.old_mode: int | None = None
        try:
            with open(self.path, "rb") as data:
                self.old_content = data.read()
                self.old_mode = stat.S_IMODE(os.fstat(data.fileno()).st_mode)
        except FileNotFoundError:
            pass

    @property
    def other_content(self) -> bool:
        return self.old_content != self.content

    @property
    def differs(self) -> bool:
        return self.other_content or self.old_mode != self.mode

    def diff(self) -> dict[str, str]:
        def text(content: bytes | None) -> str:
            return (content or b"").decode("utf-8", "replace")

        header = f"{self.path} (mode {{}})"
        return {
            "before_header": header.format(
                "none" if self.old_mode is None else f"{self.old_mode:04o}"
            ),
            "after_header": header.format(f"{self.mode:04o}"),
            "before": text(self.old_content),
            "after": text(self.content),
        }

    def prepare(self, module: AnsibleModule) -> None:
        """Have the new contents ready and checked."""
        make_parent(self.path)
        if not self.other_content:
            return
        self.discard()
        handle = os.open(self.fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as target:
            target.write(self.content)
        if self.validate:
            self._check(module)

    def put(self) -> None:
        if self.other_content:
            os.chmod(self.fresh, self.mode)
            os.rename(self.fresh, self.path)
        os.chmod(self.path, self.mode)

    def discard(self) -> None:
        if os.path.lexists(self.fresh):
            os.unlink(self.fresh)

    def _check(self, module: AnsibleModule) -> None:
        command = [word.replace("%s", self.fresh) for word in shlex.split(self.validate or "")]
        rc, out, err = module.run_command(command)
        if rc != 0:
            said = (err or out).strip().replace(self.fresh, self.path)
            self.discard()
            module.fail_json(
                msg=f"nothing was changed: {command[0]} rejects the new {self.path}: {said}"
            )


def make_parent(path: str) -> None:
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)


def services_down(module: AnsibleModule, services: t.Sequence[str]) -> list[str]:
    """Those that do not run or are not enabled; all of them where systemd cannot be asked."""
    systemctl = module.get_bin_path("systemctl")
    if not services or not systemctl:
        return list(services)
    command = [systemctl, "show", "--property=ActiveState,UnitFileState", "--", *services]
    _rc, out, _err = module.run_command(command, environ_update={"LC_ALL": "C"})
    # One paragraph a unit, in the order of the question.
    states = [
        dict(line.partition("=")[::2] for line in paragraph.splitlines())
        for paragraph in out.strip().split("\n\n")
    ]
    up = {
        name
        for name, state in zip(services, states)
        if state.get("ActiveState") in RUNNING and state.get("UnitFileState") in ENABLED
    }
    return [name for name in services if name not in up]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "path": {"type": "path", "required": True},
                    "content": {"type": "str", "required": True},
                    "mode": {"type": "str", "default": "0644"},
                    "validate": {"type": "str"},
                },
            },
            "pending": {"type": "path"},
            "services": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    pending = module.params["pending"]
    try:
        differing = [file for file in map(File, module.params["files"]) if file.differs]
        if differing and not module.check_mode:
            for file in differing:
                file.prepare(module)
            if pending:
                make_parent(pending)
                with open(pending, "a", encoding="utf-8"):
                    pass
            for file in differing:
                file.put()
    except (OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(differing),
        changed_paths=[file.path for file in differing],
        pending=bool(pending) and (bool(differing) or os.path.exists(pending)),
        services_down=services_down(module, module.params["services"]),
        diff=[file.diff() for file in differing],
    )


if __name__ == "__main__":
    main()
