# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for what only the guest can bring about."""

from __future__ import annotations

import contextlib
import re
import socket
import typing as t
from dataclasses import dataclass

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    listings,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    model,
    read,
)

POLL_SECONDS = 0.5
# One try to reach a port; a guest that is still starting swallows the packets.
CONNECT_SECONDS = 3.0


@dataclass(frozen=True)
class Wait:
    """All that is waited for, in this order."""

    state: str | None = None
    guest_property: str | None = None
    guest_property_pattern: str = ""
    host: str = "127.0.0.1"
    port: int | None = None
    # What the first bytes from the port must look like; SSH servers speak first.
    banner_pattern: str = "^SSH-"
    timeout_seconds: float = 300.0


def banner(host: str, port: int) -> str | None:
    """The first bytes that a server sends; None if there is no connection."""
    try:
        with socket.create_connection((host, port), timeout=CONNECT_SECONDS) as link:
            with contextlib.suppress(OSError):
                return link.recv(256).decode("utf-8", "replace")
            return ""
    except OSError:
        return None


def conditions(
    client: Client, vm: model.Vm, wait: Wait, ask: t.Callable[[str, int], str | None] = banner
) -> t.Iterator[tuple[str, t.Callable[[], bool]]]:
    """What to wait for, in words, and the question whether it is there."""
    if wait.state is not None:
        yield (
            f"the state {wait.state}",
            lambda: model.power(read.read_state(client, vm.uuid)) == wait.state,
        )
    if wait.guest_property is not None:
        name, pattern = wait.guest_property, wait.guest_property_pattern

        def told() -> bool:
            value = listings.guest_property(client.read("guestproperty", "get", vm.uuid, name))
            return value is not None and re.search(pattern, value) is not None

        yield f"the guest property '{name}' matching '{pattern}'", told
    if wait.port is not None:
        host, port = wait.host, wait.port

        def answers() -> bool:
            text = ask(host, port)
            return text is not None and re.search(wait.banner_pattern, text) is not None

        yield f"an answer matching '{wait.banner_pattern}' from {host}:{port}", answers


def wait_for(
    client: Client, vm: model.Vm, wait: Wait, ask: t.Callable[[str, int], str | None] = banner
) -> None:
    """Return when everything is there; an error says what is not."""
    end = client.clock() + wait.timeout_seconds
    for words, there in conditions(client, vm, wait, ask):
        if not client.wait_until(there, end - client.clock(), POLL_SECONDS):
            state = model.power(read.read_state(client, vm.uuid))
            raise VirtualBoxError(
                f"waited {wait.timeout_seconds:g} s for {words} of VM '{vm.name}', "
                f"which is {state}",
                hint="look at its console, or raise wait.timeout_seconds",
                error_code="TIMEOUT",
            )
