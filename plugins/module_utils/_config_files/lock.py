# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of two runs of root on one machine, the second reads what the first has left."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._config_files import pending
from ansible_collections.virtual.datacenter.plugins.module_utils._core import files
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError


@contextlib.contextmanager
def alone(seconds: float) -> t.Iterator[None]:
    """Let no other run read or write until this one has ended, or raise when the time is over."""
    if os.geteuid() != 0:
        # Who is not root brings no service into use, and has no folder that is safe from others.
        yield
        return
    folder = os.path.dirname(pending.FOLDER)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    handle = os.open(os.path.join(folder, "config_files.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not files.lock(handle, seconds):
            raise TaskError(
                "Nothing was changed: one run at a time may change the configuration of this"
                f" machine, and {files.holder(handle)} did not end within {seconds:g} s (option"
                " timeout_seconds). Wait until it has ended, and run this again.",
                error_code="BUSY",
            )
        yield
    finally:
        os.close(handle)
