#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: run_lock
short_description: Let only one run at a time change a data center
version_added: 0.1.0
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
description:
  - Locks a file on the controller until the C(ansible-playbook) process that asks has ended,
    however it ends. The kernel frees the lock, so a run that was killed leaves nothing that
    somebody would have to clear.
  - Where another run has the lock, the task fails at once and says who that is and since when.
  - The same run may ask again as often as it likes.
  - While it is locked, the file says in JSON who has it. It is removed at the end of the run, and
    its folder too if nothing else is in it.
notes:
  - Works on the controller, without a connection to the host.
  - P(virtual.datacenter.datacenter#role) asks for it in every play.
attributes:
  check_mode:
    description: A dry run changes nothing, so it takes no lock and minds none.
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
    description: Runs for each host. The first takes the lock, for the others their run has it.
    support: none
options:
  path:
    description:
      - The file to lock. A missing folder is made, for its owner only.
    type: path
    required: true
  name:
    description: What is locked, for the message to whom it is refused.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Keep other runs off the data center until this one ends
  virtual.datacenter.run_lock:
    path: "{{ datacenter_state_dir }}/run.lock"
    name: "{{ datacenter_name }}"
  run_once: true
"""

RETURN = r"""
holder:
  description: The run that has the lock. The file holds the same.
  returned: success, but for check mode
  type: dict
  contains:
    user:
      description: Who started it.
      type: str
      returned: always
    host:
      description: The controller that it runs on.
      type: str
      returned: always
    pid:
      description: Its process.
      type: int
      returned: always
    born:
      description: When that process began, in the words of its system.
      type: str
      returned: always
    command:
      description: The command without its options.
      type: str
      returned: always
    since:
      description: When it took the lock, in UTC.
      type: str
      returned: always
  sample:
    user: ops
    host: workstation
    pid: 4711
    born: "181920"
    command: ansible-playbook site.yml
    since: "2026-11-28T17:05:00Z"
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: BUSY
"""
