#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: config_files
short_description: Write several configuration files, and have their services use them
version_added: 0.1.0
description:
  - Brings the contents and modes of some files to what is desired, and has the services that read
    them use them, in one round trip.
  - Where O(files[].validate) says how, files are validated before any of them is written.
  - A service is compared with its files every time, not only when a file changed. A unit that does
    not run or is not enabled is started and enabled. One whose O(services[].live_check) fails gets
    its files again.
  - A run may be killed at any moment. Before a file is written, a mark below C(/run) says which
    services do not have it yet, and the next run brings it into use. Handlers would forget it.
  - Runs of root on one machine wait for one another, so that each compares what is really there.
    Check mode does not wait. Runs of other users, who cannot bring services into use, do not
    either.
  - Missing parent folders are made. The files belong to who runs the module.
  - Contents do not get into the machine's journal, nor into the result's C(invocation).
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
attributes:
  check_mode:
    support: full
    description:
      - Tells which files would change and what would be done to the services. New contents are
        validated in a folder of their own. A validator that is not installed yet is passed over.
  diff_mode:
    support: full
    description: Shows the contents before and after, but those of a secret file.
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
      secret:
        description:
          - Whether the contents are kept out of the diff and out of error messages.
        type: bool
        default: false
  services:
    description:
      - The units of systemd that read the files, in the order in which they are brought into use.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The name of the unit.
        type: str
        required: true
      files:
        description:
          - The paths out of O(files) that it reads. Without it, it reads all of them.
        type: list
        elements: path
      on_change:
        description:
          - What makes a running unit use changed files.
        type: str
        choices: [restarted, reloaded]
        default: restarted
      live_check:
        description:
          - A command, word by word, that ends with 0 if the service has what its files say.
          - It must not change anything. It runs in check mode too.
          - If it fails, O(services[].on_change) is done. If it still fails then, the task fails.
        type: list
        elements: str
        default: []
      enabled:
        description:
          - Whether the unit starts at boot.
        type: bool
        default: true
      started:
        description:
          - Whether a unit that does not run is started.
          - With V(false) somebody else starts and stops it, and changed files are brought into use
            only while it runs.
        type: bool
        default: true
      wait_seconds:
        description:
          - How long after its start, by this module or by anybody, or after a reload the unit may
            need until O(services[].live_check) succeeds.
        type: int
        default: 60
  timeout_seconds:
    description:
      - How long each command may take, be it a validator, a live check or systemctl, and how long
        another run on the same machine is waited for.
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: Configure a firewall, and keep its rules in the kernel
  virtual.datacenter.config_files:
    files:
      - path: /etc/example/rules.nft
        content: "{{ lookup('ansible.builtin.template', 'rules.nft.j2') }}"
        validate: nft --check --file %s
      - path: /etc/systemd/system/example.service
        content: "{{ lookup('ansible.builtin.template', 'example.service.j2') }}"
    services:
      - name: example
        on_change: reloaded
        live_check: [nft, list, chain, inet, example, forward]

- name: Configure a service that the cluster starts and stops
  virtual.datacenter.config_files:
    files:
      - path: /etc/haproxy/haproxy.cfg
        content: "{{ lookup('ansible.builtin.template', 'haproxy.cfg.j2') }}"
        mode: "0600"
        validate: haproxy -c -q -f %s
        secret: true
    services:
      - {name: haproxy, on_change: reloaded, enabled: false, started: false}
"""

RETURN = r"""
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
    - action: restart
      text: restart haproxy
      command: [systemctl, restart, --, haproxy]
changed_paths:
  description: The files that were, or in check mode would be, written or given another mode.
  returned: success
  type: list
  elements: str
  sample: [/etc/example/rules.nft]
services:
  description: The services to which something was, or in check mode would be, done.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the unit.
      type: str
    actions:
      description: Some of V(enabled), V(disabled), V(started), V(restarted) and V(reloaded).
      type: list
      elements: str
  sample: [{name: example, actions: [enabled, started]}]
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: REJECTED
"""

import contextlib
import tempfile
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._config_files import lock
from ansible_collections.virtual.datacenter.plugins.module_utils._config_files.command import Runner
from ansible_collections.virtual.datacenter.plugins.module_utils._config_files.files import File
from ansible_collections.virtual.datacenter.plugins.module_utils._config_files.services import (
    Services,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError

SPEC: dict[str, t.Any] = {
    "files": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "path": {"type": "path", "required": True},
            "content": {"type": "str", "required": True},
            "mode": {"type": "str", "default": "0644"},
            "validate": {"type": "str"},
            # Whether it is one; not itself one.
            "secret": {"type": "bool", "default": False, "no_log": False},
        },
    },
    "services": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "files": {"type": "list", "elements": "path"},
            "on_change": {
                "type": "str",
                "choices": ["restarted", "reloaded"],
                "default": "restarted",
            },
            "live_check": {"type": "list", "elements": "str", "default": []},
            "enabled": {"type": "bool", "default": True},
            "started": {"type": "bool", "default": True},
            "wait_seconds": {"type": "int", "default": 60},
        },
    },
    "timeout_seconds": {"type": "int", "default": 120},
}


class QuietModule(AnsibleModule):  # type: ignore[misc] # Ansible has no types.
    """AnsibleModule writes all parameters to the journal; here their contents are left out."""

    def log(self, msg: str, log_args: t.Any = None) -> None:
        paths = [file["path"] for file in self.params.get("files") or []]
        super().log(f"Invoked for {' '.join(paths)}")

    def without_contents(self) -> dict[str, t.Any]:
        files = [{**file, "content": "(not repeated)"} for file in self.params["files"]]
        return {"module_args": {**self.params, "files": files}}


def apply(module: QuietModule) -> tuple[list[File], Services]:
    """What differs, and what the services need; done unless this is check mode."""
    runner = Runner(module.params["timeout_seconds"])
    try:
        differing = [file for file in map(File, module.params["files"]) if file.differs]
    except ValueError as error:
        raise TaskError(
            f"a file's mode has to be octal digits in quotes, such as '0644': {error}",
            error_code="BAD_OPTION",
        ) from error
    changed = [file.path for file in differing]
    services = Services(runner, module.params["services"], changed)
    if module.check_mode:
        with tempfile.TemporaryDirectory() as folder:
            for file in differing:
                file.rehearse(runner, folder)
        return differing, services
    try:
        for file in differing:
            file.prepare(runner)
    except TaskError:
        for file in differing:
            file.discard()
        raise
    services.mark()
    for file in differing:
        file.put()
    services.apply()
    return differing, services


def main() -> None:
    """Entry point."""
    module = QuietModule(argument_spec=SPEC, supports_check_mode=True)
    invocation = module.without_contents()
    seconds = module.params["timeout_seconds"]
    # Before anything is read: what is compared is what the run before has left.
    alone = contextlib.nullcontext() if module.check_mode else lock.alone(seconds)
    with change.failures(module, invocation=invocation), alone:
        differing, services = apply(module)
    actions = [change.Action("write", f"write {file.path}") for file in differing]
    outcome = change.Outcome(None, None, (*actions, *services.actions()), module.check_mode)
    module.exit_json(
        **outcome.as_result(),
        changed_paths=[file.path for file in differing],
        services=[{"name": name, "actions": done} for name, done in services.plan.items() if done],
        diff=[file.diff() for file in differing],
        invocation=invocation,
    )


if __name__ == "__main__":
    main()
