# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: datacenter
short_description: A whole data center as inventory, from a file of six lines
version_added: 0.1.0
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
description:
  - Makes the inventory of a data center from its name and how many machines of each kind it has.
    There are the machines, their groups, segments, addresses and sizes, the connection variables,
    and the host that holds the machines.
  - The address of a machine follows from its kind and its number. A machine that is added or taken
    away never moves another.
  - There is always a gateway. It is called C(gate01), a second one C(gate02). The others are
    C(lb01), C(cp01), C(worker01), C(server01) and so on.
  - The host of the machines is C(workstation), which is the machine that Ansible runs on, or the
    one that O(host) names. Other connection variables of it stand in C(group_vars) or C(host_vars)
    as for every host.
  - Everything can be overridden in C(group_vars) and C(host_vars) beside the file, as usual. Only
    C(machine_address) is a variable of each host, all others are variables of groups. So
    C(group_vars/all.yml) overrides all but that, and C(host_vars/worker01.yml) overrides that too.
  - A failure is an error that ends the run, where Ansible alone would go on with an empty
    inventory. So is an option that this plugin does not know.
  - What the inventory says is checked by the layer preflight, as for every other inventory.
extends_documentation_fragment:
  - constructed
requirements:
  - netaddr (Python) on the controller.
options:
  plugin:
    description: Marks a file as configuration of this plugin. The name of the file ends with
      C(.yml) or C(.yaml).
    type: str
    required: true
    choices: [virtual.datacenter.datacenter]
  name:
    description: The name of the data center (C(datacenter_name)), 1 to 31 lower-case letters,
      digits and hyphens that begin with a letter.
    type: str
    required: true
  provider:
    description:
      - What makes a machine real (C(datacenter_provider)).
      - With V(lab) the machines are system containers on this host, with V(virtualbox) they are
        virtual machines.
    type: str
    choices: [lab, virtualbox]
    default: virtualbox
  host:
    description:
      - The machine that holds the machines, where it is not the one that Ansible runs on. It is
        reached by SSH, as V(NAME), V(USER@NAME) or V(USER@NAME:PORT), and its ports through it.
      - It keeps the name C(workstation) in the inventory.
    type: str
    default: ""
  gateways:
    description:
      - How many gateways there are, 1 or 2. Two are one router. While one of them is off, the other
        does all of it.
    type: int
    default: 1
  load_balancers:
    description:
      - How many load balancers there are, from 0 to 189.
    type: int
    default: 0
  control_planes:
    description:
      - How many control planes Kubernetes has, from 0 to 189. It is an odd number, and they need a
        load balancer. With one or more there is the floating IP of the API,
        C(datacenter_floating_ip).
    type: int
    default: 0
  workers:
    description: How many workers Kubernetes has, from 0 to 189.
    type: int
    default: 0
  servers:
    description: How many servers there are, from 0 to 189. The layers bring them up to C(base).
      What runs on them is yours.
    type: int
    default: 0
  network:
    description:
      - The IPv4 network that the segments are cut from, with a prefix of at most 21.
      - The segments have 256 addresses each. C(edge) is the second such part of the network,
        C(control) the third, C(worker) the fourth, and C(server) the fifth.
    type: str
    default: 10.70.0.0/16
  vars:
    description: Variables for all hosts. C(group_vars/all.yml) beside the file overrides them.
    type: dict
    default: {}
notes:
  - P(virtual.datacenter.datacenter#role) says what the variables C(datacenter_...) and
    C(machine_...) mean.
"""

EXAMPLES = r"""
# datacenter.yml: eight machines on this host
plugin: virtual.datacenter.datacenter
name: demo
provider: lab
load_balancers: 2
control_planes: 3
workers: 2
---
# The smallest one with Kubernetes, on VirtualBox, beside a data center that has the usual network
plugin: virtual.datacenter.datacenter
name: small
provider: virtualbox
load_balancers: 1
control_planes: 1
workers: 1
network: 10.80.0.0/16
vars:
  datacenter_base_medium: /srv/images/debian-13-base.vdi
  datacenter_ssh_port: 2223
  datacenter_api_port: 6444
---
# On another machine, reached by SSH
plugin: virtual.datacenter.datacenter
name: demo
host: ops@host1.example.com
load_balancers: 2
control_planes: 3
workers: 2
---
# Further groups, by the variables of the machines
plugin: virtual.datacenter.datacenter
name: demo
load_balancers: 2
control_planes: 3
workers: 2
keyed_groups:
  - key: machine_segment
    prefix: segment
groups:
  first: inventory_hostname.endswith('01')
"""

import typing as t

from ansible import constants
from ansible.errors import AnsibleError, AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan import six_lines


class InventoryModule(BaseInventoryPlugin, Constructable):  # type: ignore[misc]
    """A data center as hosts and groups."""

    NAME = "virtual.datacenter.datacenter"
    # Templates come from this collection and from the user's own file.
    trusted_by_default = True

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and path.endswith((".yml", ".yaml"))

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        given = loader.load_from_file(path, cache="none")
        if not isinstance(given, dict) or given.get("plugin") != self.NAME:
            raise AnsibleParserError(f"{path} is not the configuration of {self.NAME}")
        try:
            known = constants.config.get_configuration_definitions("inventory", self._load_name)
            problems = six_lines.option_problems(given, known)
            if problems:
                raise AnsibleParserError(" ".join(problems))
            self._read_config_data(path)
            self._fill()
        except AnsibleError:
            # Ansible alone would warn, and go on with an empty inventory.
            constants.INVENTORY_ANY_UNPARSED_IS_FAILED = True
            raise

    def _fill(self) -> None:
        made = six_lines.make(
            self.get_option("name"),
            self.get_option("provider"),
            {name: self.get_option(name) for name in six_lines.COUNTED},
            self.get_option("network"),
            self.get_option("vars"),
            self.get_option("host"),
        )
        for group in made.groups:
            self.inventory.add_group(group)
        for group, children in made.children.items():
            for child in children:
                self.inventory.add_child(group, child)
        for group, variables in made.groups.items():
            for key, value in variables.items():
                self.inventory.set_variable(group, key, value)
        for host, (group, variables) in made.hosts.items():
            self.inventory.add_host(host, group)
            for key, value in variables.items():
                self.inventory.set_variable(host, key, value)
        strict = self.get_option("strict")
        for host in made.hosts:
            variables = {**made.of_host(host), "inventory_hostname": host}
            self._set_composite_vars(self.get_option("compose"), variables, host, strict)
            self._add_host_to_composed_groups(self.get_option("groups"), variables, host, strict)
            self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, host, strict)
