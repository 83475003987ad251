#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_network
short_description: The network of a lab data center on this host
version_added: 0.1.0
description:
  - Makes the network that the system containers of a lab data center live on, inside network
    namespaces of its own.
    The host's own network is not touched and nothing in the lab has a way out of the host.
  - Namespace C(vdc-NAME) holds one bridge per segment and the bridge C(br-uplink). No bridge has an
    address, because the
    gateway machine is the router.
  - Namespace C(vdc-NAME-outside) plays the NAT engine of a hypervisor on the uplink. It has the
    addresses 10.0.2.2 (router) and 10.0.2.3 (a resolver with the record C(upstream.test) that
    forwards nothing), gives the gateway 10.0.2.15 by DHCP, and a second gateway 10.0.2.16, and has
    198.51.100.10 as a host of the internet.
  - Published ports listen on 127.0.0.1 of the host and lead to a gateway, as a NAT port forward
    does.
options:
  datacenter:
    description:
      - Name of the data center.
      - The namespaces O(datacenter) stands for are the data center's alone. What else is found in
        them is removed.
    type: str
    required: true
  state:
    description:
      - V(present) makes the network as described, V(absent) removes it with everything in its
        namespaces.
      - V(absent) fails while machines of the data center run.
    type: str
    choices: [present, absent]
    default: present
  bridges:
    description: Names of the segments' bridges, at most 15 characters each.
    type: list
    elements: str
    default: []
  root_dir:
    description: Folder that holds everything of the lab's data centers.
    type: path
    default: /var/lib/virtual.datacenter
extends_documentation_fragment:
  - virtual.datacenter.lab_uplink
attributes:
  check_mode:
    support: full
    description: Can run in check_mode and return changed status prediction without modifying
      target.
  diff_mode:
    support: full
    description: Will return details on what has changed (or possibly needs changing in check_mode),
      when in diff mode.
  platform:
    support: full
    platforms: linux
    description: Target OS families that can be operated against.
requirements:
  - iproute2, nsenter, dnsmasq-base
  - root
seealso:
  - module: virtual.datacenter.lab_machine
author:
  - the virtual.datacenter contributors (@virtual-datacenter)
"""

EXAMPLES = r"""
- name: The network of the data center 'lab', its gateway's SSH on port 2222 of the loopback
  virtual.datacenter.lab_network:
    datacenter: lab
    bridges: [br-edge, br-control]
    ports:
      - {name: ssh, host_port: 2222, guest_port: 22}
  register: network

- name: Show what was done
  ansible.builtin.debug:
    var: network.actions

- name: Publish one more port (connections through the other one are cut)
  virtual.datacenter.lab_network:
    datacenter: lab
    bridges: [br-edge, br-control]
    ports:
      - {name: ssh, host_port: 2222, guest_port: 22}
      - {name: api, host_port: 16443, guest_port: 6443}

- name: Two gateways, the SSH of each on a port of its own
  virtual.datacenter.lab_network:
    datacenter: lab
    bridges: [br-edge, br-control]
    gateways:
      - {name: gate01, mac: "02:00:5e:00:53:01"}
      - {name: gate02, mac: "02:00:5e:00:53:02"}
    ports:
      - {name: ssh, host_port: 2222, guest_port: 22}
      - {name: ssh-gate02, host_port: 2223, guest_port: 22, machine: gate02}

- name: Remove it
  virtual.datacenter.lab_network:
    datacenter: lab
    state: absent
"""

RETURN = r"""
network:
  description: The network as it is now.
  returned: when O(state=present)
  type: dict
  contains:
    namespace:
      description: Namespace of the bridges.
      type: str
      sample: vdc-lab
    outside_namespace:
      description: Namespace of the world behind the uplink.
      type: str
      sample: vdc-lab-outside
    bridges:
      description: All bridges.
      type: list
      elements: str
      sample: [br-uplink, br-edge]
    uplink_bridge:
      description: The bridge of the uplink.
      type: str
      sample: br-uplink
    gateway_address:
      description: Address the gateway gets on the uplink, the first one of two.
      type: str
      sample: 10.0.2.15
    gateway_addresses:
      description: Address on the uplink of each gateway by its name, empty without O(gateways).
      type: dict
      sample: {gate01: 10.0.2.15, gate02: 10.0.2.16}
    resolver_address:
      description: Resolver behind the uplink.
      type: str
      sample: 10.0.2.3
    internet_address:
      description: An address that stands for the internet.
      type: str
      sample: 198.51.100.10
    ports:
      description: Published ports by name.
      type: dict
      sample: {ssh: 2222}
actions:
  description: What was done, or would be done in check mode.
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
      text: make bridge br-edge in the network of data center 'lab'
      command: []
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: PORT_IN_USE
cmd:
  description: The command that failed, if it was one.
  returned: failure
  type: list
  elements: str
rc:
  description: How that command ended.
  returned: failure
  type: int
stderr:
  description: What that command said.
  returned: failure
  type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change, state
from ansible_collections.virtual.datacenter.plugins.module_utils._lab import (
    gateways,
    names,
    network,
    options,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._lab.network import Port
from ansible_collections.virtual.datacenter.plugins.module_utils._lab.network_host import (
    LabNetwork,
    check_bridge_names,
)


def argument_spec() -> dict[str, Any]:
    return {
        "datacenter": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "bridges": {"type": "list", "elements": "str", "default": []},
        **options.uplink(),
        "root_dir": {"type": "path", "default": "/var/lib/virtual.datacenter"},
    }


def check(params: dict[str, Any]) -> None:
    problem = names.check_name("The data center's name", params["datacenter"])
    problem = problem or check_bridge_names(params["bridges"])
    problem = problem or gateways.check(params["gateways"], params["ports"])
    host_ports = [port["host_port"] for port in params["ports"]]
    if not problem and len(set(host_ports)) != len(host_ports):
        problem = f"Published host ports must differ, found {host_ports}"
    options.accept(problem)


class Task(change.Task):
    """One run of the module."""

    def __init__(self, params: dict[str, Any], check_mode: bool) -> None:
        check(params)
        self.params = params
        self.check_mode = check_mode
        self.present: bool = params["state"] == "present"
        ports = [Port(**port) for port in params["ports"]]
        machines = [gateways.Gateway(**gateway) for gateway in params["gateways"]]
        self.lab = LabNetwork(
            params["root_dir"], params["datacenter"], params["bridges"], ports, machines
        )

    def plan(self) -> state.Plan:
        """Read the network and plan from it; what is in the way is an error."""
        actual = self.lab.read()
        wanted = self.lab.wanted() if self.present else {}
        actions = state.told(state.plan(actual, wanted), network.WORDS, self.params["datacenter"])
        if self.present:
            self.lab.check_ports()
        elif actions and not self.check_mode:
            # In check mode the machines that a task before would have removed are still there.
            self.lab.check_unused()
        return state.Plan(actual, wanted, actions)

    def carry_out(self, plan: state.Plan) -> None:
        """Apply a plan."""
        for action in plan.actions:
            self.lab.apply(action)


def result(task: Task, outcome: change.Outcome) -> change.Result:
    """What only this module returns."""
    header = f"network of {task.params['datacenter']}"
    shown = {"diff": state.diff(outcome.before, outcome.after, header)}
    return {**shown, "network": task.lab.result()} if task.present else shown


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    change.run_module(module, lambda: Task(module.params, module.check_mode), result)


if __name__ == "__main__":
    main()
