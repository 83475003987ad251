# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishes ports of the gateway on the loopback of this host, as a NAT port forward does.

This file is a program of its own, in the standard library only: the module lab_network writes it
beside its
pid file and starts it. Usage: forwarder.py NAMESPACE_PATH LISTEN_PORT:ADDRESS:PORT...

Listening sockets belong to this host's network, outgoing ones are made inside the named network
namespace.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import sys

CLONE_NEWNET = 0x40000000
CHUNK = 1 << 16
CONNECT_SECONDS = 10


def enter(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def socket_inside(namespace: str, home: int) -> socket.socket:
    """A TCP socket of the namespace; looked up by path each time, so that a new namespace of
    that name is found.
    """
    inside = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter(inside)
        try:
            return socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        finally:
            enter(home)
    finally:
        os.close(inside)


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction; the end of the input is passed on, the other direction stays open."""
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def serve(
    namespace: str,
    home: int,
    address: str,
    port: int,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    far_writer = None
    try:
        far = socket_inside(namespace, home)
        try:
            far.setblocking(False)
            await asyncio.wait_for(
                asyncio.get_running_loop().sock_connect(far, (address, port)), CONNECT_SECONDS
            )
            for end in (far, writer.get_extra_info("socket")):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            far_reader, far_writer = await asyncio.open_connection(sock=far)
        except BaseException:
            far.close()
            raise
        tasks = [
            asyncio.ensure_future(pump(reader, far_writer)),
            asyncio.ensure_future(pump(far_reader, writer)),
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
    except (OSError, asyncio.TimeoutError):
        # Nobody answers inside: the caller sees its connection closed, which is what a NAT engine
        # does.
        pass
    finally:
        for end in (writer, far_writer):
            if end is not None:
                end.close()


async def run(namespace: str, forwards: list[tuple[int, str, int]]) -> None:
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # asyncio itself holds its tasks weakly: a half-closed connection would be collected as garbage.
    running: set[asyncio.Future[None]] = set()
    servers = []
    for listen, address, port in forwards:

        def accept(
            reader: asyncio.StreamReader,
            writer: asyncio.StreamWriter,
            address: str = address,
            port: int = port,
        ) -> None:
            task = asyncio.ensure_future(serve(namespace, home, address, port, reader, writer))
            running.add(task)
            task.add_done_callback(running.discard)

        servers.append(await asyncio.start_server(accept, "127.0.0.1", listen, backlog=512))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await stop.wait()
    for server in servers:
        server.close()


def main(arguments: list[str]) -> None:
    forwards = []
    for text in arguments[1:]:
        listen, address, port = text.split(":")
        forwards.append((int(listen), address, int(port)))
    asyncio.run(run(arguments[0], forwards))


if __name__ == "__main__":
    main(sys.argv[1:])
