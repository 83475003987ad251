#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: virtualbox_vm_info
short_description: Read VirtualBox VMs
version_added: 0.1.0
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
description:
  - Reads VMs as data, in the shape of the options of M(virtual.datacenter.virtualbox_vm).
  - A VM has to meet all the options that are set. Only the VMs that do are read in full, so a
    narrow question is a quick one.
extends_documentation_fragment:
  - virtual.datacenter.virtualbox
  - virtual.datacenter.virtualbox.attributes_info
  - virtual.datacenter.virtualbox.attributes
options:
  name:
    description: Read only the VMs of this name.
    type: str
  uuid:
    description: Read only the VM with this UUID.
    type: str
  managed_by:
    description: Read only the VMs that carry the mark of this data center.
    type: str
  group:
    description: Read only the VMs in this VirtualBox group, as V(/lab), or in one below it.
    type: str
  running:
    description: Read only VMs that run or are paused if V(true), only others if V(false).
    type: bool
  guest_properties:
    description: Read the guest properties too. It costs one more call for each running VM.
    type: bool
    default: false
  folder:
    description:
      - Absolute path of a folder of VMs. Creations and removals of VMs in it that were interrupted
        are returned in RV(interrupted), with O(managed_by) only those of VMs that carry its mark.
    type: path
seealso:
  - module: virtual.datacenter.virtualbox_vm
  - module: virtual.datacenter.virtualbox_info
  - plugin: virtual.datacenter.virtualbox
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Read the VMs of the data center
  virtual.datacenter.virtualbox_vm_info:
    managed_by: lab
  register: found

- name: Read the addresses that the guest additions of running VMs tell
  virtual.datacenter.virtualbox_vm_info:
    group: /lab
    running: true
    guest_properties: true
  register: live

- name: Show their states
  ansible.builtin.debug:
    msg: "{{ dict(found.vms | map(attribute='name') | zip(found.vms | map(attribute='state'))) }}"
"""

RETURN = r"""
vms:
  description: The VMs, by name. Their keys are those of
    RV(virtual.datacenter.virtualbox_vm#module:vm). The guests of running VMs are asked for their
    C(guest_properties) if O(guest_properties) is set.
  returned: success
  type: list
  elements: dict
  sample:
    - name: cp01
      uuid: 0c1a2b3c-1111-4222-8333-444455556666
      state: stopped
      settings_file: /srv/virtualbox/lab/cp01/cp01.vbox
      cpus: 2
      memory_mb: 2048
      managed_by: lab
inaccessible:
  description: All VMs that VirtualBox lists but cannot read, whatever else is asked for.
  returned: success
  type: list
  elements: dict
  sample:
    - uuid: 0c1a2b3c-1111-4222-8333-444455556667
      settings_file: /srv/virtualbox/lab/old/old.vbox
      reason: its folder is gone, or is on a disk that is not mounted
interrupted:
  description: Names of VMs whose creation or removal was interrupted, if O(folder) is set.
  returned: success
  type: list
  elements: str
  sample: []
processes:
  description: How many times C(VBoxManage) was called.
  returned: success
  type: int
  sample: 9
error_code:
  description: Name of the error, from VirtualBox or from this module.
  returned: failure
  type: str
"""

import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    journal,
    task,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    model,
    read,
    survey,
)

# VBoxManage mostly waits for VBoxSVC; more readers than this do not make it faster.
READERS = 4

OPTIONS: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str"},
    "uuid": {"type": "str"},
    "managed_by": {"type": "str"},
    "group": {"type": "str"},
    "running": {"type": "bool"},
    "guest_properties": {"type": "bool", "default": False},
    "folder": {"type": "path"},
}


def matches(vm: model.Vm, options: t.Mapping[str, t.Any]) -> bool:
    """Whether a VM meets all the options that are set."""
    group = options["group"]
    below = f"/{group.strip('/')}/" if group and group.strip("/") else "/"
    return (
        options["name"] in (None, vm.name)
        and (options["uuid"] is None or options["uuid"].strip("{}").lower() == vm.uuid)
        and options["managed_by"] in (None, vm.managed_by)
        and (group is None or any(f"{path}/".startswith(below) for path in vm.groups or ()))
        and options["running"] in (None, vm.state == "running")
    )


def read_vms(
    client: Client, options: t.Mapping[str, t.Any]
) -> tuple[list[dict[str, t.Any]], list[dict[str, str]]]:
    """The VMs that are asked for, by name, and all that cannot be read."""
    found = survey.read_all(client)
    asked = [machine for machine in found.machines if matches(machine.vm, options)]
    with ThreadPoolExecutor(READERS) as pool:
        vms = list(pool.map(lambda machine: read.read_vm(client, machine.vm.uuid), asked))
    live = [machine.vm.uuid for machine in asked if machine.vm.state == "running"]
    told = survey.ask_guests(client, live) if options["guest_properties"] else {}
    described = []
    for machine, vm in zip(asked, vms):
        # Removed while it was read.
        if vm is None:
            continue
        shown = model.describe_vm(vm)
        if options["guest_properties"]:
            shown["guest_properties"] = told.get(vm.uuid, machine.guest_properties)
        described.append(shown)
    return described, [vars(item).copy() for item in found.inaccessible]


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=task.argument_spec(**OPTIONS), supports_check_mode=True)
    with change.failures(module):
        client = task.make_client(module)
        folder = task.absolute(module, "folder", module.params["folder"])
        vms, inaccessible = read_vms(client, module.params)
    module.exit_json(
        changed=False,
        vms=vms,
        inaccessible=inaccessible,
        interrupted=journal.interrupted_vms(folder, module.params["managed_by"]) if folder else [],
        processes=client.processes,
    )


if __name__ == "__main__":
    main()
