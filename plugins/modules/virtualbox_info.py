#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: virtualbox_info
short_description: Read what a VirtualBox and its host are and have
version_added: 0.1.0
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
description:
  - Reads the version of VirtualBox, the abilities of its host, and lists of what there is.
extends_documentation_fragment:
  - virtual.datacenter.virtualbox
  - virtual.datacenter.virtualbox.attributes_info
  - virtual.datacenter.virtualbox.attributes
options:
  gather:
    description:
      - What to read besides RV(version), RV(host) and RV(default_machine_folder). Each name is also
        the name of the result.
      - V(all) stands for all others.
    type: list
    elements: str
    default: []
    choices:
      - all
      - bridged_interfaces
      - dhcp_servers
      - dvds
      - extension_packs
      - groups
      - hdds
      - host_only_interfaces
      - internal_networks
      - nat_networks
      - os_types
      - running_vms
      - system_properties
      - vms
notes:
  - VirtualBox escapes nothing in its list of internal networks. A name with a line feed is shown as
    two.
seealso:
  - module: virtual.datacenter.virtualbox_vm_info
  - module: virtual.datacenter.virtualbox_medium
  - module: virtual.datacenter.virtualbox_nat_network
  - module: virtual.datacenter.virtualbox_dhcp_server
"""

EXAMPLES = r"""
- name: Read version and host
  virtual.datacenter.virtualbox_info:
  register: virtualbox

- name: Check that VMs can run here
  ansible.builtin.assert:
    that:
      - virtualbox.version.text is version('7.0', '>=')
      - virtualbox.host.hw_virtualization
      - virtualbox.host.memory_available_mb >= 8192

- name: Read VMs and networks
  virtual.datacenter.virtualbox_info:
    gather: [vms, nat_networks, host_only_interfaces]
"""

RETURN = r"""
version:
  description: The version of VirtualBox.
  returned: success
  type: dict
  sample:
    full: 7.2.22_Debianr175245
    text: 7.2.22
    major: 7
    minor: 2
    patch: 22
    edition: Debian
    revision: 175245
host:
  description: The machine that VirtualBox runs on.
  returned: success
  type: dict
  sample:
    cpus: 8
    cpus_online: 8
    cores: 4
    cores_online: 4
    cpu_model: AMD EPYC
    cpu_mhz: 2445
    hw_virtualization: true
    nested_hw_virtualization: false
    nested_paging: true
    unrestricted_guest: true
    virtual_vmsave_vmload: true
    pae: true
    long_mode: true
    memory_mb: 24105
    memory_available_mb: 21730
    operating_system: Linux
    operating_system_version: 6.1.0-40-amd64
    time: '2026-11-26T00:27:26.085000000Z'
default_machine_folder:
  description: Where VMs go when nothing else is said.
  returned: success
  type: str
  sample: /srv/virtualbox/vms
vms:
  description: All VMs by name. Those that VirtualBox calls inaccessible have no name, and
    C(accessible) is false. C(missing_files) are its settings file and the files of its disks and of
    the images below them, as far as they are gone or on a disk that is not mounted.
  returned: if asked for
  type: list
  elements: dict
  sample:
    - name: gate01
      uuid: 0c1a2b3c-1111-4222-8333-444455556666
      state: stopped
      groups: [/lab]
      managed_by: lab
      description: gate01.dc.internal
      address: null
      nics: [{number: 1, type: nat, mac: "02:5e:00:00:00:01", port_forwards: []}]
      settings_file: /srv/virtualbox/vms/lab/gate01/gate01.vbox
      accessible: true
      missing_files: []
running_vms:
  description: The VMs that run or are paused, in the shape of RV(vms).
  returned: if asked for
  type: list
  elements: dict
  sample: []
hdds:
  description: Hard disk images that VirtualBox knows.
  returned: if asked for
  type: list
  elements: dict
  sample:
    - path: /srv/virtualbox/vms/lab/base/base.vdi
      uuid: 4256e46e-9aed-4e51-8097-3d298245dae1
      parent_uuid: ''
      format: vdi
      size_mb: 4096
      type: normal
      differencing: false
      state: created
      encrypted: false
