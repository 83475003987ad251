#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: screen_text
short_description: Show text that can be copied, whatever callback shows the run
version_added: 0.1.0
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
description:
  - Writes text to the screen of the run as it is, with an empty line before and after it.
  - M(ansible.builtin.debug) gives its message to the callback, and most callbacks show it as JSON
    or YAML, with quotes and escapes.
notes:
  - Works on the controller, without a connection to the host.
attributes:
  check_mode:
    description: Changes nothing, and shows the text in a dry run too.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
  idempotent:
    description: Changes nothing.
    support: full
  action:
    description: All of it is an action plugin.
    support: full
  bypass_host_loop:
    description: Runs once for all hosts.
    support: full
options:
  text:
    description: The text.
    type: str
    required: true
seealso:
  - module: ansible.builtin.debug
"""

EXAMPLES = r"""
- name: Say how to go on
  virtual.datacenter.screen_text:
    text: |
      All machines are there. Next:
      ssh -F ~/.local/state/virtual.datacenter/demo/ssh/config gate01
"""

RETURN = r"""
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: NO_TEXT
"""
