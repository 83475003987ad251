#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pacemaker_info
short_description: What a Pacemaker cluster runs, and where
version_added: 0.1.0
description:
  - Reads the members of the cluster, the resources with the nodes they run on, and failed actions.
  - Where no cluster runs, RV(connected) is false and the lists are empty; that is no failure.
  - Can wait until members and resources are as they should, and fails when they do not become so.
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
requirements:
  - crm_mon (Debian package C(pacemaker-cli-utils)) on the node.
extends_documentation_fragment:
  - virtual.datacenter.read_only.attributes
options:
  members:
    description: Nodes that should be members, in a cluster with quorum.
    type: list
    elements: str
    default: []
  running_once:
    description: Resources that should run on exactly one node.
    type: list
    elements: str
    default: []
  running_everywhere:
    description:
      - Resources that should run on all of O(members), except those in standby or maintenance.
    type: list
    elements: str
    default: []
  wait_timeout:
    description: How many seconds to wait for that. In check mode, or with V(0), nothing is awaited.
    type: int
    default: 0
seealso:
  - module: virtual.datacenter.pacemaker_cib
"""

EXAMPLES = r"""
- name: Wait until both load balancers are members and one has the address
  virtual.datacenter.pacemaker_info:
    members: [lb01, lb02]
    running_once: [address]
    wait_timeout: 60
  register: cluster
  run_once: true

- name: Say who holds the address
  ansible.builtin.debug:
    msg: "{{ cluster.resources['address'].nodes | join(', ') }}"
  run_once: true
"""

RETURN = r"""
connected:
  description: Whether the cluster runs on this node.
  returned: success
  type: bool
version:
  description: The coordinator's version of Pacemaker; empty without a coordinator.
  returned: success
  type: str
  sample: 3.0.0
coordinator:
  description: The node that coordinates.
  returned: success
  type: str
quorate:
  description: Whether this node's part of the cluster has quorum and a coordinator.
  returned: success
  type: bool
nodes:
  description:
    - The nodes by name, each with C(id), C(online), C(standby), C(maintenance), C(pending) and
      C(unclean).
  returned: success
  type: dict
online:
  description: The names of the nodes that are members and ready.
  returned: success
  type: list
  elements: str
resources:
  description:
    - The resources by id, each with C(agent), the C(nodes) that it runs on, C(failed), C(blocked),
      C(managed) and C(pending); the instances of a clone are one entry.
    - C(since) says for each of the nodes when it was started there, as the clock of the node shows
      it. Empty if Pacemaker does not know it.
  returned: success
  type: dict
failures:
  description:
    - Failed actions, each with C(op_key), C(node), C(exitstatus), C(exitreason) and
      C(last_rc_change).
  returned: success
  type: list
  elements: dict
hindrances:
  description:
    - What keeps resources from running, each with C(resource) and C(node), empty where it is about
      all, and C(text), a sentence with the command that ends it. Bans, failure counts at their
      limit, modes of nodes and of the cluster, and resources that are stopped or not managed.
    - A wait that fails says them.
  returned: success
  type: list
  elements: dict
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: TIMEOUT
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

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change, wait
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import errors, status
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.client import Client

PAUSE = 0.5


def look(client: Client) -> dict[str, t.Any]:
    try:
        return status.parse(client.status())
    except errors.NotConnectedError:
        return dict(status.NOT_CONNECTED)


def main() -> None:
    names: dict[str, t.Any] = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "members": names,
            "running_once": names,
            "running_everywhere": names,
            "wait_timeout": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    wanted = dict(module.params)
    seconds = wanted.pop("wait_timeout")
    client = Client(module.tmpdir)
    now: dict[str, t.Any] = {}

    def there() -> bool:
        nonlocal now
        now = look(client)
        return not status.missing(now, **wanted)

    with change.failures(module):
        patience = 0 if module.check_mode else seconds
        if not wait.until(there, patience, PAUSE) and patience:
            left = "; ".join(status.missing(now, **wanted))
            raise TaskError(
                f"After {seconds} s {left}.",
                hint="look at crm_mon -1 on a member, or raise wait_timeout",
                error_code="TIMEOUT",
                **now,
            )
    module.exit_json(changed=False, **now)


if __name__ == "__main__":
    main()