dvds:
  description: Images of optical disks that VirtualBox knows, in the shape of RV(hdds).
  returned: if asked for
  type: list
  elements: dict
  sample: []
nat_networks:
  description: NAT networks, each as M(virtual.datacenter.virtualbox_nat_network) returns it.
  returned: if asked for
  type: list
  elements: dict
  sample:
    - name: lab
      enabled: true
      network: 10.9.0.0/24
      dhcp_enabled: true
      ipv6_enabled: false
      ipv6_prefix: fd17:625c:f037:2::/64
      ipv6_default_route: false
      port_forwards:
        - family: ipv4
          name: ssh
          protocol: tcp
          host_address: ''
          host_port: 1022
          guest_address: 10.9.0.5
          guest_port: 22
      loopbacks:
        - address: 127.0.0.1
          offset: 2
      running: false
host_only_interfaces:
  description: Host-only interfaces, in the shape of RV(bridged_interfaces).
  returned: if asked for
  type: list
  elements: dict
  sample: []
bridged_interfaces:
  description: Interfaces of the host that NICs can be bridged to.
  returned: if asked for
  type: list
  elements: dict
  sample:
    - name: eth0
      guid: effffff9-7b97-44b7-8000-02fc00000001
      dhcp: false
      ip_address: 192.0.2.2
      network_mask: 255.255.255.0
      ipv6_address: fd00::2
      ipv6_prefix_length: 64
      mac: 02:fc:00:00:00:01
      medium_type: Ethernet
      wireless: false
      up: true
      network: HostInterfaceNetworking-eth0
internal_networks:
  description: Names of the internal networks that VMs name.
  returned: if asked for
  type: list
  elements: str
  sample: [lab-edge]
os_types:
  description: Guest systems that VirtualBox knows.
  returned: if asked for
  type: list
  elements: dict
  sample:
    - id: Debian_64
      description: Debian (64-bit)
      family: Linux
      architecture: x86
      bits: 64
dhcp_servers:
  description: DHCP servers of VirtualBox's networks, each as
    M(virtual.datacenter.virtualbox_dhcp_server) returns it.
  returned: if asked for
  type: list
  elements: dict
  sample:
    - network: HostInterfaceNetworking-vboxnet0
      enabled: true
      server_address: 192.168.56.100
      netmask: 255.255.255.0
      lower_address: 192.168.56.101
      upper_address: 192.168.56.254
      options:
        - number: 6
          name: domain_name_servers
          value: 192.168.56.1
          hex: false
      forced_options: []
      suppressed_options: []
      min_lease_seconds: 0
      default_lease_seconds: 0
      max_lease_seconds: 0
      groups: []
      fixed_addresses: []
extension_packs:
  description: Installed extension packs.
  returned: if asked for
  type: list
  elements: dict
  sample:
    - name: VNC
      version: 7.2.22
      revision: '175245'
      edition: ''
      description: VNC plugin module
      usable: true
      why_unusable: ''
system_properties:
  description: Limits and defaults of VirtualBox; what they are depends on its version.
  returned: if asked for
  type: dict
  sample:
    minimum_guest_ram_size_mb: 4
    maximum_guest_cpu_count: 64
    default_hard_disk_format: VDI
groups:
  description: The groups of VMs.
  returned: if asked for
  type: list
  elements: str
  sample: [/, /lab]
processes:
  description: How many times C(VBoxManage) was called.
  returned: success
  type: int
  sample: 3
error_code:
  description: Name of the error, from VirtualBox or from this module.
  returned: failure
  type: str
