#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_autostart
short_description: The program that starts a lab data center without Ansible
version_added: 0.1.0
description:
  - Writes one file that Python runs, C(autostart.pyz) in the folder of the data center. It holds
    all that it needs of this collection.
  - Run with C(start), it makes the network that a reboot of the host has taken, and starts the
    machines. Run with C(stop), it shuts them down, the gateways last. What is so already is left
    alone.
  - The role P(virtual.datacenter.provider_lab#role) has systemd run it.
options:
  datacenter:
    description: Name of the data center.
    type: str
    required: true
  state:
    description: V(present) writes the program, V(absent) removes it.
    type: str
    choices: [present, absent]
    default: present
  machines:
    description:
      - Names of the machines in the order in which they are started, the gateways before all
        others.
      - Without O(gateways) the first one is the gateway.
    type: list
    elements: str
    default: []
  bridges:
    description: Names of the segments' bridges, as for M(virtual.datacenter.lab_network).
    type: list
    elements: str
    default: []
  fencing_machines:
    description:
      - Names of the machines that may fence each other, as for M(virtual.datacenter.lab_fencing).
        Without any, no machine may.
    type: list
    elements: str
    default: []
  fencing_public_key:
    description: The key that does, a line as C(ssh-keygen) writes it.
    type: str
    default: ""
  timeout:
    description: Seconds that a shutdown may take before the power is cut.
    type: int
    default: 60
  root_dir:
    description: Folder on the host that holds all data centers.
    type: path
    default: /var/lib/virtual.datacenter
extends_documentation_fragment:
  - virtual.datacenter.lab_uplink
attributes:
  check_mode:
    support: full
    description: Can run in check mode and tells what it would do.
  diff_mode:
    support: full
    description: Shows the digest of the program before and after.
author:
  - the virtual.datacenter contributors (@virtual-datacenter)
"""

EXAMPLES = r"""
- name: Write the program
  virtual.datacenter.lab_autostart:
    datacenter: lab
    machines: [gate01, lb01, lb02]
    bridges: [br-edge]
    ports:
      - {name: ssh, host_port: 2222, guest_port: 22}
  become: true
"""

RETURN = r"""
program:
  description: The program. C(python3 PATH start) runs it.
  returned: success
  type: str
  sample: /var/lib/virtual.datacenter/lab/autostart.pyz
actions:
  description: What was done, or would be done in check mode.
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
      text: write the program that starts data center 'lab'
      command: []
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: BAD_OPTION
"""

import contextlib
import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import (
    change,
    files,
    program,
    state,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._lab import (
    autostart,
    folders,
    gateways,
    names,
    options,
    services,
)

CALL = "entry.main(sys.argv[1], settings)"
WORDS = {
    "create program": "write the program that starts data center '{name}'",
    "change program": "write the program that starts data center '{name}' anew",
    "remove program": "remove the program that starts data center '{name}'",
}


def argument_spec() -> dict[str, Any]:
    return {
        "datacenter": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "machines": {"type": "list", "elements": "str", "default": []},
        "bridges": {"type": "list", "elements": "str", "default": []},
        **options.uplink(),
        "fencing_machines": {"type": "list", "elements": "str", "default": []},
        "fencing_public_key": {"type": "str", "default": "", "no_log": False},
        "timeout": {"type": "int", "default": 60},
        "root_dir": {"type": "path", "default": "/var/lib/virtual.datacenter"},
    }


class Task(change.Task):
    """One run of the module."""

    def __init__(self, params: dict[str, Any]) -> None:
        problem = names.check_name("The data center's name", params["datacenter"])
        problem = problem or gateways.check(params["gateways"], params["ports"])
        if problem:
            raise TaskError(problem, error_code="BAD_OPTION")
        self.params = params
        folder = names.datacenter_directory(params["root_dir"], params["datacenter"])
        self.path = os.path.join(folder, "autostart.pyz")
        settings = {name: value for name, value in params.items() if name != "state"}
        present = params["state"] == "present"
        self.program = program.build(autostart.__name__, CALL, settings) if present else None

    def plan(self) -> state.Plan:
        """Compare the file with the program."""
        thing = f"program {self.path}"
        before, after = {}, {}
        with contextlib.suppress(FileNotFoundError), open(self.path, "rb") as file:
            before[thing] = services.fingerprint(file.read())
        if self.program is not None:
            after[thing] = services.fingerprint(self.program)
        return state.Plan(
            before, after, state.told(state.plan(before, after), WORDS, self.params["datacenter"])
        )

    def carry_out(self, plan: state.Plan) -> None:
        """Write or remove the file."""
        for action in plan.actions:
            if action.kind == "remove":
                os.unlink(self.path)
                folders.remove_empty(self.params["root_dir"], self.params["datacenter"])
            elif self.program is not None:
                folders.make_datacenter(self.params["root_dir"], self.params["datacenter"])
                files.write(self.path, self.program)


def result(task: Task, outcome: change.Outcome) -> change.Result:
    """What only this module returns."""
    header = f"autostart of {task.params['datacenter']}"
    return {
        "program": task.path,
        "diff": state.diff(outcome.before, outcome.after, header),
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    change.run_module(module, lambda: Task(module.params), result)


if __name__ == "__main__":
    main()
