#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_fencing
short_description: An SSH server by which lab machines may switch each other off
version_added: 0.1.0
description:
  - Runs an SSH server at 10.0.2.2 in the network outside of a lab data center, where a hypervisor's
    NAT engine shows its host. No other network reaches it.
  - One key logs in. Its forced command answers C(list), and C(status), C(on), C(off) and C(reboot)
    of O(machines), and refuses everything else. Each request that switches something, and each that
    is refused, is a line in RV(log).
  - C(off) takes the power from the machine. C(reboot) does too, and starts it again, unless it was
    off already or M(virtual.datacenter.lab_machine) has been told to stop it.
  - The server is the sshd of the image that the first of the machines was made from.
  - M(virtual.datacenter.lab_network) with O(state=absent) ends it, and removes its files.
options:
  datacenter:
    description: Name of the data center.
    type: str
    required: true
  state:
    description: V(present) runs the server, V(absent) ends it and removes its files.
    type: str
    choices: [present, absent]
    default: present
  machines:
    description: Names of the machines whose power may be asked for and switched.
    type: list
    elements: str
    default: []
  public_key:
    description:
      - The key that logs in, a line as C(ssh-keygen) writes it. Needed with O(state=present).
    type: str
  root_dir:
    description: Folder on the host that holds all data centers.
    type: path
    default: /var/lib/virtual.datacenter
attributes:
  check_mode:
    support: full
    description: Can run in check mode and tells what it would do.
  diff_mode:
    support: full
    description: Shows what is there before and after.
author:
  - the virtual.datacenter contributors (@virtual-datacenter)
"""

EXAMPLES = r"""
- name: Let the load balancers fence each other
  virtual.datacenter.lab_fencing:
    datacenter: lab
    machines: [lb01, lb02]
    public_key: "{{ lookup('ansible.builtin.file', 'fencing_ed25519.pub') }}"
  become: true
"""

RETURN = r"""
fencing:
  description: How a machine of the data center reaches the server.
  returned: success and state is present
  type: dict
  contains:
    address: {description: Its address., type: str, sample: 10.0.2.2, returned: always}
    port: {description: Its port., type: int, sample: 22, returned: always}
    user: {description: The user that logs in., type: str, sample: root, returned: always}
    host_key:
      description: The public key that the server shows; in check mode empty before it is made.
      type: str
      returned: always
log:
  description: The file on the host that says what was switched and refused.
  returned: success and state is present
  type: str
  sample: /var/lib/virtual.datacenter/lab/run/fencing/fencing.log
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
      text: let machines of data center 'lab' fence each other
      command: []
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: NOT_DEFINED
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change, state
from ansible_collections.virtual.datacenter.plugins.module_utils._lab import (
    fencing,
    names,
    options,
)


def argument_spec() -> dict[str, Any]:
    return {
        "datacenter": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "machines": {"type": "list", "elements": "str", "default": []},
        "public_key": {"type": "str", "no_log": False},
        "root_dir": {"type": "path", "default": "/var/lib/virtual.datacenter"},
    }


def check(params: dict[str, Any]) -> None:
    problem = names.check_name("The data center's name", params["datacenter"])
    if not problem and params["state"] == "present":
        problem = fencing.check(params["machines"], params["public_key"])
    options.accept(problem)


class Task(change.Task):
    """One run of the module."""

    def __init__(self, params: dict[str, Any], check_mode: bool) -> None:
        check(params)
        self.params = params
        self.present: bool = params["state"] == "present"
        self.fencing = fencing.Fencing(
            params["root_dir"],
            params["datacenter"],
            params["machines"] if self.present else [],
            params["public_key"] or "",
            must_be_defined=self.present and not check_mode,
        )

    def plan(self) -> state.Plan:
        """Compare the program and the server with what is to be there."""
        actual = self.fencing.read()
        wanted = self.fencing.wanted() if self.present else {}
        actions = state.plan(actual, wanted)
        return state.Plan(
            actual, wanted, state.told(actions, fencing.WORDS, self.params["datacenter"])
        )

    def carry_out(self, plan: state.Plan) -> None:
        """Apply a plan."""
        for action in plan.actions:
            self.fencing.apply(action)


def result(task: Task, outcome: change.Outcome) -> change.Result:
    """What only this module returns."""
    header = f"fencing of {task.params['datacenter']}"
    shown = {"diff": state.diff(outcome.before, outcome.after, header)}
    return {**shown, **task.fencing.result()} if task.present else shown


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_if=[["state", "present", ["machines", "public_key"]]],
    )
    change.run_module(module, lambda: Task(module.params, module.check_mode), result)


if __name__ == "__main__":
    main()
