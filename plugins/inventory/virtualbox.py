# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: virtualbox
short_description: VirtualBox VMs as inventory
version_added: 0.1.0
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
description:
  - Lists the VirtualBox VMs of the user that runs Ansible, on the machine where Ansible runs.
  - It does not read the VirtualBox of another machine. For that run
    M(virtual.datacenter.virtualbox_vm_info) on that machine and M(ansible.builtin.add_host).
  - However many VMs there are, C(VBoxManage) is called once. All else comes from the settings
    files of the VMs. Only O(guest_properties) and the source V(guest) of O(addresses) cost one more
    call for each running VM.
  - The name of the configuration file must end with C(virtualbox.yml) or C(virtualbox.yaml).
  - A failure is an error that ends the run, where Ansible alone would go on with an empty
    inventory. So is an option that this plugin does not know.
  - The VirtualBox group C(/lab/web) becomes the group C(lab_web), a child of the group C(lab). What
    a name of a group cannot hold becomes C(_).
  - VMs of the same name never become one host. Each of them gets C(-) and its UUID appended, with
    a warning. So do not use such names in plays.
  - A VM whose name no host can have (with a line feed, with a leading dash, C(localhost) and the
    like) is named by its UUID, with a warning.
  - VMs that VirtualBox calls inaccessible are left out, with a warning.
extends_documentation_fragment:
  - constructed
  - inventory_cache
requirements:
  - VirtualBox 7.0 or later on the machine where Ansible runs.
