# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

OPTIONS: dict[str, t.Any] = {"text": {"type": "str", "required": True}}


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no types
    """The action of module screen_text. Works on the controller, whatever the host is."""

    TRANSFERS_FILES = False
    BYPASS_HOST_LOOP = True
    _requires_connection = False
    _supports_check_mode = True

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        options = self._task.args
        if set(options) != set(OPTIONS) or not isinstance(options["text"], str):
            raise AnsibleActionFail(
                f"Wanted is text, and nothing else, found {', '.join(options) or 'no option'}. "
                "Give the option text.",
                result={"error_code": "NO_TEXT"},
            )
        text = options["text"].strip("\n")
        Display().display(f"\n{text}\n\n")
        result["changed"] = False
        return result
