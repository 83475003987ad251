# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port of a tunnel lives as long as its run. `cat` stands for what ssh would bring back: the
end-to-end tests go by SSH.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.virtual.datacenter.plugins.plugin_utils import ssh_tunnel


@pytest.fixture
def run() -> Iterator[subprocess.Popen[bytes]]:
    """A process that stands for ansible-playbook: the tunnel only looks at its life."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


Run = subprocess.Popen[bytes]


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def echo(connection: socket.socket, text: bytes) -> bytes:
    connection.sendall(text)
    return connection.recv(100)


def is_gone(port: int, seconds: float = 20) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            connect(port).close()
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_each_connection_has_a_command_of_its_own(run: Run) -> None:
    port = ssh_tunnel.open_port(run.pid, ["sh", "-c", "echo $$; cat"])
    with connect(port) as one, connect(port) as two:
        assert one.recv(100) != two.recv(100)
        assert (echo(two, b"second"), echo(one, b"first")) == (b"second", b"first")
        two.shutdown(socket.SHUT_WR)
        assert two.recv(100) == b""
        assert echo(one, b"again") == b"again"


def test_a_run_that_is_killed_leaves_no_port_and_no_connection(run: Run) -> None:
    port = ssh_tunnel.open_port(run.pid, ["cat"])
    with connect(port) as connection:
        assert echo(connection, b"there") == b"there"
        run.kill()
        run.wait()
        assert connection.recv(100) == b""
    assert is_gone(port)


def test_it_is_the_same_where_a_system_has_no_descriptors_of_processes(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    port = ssh_tunnel.open_port(run.pid, ["cat"])
    with connect(port) as connection:
        assert echo(connection, b"there") == b"there"
    run.kill()
    run.wait()
    assert is_gone(port)


def test_a_command_that_ends_closes_its_connection_only(run: Run) -> None:
    port = ssh_tunnel.open_port(run.pid, ["sh", "-c", "read line; echo $line"])
    for text in (b"one\n", b"two\n"):
        with connect(port) as connection:
            assert echo(connection, text) == text
            assert connection.recv(100) == b""


def test_a_program_that_is_not_there_ends_the_connection_and_not_the_port(run: Run) -> None:
    port = ssh_tunnel.open_port(run.pid, ["/nowhere/ssh"])
    for _attempt in range(2):
        with connect(port) as connection:
            assert connection.recv(100) == b""


def test_the_way_through_one_machine_is_ssh_itself() -> None:
    assert ssh_tunnel.way("/srv/ssh/config", "10.70.1.10:6443", ["gate01"]) == [
        *("ssh", "-F", "/srv/ssh/config", "-o", "BatchMode=yes"),
        *("-W", "10.70.1.10:6443", "--", "gate01"),
    ]


@pytest.mark.parametrize(("dead", "through"), [("", "gate01"), ("gate01", "gate02")])
def test_each_connection_takes_the_first_machine_that_leads_there(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dead: str, through: str
) -> None:
    pretend = tmp_path / "ssh"
    pretend.write_text(
        f'#!/bin/sh\nfor name; do :; done\n[ "$name" != "{dead}" ] || exit 255\n'
        'echo "$name of $2"\nexec cat\n',
        encoding="utf-8",
    )
    pretend.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    command = ssh_tunnel.way("/srv/a b;c/config", "10.70.1.10:6443", ["gate01", "gate02"])
    port = ssh_tunnel.open_port(run.pid, command)
    with connect(port) as connection:
        assert connection.recv(100) == f"{through} of /srv/a b;c/config\n".encode()
        assert echo(connection, b"there") == b"there"
        run.kill()
        run.wait()
        # Not the shell alone: what it has started ends too.
        assert connection.recv(100) == b""
    assert is_gone(port)
