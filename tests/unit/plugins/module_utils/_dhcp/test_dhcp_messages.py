# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages of DHCP; that real servers answer them is tested by the scenario dnsmasq_gateway."""

from __future__ import annotations

import struct

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._dhcp import messages
from hypothesis import given
from hypothesis import strategies as st

XID = 0x01020304
MAC = bytes.fromhex("02005e000001")


def answer(
    xid: int = XID, kind: int = messages.OFFER, port: int = 67, server: bytes = bytes([10, 0, 0, 9])
) -> bytes:
    """An OFFER of 10.0.0.77 as a server sends it."""
    addresses = [messages.NOBODY, bytes([10, 0, 0, 77]), *[messages.NOBODY] * 2]
    fixed = messages.FIXED.pack(messages.REPLY, 1, 6, 0, xid, 0, 0x8000, *addresses, MAC)
    named = bytes([messages.SERVER, len(server)]) + server if server else b""
    options = bytes([0, 51, 4, 0, 0, 14, 16, messages.MESSAGE_TYPE, 1, kind]) + named + b"\xff"
    message = fixed + messages.COOKIE + options
    datagram = struct.pack("!4H", port, 68, 8 + len(message), 0) + message
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(datagram), 0, 0, 64, 17, 0)
    return head + bytes([10, 0, 0, 8]) + messages.BROADCAST + datagram


def test_the_question_is_a_packet_to_everybody() -> None:
    packet = messages.discover(MAC, XID)
    assert len(packet) == struct.unpack("!H", packet[2:4])[0]
    words = struct.unpack("!10H", packet[:20])
    assert (sum(words) & 0xFFFF) + (sum(words) >> 16) == 0xFFFF
    assert (packet[12:16], packet[16:20]) == (messages.NOBODY, messages.BROADCAST)
    assert struct.unpack("!HH", packet[20:24]) == (68, 67)
    assert packet[28:29] == b"\x01"
    assert MAC in packet
    assert packet.endswith(messages.COOKIE + bytes([53, 1, 1, 255]))


def test_an_offer_names_the_server_and_the_address() -> None:
    assert messages.offer(answer(), XID) == ("10.0.0.9", "10.0.0.77")
    assert messages.offer(answer(server=b""), XID) == ("10.0.0.8", "10.0.0.77")


@pytest.mark.parametrize(
    "packet",
    [answer(xid=7), answer(kind=5), answer(port=53), answer()[:200], messages.discover(MAC, XID)],
    ids=["another's", "an acknowledgement", "another service", "cut off", "the question"],
)
def test_what_is_no_offer_for_us_is_passed_over(packet: bytes) -> None:
    assert messages.offer(packet, XID) is None


@given(st.binary(max_size=400), st.integers(0, 600))
def test_no_packet_is_an_accident(junk: bytes, place: int) -> None:
    whole = answer()
    messages.offer(junk, XID)
    messages.offer(whole[: place % len(whole)] + junk, XID)
