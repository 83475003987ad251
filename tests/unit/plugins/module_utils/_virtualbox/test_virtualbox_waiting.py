# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a state, a guest property, a port: in order, to the end or with a clear error."""

from __future__ import annotations

import socket
import threading

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    model,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    wait as waiting,
)

VM = model.Vm(name="vm", uuid="u1")


@pytest.fixture
def server():
    """A server that speaks first, as SSH does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            link, _peer = listener.accept()
            with link:
                link.sendall(b"SSH-2.0-x\r\n")

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]


def test_banner_of_a_server(server):
    assert waiting.banner("127.0.0.1", server) == "SSH-2.0-x\r\n"


def test_no_banner_without_a_server():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert waiting.banner("127.0.0.1", unused.getsockname()[1]) is None


def test_a_port_is_asked_until_the_right_one_answers(script):
    answers = [None, "", "220 mail", "SSH-2.0-OpenSSH"]
    asked = []

    def ask(host, port):
        asked.append((host, port))
        return answers[len(asked) - 1]

    waiting.wait_for(script.client(), VM, waiting.Wait(port=2222), ask)
    assert asked == [("127.0.0.1", 2222)] * 4


def test_the_error_says_what_was_waited_for(script, recorded):
    script.expect("showvminfo", "u1", "--machinereadable", out=recorded("showvminfo_running"))
    wait = waiting.Wait(port=2222, timeout_seconds=2)
    with pytest.raises(VirtualBoxError, match="waited 2 s for an answer") as found:
        waiting.wait_for(script.client(), VM, wait, lambda _host, _port: None)
    assert "which is running" in str(found.value)


def test_a_guest_property_with_any_text(script):
    get = ("guestproperty", "get", "u1", "/a")
    script.expect(*get, out="No value set!\n")
    script.expect(*get, out="Value: No value set!\n")
    wait = waiting.Wait(guest_property="/a", guest_property_pattern="^No value")
    waiting.wait_for(script.client(), VM, wait)
