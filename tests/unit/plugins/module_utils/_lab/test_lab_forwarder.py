# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The port forwarder as the process that it is, in this host's own network namespace."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._lab import forwarder, services

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="changing the namespace needs root")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answer(connection: socket.socket) -> None:
    """Everything up to the end of the input, backwards."""
    with connection:
        received = b""
        while part := connection.recv(65536):
            received += part
        connection.sendall(received[::-1])


def serve(server: socket.socket) -> None:
    while True:
        try:
            connection, _address = server.accept()
        except OSError:
            return
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    server = socket.create_server(("127.0.0.1", 0), backlog=128)
    threading.Thread(target=serve, args=(server,), daemon=True).start()
    program = tmp_path / "forwarder.py"
    program.write_text(services.source_of_forwarder(), encoding="utf-8")
    listen, dead = free_port(), free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            "-I",
            str(program),
            "/proc/self/ns/net",
            f"{listen}:127.0.0.1:{server.getsockname()[1]}",
            f"{dead}:127.0.0.1:1",
        ],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    yield listen
    assert process.poll() is None
    process.terminate()
    assert process.wait(10) == 0
    process.stdout.close()
    server.close()


def exchange(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def test_data_passes_both_ways_after_one_side_closed(port: int) -> None:
    data = os.urandom(3_000_000)
    assert exchange(port, data) == data[::-1]


def test_many_connections_at_once(port: int) -> None:
    results: list[bool] = []

    def worker(number: int) -> None:
        data = str(number).encode() * 1000
        results.append(exchange(port, data) == data[::-1])

    threads = [threading.Thread(target=worker, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 100


def test_a_rude_client_harms_nobody(port: int) -> None:
    for _ in range(20):
        connection = socket.create_connection(("127.0.0.1", port), 10)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.sendall(b"x" * 100_000)
        connection.close()
    assert exchange(port, b"abc") == b"cba"


def test_the_source_is_found() -> None:
    assert "def main(" in services.source_of_forwarder()
    assert forwarder.CLONE_NEWNET == 0x40000000