options:
  plugin:
    description: Marks a file as configuration of this plugin.
    type: str
    required: true
    choices: [virtual.datacenter.virtualbox]
  vboxmanage_path:
    description:
      - Absolute path of the program C(VBoxManage).
      - Without it, C(VBoxManage) is searched on E(PATH) and in the folder of the role
        P(virtual.datacenter.virtualbox_unpacked#role).
    type: path
  timeout:
    description: The longest time that one call of C(VBoxManage) may take, in seconds.
    type: int
    default: 120
  running_only:
    description: Leave out VMs that do not run. A paused VM counts as running.
    type: bool
    default: false
  managed_by:
    description: Only the VMs that carry the mark of this data center, see
      O(virtual.datacenter.virtualbox_vm#module:managed_by).
    type: str
  hostnames:
    description:
      - Where the name of a host comes from. The first that is set counts, the UUID if none is.
      - V(description) counts if it is nothing but a host name. The roles of this collection put the
        full name of a machine there.
    type: list
    elements: str
    choices: [name, uuid, description]
    default: [name]
  host_prefix:
    description: Text before the name of every host.
    type: str
    default: ""
  addresses:
    description:
      - Where C(ansible_host) comes from. The first that gives an address counts.
      - V(plan) is the address in the extra data C(virtual.datacenter/address) of the VM.
      - V(guest) is what the guest additions of a running VM tell, see O(guest_address_property). A
        guest can claim any address there.
      - V(port_forward) is a port forward of a NAT NIC to O(port_forward_guest_port). It sets
        C(ansible_port) too.
      - With an empty list C(ansible_host) is not set.
    type: list
    elements: str
    choices: [plan, guest, port_forward]
    default: [plan, guest]
  guest_address_property:
    description: The guest property with the address of the VM.
    type: str
    default: /VirtualBox/GuestInfo/Net/0/V4/IP
  port_forward_guest_port:
    description: The port of the guest that a port forward has to lead to.
    type: int
    default: 22
  guest_properties:
    description: Put all guest properties of each VM into C(virtualbox.guest_properties).
    type: bool
    default: false
notes:
  - Each host has the variable C(virtualbox), a dictionary. Its keys are C(name), C(uuid), C(state)
    (V(running), V(stopped) or V(saved)), C(settings_file), C(cpus), C(memory_mb), C(os_type),
    C(firmware), C(description), C(groups), C(managed_by), C(nics) and C(snapshots), as in the
    result of M(virtual.datacenter.virtualbox_vm_info), and C(address) (the planned one) and
    C(guest_address).
  - The environment variables E(VBOX_USER_HOME) and E(VBOX_IPC_SOCKETID) choose another world of
    VMs.
seealso:
  - module: virtual.datacenter.virtualbox_vm_info
"""

EXAMPLES = r"""
# lab.virtualbox.yml: all VMs
plugin: virtual.datacenter.virtualbox
---
# The running machines of one data center, by their full names
plugin: virtual.datacenter.virtualbox
managed_by: lab
running_only: true
hostnames: [description, name]
---
# Through the forwarded port of SSH; groups by state and guest system
plugin: virtual.datacenter.virtualbox
addresses: [port_forward]
compose:
  ansible_user: "'debian'"
groups:
  big: virtualbox.memory_mb >= 8192
keyed_groups:
  - key: virtualbox.state
    prefix: state
  - key: virtualbox.os_type
    prefix: os
strict: true
---
# Kept for ten minutes
plugin: virtual.datacenter.virtualbox
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/ansible-inventory
cache_timeout: 600
"""

import dataclasses
import hashlib
import json
import os
import shutil
import typing as t

from ansible import constants
from ansible.errors import AnsibleError, AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    recovery,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import (
    USUAL_FOLDERS,
    Client,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils import (
    virtualbox_inventory,
    virtualbox_records,
)

FILES = ("virtualbox.yml", "virtualbox.yaml")


class OtherPluginError(AnsibleParserError):  # type: ignore[misc]
    """The file is not the configuration of this plugin."""


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]
    """VMs as hosts."""

    NAME = "virtual.datacenter.virtualbox"

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and path.endswith(FILES)

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        try:
            self._configure(path)
            found = self._read(path, cache)
            self._fill(found)
        except (VirtualBoxError, AnsibleError) as error:
            if isinstance(error, OtherPluginError):
                raise
            # Ansible alone would warn, and go on with an empty inventory.
            constants.INVENTORY_ANY_UNPARSED_IS_FAILED = True
            raise AnsibleParserError(str(error)) from error

    def _configure(self, path: str) -> None:
        try:
            given = set(self._read_config_data(path))
        except AnsibleParserError as error:
            raise OtherPluginError(str(error)) from error
        unknown = sorted(given - set(self._options))
        if unknown:
            raise VirtualBoxError(
                f"there is no option {', '.join(unknown)}",
                hint=f"the options are {', '.join(sorted(self._options))}",
            )

    def _client(self) -> Client:
        path = self.get_option("vboxmanage_path")
        if not path:
            folders = [os.environ.get("PATH", os.defpath), *USUAL_FOLDERS]
            path = shutil.which("VBoxManage", path=os.pathsep.join(folders))
        if not path or not os.access(path, os.X_OK):
            raise VirtualBoxError(
                f"{path or 'VBoxManage'} was not found",
                hint="install VirtualBox on the machine where Ansible runs, or name the program by "
                "the option vboxmanage_path",
            )
        return Client(
            path,
            timeout=self.get_option("timeout"),
            saves=recovery.Saves(self.display.warning),
        )

    def _read(self, path: str, cache: bool) -> dict[str, t.Any]:
        """From the cache, or from VirtualBox."""
        names = [field.name for field in dataclasses.fields(virtualbox_records.DesiredObjects)]
        desired = virtualbox_records.DesiredObjects(
            **{name: self.get_option(name) for name in names}
        )
        if not self.get_option("cache"):
            return virtualbox_records.read(self._client(), desired)
        # Another world of VMs, or other questions: other answers.
        told = json.dumps([recovery.settings_home(), dataclasses.asdict(desired)])
        key = f"{self.get_cache_key(path)}_{hashlib.sha256(told.encode()).hexdigest()[:16]}"
        found = self._cache.get(key) if cache else None
        if not found:
            found = virtualbox_records.read(self._client(), desired)
            self._cache[key] = found
        return dict(found)

    def _warn(self, named: virtualbox_inventory.Named, found: dict[str, t.Any]) -> None:
        texts = [*named.warnings, *virtualbox_inventory.group_collisions(named.hosts.values())]
        texts += [
            f"the VM {item['uuid']} is inaccessible and left out: {item['settings_file']!r}: "
            f"{item['reason']}"
            for item in found["inaccessible"]
        ]
        for text in texts:
            self.display.warning(text)

    def _fill(self, found: dict[str, t.Any]) -> None:
        records = [
            record
            for record in found["vms"]
            if not self.get_option("running_only") or record["state"] == "running"
        ]
        named = virtualbox_inventory.host_names(
            records, self.get_option("hostnames"), self.get_option("host_prefix")
        )
        self._warn(named, found)
        # Where a host has the name of a group, Ansible gives its variables to the group.
        both = sorted(set(named.hosts) & set(self.inventory.groups))
        if both:
            raise VirtualBoxError(
                f"these VMs have the name of a group: {', '.join(both)}",
                hint="rename them or the group, or set the option host_prefix",
            )
        strict = self.get_option("strict")
        variables = {}
        for name, record in named.hosts.items():
            self.inventory.add_host(name)
            mine = virtualbox_inventory.connection(
                record, self.get_option("addresses"), self.get_option("port_forward_guest_port")
            )
            mine["virtualbox"] = record
            # Texts from outside are never templates.
            variables[name] = {key: wrap_var(value) for key, value in mine.items()}
            for key, value in variables[name].items():
                self.inventory.set_variable(name, key, value)
            self._set_composite_vars(self.get_option("compose"), variables[name], name, strict)
        for name, record in named.hosts.items():
            for chain in virtualbox_inventory.group_paths(record):
                groups = [
                    self.inventory.add_group(virtualbox_inventory.group_name(path, named.hosts))
                    for path in chain
                ]
                for above, below in zip(groups, groups[1:]):
                    self.inventory.add_child(above, below)
                self.inventory.add_host(name, groups[-1])
            self._add_host_to_composed_groups(
                self.get_option("groups"), variables[name], name, strict
            )
            self._add_host_to_keyed_groups(
                self.get_option("keyed_groups"), variables[name], name, strict
            )
        both = sorted(set(named.hosts) & set(self.inventory.groups))
        if both:
            raise VirtualBoxError(
                f"groups or keyed_groups make groups with the names of VMs: {', '.join(both)}",
                hint="set the option host_prefix, or a prefix of the groups",
            )
