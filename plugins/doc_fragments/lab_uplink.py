# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options that describe the uplink of a lab data center."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  gateways:
    description:
      - The gateway machines, one or two. The first gets 10.0.2.15 on the uplink, the second
        10.0.2.16.
      - With two, the addresses go by MAC, and no other machine gets one. A gateway that runs while
        its place in the list changes has its new address at its next start at the latest.
      - With one, or without this option, any machine that asks gets 10.0.2.15, one at a time.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the machine.
        type: str
        required: true
      mac:
        description: MAC address of its card on the uplink, six pairs of hexadecimal digits with
          colons between them.
        type: str
        required: true
  ports:
    description: Ports that are published on 127.0.0.1 of the host.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the port is for.
        type: str
        required: true
      host_port:
        description: The port on 127.0.0.1 of the host.
        type: int
        required: true
      guest_port:
        description: The port on the uplink address of the gateway machine.
        type: int
        required: true
      machine:
        description:
          - Name of the gateway that the port leads to, one of O(gateways). Without it, that is the
            first one.
          - Without O(gateways) each port leads to 10.0.2.15.
        type: str
"""
