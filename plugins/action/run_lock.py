# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import typing as t

from ansible import context
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.virtual.datacenter.plugins.plugin_utils import run_lock

OPTIONS: dict[str, t.Any] = {
    "path": {"type": "path", "required": True},
    "name": {"type": "str", "required": True},
}


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """The action of module run_lock. Works on the controller, whatever the host is."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _spec, options = self.validate_argument_spec(OPTIONS)
        result["changed"] = False
        if self._task.check_mode:
            return result
        playbooks = [os.path.basename(name) for name in context.CLIARGS.get("args", ())]
        path = os.path.abspath(options["path"])
        try:
            # A task's process is a child of the process that lasts as long as the run.
            result["holder"] = run_lock.take(
                path, options["name"], os.getppid(), " ".join(["ansible-playbook", *playbooks])
            )
        except run_lock.RunLockError as error:
            raise AnsibleActionFail(str(error), result=error.as_result()) from error
        except OSError as error:
            raise AnsibleActionFail(
                f"The lock of the data center {options['name']} is to be a file {path}, and that "
                f"cannot be: {error.strerror}. Change datacenter_state_dir.",
                result={"error_code": "OS_ERROR"},
            ) from error
        return result
