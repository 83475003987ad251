# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The snapshots in the settings file of a VM.

VBoxManage's own list does not escape names and descriptions, so it cannot be read safely.
"""

from __future__ import annotations

import typing as t
from xml.etree import ElementTree

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    listings,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.snapshot.model import (
    Snapshot,
    SnapshotVm,
)

NAMESPACE = listings.NAMESPACE


def _disks(element: ElementTree.Element) -> t.Iterator[str]:
    # Only the snapshot's own hardware: its child snapshots are elements below it.
    for part in element:
        if part.tag in (f"{NAMESPACE}Hardware", f"{NAMESPACE}StorageControllers"):
            for device in part.iter(f"{NAMESPACE}AttachedDevice"):
                if device.get("type") == "HardDisk":
                    for image in device.findall(f"{NAMESPACE}Image"):
                        yield listings.identity(image.get("uuid"))


def _snapshots(element: ElementTree.Element, parent: str) -> t.Iterator[Snapshot]:
    for child in element.findall(f"{NAMESPACE}Snapshot"):
        uuid = listings.identity(child.get("uuid"))
        yield Snapshot(
            name=child.get("name", ""),
            uuid=uuid,
            description=child.findtext(f"{NAMESPACE}Description") or "",
            taken=child.get("timeStamp", ""),
            online=bool(child.get("stateFile")),
            parent=parent,
            disks=tuple(_disks(child)),
        )
        for below in child.findall(f"{NAMESPACE}Snapshots"):
            yield from _snapshots(below, uuid)


def snapshot_vm(text: str | bytes, state: str, path: str, mark: str) -> SnapshotVm:
    """A VM with its snapshots, from its settings file and its VMState."""
    found = listings.settings(text)
    machine = next(ElementTree.fromstring(text).iter(f"{NAMESPACE}Machine"))
    return SnapshotVm(
        name=found["name"],
        uuid=found["uuid"],
        state=state,
        settings_file=path,
        managed_by=found["extra_data"].get(mark),
        current=listings.identity(machine.get("currentSnapshot")),
        # VirtualBox writes this attribute only when nothing was modified.
        modified=machine.get("currentStateModified", "true").lower() not in ("false", "0"),
        snapshots=tuple(_snapshots(machine, "")),
        own_disks=tuple(found["own_disks"]),
    )
