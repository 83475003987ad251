#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pacemaker_node
short_description: Set a node of a Pacemaker cluster aside, or take it back
version_added: 0.1.0
description:
  - A node that is set aside (standby) stays a member and runs no resource; others take over what it
    ran. Do this before a node is patched or restarted.
  - Run it on any node of the cluster, the one that it is about or another.
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
requirements:
  - crm_mon and crm_attribute (Debian package C(pacemaker-cli-utils)) on the node.
attributes:
  check_mode:
    support: full
    description: Tells what would be done.
  diff_mode:
    support: none
    description: The result says what was done.
  idempotent:
    support: full
    description: A node that is as wanted is left alone.
options:
  name:
    description: The node's name in the cluster.
    type: str
    required: true
  state:
    description: Whether the node is set aside or runs resources.
    type: str
    choices: [standby, active]
    required: true
  allow_outage:
    description:
      - Whether a node may be set aside when no other one can take over. What it ran is gone then.
    type: bool
    default: false
  wait_timeout:
    description:
      - How many seconds resources may take to leave a node that is set aside. The module fails when
        they take longer. With V(0) nothing is awaited.
    type: int
    default: 60
seealso:
  - module: virtual.datacenter.pacemaker_info
  - module: virtual.datacenter.pacemaker_cib
"""

EXAMPLES = r"""
- name: Have the other load balancer take over
  virtual.datacenter.pacemaker_node:
    name: lb01
    state: standby

- name: Take it back
  virtual.datacenter.pacemaker_node:
    name: lb01
    state: active
"""

RETURN = r"""
standby:
  description: Whether the node is set aside now; in check mode whether it would be.
  returned: success
  type: bool
running:
  description: The resources that ran on the node when the module last looked.
  returned: success
  type: list
  elements: str
actions:
  description: What was done, or in check mode would be done.
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
      description: The command that does it.
      type: list
      elements: str
      returned: always
  sample:
    - action: set aside
      text: set aside lb01
      command: [crm_attribute, --node, lb01, --name, standby, --update, "on"]
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: CONFLICT
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import node
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.client import Client


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["standby", "active"], "required": True},
            "allow_outage": {"type": "bool", "default": False},
            "wait_timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    change.run_module(module, lambda: node.Task(Client(module.tmpdir), module.params), node.result)


if __name__ == "__main__":
    main()
