# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks that a VM names by size: where they lie, and what makes them."""

from __future__ import annotations

import os
import typing as t
from dataclasses import replace

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.journal import Journal
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium import (
    read,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium.model import (
    Medium,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium.plan import (
    DesiredMedium,
    MediumPlan,
    plan_medium,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    devices,
    model,
)


def journal(path: str) -> Journal:
    """The note about a disk lies where module virtualbox_medium would put it."""
    return Journal(os.path.dirname(path), path)


def placed(
    attachments: t.Sequence[devices.Attachment], folder: str, name: str
) -> tuple[devices.Attachment, ...]:
    """A disk that only has a size lies in the folder of its VM, named by its place."""
    found = []
    for item in attachments:
        if item.size_mb is not None and not item.medium:
            controller = model.file_name(item.controller)
            stem = f"{model.file_name(name)}-{controller}-{item.port}-{item.device}"
            item = replace(item, medium=os.path.join(folder, f"{stem}.vdi"))
        found.append(item)
    return tuple(found)


def plans(client: Client, attachments: t.Sequence[devices.Attachment]) -> tuple[MediumPlan, ...]:
    """What has to be done to the media of attachments that name a size."""
    found = []
    for item in attachments:
        if item.size_mb is None or not item.medium:
            continue
        interrupted = bool(journal(item.medium).read())
        actual = None if interrupted else read.read_medium(client, item.medium)
        if actual is not None:
            # Its own VM may run; the plan of the VM turns it off for a change.
            actual = replace(actual, locked=False)
        desired = DesiredMedium(Medium(item.medium, size_mb=item.size_mb))
        found.append(plan_medium(actual, desired, leftovers=interrupted))
    return tuple(found)


def with_sizes(vm: model.Vm, media: t.Iterable[MediumPlan]) -> model.Vm:
    """The VM with the sizes that its named disks have now."""
    sizes = {plan.before.path: plan.before.size_mb for plan in media if plan.before is not None}
    return model.replace_attachments(
        vm,
        [
            replace(item, size_mb=next((sizes[path] for path in own if path in sizes), None))
            for item in vm.storage_attachments
            for own in [(item.medium or "", *item.ancestors)]
        ],
    )


def actions(media: t.Iterable[MediumPlan]) -> tuple[Action, ...]:
    """The calls for the media, as part of the plan of a VM; they need no lock of it."""
    found = []
    for plan in media:
        path = plan.after.path if plan.after else ""
        # A new disk is nobody's yet; one that grows may be in use.
        found += [
            replace(action, kind=f"disk_{action.kind}", path=path, live=action.kind != "grow")
            for action in plan.actions
        ]
    return tuple(found)
