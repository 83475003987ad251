#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: virtualbox_dhcp_server
short_description: Create, change, and remove DHCP servers of VirtualBox networks
version_added: 0.1.0
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
description:
  - Describes the DHCP server of an internal, host-only or NAT network as data and makes it so.
  - What a failed creation has left is removed again.
extends_documentation_fragment:
  - virtual.datacenter.virtualbox
  - virtual.datacenter.virtualbox.attributes
options:
  network:
    description:
      - Name of the network, as in C(VBoxNetworkName) of C(VBoxManage list hostonlyifs), or the name
        of an internal or NAT network.
      - Exactly one of O(network) and O(interface) is needed.
    type: str
  interface:
    description:
      - Name of a host-only interface, for example V(vboxnet0). Short for the network
        C(HostInterfaceNetworking-vboxnet0); the interface need not exist yet.
    type: str
  state:
    description:
      - With V(present) the network has the DHCP server.
      - With V(absent) it has none.
    type: str
    choices: [present, absent]
    default: present
  server_address:
    description: Address of the server itself. Needed for a new server.
    type: str
  netmask:
    description: Netmask of the network, for example V(255.255.255.0). Needed for a new server.
    type: str
  lower_address:
    description: First address that is given away. Needed for a new server.
    type: str
  upper_address:
    description: Last address that is given away. Needed for a new server.
    type: str
  enabled:
    description: Whether the server works. The default for a new server is V(true).
    type: bool
  options:
    description:
      - DHCP options that are sent to all clients.
      - Other options stay, see O(prune_options).
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - Number of the option, or its name. Names that are known are V(routers),
            V(domain_name_servers), V(domain_name), V(ntp_servers), V(interface_mtu),
            V(tftp_server_name), V(bootfile_name), and others.
        type: str
        required: true
      value:
        description: Value as text. Several addresses are separated by one space.
        type: str
        required: true
      hex:
        description: Whether the value is a row of hexadecimal bytes, sent as they are.
        type: bool
        default: false
  forced_options:
    description: Numbers or names of exactly the options that are sent even if nobody asks for
      them.
    type: list
    elements: str
  suppressed_options:
    description: Numbers or names of exactly the options that are not sent.
    type: list
    elements: str
  min_lease_seconds:
    description: Shortest time of a lease. V(0) means the value of the next higher scope.
    type: int
  default_lease_seconds:
    description: Time of a lease if the client does not ask for one. V(0) as above.
    type: int
  max_lease_seconds:
    description: Longest time of a lease. V(0) as above.
    type: int
  groups:
    description:
      - Groups of clients with options of their own.
      - Other groups stay, see O(prune_groups).
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the group.
        type: str
        required: true
      conditions:
        description: Exactly the conditions that say which clients are in the group. One that
          excludes counts more than one that includes.
        type: list
        elements: dict
        suboptions:
          type:
            description:
              - What is looked at - the whole MAC, or a pattern of it like V(08:00:27:*).
              - VirtualBox knows vendor and user classes too, but takes no value for them.
            type: str
            choices: [mac, mac_wildcard]
            required: true
          value:
            description: The value to match, as the kind of the condition takes it.
            type: str
            required: true
          include:
            description: Whether such a client is in the group, or is kept out of it.
            type: bool
            default: true
      options:
        description:
          - DHCP options that are sent to the clients of the group.
          - Other options stay, see O(prune_options).
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - Number of the option, or its name. Names that are known are V(routers),
                V(domain_name_servers), V(domain_name), V(ntp_servers), V(interface_mtu),
                V(tftp_server_name), V(bootfile_name), and others.
            type: str
            required: true
          value:
            description: Value as text. Several addresses are separated by one space.
            type: str
            required: true
          hex:
            description: Whether the value is a row of hexadecimal bytes, sent as they are.
            type: bool
            default: false
      forced_options:
        description: Numbers or names of exactly the options that are sent even if nobody asks for
          them.
        type: list
        elements: str
      suppressed_options:
        description: Numbers or names of exactly the options that are not sent.
        type: list
        elements: str
      min_lease_seconds:
        description: Shortest time of a lease. V(0) means the value of the next higher scope.
        type: int
      default_lease_seconds:
        description: Time of a lease if the client does not ask for one. V(0) as above.
        type: int
      max_lease_seconds:
        description: Longest time of a lease. V(0) as above.
        type: int
  fixed_addresses:
    description:
      - Clients with an address or options of their own.
      - Other clients stay, see O(prune_fixed_addresses).
    type: list
    elements: dict
    suboptions:
      mac:
        description: MAC of the client, in any usual spelling. Either this or
          O(fixed_addresses[].vm).
        type: str
      vm:
        description: Name or UUID of the VM. It has to exist.
        type: str
      nic:
        description: Number of the network card of the VM. The default is the first.
        type: int
      address:
        description: Address of the client, in the network. An empty one means one from the range.
        type: str
      options:
        description:
          - DHCP options that are sent to this client.
          - Other options stay, see O(prune_options).
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - Number of the option, or its name. Names that are known are V(routers),
                V(domain_name_servers), V(domain_name), V(ntp_servers), V(interface_mtu),
                V(tftp_server_name), V(bootfile_name), and others.
            type: str
            required: true
          value:
            description: Value as text. Several addresses are separated by one space.
            type: str
            required: true
          hex:
            description: Whether the value is a row of hexadecimal bytes, sent as they are.
            type: bool
            default: false
      forced_options:
        description: Numbers or names of exactly the options that are sent even if nobody asks for
          them.
        type: list
        elements: str
      suppressed_options:
        description: Numbers or names of exactly the options that are not sent.
        type: list
        elements: str
      min_lease_seconds:
        description: Shortest time of a lease. V(0) means the value of the next higher scope.
        type: int
      default_lease_seconds:
        description: Time of a lease if the client does not ask for one. V(0) as above.
        type: int
      max_lease_seconds:
        description: Longest time of a lease. V(0) as above.
        type: int
  prune_options:
    description: Remove the options that an O(options) list, also one of a group or client, does not
      name.
    type: bool
    default: false
  prune_groups:
    description: Remove the groups that O(groups) does not name.
    type: bool
    default: false
  prune_fixed_addresses:
    description: Remove the clients that O(fixed_addresses) does not name.
    type: bool
    default: false
