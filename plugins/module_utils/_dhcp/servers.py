# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the DHCP servers of networks by asking as a client does."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._dhcp import messages

ETH_P_IP = 0x0800
ETHERNET_BROADCAST = b"\xff" * 6
LARGEST = 65535
# A server that looks whether the address is free answers the second time.
ASKED_TIMES = 2


def _socket(interface: str) -> socket.socket:
    # A packet socket receives answers before the firewall of the machine can drop them.
    made = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
    try:
        made.bind((interface, ETH_P_IP))
    except OSError as error:
        made.close()
        raise TaskError(
            f"The interface {interface} is wanted, found: {error.strerror}",
            hint="change interfaces",
            error_code="NOT_FOUND",
        ) from error
    return made


def find(interfaces: t.Iterable[str], seconds: float) -> dict[str, list[dict[str, str]]]:
    """The servers that answer on each interface within the time, the same each time once."""
    xid = int.from_bytes(os.urandom(4), "big")
    found: dict[str, dict[str, str]] = {name: {} for name in interfaces}
    with contextlib.ExitStack() as stack:
        sockets = {stack.enter_context(_socket(name)): name for name in found}
        for _turn in range(ASKED_TIMES):
            for one, name in sockets.items():
                mac = one.getsockname()[4]
                packet = messages.discover(mac, xid)
                with contextlib.suppress(OSError):
                    one.sendto(packet, (name, ETH_P_IP, 0, 0, ETHERNET_BROADCAST))
            end = time.monotonic() + seconds / ASKED_TIMES
            while (left := end - time.monotonic()) > 0:
                for one in select.select(list(sockets), [], [], left)[0]:
                    offer = messages.offer(one.recv(LARGEST), xid)
                    if offer:
                        found[sockets[one]][offer.server] = offer.offered
    return {
        name: [{"address": server, "offered": offered} for server, offered in sorted(there.items())]
        for name, there in found.items()
    }
