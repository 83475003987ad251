# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole VM, and the list of all, without a call of VBoxManage.

Where a settings file leaves a doubt, VBoxManage is asked.
"""

from __future__ import annotations

import typing as t
from dataclasses import replace
from xml.etree import ElementTree

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    listings,
    recovery,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium import (
    registry,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    devices,
    model,
    read,
    settings_file,
)


class DoubtError(Exception):
    """The file alone does not tell."""


def whole_vm(file: settings_file.SettingsFile, locate: t.Callable[[str], str | None]) -> model.Vm:
    """A VM without a process as showvminfo shows it; pure.

    `locate` gives the path of an image by its UUID, if it is not in the list of the file.
    """
    if file.doubts:
        raise DoubtError(f"{file.vm.settings_file}: {'; '.join(file.doubts)}")
    attachments = (_attachment(device, file, locate) for device in file.devices)
    return replace(
        file.vm, storage_attachments=tuple(sorted(attachments, key=lambda item: item.key))
    )


def _attachment(
    device: settings_file.Device,
    file: settings_file.SettingsFile,
    locate: t.Callable[[str], str | None],
) -> devices.Attachment:
    own = file.images.get(device.image)
    medium = own.path if own and own.path else locate(device.image) if device.image else ""
    if medium is None:
        raise DoubtError(f"no settings name the image {device.image}")
    return replace(device.attachment, medium=medium)


def locate(uuid: str) -> str | None:
    """The path of an image, from the settings of VirtualBox or of any VM."""

    def path_of(text: bytes, path: str) -> str | None:
        found = registry.images_in(text, path).get(uuid)
        return found.path or None if found else None

    return recovery.look_up(uuid, path_of)


def list_vms(client: Client) -> list[tuple[str, str]]:
    """Name and UUID of all registered VMs."""
    client.saves.finish_settings()
    try:
        entries = recovery.machine_entries()
        listed = [(settings_file.name_in(path, uuid), uuid) for uuid, path in entries]
    except (OSError, ValueError, ElementTree.ParseError):
        # A new world, or a VM that VirtualBox calls inaccessible.
        listed = []
    return listed or read.list_vms(client)


def read_vm(client: Client, uuid: str) -> model.Vm | None:
    """A VM that has no process, or whose power does not matter; None if it is gone."""
    try:
        path = dict(recovery.machine_entries())[uuid]
        text = recovery.read_settings(path)
        vm = whole_vm(settings_file.parse(text, path), locate)
        if vm.uuid != uuid:
            raise DoubtError(f"{path} is that of another VM")
        if recovery.unnamed_state(text, path):
            raise DoubtError("there is a saved state that the file does not name")
        return vm
    except (DoubtError, VirtualBoxError, OSError, KeyError, ValueError, ElementTree.ParseError):
        return read.read_vm(client, uuid)


def read_vm_with_power(client: Client, uuid: str) -> model.Vm | None:
    """A VM whose power only tells how it is changed; None if it is gone.

    The list of running VMs costs a third of showvminfo. It leaves out the moments of starting,
    saving and stopping, in which VBoxManage refuses changes by itself.
    """
    if uuid in {found for _name, found in listings.vm_list(client.read("list", "runningvms"))}:
        return read.read_vm(client, uuid)
    return read_vm(client, uuid)
