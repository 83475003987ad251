#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: virtualbox_host_only_network
short_description: Create, change, and remove host-only networks of VirtualBox
version_added: 0.1.0
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
description:
  - Describes a network between the host and its VMs as data and makes it so.
  - On Linux it is an interface that VirtualBox gives a name, V(vboxnet0), V(vboxnet1) and so on. It
    is found again by its O(address), or else by its network. Its DHCP server is a matter of
    M(virtual.datacenter.virtualbox_dhcp_server).
  - On macOS it is a network with a name of its own, and VirtualBox gives its addresses to VMs.
  - What a failed creation has left is removed again, and an interface that an interrupted run has
    made is used by the next run.
extends_documentation_fragment:
  - virtual.datacenter.virtualbox
  - virtual.datacenter.virtualbox.attributes
options:
  name:
    description:
      - On macOS, name of the network. Needed there.
      - On Linux, name of an interface, for example V(vboxnet0), to say which one is meant, whatever
        address it has. A new interface gets the lowest free number, and no other can be asked for.
    type: str
  state:
    description:
      - With V(present) the network exists.
      - With V(absent) there is none of that name, or on Linux, without O(name), none with exactly
        that O(address).
    type: str
    choices: [present, absent]
    default: present
  address:
    description:
      - IPv4 address of the host in the network. On macOS the lower end of the addresses of the
        network, which the host gets.
      - On Linux, needed if there is no O(name), and for a new interface. It has to be in a range
        that the file C(/etc/vbox/networks.conf) allows, or without that file in 192.168.56.0/21;
        this is checked before anything is done.
    type: str
  netmask:
    description:
      - Netmask of the network. On macOS, needed for a new network.
      - On Linux the default for a new interface is V(255.255.255.0).
    type: str
  upper_address:
    description:
      - On macOS, the last address of the network. Needed there for a new network.
      - On Linux it only has to be in the network.
    type: str
  enabled:
    description:
      - Whether VMs can use the network. On macOS the default for a new network is V(true).
      - On Linux an interface cannot be disabled.
    type: bool
attributes:
  platform:
    details: On Linux the kernel module C(vboxnetadp) is needed. IPv6 addresses are not managed.
seealso:
  - module: virtual.datacenter.virtualbox_dhcp_server
  - module: virtual.datacenter.virtualbox_nat_network
"""

EXAMPLES = r"""
- name: A network between the host and its VMs
  virtual.datacenter.virtualbox_host_only_network:
    address: 192.168.57.1
    netmask: 255.255.255.0
  register: management

- name: Addresses for it, on Linux
  virtual.datacenter.virtualbox_dhcp_server:
    network: "{{ management.host_only_network.network_name }}"
    server_address: 192.168.57.2
    netmask: 255.255.255.0
    lower_address: 192.168.57.100
    upper_address: 192.168.57.199

- name: The same for Linux and macOS
  virtual.datacenter.virtualbox_host_only_network:
    name: "{{ 'management' if ansible_facts['system'] == 'Darwin' else omit }}"
    address: 192.168.57.1
    upper_address: 192.168.57.199
    netmask: 255.255.255.0

- name: Another address for the first interface
  virtual.datacenter.virtualbox_host_only_network:
    name: vboxnet0
    address: 192.168.60.1

- name: Remove the interface that has this address
  virtual.datacenter.virtualbox_host_only_network:
    address: 192.168.57.1
    state: absent
"""

RETURN = r"""
host_only_network:
  description: The network as it is now; in check mode as it would be. Empty if there is none.
  returned: success
  type: dict
  contains:
    kind:
      description: V(interface) on Linux, V(network) on macOS.
      type: str
      returned: always
    name:
      description: Name of the interface or network. In check mode the name that VirtualBox will
        probably choose.
      type: str
      returned: always
    uuid:
      description: UUID of the interface or network; empty before it is made.
      type: str
      returned: always
    address:
      description: IPv4 address of the host.
      type: str
      returned: always
    netmask:
      description: Netmask of the network.
      type: str
      returned: always
    upper_address:
      description: Last address of a network; none for an interface.
      type: str
      returned: always
    enabled:
      description: Whether VMs can use a network; none for an interface.
      type: bool
      returned: always
    network_name:
      description: Name of the network for M(virtual.datacenter.virtualbox_dhcp_server).
      type: str
      returned: always
  sample:
    kind: interface
    name: vboxnet1
    uuid: 786f6276-656e-4174-8000-0a0027000001
    address: 192.168.57.1
    netmask: 255.255.255.0
    upper_address: null
    enabled: null
    network_name: HostInterfaceNetworking-vboxnet1
actions:
  description: What was done, or in check mode would be done, in order.
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
      text: create host-only interface 'vboxnet1'
      command: [hostonlyif, create]
processes:
  description: How many times C(VBoxManage) was called.
  returned: success
  type: int
  sample: 4
error_code:
  description: Name of the error, from VirtualBox or from this module.
  returned: failure
  type: str
  sample: RANGE_NOT_ALLOWED
cmd:
  description: The call of C(VBoxManage) that failed, if it was one.
  returned: failure
  type: list
  elements: str
stderr:
  description: Error text of that call.
  returned: failure
  type: str
"""

import platform
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    task as arguments,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network import (
    addresses,
    host_only_apply,
    host_only_model,
    host_only_plan,
)

OPTIONS: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "address": {"type": "str"},
    "netmask": {"type": "str"},
    "upper_address": {"type": "str"},
    "enabled": {"type": "bool"},
}


def make_desired(params: dict[str, t.Any], system: str) -> host_only_plan.DesiredHostOnly:
    """The desired network that the options describe, on an operating system."""
    kind = host_only_model.NETWORK if system == "Darwin" else host_only_model.INTERFACE
    spelled = {
        key: params[key] and addresses.spelled(params[key]) for key in ("address", "upper_address")
    }
    item = host_only_model.HostOnly(
        kind,
        params["name"] or "",
        netmask=params["netmask"],
        enabled=params["enabled"],
        **spelled,
    )
    return host_only_plan.DesiredHostOnly(item, params["state"])


def comparable(item: host_only_model.HostOnly | None) -> dict[str, t.Any]:
    """A host-only network as diffs show it."""
    if item is None:
        return {"state": "absent"}
    shown = host_only_model.describe(item)
    del shown["uuid"]
    return shown


def result(task: host_only_apply.Task, outcome: change.Outcome) -> change.Result:
    """What only this module returns."""
    return {
        "host_only_network": host_only_model.describe(outcome.now(task.actual)),
        "diff": {"before": comparable(outcome.before), "after": comparable(outcome.after)},
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=arguments.argument_spec(**OPTIONS), supports_check_mode=True
    )
    arguments.run_module(
        module,
        lambda client: host_only_apply.Task(client, make_desired(module.params, platform.system())),
        result,
    )


if __name__ == "__main__":
    main()
