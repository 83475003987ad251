#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_server
short_description: Take a server behind haproxy out of use, and give it back
version_added: 0.1.0
description:
  - A server that is drained gets no new sessions. Those that it has may end, for a while.
  - Works on the haproxy that runs on the machine, by its socket. Where none runs, nothing is done.
  - What is set aside is written into a file, from which haproxy knows it after a reload or a start.
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
attributes:
  check_mode:
    support: full
    description: Says what would change, and does not wait.
  diff_mode:
    support: none
    description: The actions say all there is.
  idempotent:
    support: full
    description: A server that is as wanted is left alone. Its sessions are awaited all the same.
options:
  server:
    description: The name of the server.
    type: str
    required: true
  backends:
    description: The backends, or sections C(listen), in which it is; all that have it if empty.
    type: list
    elements: str
    default: []
  state:
    description: Whether it gets sessions. V(ready) ends maintenance too.
    type: str
    choices: [drained, ready]
    required: true
  wait_seconds:
    description:
      - How long sessions of a drained server may take to end. RV(sessions) says how many are left.
    type: int
    default: 0
  socket:
    description: A socket of haproxy with the level C(admin).
    type: path
    default: /run/haproxy/admin.sock
  state_path:
    description:
      - The file that haproxy's C(server-state-file) names, in a folder that is there.
      - It holds the servers that are set aside. Unset writes none.
    type: path
"""

EXAMPLES = r"""
- name: Let sessions of a server end, for a minute at most
  virtual.datacenter.haproxy_server:
    server: web1
    state: drained
    wait_seconds: 60
    state_path: /var/lib/haproxy/servers-set-aside
  register: drained

- name: Say how many are left
  ansible.builtin.debug:
    var: drained.sessions

- name: Give it back
  virtual.datacenter.haproxy_server:
    server: web1
    state: ready
    state_path: /var/lib/haproxy/servers-set-aside
"""

RETURN = r"""
running:
  description: Whether a haproxy runs here.
  returned: success
  type: bool
backends:
  description: The backends that have the server.
  returned: success
  type: list
  elements: str
sessions:
  description: How many sessions the drained server has left, those that wait for it among them.
  returned: success
  type: int
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
      description: The step as haproxy takes it.
      type: str
      returned: always
    command:
      description: Empty, for no program is run.
      type: list
      elements: str
      returned: always
  sample:
    - action: drain
      text: set server web/web1 state drain
      command: []
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: NOT_FOUND
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._haproxy import servers


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "server": {"type": "str", "required": True},
            "backends": {"type": "list", "elements": "str", "default": []},
            "state": {"type": "str", "choices": ["drained", "ready"], "required": True},
            "wait_seconds": {"type": "int", "default": 0},
            "socket": {"type": "path", "default": "/run/haproxy/admin.sock"},
            "state_path": {"type": "path"},
        },
        supports_check_mode=True,
    )
    change.run_module(module, lambda: servers.Task(module.params), servers.result)


if __name__ == "__main__":
    main()
