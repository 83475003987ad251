#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: virtualbox_nat_network
short_description: Create, change, run, and remove NAT networks of VirtualBox
version_added: 0.1.0
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
description:
  - Describes a NAT network as data and makes it so.
  - VMs in the same NAT network reach each other and, through the host, the world.
  - What a failed creation has left is removed again.
extends_documentation_fragment:
  - virtual.datacenter.virtualbox
  - virtual.datacenter.virtualbox.attributes
options:
  name:
    description: Name of the network, in exact spelling.
    type: str
    required: true
  state:
    description:
      - With V(present) the network exists; whether it runs is left alone. VirtualBox starts it with
        the first VM in it.
      - With V(started) it exists and runs, which needs the kernel driver of VirtualBox. With
        V(stopped) it exists and does not run.
      - With V(absent) it does not exist; it is stopped first. The DHCP server that VirtualBox gives
        a network when it starts stays, see M(virtual.datacenter.virtualbox_dhcp_server).
    type: str
    choices: [present, absent, started, stopped]
    default: present
  network:
    description:
      - IPv4 address of the network with its prefix length, without host bits, for example
        V(10.9.0.0/24). Needed for a new network.
      - When it changes, VirtualBox leads the port forwards that O(port_forwards) does not name to
        the same place in the new network.
    type: str
  dhcp_enabled:
    description: Whether VMs get addresses by DHCP. The default for a new network is V(true).
    type: bool
  ipv6_enabled:
    description: Whether the network has IPv6 too. The default for a new network is V(false).
    type: bool
  ipv6_prefix:
    description: IPv6 prefix of the network, of length 64, for example V(fd17:625c:f037:9::/64).
    type: str
  ipv6_default_route:
    description: Whether the network advertises itself as the way to all IPv6 addresses.
    type: bool
  enabled:
    description: Whether VMs can use the network. The default for a new network is V(true).
    type: bool
  port_forwards:
    description:
      - Ports of the host that lead to a guest.
      - Rules of other names stay, see O(prune_port_forwards).
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the rule, without colons.
        type: str
        required: true
      family:
        description: Whether the rule is for IPv4 or IPv6. Each family has names of its own.
        type: str
        choices: [ipv4, ipv6]
        default: ipv4
      protocol:
        description: Protocol of the port.
        type: str
        choices: [tcp, udp]
        default: tcp
      host_address:
        description:
          - Address of the host to listen on. An empty one means all.
          - The default is V(127.0.0.1), or V(::1) if O(port_forwards[].family=ipv6).
        type: str
      host_port:
        description: Port of the host.
        type: int
        required: true
      guest_address:
        description: Address of the guest, in the network.
        type: str
        required: true
      guest_port:
        description: Port of the guest.
        type: int
        required: true
  loopbacks:
    description:
      - Addresses of the host's loopback that guests reach at a place in the network.
      - A new network has V(127.0.0.1) at V(2). Mappings of other addresses stay. C(VBoxManage) has
        no way that works to remove one - remove the network and make it anew for that.
    type: list
    elements: dict
    suboptions:
      address:
        description: Address of the host, in 127.0.0.0/8.
        type: str
        required: true
      offset:
        description: Place in the network, counted from its own address.
        type: int
        required: true
  prune_port_forwards:
    description: Remove the port forwards that O(port_forwards) does not name.
    type: bool
    default: false
notes:
  - A network that runs takes a change of its address only when it starts again.
seealso:
  - module: virtual.datacenter.virtualbox_dhcp_server
  - module: virtual.datacenter.virtualbox_vm
"""

EXAMPLES = r"""
- name: A NAT network with a way to SSH of one guest
  virtual.datacenter.virtualbox_nat_network:
    name: lab-edge
    network: 10.9.0.0/24
    dhcp_enabled: false
    port_forwards:
      - name: gate01-ssh
        host_port: 2270
        guest_address: 10.9.0.5
        guest_port: 22

- name: IPv6 too
  virtual.datacenter.virtualbox_nat_network:
    name: lab-edge
    ipv6_enabled: true
    ipv6_prefix: fd17:625c:f037:9::/64
    ipv6_default_route: true

- name: No port forwards at all
  virtual.datacenter.virtualbox_nat_network:
    name: lab-edge
    port_forwards: []
    prune_port_forwards: true

- name: Remove the network
  virtual.datacenter.virtualbox_nat_network:
    name: lab-edge
    state: absent
