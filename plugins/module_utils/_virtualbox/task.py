# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all modules for VirtualBox share: options, the client, failures, the five steps."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.recovery import Saves

# Where role virtualbox_unpacked puts the commands, besides PATH.
USUAL_FOLDERS = [
    "/opt/virtual.datacenter/virtualbox/bin",
    "/Applications/VirtualBox.app/Contents/MacOS",
]

# How often an action that broke off in the middle is looked at again and finished.
ATTEMPTS = 3
# What a service that was interrupted gets to end its work before it is looked at again.
RECOVERY_SECONDS = 1.0


class Planned(t.Protocol):
    """What the plans of all kinds of objects have."""

    @property
    def before(self) -> t.Any: ...

    @property
    def after(self) -> t.Any: ...

    @property
    def actions(self) -> tuple[Action, ...]: ...


PlanType = t.TypeVar("PlanType", bound=Planned)


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
            module.fail_json(
                msg=f"{option} holds a zero byte, which no program takes", error_code="BAD_OPTION"
            )
    client = find_client(module)
    if client is None:
        module.fail_json(
            msg="VBoxManage was not found on PATH - install VirtualBox on this host, or name the "
            "program by the option vboxmanage_path",
            error_code="NO_VBOXMANAGE",
        )
        raise AssertionError("unreachable")
    return client


def absolute(module: AnsibleModule, option: str, path: str | None) -> str | None:
    """Relative paths mean three different places to VBoxManage, so only absolute ones pass."""
    if not path:
        return path
    if not os.path.isabs(path):
        module.fail_json(
            msg=f"{option} must be an absolute path, not '{path}'", error_code="BAD_OPTION"
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


class Outcome(t.NamedTuple):
    """What a run has found and done."""

    before: t.Any
    after: t.Any
    actions: t.Tuple[Action, ...]

    def results(self, client: Client) -> dict[str, t.Any]:
        """What every module returns, beside its object and its diff."""
        return {
            "changed": bool(self.actions),
            "actions": [action.as_result() for action in self.actions],
            "processes": client.processes,
        }


@contextlib.contextmanager
def failures(module: AnsibleModule) -> t.Iterator[None]:
    """Whatever fails inside is what the module fails with."""
    try:
        yield
    except VirtualBoxError as error:
        module.fail_json(**error.as_result())
    except OSError as error:
        module.fail_json(msg=str(error), error_code="OS_ERROR")


def converge(
    make_plan: t.Callable[[], PlanType],
    carry_out: t.Callable[[PlanType], None],
    check_mode: bool,
    pause: t.Callable[[float], None],
) -> Outcome:
    """Read and plan, apply, read and plan again until nothing is left to be done.

    A call that broke off in the middle (timeout, service killed) is not repeated blindly: the state
    is read and planned anew, and that plan is carried out. After an interrupted run also a refusal
    is worth another look: VBoxSVC may still have been at work on the object.
    """
    first = plan = make_plan()
    done: list[Action] = []
    for attempt in range(ATTEMPTS):
        if check_mode or not plan.actions:
            break
        done += plan.actions
        try:
            carry_out(plan)
        except VirtualBoxError as error:
            recovering = any(action.kind == "clean" for action in plan.actions)
            if attempt == ATTEMPTS - 1 or not (error.outcome_unknown or recovering):
                raise
            pause(RECOVERY_SECONDS)
        plan = make_plan()
    if check_mode:
        return Outcome(first.before, first.after, first.actions)
    if plan.actions:
        open_ends = "; ".join(action.text for action in plan.actions)
        raise VirtualBoxError(
            f"VBoxManage reported success, but this is still to be done: {open_ends}",
            hint="another program may be changing the same object",
            error_code="NOT_CONVERGED",
        )
    return Outcome(first.before, first.after, tuple(done))
