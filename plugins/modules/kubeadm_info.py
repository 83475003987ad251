#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_info
short_description: Whether this machine is a member of a kubeadm cluster, and what the cluster says
version_added: 0.1.0
description:
  - Looks at the machine's files and asks the cluster with the certificates that lie on the machine,
    a control plane its own API server and etcd, a worker the cluster's endpoint.
  - Tells a machine that somebody began to join and did not finish from one that is a member, from
    an untouched one, and from one that must not be touched.
  - Waits first until no kubeadm runs that holds O(lock).
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
extends_documentation_fragment:
  - virtual.datacenter.read_only.attributes
attributes:
  action_group:
    description: Use C(group/virtual.datacenter.kubernetes) in C(module_defaults) to set options for
      all modules.
    support: full
    membership:
      - virtual.datacenter.kubernetes
options:
  role:
    description:
      - What the machine is, or is to become.
    type: str
    choices: [control_plane, worker]
    required: true
  name:
    description:
      - The name of its node.
    type: str
    required: true
  server:
    description:
      - The API server to ask, as C(host:port). A control plane's own address, a worker's endpoint.
    type: str
    required: true
  mark:
    description:
      - The file that says V(init) or V(join) while one of them has begun and has not ended, and
        V(init-failed) after an init that failed.
    type: path
    default: /etc/kubernetes/kubeadm-in-progress
  lock:
    description:
      - The file that a running kubeadm holds a lock on. Its folder is made if it is missing.
    type: path
    default: /run/virtual.datacenter/kubeadm.lock
  lock_timeout:
    description:
      - Seconds to wait for it.
    type: int
    default: 600
  timeout:
    description:
      - Seconds to wait for each answer of a server.
    type: int
    default: 10
  details:
    description:
      - Ask for RV(details) too.
    type: bool
    default: false
  wait_seconds:
    description:
      - Ask again until O(wait_for) holds, for at most this many seconds. What was found last is
        returned in any case.
    type: int
    default: 0
  wait_for:
    description:
      - V(answer), the cluster of a worker answers; V(api_ready), the asked API server is ready;
        V(healthy), this is a healthy member. The others ask for a healthy member and more.
      - V(etcd_members), etcd has voters only, among them O(etcd_members); V(pod_ranges), every node
        has a range for its pods; V(nodes_ready), every node is Ready.
    type: str
    choices: [answer, api_ready, healthy, etcd_members, pod_ranges, nodes_ready]
    default: healthy
  etcd_members:
    description:
      - The names that etcd must know, with O(wait_for=etcd_members).
    type: list
    elements: str
    default: []
  give_up_states:
    description:
      - States from which a machine is not waited for, as V(absent).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Ask whether this control plane is a healthy member
  virtual.datacenter.kubeadm_info:
    role: control_plane
    name: "{{ inventory_hostname }}"
    server: "{{ machine_address }}:6443"
    wait_seconds: 120
  register: member
"""

RETURN = r"""
state:
  description:
    - V(absent), there is nothing of Kubernetes; V(interrupted), a join or init has begun and not
      ended; V(member), healthy or not; V(foreign), it is in no state that O(mark) explains, or was
      removed from its cluster; V(unknown), the cluster of a worker does not answer.
  returned: success
  type: str
  sample: member
healthy:
  description: Whether it is a member and nothing is missing.
  returned: success
  type: bool
gaps:
  description: What is missing from a healthy member.
  returned: success
  type: list
  elements: str
  sample: [its API server is not ready]
mark:
  description: What the mark says.
  returned: success
  type: str
  sample: join
leftovers:
  description: The files of Kubernetes that were found.
  returned: success
  type: list
  elements: str
resumable:
  description:
    - Whether an init was interrupted after all files were written and etcd had data, so that it can
      go on.
  returned: success
  type: bool
details:
  description:
    - What the cluster says beyond membership. Empty where it was not asked or does not answer.
  returned: success
  type: dict
  contains:
    version:
      description: The version of the asked API server, as V(1.36.2).
      type: str
    settings:
      description: Its documents of settings as YAML text, by their kind. Control planes only.
      type: dict
    dns_spread:
      description: Whether no two pods of cluster DNS may share a node. Control planes only.
      type: bool
    dns_nodes:
      description: The nodes that can take a pod of cluster DNS. Control planes only.
      type: list
      elements: str
    join_secrets:
      description: The Secrets in kube-system that only serve joining. Control planes only.
      type: list
      elements: str
nodes:
  description:
    - The nodes by name, each with C(address), C(pod_cidr), C(ready), C(control_plane), C(version),
      C(labels) and C(taints).
    - A worker sees itself only. Empty where nobody answered.
  returned: success
  type: dict
etcd_members:
  description:
    - The members of etcd, each with C(id), C(name), C(peer_urls), C(learner) and C(voter).
    - Empty on workers, and where nobody answered.
  returned: success
  type: list
  elements: dict
problems:
  description: What went wrong with asking.
  returned: success
  type: list
  elements: str
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: LOCKED
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._kubernetes import (
    look,
    membership,
)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "role": {"type": "str", "choices": ["control_plane", "worker"], "required": True},
            "name": {"type": "str", "required": True},
            "server": {"type": "str", "required": True},
            "mark": {"type": "path", "default": "/etc/kubernetes/kubeadm-in-progress"},
            "lock": {"type": "path", "default": "/run/virtual.datacenter/kubeadm.lock"},
            "lock_timeout": {"type": "int", "default": 600},
            "timeout": {"type": "int", "default": 10},
            "details": {"type": "bool", "default": False},
            "wait_seconds": {"type": "int", "default": 0},
            "wait_for": {
                "type": "str",
                "choices": list(membership.CONDITIONS),
                "default": "healthy",
            },
            "etcd_members": {"type": "list", "elements": "str", "default": []},
            "give_up_states": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    params = module.params
    if not params["server"].rpartition(":")[2].isdigit():
        module.fail_json(
            msg=f"server must be host:port, not {params['server']}", error_code="BAD_OPTION"
        )
    with change.failures(module):
        module.exit_json(changed=False, **look.look_until_done(params))


if __name__ == "__main__":
    main()
