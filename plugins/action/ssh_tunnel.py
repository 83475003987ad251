# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.virtual.datacenter.plugins.plugin_utils import ssh_tunnel

OPTIONS: dict[str, t.Any] = {
    "config": {"type": "path", "required": True},
    "machine": {"type": "str", "required": True},
    "second_machine": {"type": "str", "default": ""},
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
}


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """The action of module ssh_tunnel. Works on the controller, whatever the host is."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _spec, options = self.validate_argument_spec(OPTIONS)
        target = f"{options['address']}:{options['port']}"
        machines = list(filter(None, [options["machine"], options["second_machine"]]))
        command = ssh_tunnel.way(os.path.abspath(options["config"]), target, machines)
        try:
            # A task's process is a child of the process that lasts as long as the run.
            port = ssh_tunnel.open_port(os.getppid(), command)
        except ssh_tunnel.SshTunnelError as error:
            raise AnsibleActionFail(str(error), result=error.as_result()) from error
        return {**result, "changed": False, "local_port": port}
