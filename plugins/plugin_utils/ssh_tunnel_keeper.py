# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listens on a free loopback port until a run's process is gone. Each connection gets a command of
its own, which talks to it by standard input and output.

A process of its own, started by ssh_tunnel.py: a task's process ends with its task. It needs
nothing but the standard library. Arguments: the run's process, that process's descriptor or -1
where the system has none, and the command.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys

POLL_MS = 500


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def start(listener: socket.socket, command: list[str]) -> subprocess.Popen[bytes] | None:
    """The command for who connects next; nothing if they or the program are not there."""
    with contextlib.suppress(OSError):
        client, _address = listener.accept()
        with client:
            client.setblocking(True)
            return subprocess.Popen(
                command,
                stdin=client.fileno(),
                stdout=client.fileno(),
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
    return None


def serve(listener: socket.socket, pid: int, descriptor: int, command: list[str]) -> None:
    """Serve until the process has ended."""
    listener.setblocking(False)
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    if descriptor >= 0:
        poll.register(descriptor, select.POLLIN)
    running: list[subprocess.Popen[bytes]] = []
    while True:
        ready = {found for found, _event in poll.poll(POLL_MS)}
        if descriptor in ready or (descriptor < 0 and not alive(pid)):
            break
        if listener.fileno() in ready:
            started = start(listener, command)
            running += [started] if started else []
        running = [process for process in running if process.poll() is None]
    for process in running:
        # The command may be a shell that has started ssh: both are in the process group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)


def main(argv: list[str]) -> None:
    """Entry point."""
    pid, descriptor, command = int(argv[1]), int(argv[2]), argv[3:]
    os.chdir("/")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        os.write(1, str(listener.getsockname()[1]).encode())
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        serve(listener, pid, descriptor, command)


if __name__ == "__main__":
    main(sys.argv)
