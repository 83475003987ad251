# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be done to export or import an appliance, decided without touching anything."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.appliance.ovf import (
    Appliance,
    System,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import model
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.model import Vm

# VirtualBox names the disks in an appliance after the VM, and with one of these in the name it
# writes an appliance that it cannot read.
UNREADABLE = re.compile(r'["/\\\x00-\x1f]')
MAC_OPTIONS = {"new": (), "keep_nat": ("keepnatmacs",), "keep_all": ("keepallmacs",)}


@dataclass(frozen=True)
class DesiredAppliance:
    """What a task wants."""

    path: str
    state: str
    format: str = "ovf10"
    manifest: bool = True
    overwrite: bool = False
    name: str | None = None
    folder: str = ""
    groups: tuple[str, ...] | None = None
    cpus: int | None = None
    memory_mb: int | None = None
    managed_by: str | None = None
    mac_policy: str = "new"
    accept_eula: bool = False


@dataclass(frozen=True)
class AppliancePlan:
    before: dict[str, t.Any]
    after: dict[str, t.Any]
    actions: tuple[Action, ...] = ()


def describe(appliance: Appliance | None) -> dict[str, t.Any]:
    """An appliance as results and diffs show it."""
    if appliance is None:
        return {}
    return {
        "path": appliance.path,
        "vms": [
            {
                "name": system.name,
                "cpus": system.cpus,
                "memory_mb": system.memory_mb,
                "eula": bool(system.eula),
            }
            for system in appliance.systems
        ],
    }


def _check_marks(vms: t.Iterable[Vm], desired: DesiredAppliance) -> None:
    for vm in vms:
        if desired.managed_by is not None and vm.managed_by != desired.managed_by:
            raise VirtualBoxError(
                f"the VM '{vm.name}' {{{vm.uuid}}} is not managed by '{desired.managed_by}', "
                f"but by {vm.managed_by or 'nobody'}, so it is left as it is",
                hint="rename it, or hand it over with: VBoxManage setextradata "
                f"{vm.uuid} {model.MARK} {desired.managed_by}",
                error_code="NOT_OURS",
            )


# --- export -----------------------------------------------------------------------------------


def plan_export(
    vms: t.Sequence[Vm],
    found: Appliance | None,
    desired: DesiredAppliance,
    leftovers: bool,
    torn: bool,
) -> AppliancePlan:
    """Write the appliance unless it is there; a torn one is half written."""
    clean = _clean(f"remove the half export of an interrupted run to {desired.path}", leftovers)
    _check_marks(vms, desired)
    names = [vm.name for vm in vms]
    if found is not None and not desired.overwrite and not torn:
        held = [system.name for system in found.systems]
        if sorted(held) != sorted(names):
            raise VirtualBoxError(
                f"the appliance {desired.path} exists and holds {', '.join(map(repr, held))}, "
                f"not {', '.join(map(repr, names))}",
                hint="use another path, or set overwrite to true",
                error_code="BAD_OPTION",
            )
        return AppliancePlan(describe(found), describe(found), clean)
    on = [f"'{vm.name}' is {model.power(vm.state)}" for vm in vms if not vm.off]
    if on:
        raise VirtualBoxError(
            f"a VM has to be off to be exported, but {', '.join(on)}",
            hint="stop it first; what it has in memory is no part of an appliance",
            error_code="VBOX_E_INVALID_VM_STATE",
        )
    odd = [name for name in names if UNREADABLE.search(name)]
    if odd:
        raise VirtualBoxError(
            f"VirtualBox could not import what it exports of a VM with the name {odd[0]!r}",
            hint="rename the VM: no quotes, slashes, and line breaks",
            error_code="BAD_OPTION",
        )
    made = Appliance(desired.path, tuple(System(vm.name, vm.cpus, vm.memory_mb) for vm in vms))
    argv = ["export", *(vm.uuid for vm in vms), "--output", desired.path, f"--{desired.format}"]
    if desired.manifest:
        argv.append("--manifest")
    text = f"export {', '.join(map(repr, names))} to {desired.path}"
    return AppliancePlan(
        describe(found), describe(made), (*clean, Action("export", text, tuple(argv), slow=True))
    )


def _clean(text: str, needed: bool) -> tuple[Action, ...]:
    return (Action("clean", text),) if needed else ()


# --- import -----------------------------------------------------------------------------------


def wanted_systems(found: Appliance, desired: DesiredAppliance) -> tuple[System, ...]:
    """The VMs of an appliance with the values that the task gives them."""
    if desired.name is not None and len(found.systems) > 1:
        raise VirtualBoxError(
            f"the appliance {found.path} holds {len(found.systems)} VMs, which keep their names: "
            f"{', '.join(repr(system.name) for system in found.systems)}",
            hint="leave out the option name",
            error_code="BAD_OPTION",
        )
    named = tuple(
        replace(
            system,
            name=system.name if desired.name is None else desired.name,
            cpus=desired.cpus or system.cpus,
            memory_mb=desired.memory_mb or system.memory_mb,
        )
        for system in found.systems
    )
    if len({system.name for system in named}) < len(named):
        raise VirtualBoxError(
            f"two VMs of the appliance {found.path} have one name", error_code="BAD_APPLIANCE"
        )
    return named