"""

RETURN = r"""
nat_network:
  description: The network as it is now; in check mode as it would be. Empty if there is none.
  returned: success
  type: dict
  contains:
    name:
      description: Name of the network.
      type: str
      returned: always
    network:
      description: IPv4 address of the network.
      type: str
      returned: always
    dhcp_enabled:
      description: Whether VMs get addresses by DHCP.
      type: bool
      returned: always
    ipv6_enabled:
      description: Whether the network has IPv6 too.
      type: bool
      returned: always
    ipv6_prefix:
      description: IPv6 prefix of the network.
      type: str
      returned: always
    ipv6_default_route:
      description: Whether the network advertises itself as the way to all IPv6 addresses.
      type: bool
      returned: always
    enabled:
      description: Whether VMs can use the network.
      type: bool
      returned: always
    port_forwards:
      description: Port forwards, as in the option of that name.
      type: list
      elements: dict
      returned: always
    loopbacks:
      description: Loopback mappings, as in the option of that name.
      type: list
      elements: dict
      returned: always
    running:
      description: Whether the network runs.
      type: bool
      returned: always
  sample:
    name: lab-edge
    network: 10.9.0.0/24
    dhcp_enabled: false
    ipv6_enabled: false
    ipv6_prefix: fd17:625c:f037:2::/64
    ipv6_default_route: false
    enabled: true
    port_forwards:
      - family: ipv4
        name: gate01-ssh
        protocol: tcp
        host_address: 127.0.0.1
        host_port: 2270
        guest_address: 10.9.0.5
        guest_port: 22
    loopbacks:
      - address: 127.0.0.1
        offset: 2
    running: false
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
      text: create NAT network 'lab-edge'
      command: [natnetwork, add, --netname, lab-edge, --network, 10.9.0.0/24]
processes:
  description: How many times C(VBoxManage) was called.
  returned: success
  type: int
  sample: 1
error_code:
  description: Name of the error, from VirtualBox or from this module.
  returned: failure
  type: str
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

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    task as arguments,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network import (
    nat_apply,
    nat_model,
    nat_plan,
)

FORWARD: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "required": True},
    "family": {"type": "str", "choices": ["ipv4", "ipv6"], "default": "ipv4"},
    "protocol": {"type": "str", "choices": ["tcp", "udp"], "default": "tcp"},
    "host_address": {"type": "str"},
    "host_port": {"type": "int", "required": True},
    "guest_address": {"type": "str", "required": True},
    "guest_port": {"type": "int", "required": True},
}
LOOPBACK: dict[str, dict[str, t.Any]] = {
    "address": {"type": "str", "required": True},
    "offset": {"type": "int", "required": True},
}
OPTIONS: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "required": True},
    "state": {
        "type": "str",
        "choices": ["present", "absent", "started", "stopped"],
        "default": "present",
    },
    "network": {"type": "str"},
    "dhcp_enabled": {"type": "bool"},
    "ipv6_enabled": {"type": "bool"},
    "ipv6_prefix": {"type": "str"},
    "ipv6_default_route": {"type": "bool"},
    "enabled": {"type": "bool"},
    "port_forwards": {"type": "list", "elements": "dict", "options": FORWARD},
    "loopbacks": {"type": "list", "elements": "dict", "options": LOOPBACK},
    "prune_port_forwards": {"type": "bool", "default": False},
}
HOST_ADDRESSES = {"ipv4": "127.0.0.1", "ipv6": "::1"}


def make_desired(params: dict[str, t.Any]) -> nat_plan.DesiredNat:
    """The desired object that the options of a task describe."""
    rules = []
    for given in params["port_forwards"] or ():
        fields = dict(given)
        if fields["host_address"] is None:
            fields["host_address"] = HOST_ADDRESSES[fields["family"]]
        rules.append(nat_model.forward(**fields))
    network = nat_model.network(
        params["name"],
        port_forwards=rules,
        loopbacks=[(item["address"], item["offset"]) for item in params["loopbacks"] or ()],
        **{key: params[key] for key in nat_plan.SETTINGS},
    )
    # An empty list names nothing, so without the option nothing is pruned by mistake.
    prune = params["prune_port_forwards"] and params["port_forwards"] is not None
    return nat_plan.DesiredNat(network, params["state"], prune)


def comparable(network: nat_model.NatNetwork | None) -> dict[str, t.Any]:
    """A NAT network as diffs show it."""
    return {"state": "absent"} if network is None else nat_model.describe(network)


def result(task: nat_apply.Task, outcome: change.Outcome) -> change.Result:
    """What only this module returns."""
    return {
        "nat_network": nat_model.describe(outcome.now(task.actual)),
        "diff": {"before": comparable(outcome.before), "after": comparable(outcome.after)},
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=arguments.argument_spec(**OPTIONS), supports_check_mode=True
    )
    arguments.run_module(
        module, lambda client: nat_apply.Task(client, make_desired(module.params)), result
    )


if __name__ == "__main__":
    main()
