#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: machine_health_info
short_description: How a Linux machine is, in one look
version_added: 0.1.0
description:
  - Reads services, failed units, file systems, the clock, certificates, leases of dnsmasq and the
    servers behind haproxy, in one call instead of a task for each.
  - What cannot be read is told in RV(problems); the rest is returned all the same.
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
extends_documentation_fragment:
  - virtual.datacenter.read_only.attributes
requirements:
  - systemd, iproute2
  - openssl, for O(certificates)
options:
  machine:
    description:
      - Whether the machine itself is looked at too. Without it only what the other options name is
        read, on any system.
    type: bool
    default: true
  services:
    description: Units of systemd whose states are read, without C(.service).
    type: list
    elements: str
    default: []
  paths:
    description: Folders whose file systems are read.
    type: list
    elements: path
    default: [/, /var]
  certificates:
    description:
      - Certificates and kubeconfigs, as paths or patterns such as V(/etc/kubernetes/pki/*.crt).
        Of a kubeconfig the certificate of its user is read.
    type: list
    elements: str
    default: []
  leases_path:
    description: The lease file of dnsmasq. Without it no leases are read.
    type: path
  haproxy_socket:
    description: The socket of haproxy that takes commands. Without it no servers are read.
    type: path
"""

EXAMPLES = r"""
- name: Look at a load balancer
  virtual.datacenter.machine_health_info:
    services: [corosync, pacemaker, haproxy]
    haproxy_socket: /run/haproxy/admin.sock
  register: health
  become: true

- name: Fail if a server behind it is down
  ansible.builtin.assert:
    that: health.servers | rejectattr('status', 'match', 'UP') | list == []
"""

RETURN = r"""
system:
  description: The name of the operating system.
  returned: success, with O(machine)
  type: str
  sample: Debian GNU/Linux 13 (trixie)
kernel:
  description: The version of the kernel.
  returned: success, with O(machine)
  type: str
  sample: 6.12.48+deb13-amd64
booted:
  description: When the machine started, in seconds since 1970.
  returned: success, with O(machine)
  type: int
load:
  description: The load of the last 1, 5 and 15 minutes.
  returned: success, with O(machine)
  type: list
  elements: float
memory:
  description: C(total_mb) and C(available_mb).
  returned: success, with O(machine)
  type: dict
addresses:
  description: The addresses of all network devices that others may reach.
  returned: success, with O(machine)
  type: list
  elements: str
failed_units:
  description: Units of systemd that have failed.
  returned: success, with O(machine)
  type: list
  elements: str
services:
  description: Each of O(services) with its state, such as V(active), V(inactive), V(not-found).
  returned: success
  type: dict
  sample: {haproxy: active}
file_systems:
  description:
    - The file systems below O(paths), each once, with C(path), C(size_mb), C(free_mb) and
      C(used_percent).
  returned: success
  type: list
  elements: dict
clock_synchronized:
  description: Whether the clock follows another one. Unset where systemd does not say.
  returned: success, with O(machine)
  type: bool
reboot_required:
  description: Whether a package has asked for a restart of the machine.
  returned: success, with O(machine)
  type: bool
certificates:
  description:
    - Each with C(path), its C(ends) in seconds since 1970, and C(days_left), below zero once it is
      over.
  returned: success
  type: list
  elements: dict
leases:
  description:
    - The IPv4 leases, each with C(address), C(mac), C(name) and C(expires) in seconds since 1970, 0
      for one that never ends.
  returned: success
  type: list
  elements: dict
servers:
  description: The servers behind haproxy, each with C(backend), C(name), C(status) and C(check).
  returned: success
  type: list
  elements: dict
problems:
  description: What could not be read, a sentence each.
  returned: success
  type: list
  elements: str
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: COMMAND_TIMEOUT
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._health.look import look


def main() -> None:
    names = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "machine": {"type": "bool", "default": True},
            "services": names,
            "paths": {"type": "list", "elements": "path", "default": ["/", "/var"]},
            "certificates": names,
            "leases_path": {"type": "path"},
            "haproxy_socket": {"type": "path"},
        },
        supports_check_mode=True,
    )
    with change.failures(module):
        module.exit_json(changed=False, **look(module.params))


if __name__ == "__main__":
    main()
