# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All VMs of a VirtualBox at once, with one call of VBoxManage however many they are.

VirtualBox.xml holds which VMs there are and the paths of their settings files, and those hold
everything else but whether a VM runs, which `list runningvms` tells.
"""

from __future__ import annotations

import os
import re
import typing as t
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
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
    registry as media,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    lost as lost_vms,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    model,
    settings,
    settings_file,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    read as reader,
)

# VBoxManage mostly waits for VBoxSVC; more callers than this do not make it faster.
CALLERS = 4
NO_PROPERTIES = "No properties found."
PROPERTY = re.compile(
    r"^(?P<name>[^\n]*?) += '(?P<value>.*?)' +@ \d{4}-\d\d-\d\dT[\d:.]+Z(?: [A-Z, ]+)?$",
    re.M | re.S,
)


@dataclass(frozen=True)
class Inaccessible:
    """A VM that VirtualBox lists but cannot read."""

    uuid: str
    settings_file: str
    reason: str

    @property
    def missing_files(self) -> list[str]:
        return [] if os.path.lexists(self.settings_file) else [self.settings_file]


@dataclass(frozen=True)
class Survey:
    """The VMs by name, and those that cannot be read."""

    machines: tuple[settings_file.SettingsFile, ...]
    inaccessible: tuple[Inaccessible, ...]

    def missing_files(self) -> dict[str, list[str]]:
        """By the UUID of a VM: its settings file and the files of its disks, as far as gone."""
        images = _free_images()
        for machine in self.machines:
            images.update(machine.images)
        found = {item.uuid: item.missing_files for item in self.inaccessible}
        for machine in self.machines:
            paths = {path for uuid in machine.vm.own_disks for path in _files_below(uuid, images)}
            gone = (path for path in paths if not os.path.lexists(path))
            found[machine.vm.uuid] = sorted(gone)
        return found


def _free_images() -> dict[str, media.Image]:
    """The images that VirtualBox's own settings have in their list: most of them are of no VM."""
    path = os.path.join(recovery.settings_home(), "VirtualBox.xml")
    try:
        return media.images_in(recovery.read_settings(path), path)
    except (OSError, ElementTree.ParseError):
        return {}


def _files_below(uuid: str, images: Mapping[str, media.Image]) -> Iterator[str]:
    """The file of an image, and those of the images that it is built on."""
    image = images.get(uuid)
    while image is not None:
        if image.path:
            yield image.path
        image = images.get(image.parent)


def listing(text: str, known: Collection[tuple[str, str]]) -> list[tuple[str, str]]:
    """`list vms` and `list runningvms` with the help of the names and UUIDs that are known.

    Nothing in these lists is escaped, so the name of a VM can look like a line of another VM. Text
    that is the line of a known VM is taken as a whole.
    """
    lines = {f'"{name}" {{{uuid}}}\n': (name, uuid) for name, uuid in known}
    odd = sorted((line for line in lines if line.count("\n") > 1), key=len, reverse=True)
    text = text if text.endswith("\n") else f"{text}\n"
    found: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        end = text.index("\n", position) + 1
        line = next((line for line in odd if text.startswith(line, position)), text[position:end])
        match = None if line in lines else listings.VM_LINE.match(text, position)
        if line in lines:
            found.append(lines[line])
            end = position + len(line)
        elif match is not None:
            found.append((match.group(1), match.group(2).lower()))
            end = match.end() + 1
        position = end
    return found


def registry() -> dict[str, str]:
    """The settings file of each VM by UUID, from VirtualBox's own settings."""
    try:
        return dict(recovery.machine_entries())
    except FileNotFoundError:
        # Nobody has used this VirtualBox yet.
        return {}
    except (OSError, ElementTree.ParseError) as error:
        path = os.path.join(recovery.settings_home(), "VirtualBox.xml")
        raise VirtualBoxError(
            f"VirtualBox's own settings {path} cannot be read: {error}",
            hint="run as the user that the VMs belong to",
        ) from error


def read_file(path: str, uuid: str) -> settings_file.SettingsFile | str:
    """A VM, or why its settings file cannot be read."""
    try:
        text = recovery.read_settings(path)
        doubted = bool(recovery.unnamed_state(text, path))
        found = settings_file.parse(text, path)
        if found.vm.uuid != uuid:
            return lost_vms.another(found.vm.uuid)
        return replace(found, state_doubted=doubted)
    except FileNotFoundError:
        return lost_vms.reason(path)
    except OSError as error:
        return str(error.strerror)
    except (VirtualBoxError, ValueError) as error:
        return str(error)


def _read_files() -> tuple[dict[str, str], dict[str, settings_file.SettingsFile | str]]:
    """Path and content of every settings file by UUID."""
    files = registry()
    return files, {uuid: read_file(path, uuid) for uuid, path in files.items()}


def _settings_file(client: Client, uuid: str) -> str | None:
    """Ask VirtualBox itself where the settings file is; None if the VM is gone."""
    try:
        info = listings.vm_info(client.read("showvminfo", uuid, "--machinereadable"))
    except VirtualBoxError as error:
        if error.not_found:
            return None
        raise
    return info.get("CfgFile", "")


