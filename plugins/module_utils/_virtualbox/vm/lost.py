# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""VMs that VirtualBox has in its list, but whose settings file is gone or is that of another VM.

Somebody has removed the folder, or its disk is not mounted; which of the two, nobody can tell. So
such a VM is never made a second time, and is forgotten only when a task says so.
"""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass
from xml.etree import ElementTree

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    listings,
    recovery,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    model,
    settings_file,
)

SUFFIX = ".vbox"


@dataclass(frozen=True)
class LostVm:
    uuid: str
    settings_file: str
    reason: str

    @property
    def file_name(self) -> str:
        """What VirtualBox has derived from the name of the VM."""
        name = os.path.basename(self.settings_file)
        return name[: -len(SUFFIX)] if name.endswith(SUFFIX) else name

    @property
    def text(self) -> str:
        return f"the VM {{{self.uuid}}} at {self.settings_file}, but {self.reason}"


class LostVmError(VirtualBoxError):
    """A VM cannot be read because it is lost."""

    def __init__(self, vm: LostVm) -> None:
        super().__init__(
            f"the VM {vm.uuid} cannot be read: VirtualBox looks for it at {vm.settings_file}, but "
            f"{vm.reason}",
            hint="bring it back, for example by mounting its disk, run as the user that it belongs "
            "to, or let VirtualBox forget it by module virtualbox_vm with the options state absent "
            f"and uuid {vm.uuid}",
            error_code="VM_LOST",
        )
        self.vm = vm


def reason(path: str) -> str:
    """Why a settings file cannot be used, as far as the file system tells."""
    if not os.path.lexists(os.path.dirname(path)):
        return "its folder is gone, or is on a disk that is not mounted"
    if not os.path.lexists(path):
        return "its settings file is gone"
    return "VirtualBox cannot use its settings file"


def another(uuid: str) -> str:
    """The reason where the file tells another UUID than VirtualBox's list."""
    return f"the settings file there is that of another VM, {{{uuid}}}"


def lost_vm(uuid: str, path: str = "") -> LostVm:
    """A VM that cannot be read, with its place from VirtualBox's list if it is not given."""
    try:
        path = path or dict(recovery.machine_entries()).get(uuid, "")
        own = settings_file.uuid_in(recovery.read_settings(path))
    except (OSError, ElementTree.ParseError, VirtualBoxError):
        own = uuid
    return LostVm(uuid, path, reason(path) if own == uuid else another(own))


def named(listed: t.Iterable[tuple[str, str]], name: str, uuid: str = "") -> tuple[LostVm, ...]:
    """The lost VMs of a UUID, or that have the name, as far as their files tell."""
    lost = [lost_vm(found) for text, found in listed if text == listings.INACCESSIBLE]
    return tuple(
        vm
        for vm in lost
        if vm.uuid == uuid.lower() or (name and vm.file_name == model.file_name(name))
    )


def refuse(name: str, lost: t.Sequence[LostVm]) -> VirtualBoxError:
    """The VM is not made a second time."""
    return VirtualBoxError(
        f"the VM '{name}' is wanted, and VirtualBox knows {lost[0].text}",
        hint="bring it back, for example by mounting its disk, or let VirtualBox forget it with "
        f"the options state absent and uuid {lost[0].uuid}",
        error_code="VM_LOST",
    )


def forget(name: str, vm: LostVm) -> Action:
    """The entry goes; files that come back later stay as they are."""
    text = f"let VirtualBox forget VM '{name}' {{{vm.uuid}}}: {vm.reason}"
    return Action("forget", text, ("unregistervm", vm.uuid))


def to_forget(
    name: str, lost: t.Sequence[LostVm], managed_by: str | None, folder: str
) -> tuple[LostVm, ...]:
    """Those that may be forgotten by their name; a mark that cannot be read must not be ours."""
    places = {vm.settings_file for vm in lost}
    if len(places) > 1:
        raise VirtualBoxError(
            f"there are {len(places)} VMs with the name '{name}' that cannot be read: "
            f"{', '.join(vm.uuid for vm in lost)}",
            hint="name one by the option uuid",
            error_code="AMBIGUOUS_NAME",
        )
    inside = bool(folder) and all(place.startswith(f"{folder}/") for place in places)
    if managed_by is not None and not inside:
        raise VirtualBoxError(
            f"whether VM '{name}' belongs to '{managed_by}' cannot be told: VirtualBox knows "
            f"{lost[0].text}",
            hint=f"name it by the option uuid: {lost[0].uuid}",
            error_code="NOT_OURS",
        )
    return tuple(lost)
