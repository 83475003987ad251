#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pacemaker_cib
short_description: Describe resources, constraints and options of a Pacemaker cluster
version_added: 0.1.0
description:
  - Reads the live configuration of the cluster, compares it with what is asked for, and brings
    exactly the difference into the cluster in one step, checked by Pacemaker's own checker before.
  - What is not named stays as it is, so resources, constraints and options that somebody else made
    are safe.
  - Run it on any one member of the cluster.
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
requirements:
  - cibadmin, crm_diff and crm_verify (Debian package C(pacemaker-cli-utils)) on the node.
attributes:
  check_mode:
    support: full
    description: Says what would change; where no cluster runs yet, that is everything.
  diff_mode:
    support: full
    description: Shows the described things before and after.
  idempotent:
    support: full
    description: Nested ids, order, and the spelling of durations and scores make no difference.
options:
  properties:
    description: Cluster properties by name. Properties that are not named stay.
    type: dict
    default: {}
  fencing_enabled:
    description:
      - Whether the cluster may fence nodes.
      - Written under the name that the cluster's version of Pacemaker uses, C(stonith-enabled) or
        C(fencing-enabled).
    type: bool
  resource_defaults:
    description: Default meta attributes of all resources. Defaults that are not named stay.
    type: dict
    default: {}
  operation_defaults:
    description: Default options of all operations. Defaults that are not named stay.
    type: dict
    default: {}
  resources:
    description: Primitives, alone or as clones.
    type: list
    elements: dict
    suboptions:
      id:
        description: The name of the resource.
        type: str
        required: true
      agent:
        description: The agent as C(class:type) or C(class:provider:type).
        type: str
        required: true
      params:
        description:
          - Parameters of the agent; exactly these hold then.
          - Unset, together with O(resources[].secret_params) unset, leaves parameters alone.
        type: dict
      secret_params:
        description: More parameters, whose values never appear in results, diffs or logs.
        type: dict
      keep_params:
        description:
          - Names of parameters beside those of O(resources[].params) and
            O(resources[].secret_params) whose values in the cluster stay as they are.
          - So somebody who does not know a password can describe the rest.
        type: list
        elements: str
        default: []
      meta:
        description: Meta attributes. Those that are not named stay, C(target-role) for example.
        type: dict
        default: {}
      operations:
        description: The operations; exactly these hold then. Unset leaves them alone.
        type: list
        elements: dict
        suboptions:
          name:
            description: The operation, V(monitor) for example.
            type: str
            required: true
          interval_seconds:
            description: How often; V(0) for operations that do not recur.
            type: int
            default: 0
          timeout_seconds:
            description: How long it may take.
            type: int
          options:
            description: Further attributes of the operation, C(on-fail) for example.
            type: dict
            default: {}
      clone:
        description: Run the resource on every node. Unset leaves an existing clone alone.
        type: dict
        suboptions:
          id:
            description: The name of the clone; the resource's name and C(-clone) when unset.
            type: str
          meta:
            description: Meta attributes of the clone. Those that are not named stay.
            type: dict
            default: {}
  colocations:
    description: Which resource runs where another one runs.
    type: list
    elements: dict
    suboptions:
      id:
        description: The name of the constraint.
        type: str
        required: true
      resource:
        description: The resource that is placed.
        type: str
        required: true
      with_resource:
        description: The resource, or clone, that it is placed with.
        type: str
        required: true
      score:
        description: How strongly; negative keeps them apart.
        type: str
        default: INFINITY
  orders:
    description: Which resource starts before another one.
    type: list
    elements: dict
    suboptions:
      id:
        description: The name of the constraint.
        type: str
        required: true
      first:
        description: The resource, or clone, that starts first.
        type: str
        required: true
      then:
        description: The resource that starts after it.
        type: str
        required: true
      kind:
        description: Whether the order always holds, or only when both start or stop together.
        type: str
        choices: [mandatory, optional, serialize]
        default: mandatory
      symmetrical:
        description: Whether stopping goes the other way round.
        type: bool
        default: true
  locations:
    description: Which resource likes or avoids which node.
    type: list
    elements: dict
    suboptions:
      id:
        description: The name of the constraint.
        type: str
        required: true
      resource:
        description: The resource.
        type: str
        required: true
      node:
        description: The node's name in the cluster. Give it, or an attribute.
        type: str
      attribute:
        description: An attribute of nodes. The score holds on those where its value fits.
        type: str
      operation:
        description: How a node's value is compared with O(locations[].value).
        type: str
        choices: [lt, gt, lte, gte]
        default: gt
      value:
        description: The number that the attribute is compared with.
        type: int
        default: 0
      score:
        description: How much it likes the node; C(-INFINITY) means never.
        type: str
        required: true
  prune_prefix:
    description:
      - Resources and constraints whose id starts with this are removed when not described here.
      - It is about the lists that are given. Without O(resources) no resource is removed, without
        O(orders) no order, and so on; an empty list describes none.
      - Unset removes nothing.
    type: str
