# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Joins the client to a module: argv lists only, stable locale, secrets over stdin."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import time_limit
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import errors
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.client import (
    Answer,
    Client,
)

# Far more than a cluster needs to take a change over; one without quorum never does.
SECONDS = 120
LOOK_AT = "crm_mon -1 and the journal of pacemaker"


def client_of(module: AnsibleModule) -> Client:
    def run(argv: t.Sequence[str], data: str | None = None) -> Answer:
        path = module.get_bin_path(argv[0], opt_dirs=["/usr/sbin", "/sbin"])
        if path is None:
            raise FileNotFoundError(f"no {argv[0]}")

        def call(command: list[str]) -> time_limit.Answer:
            return module.run_command(  # type: ignore[no-any-return]
                command,
                data=data,
                binary_data=True,
                environ_update={"LC_ALL": "C", "LANGUAGE": "C"},
                expand_user_and_vars=False,
            )

        try:
            return Answer(*time_limit.run(call, [path, *argv[1:]], SECONDS, LOOK_AT))
        except time_limit.ExpiredError as error:
            raise errors.TimeLimitError(str(error), argv) from error

    return Client(run, module.tmpdir)
