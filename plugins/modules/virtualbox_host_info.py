#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: virtualbox_host_info
short_description: Read what a Linux host has for VMs, and what keeps them from running
version_added: 0.1.0
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
description:
  - Reads memory, processors, disk space, the kernel driver, and who else uses the processor's
    virtualisation, from the kernel. It works before VirtualBox is installed, and starts nothing.
  - Tells what keeps VMs from running, with the way out of each problem.
  - Other systems show less. There memory, processors and the kernel driver are not known, and
    nothing is said about them.
extends_documentation_fragment:
  - virtual.datacenter.virtualbox
  - virtual.datacenter.virtualbox.attributes_info
  - virtual.datacenter.virtualbox.attributes
options:
  machine_folder:
    description:
      - The folder for VMs and media, whose disk space is read. It need not be there yet.
    type: path
    default: ~/VirtualBox VMs
  version:
    description:
      - The version of VirtualBox that is going to be installed, for RV(problems) with KVM, which
        VirtualBox handles differently in each version. Without it, the installed one counts.
    type: str
seealso:
  - module: virtual.datacenter.virtualbox_info
    description: What VirtualBox itself says about its host.
"""

EXAMPLES = r"""
- name: Read what the host has
  virtual.datacenter.virtualbox_host_info:
    machine_folder: /srv/virtualbox
  register: host

- name: Refuse a host that cannot run VMs
  ansible.builtin.assert:
    that:
      - host.problems | length == 0
      - host.capacity.disk_free_mb >= 8192
    fail_msg: "{{ host.problems | map(attribute='text') | join(' ') }}"
"""

RETURN = r"""
capacity:
  description: What the host has.
  returned: success
  type: dict
  contains:
    virtualbox_version:
      description: The version of the installed VirtualBox; none if there is none.
      type: str
      sample: 7.2.22
    system:
      description: The name of the system and its version.
      type: str
      sample: Debian GNU/Linux 13 (trixie)
    kernel:
      description: The release of the running kernel, empty on other systems than Linux.
      type: str
      sample: 6.12.48+deb13-amd64
    memory_mb:
      description: Memory of the host.
      type: int
      sample: 24105
    memory_available_mb:
      description: Memory that is not in use.
      type: int
      sample: 21730
    cpus:
      description: Number of logical processors.
      type: int
      sample: 8
    x86:
      description: Whether the processors are those of a PC.
      type: bool
      sample: true
    hw_virtualization:
      description: V(vt-x) or V(amd-v); none if the processors show neither.
      type: str
      sample: amd-v
    machine_folder:
      description: O(machine_folder), absolute.
      type: str
      sample: /srv/virtualbox
    disk_size_mb:
      description: Size of the file system that holds the folder.
      type: int
      sample: 476940
    disk_free_mb:
      description: Space that is free on it.
      type: int
      sample: 180224
    kvm:
      description: The loaded module of KVM (V(kvm_intel), V(kvm_amd) or none), whether it turns
        virtualisation on when it is loaded (none on kernels without that choice), and how many of
        its files are open.
      type: dict
      sample: {module: kvm_amd, enabled_at_load: true, users: 0}
    driver:
      description: The kernel driver vboxdrv - whether it is loaded, its version, whether its device
        is there, whether it is built for the running kernel, and whether the headers of that kernel
        are there.
      type: dict
      sample: {loaded: true, version: 7.2.22, device: true, built: true, kernel_headers: true}
    secure_boot:
      description: Whether the firmware started the host with Secure Boot.
      type: bool
      sample: false
    module_signatures_enforced:
      description: Whether the kernel takes only signed modules.
      type: bool
      sample: false
    running_vms:
      description: How many VMs of VirtualBox run, of all users.
      type: int
      sample: 0
problems:
  description: What keeps VMs from running at full speed.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description: V(NO_HW_VIRTUALIZATION), V(KVM_HOLDS_PROCESSOR), V(KVM_IN_USE),
        V(KVM_NOT_ENABLED), V(DRIVER_NOT_BUILT), V(DRIVER_NOT_LOADED), V(DRIVER_NOT_SIGNED),
        V(DRIVER_VERSION) or V(WSL).
      type: str
      sample: DRIVER_NOT_LOADED
    text:
      description: A sentence about it, with the way out.
      type: str
      sample: "vboxdrv is built but not loaded: 'modprobe vboxdrv'."
error_code:
  description: Name of the error, from VirtualBox or from this module.
  returned: failure
  type: str
"""

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    task,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.host import (
    capacity as host_capacity,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.host import (
    listings,
)

OPTIONS: dict[str, dict[str, t.Any]] = {
    "machine_folder": {"type": "path", "default": "~/VirtualBox VMs"},
    "version": {"type": "str"},
}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=task.argument_spec(**OPTIONS), supports_check_mode=True)
    folder = os.path.abspath(module.params["machine_folder"])
    with change.failures(module):
        client = task.find_client(module)
        version = listings.version(client.read("--version"))["text"] if client else None
        capacity = host_capacity.read(folder, version)
    found = host_capacity.problems(capacity, module.params["version"])
    module.exit_json(
        changed=False, capacity=capacity, problems=[problem._asdict() for problem in found]
    )


if __name__ == "__main__":
    main()
