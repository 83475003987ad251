# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folders around machines and networks."""

from __future__ import annotations

import contextlib
import os

from ansible_collections.virtual.datacenter.plugins.module_utils._core import command
from ansible_collections.virtual.datacenter.plugins.module_utils._lab import modules, names


def make_datacenter(root: str, datacenter: str) -> None:
    os.makedirs(root, mode=0o755, exist_ok=True)
    # Machines have files of other users and set-uid programs in there: nobody else may look.
    os.makedirs(names.datacenter_directory(root, datacenter), mode=0o700, exist_ok=True)


def remove_empty(root: str, datacenter: str) -> None:
    """Remove the data center's folders that are empty now, and after the last data center what
    all shared.
    """
    for directory in (
        names.machines_directory(root, datacenter),
        names.datacenter_directory(root, datacenter),
    ):
        with contextlib.suppress(OSError):
            os.rmdir(directory)
    with contextlib.suppress(OSError):
        if set(os.listdir(root)) <= {modules.FOLDER}:
            shared = os.path.join(root, modules.FOLDER)
            command.run("rm", "--recursive", "--force", "--one-file-system", shared)
            os.rmdir(root)