notes:
  - VirtualBox gives a NAT network a DHCP server of its own when it starts, and that server stays
    when the network is removed.
  - A server that runs takes changes when it starts again.
  - VirtualBox forgets O(forced_options), O(suppressed_options) and lease times of a server that has
    none of O(options), so this is refused.
seealso:
  - module: virtual.datacenter.virtualbox_nat_network
  - module: virtual.datacenter.virtualbox_host_only_network
"""

EXAMPLES = r"""
- name: Addresses for an internal network
  virtual.datacenter.virtualbox_dhcp_server:
    network: lab-control
    server_address: 10.10.0.2
    netmask: 255.255.255.0
    lower_address: 10.10.0.100
    upper_address: 10.10.0.199
    options:
      - name: routers
        value: 10.10.0.1
      - name: domain_name_servers
        value: 10.10.0.1 10.10.0.3
    default_lease_seconds: 3600

- name: An address of its own for one VM and for one MAC
  virtual.datacenter.virtualbox_dhcp_server:
    network: lab-control
    fixed_addresses:
      - vm: cp01
        nic: 2
        address: 10.10.0.11
      - mac: "02:00:5e:10:00:07"
        address: 10.10.0.12
        options:
          - name: host_name
            value: printer

- name: Network boot for the clients of a group
  virtual.datacenter.virtualbox_dhcp_server:
    network: lab-control
    groups:
      - name: pxe
        conditions:
          - type: mac_wildcard
            value: "02:00:5e:10:*"
        options:
          - name: tftp_server_name
            value: 10.10.0.1

- name: No DHCP on the first host-only network
  virtual.datacenter.virtualbox_dhcp_server:
    interface: vboxnet0
    state: absent
"""

RETURN = r"""
dhcp_server:
  description: The server as it is now; in check mode as it would be. Empty if there is none.
  returned: success
  type: dict
  contains:
    network:
      description: Name of the network.
      type: str
      returned: always
    server_address:
      description: Address of the server itself.
      type: str
      returned: always
    netmask:
      description: Netmask of the network.
      type: str
      returned: always
    lower_address:
      description: First address that is given away.
      type: str
      returned: always
    upper_address:
      description: Last address that is given away.
      type: str
      returned: always
    enabled:
      description: Whether the server works.
      type: bool
      returned: always
    options:
      description: Options for all clients, each with its number, its name if it has one, its value,
        and whether that is hexadecimal.
      type: list
      elements: dict
      returned: always
    forced_options:
      description: Numbers of the options that are always sent.
      type: list
      elements: int
      returned: always
    suppressed_options:
      description: Numbers of the options that are never sent.
      type: list
      elements: int
      returned: always
    min_lease_seconds:
      description: Shortest time of a lease; 0 if not set.
      type: int
      returned: always
    default_lease_seconds:
      description: Usual time of a lease; 0 if not set.
      type: int
      returned: always
    max_lease_seconds:
      description: Longest time of a lease; 0 if not set.
      type: int
      returned: always
    groups:
      description: Groups of clients with their conditions, options and lease times.
      type: list
      elements: dict
      returned: always
    fixed_addresses:
      description: Clients with their addresses, options and lease times. VMs by their UUIDs.
      type: list
      elements: dict
      returned: always
  sample:
    network: lab-control
    server_address: 10.10.0.2
    netmask: 255.255.255.0
    lower_address: 10.10.0.100
    upper_address: 10.10.0.199
    enabled: true
    options:
      - number: 3
        name: routers
        value: 10.10.0.1
        hex: false
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
    - action: modify
      text: change enabled of DHCP server of network 'lab-control'
      command: [dhcpserver, modify, --network, lab-control, --disable]
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
    addresses,
    dhcp_apply,
    dhcp_checks,
    dhcp_model,
    dhcp_plan,
)

