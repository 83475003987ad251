# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wanted volume groups: defaults, faults, and what has to be asked of the machine."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._storage_plan.sizes import (
    REST,
    parse_size,
)

NAME = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_+.-]{0,99}")

Record = Mapping[str, Any]


def questions(wanted: Sequence[Record]) -> dict[str, Any]:
    """The options that storage_info needs to answer for these groups."""
    volumes = [(group, volume) for group in wanted for volume in group.get("volumes", [])]
    return {
        "devices": [device["path"] for group in wanted for device in group["devices"]],
        "volumes": [f"{group['name']}/{volume['name']}" for group, volume in volumes],
        "paths": [volume["mount"] for _group, volume in volumes if volume.get("mount")],
        "beneath": [
            volume["mount"]
            for _group, volume in volumes
            if volume.get("mount") and volume.get("remove_old_content")
        ],
    }


def with_defaults(wanted: Sequence[Record]) -> list[dict[str, Any]]:
    """Ansible checks the options of a role's list, and leaves out the defaults of its items."""
    return [
        dict(
            group,
            volumes=[{"filesystem": "ext4", **volume} for volume in group.get("volumes") or []],
        )
        for group in wanted
    ]


def input_problems(wanted: Sequence[Record]) -> list[str]:
    """What is wrong with the data itself, whatever the machine looks like."""
    problems: list[str] = []
    seen: dict[str, str] = {}

    def once(kind: str, key: str, owner: str) -> None:
        if f"{kind} {key}" in seen:
            problems.append(f"{kind} {key} is given to {seen[f'{kind} {key}']} and to {owner}.")
        seen[f"{kind} {key}"] = owner

    for group in wanted:
        title = f"volume group {group['name']}"
        once("The name", group["name"], title)
        if not NAME.fullmatch(group["name"]):
            problems.append(f"'{group['name']}' cannot be the name of a volume group.")
        for device in group["devices"]:
            once("Device", f"{device['path']} {device.get('partition') or ''}".strip(), title)
        rests = 0
        for volume in group.get("volumes", []):
            name = f"{group['name']}/{volume['name']}"
            once("The name", name, f"volume {name}")
            if not NAME.fullmatch(volume["name"]):
                problems.append(f"'{volume['name']}' cannot be the name of a volume.")
            size = parse_size(volume["size"])
            if size is None:
                problems.append(
                    f"Volume {name}: '{volume['size']}' is no size; wanted is something like 10G,"
                    " 512M, 40% (of the group) or rest."
                )
            rests += size is not None and size[0] == REST
            mount = volume.get("mount")
            if not mount:
                continue
            once("Mount point", mount, f"volume {name}")
            if not re.fullmatch(r"(/[^/\s]+)+", mount) or {".", ".."} & set(mount.split("/")):
                problems.append(
                    f"Volume {name}: '{mount}' is no mount point; wanted is an absolute path"
                    " without blanks."
                )
            for service in volume.get("services") or []:
                if not re.fullmatch(r"[a-zA-Z0-9_.@:-]{1,100}", service):
                    problems.append(f"Volume {name}: '{service}' is no name of a service.")
        if rests > 1:
            problems.append(f"{title.capitalize()}: only one volume can have the rest.")
    return problems