seealso:
  - module: virtual.datacenter.pacemaker_info
"""

EXAMPLES = r"""
- name: A floating address beside haproxy
  virtual.datacenter.pacemaker_cib:
    fencing_enabled: false
    resources:
      - id: proxy
        agent: systemd:haproxy
        operations:
          - name: monitor
            interval_seconds: 2
            timeout_seconds: 20
        clone:
          meta:
            interleave: true
      - id: address
        agent: ocf:heartbeat:IPaddr2
        params:
          ip: 192.0.2.10
          cidr_netmask: 24
        meta:
          resource-stickiness: 100
    colocations:
      - id: address-with-proxy
        resource: address
        with_resource: proxy-clone
    orders:
      - id: proxy-then-address
        first: proxy-clone
        then: address
  run_once: true

- name: A fence device whose password never shows
  virtual.datacenter.pacemaker_cib:
    fencing_enabled: true
    resources:
      - id: fence-one
        agent: stonith:fence_ipmilan
        params:
          ip: 192.0.2.101
          username: fence
          pcmk_host_list: one
        secret_params:
          password: "{{ fence_password }}"
    locations:
      - id: fence-one-elsewhere
        resource: fence-one
        node: one
        score: -INFINITY
  run_once: true
"""

RETURN = r"""
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
      description: The command that does it, empty where it is none.
      type: list
      elements: str
      returned: always
  sample:
    - action: create
      text: create resource address
      command: []
configuration:
  description: The described things as they are in the cluster now; in check mode as they would be.
  returned: success
  type: dict
  contains:
    properties:
      description: The named cluster properties.
      type: dict
    resource_defaults:
      description: The named defaults of resources.
      type: dict
    operation_defaults:
      description: The named defaults of operations.
      type: dict
    resources:
      description: The described resources by id, secrets hidden.
      type: dict
    constraints:
      description: The described constraints by id.
      type: dict
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: INVALID_CONFIGURATION
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
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import desired, task
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.client import Client


def argument_spec() -> dict[str, t.Any]:
    def entries(**options: t.Any) -> dict[str, t.Any]:
        options["id"] = {"type": "str", "required": True}
        return {"type": "list", "elements": "dict", "options": options}

    word: dict[str, t.Any] = {"type": "str", "required": True}
    table: dict[str, t.Any] = {"type": "dict", "default": {}}
    return {
        "properties": table,
        "fencing_enabled": {"type": "bool"},
        "resource_defaults": table,
        "operation_defaults": table,
        "resources": entries(
            agent=word,
            params={"type": "dict"},
            secret_params={"type": "dict", "no_log": True},
            keep_params={"type": "list", "elements": "str", "default": [], "no_log": False},
            meta=table,
            operations={
                "type": "list",
                "elements": "dict",
                "options": {
                    "name": word,
                    "interval_seconds": {"type": "int", "default": 0},
                    "timeout_seconds": {"type": "int"},
                    "options": table,
                },
            },
            clone={"type": "dict", "options": {"id": {"type": "str"}, "meta": table}},
        ),
        "colocations": entries(
            resource=word, with_resource=word, score={"type": "str", "default": "INFINITY"}
        ),
        "orders": entries(
            first=word,
            then=word,
            kind={
                "type": "str",
                "choices": list(desired.ORDER_KINDS),
                "default": "mandatory",
            },
            symmetrical={"type": "bool", "default": True},
        ),
        "locations": entries(
            resource=word,
            node={"type": "str"},
            attribute={"type": "str"},
            operation={"type": "str", "choices": list(desired.COMPARISONS), "default": "gt"},
            value={"type": "int", "default": 0},
            score=word,
        ),
        "prune_prefix": {"type": "str"},
    }


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    change.run_module(
        module,
        lambda: task.Task(Client(module.tmpdir), module.params, module.check_mode),
        task.result,
    )


if __name__ == "__main__":
    main()
