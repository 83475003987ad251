# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The base of a run of every module for VirtualBox: its common options and the client."""

from __future__ import annotations

import ipaddress
import os
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import (
    USUAL_FOLDERS,
    Client,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.recovery import Saves


def argument_spec(**options: dict[str, t.Any]) -> dict[str, dict[str, t.Any]]:
    """The options of a module with those that all modules have."""
    common: dict[str, dict[str, t.Any]] = {
        "vboxmanage_path": {"type": "path"},
        "timeout": {"type": "int", "default": 120},
    }
    return {**options, **common}


def find_client(module: AnsibleModule) -> Client | None:
    """The client for the VBoxManage that the task names, or the one on PATH, if there is one."""
    path = module.params["vboxmanage_path"]
    if path is None:
        path = module.get_bin_path("VBoxManage", required=False, opt_dirs=USUAL_FOLDERS)
    if not path or not os.access(path, os.X_OK):
        return None
    return Client(path, timeout=module.params["timeout"], saves=Saves(module.warn))


def zero_bytes(value: t.Any) -> bool:
    """Whether a text in an option has a zero byte, with which no program can be called."""
    if isinstance(value, dict):
        return any(zero_bytes(item) for pair in value.items() for item in pair)
    if isinstance(value, list):
        return any(zero_bytes(item) for item in value)
    return isinstance(value, str) and "\0" in value


def make_client(module: AnsibleModule) -> Client:
    """The client for the VBoxManage that the task names, or the one on PATH."""
    for option, value in module.params.items():
        if zero_bytes(value):
            raise VirtualBoxError(
                f"{option} holds a zero byte, which no program takes", error_code="BAD_OPTION"
            )
    client = find_client(module)
    if client is None:
        raise VirtualBoxError(
            "VBoxManage was not found on PATH",
            hint="install VirtualBox on this host, or name the program by the option "
            "vboxmanage_path",
            error_code="NO_VBOXMANAGE",
        )
    return client


def absolute(module: AnsibleModule, option: str, path: str | None) -> str | None:
    """Relative paths mean three different places to VBoxManage, so only absolute ones pass."""
    if not path:
        return path
    if not os.path.isabs(path):
        raise VirtualBoxError(
            f"{option} must be an absolute path, not '{path}'", error_code="BAD_OPTION"
        )
    return os.path.normpath(path)


def groups(names: t.Sequence[str] | None) -> tuple[str, ...] | None:
    """The groups of a VM as VirtualBox keeps them; one in no group is in the root."""
    for name in names or ():
        if not name.startswith("/") or "," in name:
            raise VirtualBoxError(
                f"the group '{name}' must begin with a slash and have no comma",
                error_code="BAD_OPTION",
            )
        parts = name[1:].split("/")
        if name != "/" and {"", ".", ".."} & set(parts):
            raise VirtualBoxError(
                f"the group '{name}' has a part that VirtualBox does not take: nothing, . or ..",
                error_code="BAD_OPTION",
            )
    return None if names is None else tuple(names) or ("/",)


def address(text: str | None) -> str | None:
    """An IP address as it is usually written; an empty one stays."""
    if not text:
        return text
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise VirtualBoxError(f"'{text}' is no IP address", error_code="BAD_OPTION") from error


class Task(change.Task):
    """One run of a module for VirtualBox."""

    def __init__(self, client: Client) -> None:
        self.client = client


TaskType = t.TypeVar("TaskType", bound=Task)


def run_module(
    module: AnsibleModule,
    make_task: t.Callable[[Client], TaskType],
    result: t.Callable[[TaskType, change.Outcome], change.Result],
) -> None:
    """The main of every module that changes something in VirtualBox."""

    def told(task: TaskType, outcome: change.Outcome) -> change.Result:
        return {"processes": task.client.processes, **result(task, outcome)}

    change.run_module(module, lambda: make_task(make_client(module)), told)
