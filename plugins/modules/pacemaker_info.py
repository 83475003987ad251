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
  read_cib:
    description: Whether to read the configuration too, which is RV(cib).
    type: bool
    default: false
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

- name: Read how the cluster is configured
  virtual.datacenter.pacemaker_info:
    read_cib: true
  register: live
  run_once: true

- name: Describe it as it is, which changes nothing
  virtual.datacenter.pacemaker_cib:
    fencing_enabled: "{{ live.cib.fencing_enabled | default(omit) }}"
    properties: "{{ live.cib.properties }}"
    resource_defaults: "{{ live.cib.resource_defaults }}"
    operation_defaults: "{{ live.cib.operation_defaults }}"
    resources: "{{ live.cib.resources }}"
    colocations: "{{ live.cib.colocations }}"
    orders: "{{ live.cib.orders }}"
    locations: "{{ live.cib.locations }}"
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
cib:
  description:
    - The configuration as options of M(virtual.datacenter.pacemaker_cib). Given to that module,
      they change nothing.
    - Values of parameters that may be secret are not in it. Their names are in C(keep_params).
      These are the parameters that the agent calls private, and those with a name like password
      or key.
    - What Pacemaker writes down about itself, C(dc-version) for example, is not in it.
    - Empty where no cluster runs.
  returned: O(read_cib) is true
  type: dict
  contains:
    fencing_enabled:
      description: Whether the cluster may fence nodes.
      type: bool
      returned: the configuration says so
    properties:
      description: The other cluster properties.
      type: dict
    resource_defaults:
      description: Defaults of resources.
      type: dict
    operation_defaults:
      description: Defaults of operations.
      type: dict
    resources:
      description: The resources.
      type: list
      elements: dict
    colocations:
      description: Which resource runs where another one runs.
      type: list
      elements: dict
    orders:
      description: Which resource starts before another one.
      type: list
      elements: dict
    locations:
      description: Which resource likes or avoids which node.
      type: list
      elements: dict
cib_left_out:
  description: Resources and constraints that those options cannot describe, groups for example.
  returned: O(read_cib) is true
  type: list
  elements: str
  sample: [resource web, location cli-prefer-web]
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
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import (
    errors,
    export,
    status,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.cib import Cib
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.client import Client

PAUSE = 0.5


def look(client: Client) -> dict[str, t.Any]:
    try:
        return status.parse(client.status())
    except errors.NotConnectedError:
        return dict(status.NOT_CONNECTED)


def configuration(client: Client) -> dict[str, t.Any]:
    try:
        options, left_out = export.options(Cib(client.query()))
    except errors.NotConnectedError:
        return {"cib": {}, "cib_left_out": []}
    return {"cib": options, "cib_left_out": left_out}


def main() -> None:
    names: dict[str, t.Any] = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "members": names,
            "running_once": names,
            "running_everywhere": names,
            "wait_timeout": {"type": "int", "default": 0},
            "read_cib": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    wanted = dict(module.params)
    seconds, read_cib = wanted.pop("wait_timeout"), wanted.pop("read_cib")
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
        if read_cib:
            now.update(configuration(client))
    module.exit_json(changed=False, **now)


if __name__ == "__main__":
    main()