def places(systems: t.Iterable[System], desired: DesiredAppliance) -> dict[str, str]:
    """The settings files of the VMs that will be made, by name."""
    return {
        system.name: model.settings_path(desired.folder, desired.groups, system.name)
        for system in systems
    }


def plan_import(
    systems: t.Sequence[System],
    existing: t.Mapping[str, Vm],
    desired: DesiredAppliance,
    leftovers: bool,
    unmarked: t.Collection[str] = (),
) -> AppliancePlan:
    """Make the VMs unless they are there; `unmarked` ones still lack what follows the import."""
    clean = _clean(f"remove the half import of an interrupted run of {desired.path}", leftovers)
    _check_marks((vm for vm in existing.values() if vm.uuid not in unmarked), desired)
    lacking = [system.name for system in systems if system.name not in existing]
    after = {"vms": [_made(system) for system in systems]}
    if not lacking:
        shown = {"vms": [_shown(existing[system.name]) for system in systems]}
        late = [
            action
            for system in systems
            if existing[system.name].uuid in unmarked
            for action in afterwards(existing[system.name], desired)
        ]
        return AppliancePlan(shown, shown, (*clean, *late))
    if existing:
        raise VirtualBoxError(
            f"of the VMs of {desired.path}, "
            f"{', '.join(map(repr, sorted(existing)))} exist already, "
            f"but {', '.join(map(repr, lacking))} do not",
            hint="an appliance is imported as a whole: rename or remove the ones that exist",
            error_code="INCOMPLETE_SET",
        )
    licences = [system for system in systems if system.eula]
    if licences and not desired.accept_eula:
        raise VirtualBoxError(
            f"the appliance {desired.path} has a licence agreement: {licences[0].eula[:300]!r}",
            hint="read it, and set accept_eula to true if you accept it",
            error_code="EULA_NOT_ACCEPTED",
        )
    names = ", ".join(repr(system.name) for system in systems)
    action = Action(
        "import", f"import {names} from {desired.path}", import_argv(systems, desired), slow=True
    )
    marks = tuple(
        Action("mark", f"mark VM '{system.name}' as managed by '{desired.managed_by}'")
        for system in systems
        if desired.managed_by is not None
    )
    grouped = tuple(
        Action("modify", f"put VM '{system.name}' into its groups")
        for system in systems
        if len(desired.groups or ()) > 1
    )
    return AppliancePlan({"vms": []}, after, (*clean, action, *marks, *grouped))


def import_argv(
    systems: t.Sequence[System], desired: DesiredAppliance, dry_run: bool = False
) -> tuple[str, ...]:
    """The call that imports; with dry_run the one that only looks whether it can be read."""
    argv = ["import", desired.path]
    if dry_run:
        argv.append("--dry-run")
    for option in MAC_OPTIONS[desired.mac_policy]:
        argv += ["--options", option]
    for number, system in enumerate(systems):
        argv += ["--vsys", str(number), "--vmname", system.name]
        argv += ["--basefolder", desired.folder, "--group", (desired.groups or ("/",))[0]]
        if desired.cpus is not None:
            argv += ["--cpus", str(desired.cpus)]
        if desired.memory_mb is not None:
            argv += ["--memory", str(desired.memory_mb)]
        if system.eula:
            argv += ["--eula", "accept"]
    return tuple(argv)


def afterwards(vm: Vm, desired: DesiredAppliance) -> tuple[Action, ...]:
    """What the import itself cannot do."""
    actions: list[Action] = []
    if desired.managed_by is not None and vm.managed_by != desired.managed_by:
        argv: tuple[str, ...] = ("setextradata", vm.uuid, model.MARK, desired.managed_by)
        text = f"mark VM '{vm.name}' as managed by '{desired.managed_by}'"
        actions.append(Action("mark", text, argv, vm.uuid))
    if (
        desired.groups is not None
        and vm.groups is not None
        and set(desired.groups) != set(vm.groups)
    ):
        argv = ("modifyvm", vm.uuid, "--groups", ",".join(desired.groups))
        actions.append(Action("modify", f"put VM '{vm.name}' into its groups", argv, vm.uuid))
    return tuple(actions)


def differences(vm: Vm, desired: DesiredAppliance) -> list[str]:
    """Where an existing VM is not as the task would import it; it is left so."""
    found = []
    for option in ("cpus", "memory_mb"):
        wanted, actual = getattr(desired, option), getattr(vm, option)
        if wanted is not None and wanted != actual:
            found.append(f"{option} is {actual}, not {wanted}")
    if (
        desired.groups is not None
        and vm.groups is not None
        and set(desired.groups) != set(vm.groups)
    ):
        found.append(f"groups are {', '.join(vm.groups)}, not {', '.join(desired.groups)}")
    return found


def _made(system: System) -> dict[str, t.Any]:
    return {"name": system.name, "cpus": system.cpus, "memory_mb": system.memory_mb}


def _shown(vm: Vm) -> dict[str, t.Any]:
    return {"name": vm.name, "cpus": vm.cpus, "memory_mb": vm.memory_mb}
