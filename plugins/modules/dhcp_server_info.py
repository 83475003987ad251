#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dhcp_server_info
short_description: Which DHCP servers answer on a network
version_added: 0.1.0
description:
  - Asks who lends addresses (DHCPDISCOVER, RFC 2131), as a client does, and tells who answers. No
    address is taken. The question is repeated once, and has the MAC address of the interface.
  - A server on the machine itself answers too.
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
requirements:
  - Root, on Linux.
extends_documentation_fragment:
  - virtual.datacenter.read_only.attributes
options:
  interfaces:
    description: The network interfaces to ask on, all at the same time. They are up.
    type: list
    elements: str
    required: true
  wait_seconds:
    description:
      - How long answers are awaited. A server may ping an address before it offers it, dnsmasq for
        three seconds.
    type: int
    default: 4
"""

EXAMPLES = r"""
- name: Find the DHCP servers of a network
  virtual.datacenter.dhcp_server_info:
    interfaces: [eth1]
  register: found
  become: true

- name: Refuse to add another one
  ansible.builtin.assert:
    that: found.servers.eth1 | length == 0
"""

RETURN = r"""
servers:
  description: The servers that answered, by the name of the interface.
  returned: success
  type: dict
  contains:
    address:
      description: The address by which the server names itself.
      type: str
    offered:
      description: The address that it offered.
      type: str
  sample:
    eth1:
      - address: 192.0.2.1
        offered: 192.0.2.100
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: NOT_FOUND
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._dhcp import servers


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "interfaces": {"type": "list", "elements": "str", "required": True},
            "wait_seconds": {"type": "int", "default": 4},
        },
        supports_check_mode=True,
    )
    with change.failures(module):
        found = servers.find(module.params["interfaces"], module.params["wait_seconds"])
        module.exit_json(changed=False, servers=found)


if __name__ == "__main__":
    main()
