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
extends_documentation_fragment:
  - virtual.datacenter.virtualbox
  - virtual.datacenter.virtualbox.attributes_info
  - virtual.datacenter.virtualbox.attributes
options:
  name:
    description: Read only the VMs of this name.
    type: str
  managed_by:
    description: Read only the VMs that carry the mark of this data center.
    type: str
  folder:
    description:
      - Absolute path of a folder of VMs. Creations and removals of VMs in it that were interrupted
        are returned in RV(interrupted).
    type: path
seealso:
  - module: virtual.datacenter.virtualbox_vm
"""

EXAMPLES = r"""
- name: Read the VMs of the data center
  virtual.datacenter.virtualbox_vm_info:
    managed_by: lab
  register: found

- name: Show their states
  ansible.builtin.debug:
    msg: "{{ dict(found.vms | map(attribute='name') | zip(found.vms | map(attribute='state'))) }}"
"""

RETURN = r"""
vms:
  description: The VMs, by name. Their keys are those of
    RV(virtual.datacenter.virtualbox_vm#module:vm).
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
from ansible_collections.virtual.datacenter.plugins.module_utils.virtualbox import (
    arguments,
    journal,
    model,
    parser,
    reader,
)
from ansible_collections.virtual.datacenter.plugins.module_utils.virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils.virtualbox.errors import (
    VirtualBoxError,
)

# VBoxManage mostly waits for VBoxSVC; more readers than this do not make it faster.
READERS = 4

OPTIONS: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str"},
    "managed_by": {"type": "str"},
    "folder": {"type": "path"},
}


def read_vms(client: Client, name: str | None, managed_by: str | None) -> list[model.Vm]:
    """The VMs that are asked for, by name."""
    listed = [
        uuid
        for known, uuid in reader.list_vms(client)
        if known != parser.INACCESSIBLE and name in (None, known)
    ]
    with ThreadPoolExecutor(READERS) as pool:
        found = list(pool.map(lambda uuid: reader.read_vm(client, uuid), listed))
    vms = [vm for vm in found if vm is not None and managed_by in (None, vm.managed_by)]
    return sorted(vms, key=lambda vm: (vm.name, vm.uuid))


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=arguments.argument_spec(**OPTIONS), supports_check_mode=True
    )
    client = arguments.make_client(module)
    folder = arguments.absolute(module, "folder", module.params["folder"])
    try:
        vms = read_vms(client, module.params["name"], module.params["managed_by"])
    except VirtualBoxError as error:
        module.fail_json(**error.as_result())
    except OSError as error:
        module.fail_json(msg=str(error), error_code="OS_ERROR")
    module.exit_json(
        changed=False,
        vms=[model.describe_vm(vm) for vm in vms],
        interrupted=journal.interrupted_vms(folder) if folder else [],
        processes=client.processes,
    )


if __name__ == "__main__":
    main()
