#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: virtualbox_vm
short_description: Create, change, start, stop, and remove VirtualBox VMs
version_added: 0.1.0
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
description:
  - Describes a VirtualBox VM as data and makes it so, by as few calls of C(VBoxManage) as possible.
  - What VirtualBox cannot do is refused before anything is changed, in check mode too. Only files
    that are not there are not asked for in check mode, because an earlier task may make them.
  - All changes of settings go into one call. NICs, storage attachments and serial ports are known
    by their number or port; those that the task does not name stay as they are.
  - A run that was interrupted in the middle of a creation or removal is recognised and finished by
    the next run.
  - A VM whose folder somebody has removed, or whose disk is not mounted, is never made a second
    time. It is named by an error until it is back, or until O(state=absent) makes VirtualBox
    forget it.
extends_documentation_fragment:
  - virtual.datacenter.virtualbox
  - virtual.datacenter.virtualbox.attributes
options:
  name:
    description:
      - Name of the VM, in exact spelling. Two VMs of that name are an error.
    type: str
    required: true
  uuid:
    description:
      - UUID of the VM, for the case that several have the same name, or for the VM to be created.
    type: str
  state:
    description:
      - With V(present) the VM exists; whether it runs is left alone.
      - With V(running) it exists and runs. A paused VM is resumed, a saved one is restored.
      - With V(stopped) it exists and is off. The guest is asked by its power button, and after
        O(stop_timeout) seconds the power is cut.
      - With V(paused) it exists and stands still in memory; one that is off is started first.
      - With V(saved) its memory is on disk. Only a VM that runs or is paused can be saved.
      - With V(absent) it is not registered. See O(delete_media).
      - A VM that VirtualBox cannot read, because its folder is gone or its disk is not mounted, is
        only taken out of VirtualBox's list by V(absent); files that come back stay. If
        O(managed_by) is set, this is done only below O(folder) or by O(uuid), because the mark of
        such a VM cannot be read.
    type: str
    choices: [present, absent, running, stopped, paused, saved]
    default: present
  create:
    description:
      - Whether a VM that does not exist is made.
      - If not, O(state=stopped) and O(state=present) have nothing to do without the VM, and
        O(state=running) fails.
    type: bool
    default: true
  folder:
    description:
      - Absolute path of the folder in which a new VM gets its own folder.
      - The default is the machine folder that VirtualBox is set to.
      - An existing VM is not moved.
    type: path
  clone_from:
    description:
      - Name or UUID of the VM that a new VM is a clone of. Without it a new VM is empty.
      - A VM that exists is not compared with it.
    type: str
  clone_snapshot:
    description:
      - Name of the snapshot of O(clone_from) that is cloned. It is taken if it is missing.
      - Needed if O(clone_type=linked).
    type: str
  clone_type:
    description:
      - A V(linked) clone shares the disks of the snapshot and holds only what it changes. A
        V(full) clone has copies of its own.
    type: str
    choices: [linked, full]
    default: linked
  cpus:
    description: Number of virtual CPUs, 1 to 64.
    type: int
  memory_mb:
    description: Memory in MiB, 4 to 2097152.
    type: int
  os_type:
    description: Guest system as in C(VBoxManage list ostypes), for example V(Debian_64).
    type: str
  firmware:
    description: Firmware of the VM.
    type: str
    choices: [bios, efi, efi32, efi64]
  description:
    description: Free text.
    type: str
  groups:
    description:
      - Groups that the VM is in, each beginning with a slash.
      - VirtualBox keeps the files of a VM in a folder named like its first group, and moves them
        when it changes.
    type: list
    elements: str
  managed_by:
    description:
      - Name of the data center that the VM belongs to, kept as extra data
        C(virtual.datacenter/managed-by).
      - If it is set, a VM that exists and has another mark, or none, is an error and is left as it
        is.
      - If it is not set, the task names the VM outright and no mark is asked for.
    type: str
  address:
    description:
      - IP address that the data center has planned for the VM, kept as extra data
        C(virtual.datacenter/address), where
        P(virtual.datacenter.virtualbox#inventory) finds it. The guest is not told.
      - An empty one removes it.
    type: str
  nics:
    description: Network cards.
    type: list
    elements: dict
    suboptions:
      number:
        description: Number of the card, 1 to 8, with O(chipset=ich9) 1 to 36.
        type: int
        required: true
      type:
        description:
          - What the card is connected to. V(none) removes it, V(not_attached) leaves it without a
            network.
          - V(host_only) is an interface of a Linux host, V(host_only_network) a network of a macOS
            host.
        type: str
        choices:
          - none
          - not_attached
          - nat
          - nat_network
          - bridged
          - internal
          - host_only
          - host_only_network
          - generic
      network:
        description:
          - Name of the network, of the host's interface if O(nics[].type) is V(bridged) or
            V(host_only), of the driver if it is V(generic).
          - Needed for all types but V(none), V(not_attached) and V(nat).
        type: str
      promiscuous:
        description: Whether the card sees what is meant for others, from other VMs or from all.
        type: str
        choices: [deny, allow_vms, allow_all]
      bandwidth_group:
        description: Name of one of the O(bandwidth_groups) of the VM. An empty one means none.
        type: str
      properties:
        description:
          - Settings of the driver, if O(nics[].type=generic). An empty value removes one; others
            stay.
        type: dict
      mac:
        description: MAC address, in any usual spelling.
        type: str
      adapter_type:
        description: The card that the guest sees.
        type: str
        choices: [am79c970a, am79c973, 82540em, 82543gc, 82545em, virtio]
      cable_connected:
        description: Whether the cable is plugged in.
        type: bool
      speed_kbit_per_second:
        description:
          - Speed of the card that the guest is told, 0 to 4294967295. V(0) is the usual one of its
            O(nics[].adapter_type).
          - It limits nothing; see O(nics[].bandwidth_group) for that.
        type: int
      localhost_reachable:
        description:
          - Whether the guest reaches the loopback address of the host, as C(10.0.2.2), with all
            that listens there. Only if O(nics[].type=nat).
          - VirtualBox 7.2 does not write V(false) down. Its next service, after some seconds in
            which nothing uses VirtualBox, takes V(true) where nothing is said.
        type: bool
      port_forwards:
        description:
          - Ports of the host that lead into the guest. Only if O(nics[].type=nat).
          - Rules of other names stay, see O(prune_port_forwards).
        type: list
        elements: dict
        suboptions:
          name:
            description: Name of the rule, without commas.
            type: str
            required: true
          protocol:
            description: Protocol of the port.
            type: str
            choices: [tcp, udp]
            default: tcp
          host_address:
            description: Address of the host to listen on. An empty one means all.
            type: str
            default: 127.0.0.1
          host_port:
            description: Port of the host, 1 to 65535.
            type: int
            required: true
          guest_address:
            description: Address of the guest. An empty one means the address that it got by DHCP.
            type: str
            default: ''
          guest_port:
            description: Port of the guest, 1 to 65535.
            type: int
            required: true
  storage_controllers:
    description: Storage controllers. None is ever removed.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the controller.
        type: str
        required: true
      type:
        description: Kind of the controller. Needed for a new one.
        type: str
        choices: [ide, sata, scsi, sas, nvme, virtio, floppy]
      port_count:
        description:
          - Number of ports. Types V(sata) 1 to 30, V(sas) and V(nvme) 1 to 255, V(virtio) 1 to 256.
          - The number of the types V(ide) (2), V(scsi) (16) and V(floppy) (1) is fixed.
        type: int
      bootable:
        description: Whether the firmware can boot from it.
        type: bool
  storage_attachments:
    description: Disks and drives.
    type: list
    elements: dict
    suboptions:
      controller:
        description: Name of the controller.
        type: str
        required: true
      port:
        description: Port of the controller, from 0.
        type: int
        required: true
      device:
        description: Device on the port; only IDE and floppy controllers have more than 0.
        type: int
        default: 0
      type:
        description: Kind of the device. V(none) removes it; the medium stays.
        type: str
        choices: [hdd, dvd, floppy, none]
        required: true
      medium:
        description:
          - Absolute path of the image. A DVD or floppy drive without it is empty.
          - A differencing image that VirtualBox has put over this image counts as the same.
        type: path
      size_mb:
        description:
          - Size of the disk in MiB, only for V(hdd). A disk that does not exist is made, one that
            is smaller grows. One that is larger is an error.
          - Without O(storage_attachments[].medium) the disk lies in the folder of the VM.
        type: int
  serial_ports:
    description: Serial ports.
    type: list
    elements: dict
    suboptions:
      number:
        description: Number of the port.
        type: int
        choices: [1, 2, 3, 4]
        required: true
      mode:
        description:
          - What the port is connected to. V(file) writes what the guest prints to
            O(serial_ports[].path).
          - V(off) removes the port.
        type: str
        choices: [file, disconnected, 'off']
        required: true
      path:
        description: Absolute path of the file. Needed if O(serial_ports[].mode=file).
        type: path
  bandwidth_groups:
    description:
      - Limits that network cards share, see O(nics[].bandwidth_group). Others stay.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the group.
        type: str
        required: true
      limit_kib_per_second:
        description: Limit in KiB per second. V(0) means none.
        type: int
        required: true
  shared_folders:
    description: Folders of the host that the guest can mount. Others stay, see
      O(prune_shared_folders).
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the share, without spaces.
        type: str
        required: true
      host_path:
        description: Absolute path of an existing folder of the host.
        type: path
        required: true
      read_only:
        description: Whether the guest can only read.
        type: bool
        default: false
      auto_mount:
        description: Whether the guest additions mount it.
        type: bool
        default: false
      mount_point:
        description: Where they mount it; empty means that they choose.
        type: str
        default: ''
  extra_data:
    description:
      - Extra data of the VM as a dictionary. An empty value removes a key; others stay.
      - Keys below C(virtual.datacenter/) belong to this collection and are refused.
    type: dict
  guest_properties:
    description:
      - Guest properties as a dictionary. An empty value removes a property; others stay.
    type: dict
  boot_order:
    description: Devices that the firmware tries, at most four.
    type: list
    elements: str
    choices: [none, floppy, dvd, disk, net]
  cpu_cap_percent:
    description: The share of a host processor that each virtual CPU may take, 1 to 100 percent.
    type: int
  chipset:
    description: Chipset of the VM. Only V(ich9) has more than eight network cards.
    type: str
    choices: [piix3, ich9]
  vram_mb:
    description: Memory of the graphics card in MiB, 1 to 256.
    type: int
  graphics_controller:
    description: The graphics card that the guest sees.
    type: str
    choices: [none, vboxvga, vmsvga, vboxsvga]
  monitor_count:
    description: Number of screens, 1 to 64.
    type: int
  accelerate_3d:
    description: Whether the guest can use the graphics card of the host.
    type: bool
  rtc_utc:
    description: Whether the clock of the VM shows UTC instead of the local time of the host.
    type: bool
  io_apic:
    description: Whether the VM has an I/O APIC. More than one CPU needs it.
    type: bool
  hpet:
    description: Whether the VM has a high precision event timer.
    type: bool
  large_pages:
    description: Whether the memory of the VM is taken in large pages.
    type: bool
  nested_paging:
    description: Whether the processor translates the guest's addresses itself.
    type: bool
  nested_virtualization:
    description: Whether the guest can run VMs of its own with the help of the processor.
    type: bool
  paravirt_provider:
    description: The hypervisor that the guest is told it runs on.
    type: str
    choices: [none, default, legacy, minimal, hyperv, kvm]
  iommu:
    description: The IOMMU that the guest sees. Needs O(chipset=ich9).
    type: str
    choices: [none, automatic, amd, intel]
  tpm_type:
    description: The trusted platform module that the guest sees.
    type: str
    choices: [none, '1.2', '2.0', host, swtpm]
  execution_engine:
    description:
      - How the guest's instructions are run. Without the kernel driver of VirtualBox only
        V(interpreter) and V(recompiler) work.
    type: str
    choices: [default, hwvirt, native_api, interpreter, recompiler]
  process_priority:
    description: Priority of the process of the VM on the host.
    type: str
    choices: [default, flat, low, normal, high]
  clipboard_mode:
    description: The directions in which the clipboard is shared.
    type: str
    choices: [disabled, host_to_guest, guest_to_host, bidirectional]
  drag_and_drop_mode:
    description: The directions in which things can be dragged.
    type: str
    choices: [disabled, host_to_guest, guest_to_host, bidirectional]
  usb_ohci:
    description: Whether the VM has a USB 1.1 controller.
    type: bool
  usb_ehci:
    description: Whether the VM has a USB 2.0 controller.
    type: bool
  usb_xhci:
    description: Whether the VM has a USB 3.0 controller.
    type: bool
  vrde:
    description: Whether the screen of the VM can be reached by remote desktop.
    type: bool
  autostart:
    description:
      - Whether the VM starts with the host. The host's autostart service and its database must be
        set up.
    type: bool
  autostart_delay_seconds:
    description: How long after the start of the host the VM starts, in seconds.
    type: int
  snapshot:
    description:
      - Name of a snapshot that the VM must have. It is taken, after all other changes, if it is
        missing; it is never renewed or removed.
    type: str
  start_type:
    description: How the VM is started, if it is. Needed windows appear on the host.
    type: str
    choices: [headless, gui, sdl, separate]
    default: headless
  wait:
    description:
      - What to wait for after everything else, in the order of these options. Check mode does not
        wait.
    type: dict
    suboptions:
      state:
        description: State that the VM must have.
        type: str
        choices: [running, stopped, paused, saved]
      guest_property:
        description: Name of a guest property that must be set, usually by the guest additions.
        type: str
      guest_property_pattern:
        description: Regular expression that its value must match somewhere.
        type: str
        default: ''
      host:
        description: Host name or address of O(wait.port), as seen from the VirtualBox host.
        type: str
        default: 127.0.0.1
      port:
        description: TCP port that must answer, for example the one that is forwarded to SSH.
        type: int
      banner_pattern:
        description:
          - Regular expression for the first bytes that the server sends. An open port alone says
            little, since VirtualBox itself listens on forwarded ports.
        type: str
        default: ^SSH-
      timeout_seconds:
        description: The longest time to wait, in seconds.
        type: float
        default: 300
  stop_timeout:
    description:
      - How long the guest may take to shut down before the power is cut, in seconds. With V(0) the
        power is cut at once.
    type: int
    default: 60
  allow_power_cycle:
    description:
      - A VM that runs may be stopped for a change that needs it, and is started again after; one
        to be removed may be stopped.
    type: bool
    default: false
  delete_media:
    description:
      - With O(state=absent), also delete the files of the VM, its settings, logs, snapshots, and
        the hard disks in its own folder. Disks elsewhere, and ISO images, stay.
      - A VM whose disks carry linked clones is not removed.
    type: bool
    default: false
  prune_nics:
    description: Remove the network cards that O(nics) does not name. Without O(nics) it does
      nothing.
    type: bool
    default: false
  prune_port_forwards:
    description: Remove the port forwards that the O(nics[].port_forwards) of a named card does not
      name.
    type: bool
    default: false
  prune_attachments:
    description: Detach the disks and drives that O(storage_attachments) does not name. The media
      stay. Without O(storage_attachments) it does nothing.
    type: bool
    default: false
  prune_shared_folders:
    description: No longer share the folders that O(shared_folders) does not name. Without
      O(shared_folders) it does nothing.
    type: bool
    default: false
  discard_saved_state:
    description:
      - A saved state may be thrown away, for a change that it does not allow, to stop the VM, or to
        start a VM whose saved state is gone.
        What the guest had in memory is lost.
    type: bool
    default: false
seealso:
  - module: virtual.datacenter.virtualbox_medium
  - module: virtual.datacenter.cloud_init_seed
"""

EXAMPLES = r"""
- name: A VM with a disk of its own
  virtual.datacenter.virtualbox_vm:
    name: build01
    folder: /srv/virtualbox
    os_type: Debian_64
    cpus: 2
    memory_mb: 2048
    nics:
      - number: 1
        type: nat
        adapter_type: virtio
        port_forwards:
          - name: ssh
            host_port: 2222
            guest_port: 22
    storage_controllers:
      - name: SATA
        type: sata
        port_count: 2
    storage_attachments:
      - controller: SATA
        port: 0
        type: hdd
        medium: /srv/virtualbox/build01.vdi

- name: A linked clone of the snapshot "base" of the VM "lab-base", on an internal network, running
  virtual.datacenter.virtualbox_vm:
    name: cp01
    state: running
    clone_from: lab-base
    clone_snapshot: base
    groups: [/lab]
    managed_by: lab
    nics:
      - number: 1
        type: internal
        network: lab-control
        mac: "02:00:5e:10:00:01"
    storage_attachments:
      - controller: SATA
        port: 1
        type: dvd
        medium: /srv/virtualbox/seeds/cp01.iso

- name: More memory, with a restart if it runs
  virtual.datacenter.virtualbox_vm:
    name: cp01
    memory_mb: 4096
    allow_power_cycle: true

- name: Remove the VM with its disks
  virtual.datacenter.virtualbox_vm:
    name: cp01
    state: absent
    managed_by: lab
    delete_media: true
"""

RETURN = r"""
vm:
  description: The VM as it is now; in check mode as it would be. Empty if there is none.
  returned: success
  type: dict
  contains:
    name:
      description: Name of the VM.
      type: str
      returned: always
    uuid:
      description: UUID of the VM.
      type: str
      returned: always
    state:
      description: One of V(stopped), V(running), V(paused), V(saved), or a word of VirtualBox for
        something rarer.
      type: str
      returned: always
    settings_file:
      description: Path of the settings file.
      type: str
      returned: always
    managed_by:
      description: Name of the data center that the VM belongs to, if any.
      type: str
      returned: always
    nics:
      description: Network cards, as in O(nics).
      type: list
      elements: dict
      returned: always
    storage_attachments:
      description: Disks and drives, as in O(storage_attachments), with the images that are
        attached.
      type: list
      elements: dict
      returned: always
    snapshots:
      description: Names and UUIDs of the snapshots.
      type: list
      elements: dict
      returned: always
  sample:
    name: cp01
    uuid: 0c1a2b3c-1111-4222-8333-444455556666
    state: stopped
    settings_file: /srv/virtualbox/lab/cp01/cp01.vbox
    cpus: 2
    memory_mb: 2048
    managed_by: lab
actions:
  description: What was done, or in check mode would be done, in order.
  returned: success
  type: list
  elements: dict
  contains:
    action:
      description: Kind of the step, for example V(clone), V(modify), or V(start).
      type: str
      returned: always
    text:
      description: The step in words.
      type: str
      returned: always
    command:
      description: Arguments of C(VBoxManage), if the step is one call.
      type: list
      elements: str
      returned: always
  sample:
    - action: modify
      text: change memory_mb of VM 'cp01'
      command: [modifyvm, 0c1a2b3c-1111-4222-8333-444455556666, --memory, "4096"]
processes:
  description: How many times C(VBoxManage) was called.
  returned: success
  type: int
  sample: 2
error_code:
  description: Name of the error, from VirtualBox or from this module, for example
    V(VBOX_E_FILE_ERROR) or V(NOT_OURS).
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


from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    task as arguments,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    model,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.desired import (
    make_desired,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.options import (
    OPTIONS,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.task import Task


def result(task: Task, outcome: change.Outcome) -> change.Result:
    """What only this module returns."""
    return {
        "vm": model.describe_vm(outcome.now(task.actual)),
        "diff": {
            "before": model.comparable(outcome.before),
            "after": model.comparable(outcome.after),
        },
        "warnings": [
            f"beside VM '{task.desired.vm.name}', VirtualBox knows {lost.text} - let VirtualBox "
            f"forget that one with the options state absent and uuid {lost.uuid}"
            for lost in (task.lost if task.actual is not None else ())
        ],
    }


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=arguments.argument_spec(**OPTIONS),
        supports_check_mode=True,
    )
    arguments.run_module(
        module,
        lambda client: Task(client, make_desired(module), module.params, module.check_mode),
        result,
    )


if __name__ == "__main__":
    main()
