#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: virtualbox_fencing
short_description: An SSH server by which VirtualBox VMs have each other switched off
version_added: 0.1.0
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
description:
  - Writes the files of an SSH server, which runs as the user whose VMs they are and listens on
    C(127.0.0.1) only. It is an sshd of its own. The one of the host, and the files in the folder
    C(.ssh) of the user, are not touched.
  - One key logs in. Its forced command answers C(list), and C(status), C(on), C(off) and C(reboot)
    of O(machines), and refuses everything else. Each request that switches something, and each that
    is refused, is a line in RV(log).
  - Only VMs with the mark of the data center
    (O(virtual.datacenter.virtualbox_vm#module:managed_by)) are ever asked for or switched.
  - C(off) takes the power from the VM, and ends its process if that hangs. C(reboot) does too, and
    starts the VM again, unless it was off already or M(virtual.datacenter.virtualbox_vm) is
    stopping it.
  - Nothing is started. RV(command) is what a service manager is to run, and to restart when
    something has changed.
  - A VM reaches the server if a NAT card of it has
    O(virtual.datacenter.virtualbox_vm#module:nics[].localhost_reachable). Then it reaches all that
    listens on the loopback address of the host.
extends_documentation_fragment:
  - virtual.datacenter.virtualbox
  - virtual.datacenter.virtualbox.attributes
options:
  datacenter:
    description: Name of the data center, the mark of its VMs.
    type: str
    required: true
  state:
    description: V(present) writes the files, V(absent) removes them.
    type: str
    choices: [present, absent]
    default: present
  folder:
    description:
      - Absolute path of the folder of the files. It is made if it is not there.
      - With O(state=absent) it goes with them, unless somebody has put other files there.
    type: path
    required: true
  port:
    description: Port of C(127.0.0.1) that the server listens on. Needed with O(state=present).
    type: int
  machines:
    description: Names of the machines whose power may be asked for and switched.
    type: list
    elements: str
    default: []
  vm_prefix:
    description: What the name of a VM begins with, before the name of the machine.
    type: str
    default: ''
  public_key:
    description:
      - The key that logs in, a line as C(ssh-keygen) writes it. Needed with O(state=present).
    type: str
  environment:
    description:
      - Environment variables of C(VBoxManage), such as E(VBOX_USER_HOME). E(VBOX_USER_HOME) and
        E(VBOX_IPC_SOCKETID) of the task need not be named.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Write what lets the load balancers fence each other
  virtual.datacenter.virtualbox_fencing:
    datacenter: lab
    folder: /srv/virtualbox/lab-fencing
    port: 22222
    machines: [lb01, lb02]
    public_key: "{{ lookup('ansible.builtin.file', 'fencing_ed25519.pub') }}"
  register: written

- name: Show what is to be run
  ansible.builtin.debug:
    var: written.command
"""

RETURN = r"""
fencing:
  description: How a machine of the data center reaches the server.
  returned: success and state is present
  type: dict
  contains:
    address: {description: Its address., type: str, sample: 10.0.2.2, returned: always}
    port: {description: Its port., type: int, sample: 22222, returned: always}
    user: {description: The user that logs in., type: str, sample: ops, returned: always}
    host_key:
      description: The public key that the server shows; in check mode empty before it is made.
      type: str
      returned: always
command:
  description: The command that runs the server until it is ended.
  returned: success and state is present
  type: list
  elements: str
  sample: [/usr/sbin/sshd, -D, -e, -f, /srv/virtualbox/lab-fencing/sshd_config]
log:
  description: The file on the host that says what was switched and refused.
  returned: success and state is present
  type: str
  sample: /srv/virtualbox/lab-fencing/fencing.log
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
      text: let one key ask for fencing of 'lab'
      command: []
processes:
  description: How often the program VBoxManage was run.
  returned: success
  type: int
  sample: 0
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: SSHD_MISSING
"""

import re
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change, state
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._fencing import request
from ansible_collections.virtual.datacenter.plugins.module_utils._fencing import server as fencing
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import fields, task
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.fencing import server


def argument_spec() -> dict[str, Any]:
    return task.argument_spec(
        datacenter={"type": "str", "required": True},
        state={"type": "str", "choices": ["present", "absent"], "default": "present"},
        folder={"type": "path", "required": True},
        port={"type": "int"},
        machines={"type": "list", "elements": "str", "default": []},
        vm_prefix={"type": "str", "default": ""},
        public_key={"type": "str", "no_log": False},
        environment={"type": "dict", "default": {}},
    )


def check(params: dict[str, Any]) -> None:
    """Refuse what no server could be made of."""
    fields.check_number("port", params["port"], (1, 65535))
    problem = fencing.check_public_key(params["public_key"])
    for name in params["machines"]:
        if not re.fullmatch(request.MACHINE, name):
            problem = f"a machine is named in lower-case letters, digits, . and -, found {name!r}"
    if re.search(r'["\\\n]', params["folder"]):
        problem = "folder is to have no quotes, backslashes and line ends: sshd does not take them"
    if problem:
        raise TaskError(problem, error_code="BAD_OPTION")


class Task(task.Task):
    """One run of the module."""

    def __init__(self, client: Client, module: AnsibleModule) -> None:
        super().__init__(client)
        params = module.params
        folder = task.absolute(module, "folder", params["folder"])
        self.datacenter: str = params["datacenter"]
        self.present: bool = params["state"] == "present"
        self.server = server.Server(folder or "", params["port"] or 0, params["public_key"] or "")
        if not self.present:
            return
        check(params)
        server.sshd()
        known = ("datacenter", "vm_prefix", "machines")
        environment = {name: str(value) for name, value in params["environment"].items()}
        self.server.build(
            {
                **{name: params[name] for name in known},
                "environment": environment,
                "vboxmanage_path": client.executable,
            }
        )

    def plan(self) -> state.Plan:
        """Compare the files with what is to be there."""
        actual = self.server.read()
        wanted = self.server.wanted() if self.present else {}
        if not self.present and self.server.holds_more():
            actual.pop("folder", None)
        actions = state.told(state.plan(actual, wanted), server.WORDS, self.datacenter)
        return state.Plan(actual, wanted, actions)

    def carry_out(self, plan: state.Plan) -> None:
        """Apply a plan."""
        for action in plan.actions:
            self.server.apply(action)


def result(found: Task, outcome: change.Outcome) -> change.Result:
    """What only this module returns."""
    shown = {"diff": state.diff(outcome.before, outcome.after, f"fencing of {found.datacenter}")}
    return {**shown, **found.server.result()} if found.present else shown


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_if=[["state", "present", ["port", "machines", "public_key"]]],
    )
    task.run_module(module, lambda client: Task(client, module), result)


if __name__ == "__main__":
    main()
