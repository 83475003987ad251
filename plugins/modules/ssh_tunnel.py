#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ssh_tunnel
short_description: Reach an address through a machine by SSH until the run ends
version_added: 0.1.0
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
description:
  - Opens a port on the loopback address of the controller that leads to an address and port which
    a machine reaches. The system chooses a free port.
  - Each connection is an C(ssh -W) of its own. So the way comes back by itself after the machine
    was away, and the connection that the SSH configuration shares is used where there is one.
  - The port is there until the C(ansible-playbook) process that asks has ended, however it ends.
  - Opening it does not try whether the machine answers.
  - With O(second_machine) each connection goes through the first of the two that leads there.
notes:
  - Works on the controller, without a connection to the host.
attributes:
  check_mode:
    description: A dry run has the port too, since it changes nothing.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
  idempotent:
    description: Changes nothing that lasts.
    support: full
  action:
    description: All of it is an action plugin.
    support: full
  bypass_host_loop:
    description: Runs for each host, and each has a port of its own.
    support: none
options:
  config:
    description: The SSH configuration on the controller that knows the machine.
    type: path
    required: true
  machine:
    description: The machine that the way goes through, as the SSH configuration calls it.
    type: str
    required: true
  second_machine:
    description: Another machine, tried for each connection that cannot go through O(machine).
    type: str
    default: ""
  address:
    description: The address or name that the way leads to, as the machine knows it.
    type: str
    required: true
  port:
    description: The TCP port there.
    type: int
    required: true
"""

EXAMPLES = r"""
- name: Reach the API through the gateway
  virtual.datacenter.ssh_tunnel:
    config: "{{ datacenter_state_dir }}/ssh/config"
    machine: gate01
    address: 10.70.1.10
    port: 6443
  delegate_to: localhost
  register: tunnel

- name: Ask it
  kubernetes.core.k8s_info:
    kubeconfig: "{{ datacenter_state_dir }}/kubernetes/admin.conf"
    host: https://127.0.0.1:{{ tunnel.local_port }}
    kind: Node
  delegate_to: localhost
"""

RETURN = r"""
local_port:
  description: The port on the loopback address of the controller.
  returned: success
  type: int
  sample: 40123
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: TUNNEL_FAILED
"""
