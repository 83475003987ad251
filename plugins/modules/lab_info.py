#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_info
short_description: The machines of a lab data center on this host
version_added: 0.1.0
description:
  - Reads which machines M(virtual.datacenter.lab_machine) has made here, and whether they run.
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
extends_documentation_fragment:
  - virtual.datacenter.read_only.attributes
requirements:
  - lxc 5, iproute2, nsenter
  - root
options:
  datacenter:
    description: Name of the data center.
    type: str
    required: true
  root_dir:
    description: The folder of the lab on this host.
    type: path
    default: /var/lib/virtual.datacenter
seealso:
  - module: virtual.datacenter.lab_machine
"""

EXAMPLES = r"""
- name: Read the machines of the lab
  virtual.datacenter.lab_info:
    datacenter: lab
  register: found
  become: true

- name: Say which of them do not run
  ansible.builtin.debug:
    msg: "{{ found.machines | dict2items | rejectattr('value.power', 'eq', 'running') | list }}"
"""

RETURN = r"""
machines:
  description:
    - The machines by name, each with C(power), which is V(running) or V(stopped), and its
      C(directory).
  returned: success
  type: dict
  sample:
    lb01:
      power: running
      directory: /var/lib/virtual.datacenter/lab/machines/lb01
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: NOT_ROOT
"""

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._lab import (
    machine,
    machine_host,
    names,
)

# How long a machine that is just starting or stopping is waited for.
SECONDS = 60


def machines(root: str, datacenter: str) -> dict[str, dict[str, t.Any]]:
    """Every machine that has a folder, by its name."""
    folder = names.machines_directory(root, datacenter)
    found = {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        host = machine_host.LabMachine(root, datacenter, name, SECONDS)
        power = machine.STOPPED if host.read().power == machine.STOPPED else machine.RUNNING
        found[name] = {"power": power, "directory": host.directory}
    return found


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "datacenter": {"type": "str", "required": True},
            "root_dir": {"type": "path", "default": "/var/lib/virtual.datacenter"},
        },
        supports_check_mode=True,
    )
    params = module.params
    with change.failures(module):
        problem = names.check_name("The data center's name", params["datacenter"])
        if problem:
            raise TaskError(problem, error_code="BAD_OPTION")
        if os.geteuid() != 0:
            raise TaskError("The lab is read as root only: set become.", error_code="NOT_ROOT")
        found = machines(params["root_dir"], params["datacenter"])
    module.exit_json(changed=False, machines=found)


if __name__ == "__main__":
    main()