def _resolve(
    client: Client, uuid: str, why: str
) -> settings_file.SettingsFile | Inaccessible | None:
    """A VM that is not where VirtualBox.xml says: made, moved or removed in this moment."""
    path = _settings_file(client, uuid)
    if path is None:
        return None
    found = read_file(path, uuid)
    if isinstance(found, str) and not os.path.lexists(path):
        # Its folder was removed while VirtualBox still has the VM in memory.
        return Inaccessible(uuid, path, found)
    if isinstance(found, str):
        raise VirtualBoxError(
            f"the settings file {path} of VM {uuid} cannot be read: {found or why}",
            hint="run as the user that the VM belongs to, on the host where it lives",
        )
    return found


def _listed(
    client: Client, known: Collection[tuple[str, str]]
) -> tuple[list[str], set[str]] | None:
    """Ask VirtualBox which VMs there are, and which of them it calls inaccessible.

    None if a settings file that a crash has cut off was brought back meanwhile.
    """
    listed = listing(client.read("list", "vms"), known)
    lost = {uuid for name, uuid in set(listed) - set(known) if name == listings.INACCESSIBLE}
    if lost and client.saves.finish_machines(lost):
        return None
    return [uuid for _name, uuid in listed], lost


def _state(client: Client, machine: settings_file.SettingsFile) -> str | None:
    if machine.vm.off and machine.state_doubted:
        return reader.read_state(client, machine.vm.uuid)
    return machine.vm.state


def read_all(client: Client) -> Survey:
    """All VMs, each with its state.

    `list vms` takes 2 ms for each VM; it is asked only where the files leave a doubt.
    """
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.read, "list", "runningvms")
        files, read = _read_files()
        text = asked.result()
    if not files:
        # The call may have made or mended VirtualBox.xml.
        files, read = _read_files()
    good = [(found.vm.name, uuid) for uuid, found in read.items() if not isinstance(found, str)]
    running = {uuid for _name, uuid in listing(text, good)}
    uuids = list(files)
    lost: set[str] = set()
    if len(good) < len(files) or not files or not running <= set(files):
        answer = _listed(client, good)
        if answer is None:
            return read_all(client)
        uuids, lost = answer
    machines: list[settings_file.SettingsFile] = []
    inaccessible: list[Inaccessible] = []
    for uuid in uuids:
        found = read.get(uuid, "it is not in VirtualBox.xml")
        if uuid in lost:
            reason = found if isinstance(found, str) else "VirtualBox refuses it"
            inaccessible.append(Inaccessible(uuid, files.get(uuid, ""), reason))
            continue
        machine = _resolve(client, uuid, found) if isinstance(found, str) else found
        if isinstance(machine, Inaccessible):
            inaccessible.append(machine)
        elif machine is not None:
            state = "running" if uuid in running else _state(client, machine)
            machines.append(replace(machine, vm=replace(machine.vm, state=state)))
    return Survey(
        tuple(sorted(machines, key=lambda item: (item.vm.name, item.vm.uuid))),
        tuple(sorted(inaccessible, key=lambda item: item.uuid)),
    )


def guest_properties(text: str) -> dict[str, str]:
    """`guestproperty enumerate`: a guest can write any text here, but only into its own values."""
    found: dict[str, str] = {}
    for match in PROPERTY.finditer(text):
        found.setdefault(match["name"], match["value"])
    if not found and text.strip() not in ("", NO_PROPERTIES):
        raise VirtualBoxError(
            "the answer of VBoxManage guestproperty was not understood", stdout=text[-2000:]
        )
    return found


def _ask_guest(client: Client, uuid: str, name: str | None) -> dict[str, str]:
    """One property of a VM, or all; empty if the VM is gone."""
    try:
        if name is None:
            return guest_properties(client.read("guestproperty", "enumerate", uuid))
        answer = client.read("guestproperty", "get", uuid, name)
    except VirtualBoxError as error:
        if error.not_found:
            return {}
        raise
    value = listings.guest_property(answer)
    return {} if value is None else {name: value}


def ask_guests(
    client: Client, uuids: Collection[str], name: str | None = None
) -> Mapping[str, dict[str, str]]:
    """What the guests of running VMs tell, by UUID: the property of that name, or all."""
    ordered = sorted(uuids)

    def answers() -> Iterator[dict[str, str]]:
        with ThreadPoolExecutor(CALLERS) as pool:
            yield from pool.map(lambda uuid: _ask_guest(client, uuid, name), ordered)

    return dict(zip(ordered, answers()))


def describe(machine: settings_file.SettingsFile, **more: t.Any) -> dict[str, t.Any]:
    """A VM as results show it, as far as its settings file tells whichever version wrote it."""
    from_vboxmanage = (
        "storage_controllers",
        "storage_attachments",
        "serial_ports",
        *settings.options(),
    )
    # A NIC of another type keeps its port forwards for later.
    nics = tuple(
        nic if nic.type == "nat" else replace(nic, port_forwards=()) for nic in machine.vm.nics
    )
    shown = model.describe_vm(replace(machine.vm, nics=nics))
    kept = {key: value for key, value in shown.items() if key not in from_vboxmanage}
    return {**kept, **more}