"""

import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    listings as parser,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    task,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.host import (
    listings as host_parser,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network import (
    dhcp_model,
    nat_model,
    processes,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network import (
    settings as global_settings,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import survey

# VBoxManage mostly waits for VBoxSVC; more readers than this do not make it faster.
READERS = 4
VM_KEYS = (
    "name",
    "uuid",
    "state",
    "groups",
    "managed_by",
    "description",
    "address",
    "nics",
    "settings_file",
)


def read_vms(client: Client) -> list[dict[str, t.Any]]:
    """All VMs, the inaccessible ones last."""
    found = survey.read_all(client)
    missing = found.missing_files()
    described = [survey.describe(machine) for machine in found.machines]
    vms = [
        {
            **{key: vm[key] for key in VM_KEYS},
            "accessible": True,
            "missing_files": missing[vm["uuid"]],
        }
        for vm in described
    ]
    empty: dict[str, t.Any] = {
        "name": None,
        "state": None,
        "groups": [],
        "managed_by": None,
        "description": None,
        "address": None,
        "nics": [],
        "accessible": False,
    }
    return vms + [
        {
            **empty,
            "uuid": lost.uuid,
            "settings_file": lost.settings_file,
            "missing_files": missing[lost.uuid],
        }
        for lost in found.inaccessible
    ]


# What can be gathered, but VMs: the arguments of VBoxManage, and what makes data of its answer.
LISTS: dict[str, tuple[tuple[str, ...], t.Callable[[str], t.Any]]] = {
    "bridged_interfaces": (("list", "bridgedifs"), host_parser.interfaces),
    "dvds": (("list", "dvds"), lambda text: host_parser.media(parser.media_list(text))),
    "extension_packs": (("list", "extpacks"), host_parser.extension_packs),
    "groups": (("list", "groups"), host_parser.groups),
    "hdds": (("list", "hdds"), lambda text: host_parser.media(parser.media_list(text))),
    "host_only_interfaces": (("list", "hostonlyifs"), host_parser.interfaces),
    "internal_networks": (("list", "intnets"), host_parser.internal_networks),
    "os_types": (("list", "--long", "ostypes"), host_parser.os_types),
}


def describe_dhcp_servers(found: global_settings.GlobalSettings) -> list[dict[str, t.Any]]:
    """As virtualbox_dhcp_server returns them."""
    return [dhcp_model.describe(server) for server in found.dhcp_servers]


def describe_nat_networks(found: global_settings.GlobalSettings) -> list[dict[str, t.Any]]:
    """As virtualbox_nat_network returns them."""
    return [
        nat_model.describe(replace(item, running=processes.running(item.name)))
        for item in found.nat_networks
    ]


NETWORKS = {"dhcp_servers": describe_dhcp_servers, "nat_networks": describe_nat_networks}
CHOICES = ("all", "running_vms", "system_properties", "vms", *LISTS, *NETWORKS)
OPTIONS: dict[str, dict[str, t.Any]] = {
    "gather": {"type": "list", "elements": "str", "default": [], "choices": sorted(CHOICES)}
}


def gather(client: Client, wanted: t.Collection[str]) -> dict[str, t.Any]:
    """Everything that is asked for, by name."""
    names = set(CHOICES) - {"all"} if "all" in wanted else set(wanted)
    calls = {name: call for name, (call, _parse) in LISTS.items() if name in names}
    calls["version"] = ("--version",)
    calls["host"] = ("list", "hostinfo")
    calls["system_properties"] = ("list", "systemproperties")
    with ThreadPoolExecutor(READERS) as pool:
        vms = pool.submit(read_vms, client) if names & {"vms", "running_vms"} else None
        asked = {name: pool.submit(client.read, *call) for name, call in calls.items()}
        texts = {name: future.result() for name, future in asked.items()}
        found: dict[str, t.Any] = {
            name: parse(texts[name]) for name, (_call, parse) in LISTS.items() if name in names
        }
        all_vms = vms.result() if vms else []
    properties = host_parser.system_properties(texts["system_properties"])
    found.update(
        version=host_parser.version(texts["version"]),
        host=host_parser.host(texts["host"]),
        default_machine_folder=properties["default_machine_folder"],
    )
    if "system_properties" in names:
        found["system_properties"] = properties
    if "vms" in names:
        found["vms"] = all_vms
    if "running_vms" in names:
        found["running_vms"] = [vm for vm in all_vms if vm["state"] == "running"]
    if names & set(NETWORKS):
        settings = global_settings.read(client)
        found.update({name: show(settings) for name, show in NETWORKS.items() if name in names})
    return found


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=task.argument_spec(**OPTIONS), supports_check_mode=True)
    with change.failures(module):
        client = task.make_client(module)
        found = gather(client, module.params["gather"])
    module.exit_json(changed=False, processes=client.processes, **found)


if __name__ == "__main__":
    main()
