# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the actual to the desired state: actions of a plan, the loop that applies them, a result.

Every module that changes something goes through run_module, so that all their results look alike.
"""

from __future__ import annotations

import contextlib
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError

if t.TYPE_CHECKING:
    # For types only: action plugins import this file too, on a controller that runs no module.
    from ansible.module_utils.basic import AnsibleModule

# How often an action that broke off in the middle is looked at again and finished.
ATTEMPTS = 3
# What a service that was interrupted gets to end its work before it is looked at again.
RECOVERY_SECONDS = 1.0

Result = t.Dict[str, t.Any]


@dataclass(frozen=True)
class Action:
    """One step of a plan; `argv` is the command that does it, if it is one."""

    kind: str
    text: str
    argv: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text

    def as_result(self) -> Result:
        return {"action": self.kind, "text": self.text, "command": list(self.argv)}


class Plan(t.Protocol):
    """What the plans of all kinds of objects have."""

    @property
    def before(self) -> t.Any: ...

    @property
    def after(self) -> t.Any: ...

    @property
    def actions(self) -> t.Sequence[Action]: ...


class Outcome(t.NamedTuple):
    """What a run has found and done, or in check mode what it would do."""

    before: t.Any
    after: t.Any
    actions: t.Tuple[Action, ...]
    check_mode: bool = False

    def now(self, actual: t.Any) -> t.Any:
        """The object as it is now; in check mode as it would be."""
        return self.after if self.check_mode else actual

    def as_result(self) -> Result:
        return {
            "changed": bool(self.actions),
            "actions": [action.as_result() for action in self.actions],
        }


class Task:
    """One run of a module on one object."""

    def plan(self) -> t.Any:
        """Read the actual state and plan from it."""
        raise NotImplementedError

    def carry_out(self, plan: t.Any) -> None:
        """Apply a plan."""
        raise NotImplementedError

    def settle(self) -> None:
        """What comes when nothing is left to be done; not in check mode."""

    def close(self) -> None:
        """What comes at the end, also after a failure."""


TaskType = t.TypeVar("TaskType", bound=Task)
PlanType = t.TypeVar("PlanType", bound=Plan)


def converge(
    make_plan: t.Callable[[], PlanType],
    carry_out: t.Callable[[PlanType], None],
    check_mode: bool,
    pause: t.Callable[[float], object] = time.sleep,
) -> Outcome:
    """Read and plan, apply, read and plan again until nothing is left to be done.

    A call that broke off in the middle (timeout, service killed) is not repeated blindly: the state
    is read and planned anew, and that plan is carried out. After an interrupted run also a refusal
    is worth another look: the service may still have been at work on the object.
    """
    first = plan = make_plan()
    done: list[Action] = []
    for attempt in range(ATTEMPTS):
        if check_mode or not plan.actions:
            break
        done += plan.actions
        try:
            carry_out(plan)
        except TaskError as error:
            recovering = any(action.kind == "clean" for action in plan.actions)
            if attempt == ATTEMPTS - 1 or not (error.outcome_unknown or recovering):
                raise
            pause(RECOVERY_SECONDS)
        plan = make_plan()
    if check_mode:
        return Outcome(first.before, first.after, tuple(first.actions), check_mode)
    if plan.actions:
        open_ends = "; ".join(action.text for action in plan.actions)
        raise TaskError(
            f"every step reported success, but this is still to be done: {open_ends}",
            hint="another program may be changing the same object",
            error_code="NOT_CONVERGED",
        )
    return Outcome(first.before, first.after, tuple(done))


def run(
    task: TaskType, result: t.Callable[[TaskType, Outcome], Result], check_mode: bool
) -> Result:
    """Do a task; the arguments of exit_json, with `result` for what only this module returns."""
    try:
        outcome = converge(task.plan, task.carry_out, check_mode)
        if not check_mode:
            task.settle()
        return {**outcome.as_result(), **result(task, outcome)}
    finally:
        task.close()


@contextlib.contextmanager
def failures(module: AnsibleModule, **more: t.Any) -> t.Iterator[None]:
    """Whatever fails inside is what the module fails with."""
    try:
        yield
    except TaskError as error:
        module.fail_json(**{**error.as_result(), **more})
    except OSError as error:
        module.fail_json(msg=str(error), error_code="OS_ERROR", **more)


def run_module(
    module: AnsibleModule,
    make_task: t.Callable[[], TaskType],
    result: t.Callable[[TaskType, Outcome], Result],
) -> None:
    """The main of every module that changes something; a key `warnings` is told to the user."""
    with failures(module):
        found = run(make_task(), result, module.check_mode)
    for warning in found.pop("warnings", ()):
        module.warn(warning)
    module.exit_json(**found)
