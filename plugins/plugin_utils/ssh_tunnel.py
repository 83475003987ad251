# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A loopback port of the controller that leads elsewhere for as long as a run's process lives."""

from __future__ import annotations

import os
import subprocess
import sys

from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.plugin_utils import ssh_tunnel_keeper as keeper

# Its arguments are two machines, and the command that ends in the name of one.
EITHER = 'second=$1; shift; "$@" "$0" || exec "$@" "$second"'


class SshTunnelError(TaskError):
    """There is no way; the text is for the user."""

    default_code = "TUNNEL_FAILED"


def way(config: str, target: str, machines: list[str]) -> list[str]:
    """The command that leads to ADDRESS:PORT through the first of one or two machines that can."""
    ssh = ["ssh", "-F", config, "-o", "BatchMode=yes", "-W", target, "--"]
    if len(machines) == 1:
        return [*ssh, *machines]
    return ["/bin/sh", "-c", EITHER, *machines, *ssh]


def open_port(pid: int, command: list[str]) -> int:
    """A port whose connections go to a command each, until the process has ended."""
    process = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else -1
    words = [sys.executable, "-I", "-S", keeper.__file__, str(pid), str(process), *command]
    try:
        with subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[process] if process >= 0 else [],
            start_new_session=True,
        ) as started:
            said = started.stdout.read() if started.stdout else b""
            if not said.isdigit():
                started.wait()
                text = said.decode(errors="replace").strip()
                raise SshTunnelError(f"The process that keeps the tunnel did not start: {text}")
            # It outlives this process on purpose.
            started.returncode = 0
            return int(said)
    finally:
        if process >= 0:
            os.close(process)