SCOPE: dict[str, dict[str, t.Any]] = {
    "options": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "value": {"type": "str", "required": True},
            "hex": {"type": "bool", "default": False},
        },
    },
    "forced_options": {"type": "list", "elements": "str"},
    "suppressed_options": {"type": "list", "elements": "str"},
    **{key: {"type": "int"} for key in dhcp_model.LEASES},
}
CONDITION: dict[str, dict[str, t.Any]] = {
    "type": {"type": "str", "choices": list(dhcp_model.WORKING_CONDITIONS), "required": True},
    "value": {"type": "str", "required": True},
    "include": {"type": "bool", "default": True},
}
GROUP: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "required": True},
    "conditions": {"type": "list", "elements": "dict", "options": CONDITION},
    **SCOPE,
}
FIXED: dict[str, dict[str, t.Any]] = {
    "mac": {"type": "str"},
    "vm": {"type": "str"},
    "nic": {"type": "int"},
    "address": {"type": "str"},
    **SCOPE,
}
OPTIONS: dict[str, dict[str, t.Any]] = {
    "network": {"type": "str"},
    "interface": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    **{key: {"type": "str"} for key in dhcp_plan.CORE},
    "enabled": {"type": "bool"},
    **SCOPE,
    "groups": {"type": "list", "elements": "dict", "options": GROUP},
    "fixed_addresses": {
        "type": "list",
        "elements": "dict",
        "options": FIXED,
        "mutually_exclusive": [["mac", "vm"], ["mac", "nic"]],
        "required_one_of": [["mac", "vm"]],
    },
    "prune_options": {"type": "bool", "default": False},
    "prune_groups": {"type": "bool", "default": False},
    "prune_fixed_addresses": {"type": "bool", "default": False},
}


def make_scope(given: dict[str, t.Any]) -> dhcp_model.Scope:
    """Options and lease times of one place in the task."""

    def numbers(key: str) -> tuple[int, ...] | None:
        if given[key] is None:
            return None
        return tuple(sorted({dhcp_checks.option_number(text) for text in given[key]}))

    options = None
    if given["options"] is not None:
        options = dhcp_model.sorted_options(
            dhcp_model.DhcpOption(
                dhcp_checks.option_number(item["name"]), item["value"], item["hex"]
            )
            for item in given["options"]
        )
    return dhcp_model.Scope(
        options,
        numbers("forced_options"),
        numbers("suppressed_options"),
        **{key: given[key] for key in dhcp_model.LEASES},
    )


def make_group(given: dict[str, t.Any]) -> dhcp_model.Group:
    """A group of the task."""
    if given["conditions"] is None:
        return dhcp_model.Group(given["name"], None, make_scope(given))
    conditions = [(item["type"], item["value"], item["include"]) for item in given["conditions"]]
    return dhcp_model.group(given["name"], conditions, make_scope(given))


def make_fixed(given: dict[str, t.Any]) -> dhcp_model.FixedAddress:
    """A client of the task."""
    vm = given["vm"] or ""
    return dhcp_model.FixedAddress(
        mac=dhcp_model.mac(given["mac"] or ""),
        vm=vm,
        nic=(1 if given["nic"] is None else given["nic"]) if vm else 0,
        address=given["address"],
        scope=make_scope(given),
    )


def make_desired(params: dict[str, t.Any]) -> dhcp_plan.DesiredDhcp:
    """The desired object that the options of a task describe."""
    network = params["network"]
    if params["interface"] is not None:
        network = f"HostInterfaceNetworking-{addresses.name('interface', params['interface'])}"
    server = dhcp_model.DhcpServer(
        network,
        enabled=params["enabled"],
        scope=make_scope(params),
        groups=tuple(make_group(item) for item in params["groups"] or ()),
        fixed_addresses=tuple(make_fixed(item) for item in params["fixed_addresses"] or ()),
        **{key: params[key] for key in dhcp_plan.CORE},
    )
    # Without a list nothing is named, so nothing is pruned by mistake.
    return dhcp_plan.DesiredDhcp(
        server,
        params["state"],
        params["prune_options"],
        params["prune_groups"] and params["groups"] is not None,
        params["prune_fixed_addresses"] and params["fixed_addresses"] is not None,
    )


def comparable(server: dhcp_model.DhcpServer | None) -> dict[str, t.Any]:
    """A DHCP server as diffs show it."""
    return {"state": "absent"} if server is None else dhcp_model.describe(server)


def result(task: dhcp_apply.Task, outcome: change.Outcome) -> change.Result:
    """What only this module returns."""
    return {
        "dhcp_server": dhcp_model.describe(outcome.now(task.actual)),
        "diff": {"before": comparable(outcome.before), "after": comparable(outcome.after)},
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=arguments.argument_spec(**OPTIONS),
        mutually_exclusive=[["network", "interface"]],
        required_one_of=[["network", "interface"]],
        supports_check_mode=True,
    )
    arguments.run_module(
        module, lambda client: dhcp_apply.Task(client, make_desired(module.params)), result
    )


if __name__ == "__main__":
    main()
