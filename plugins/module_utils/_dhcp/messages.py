# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two messages of DHCP (RFC 2131) by which servers are found: a DISCOVER, and their OFFERs."""

from __future__ import annotations

import socket
import struct
import typing as t

BROADCAST = b"\xff\xff\xff\xff"
NOBODY = bytes(4)
COOKIE = b"\x63\x82\x53\x63"
REQUEST, REPLY = 1, 2
DISCOVER, OFFER = 1, 2
PAD, MESSAGE_TYPE, SERVER, END = 0, 53, 54, 255
SERVER_PORT, CLIENT_PORT = 67, 68
UDP = 17
# What is before the options: four bytes, xid, seconds, flags, four addresses, MAC, names.
FIXED = struct.Struct("!4BIHH4s4s4s4s16s192x")
ANSWER_BY_BROADCAST = 0x8000


class Offer(t.NamedTuple):
    """A server, and the address that it offers."""

    server: str
    offered: str


def _checksum(header: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def discover(mac: bytes, xid: int) -> bytes:
    """An IPv4 packet to everybody: who lends addresses?"""
    fixed = FIXED.pack(
        REQUEST, 1, len(mac), 0, xid, 0, ANSWER_BY_BROADCAST, *[NOBODY] * 4, mac
    )  # fmt: skip
    message = fixed + COOKIE + bytes([MESSAGE_TYPE, 1, DISCOVER, END])
    # A checksum of 0 is none, which IPv4 allows.
    datagram = struct.pack("!4H", CLIENT_PORT, SERVER_PORT, 8 + len(message), 0) + message
    fields = (0x45, 0, 20 + len(datagram), 0, 0, 64, UDP)
    header = struct.pack("!BBHHHBBH4s4s", *fields, 0, NOBODY, BROADCAST)
    header = struct.pack("!BBHHHBBH4s4s", *fields, _checksum(header), NOBODY, BROADCAST)
    return header + datagram


def _options(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data) and data[at] != END:
        if data[at] == PAD:
            at += 1
            continue
        if at + 1 >= len(data):
            break
        length = data[at + 1]
        found[data[at]] = data[at + 2 : at + 2 + length]
        at += 2 + length
    return found


def offer(packet: bytes, xid: int) -> Offer | None:
    """What an IPv4 packet offers in answer to our DISCOVER; None for any other packet."""
    header = (packet[0] & 0x0F) * 4 if packet else 0
    if header < 20 or len(packet) < header + 8 or packet[9] != UDP:
        return None
    source, target = struct.unpack("!HH", packet[header : header + 4])
    message = packet[header + 8 :]
    if (source, target) != (SERVER_PORT, CLIENT_PORT) or len(message) < FIXED.size + 4:
        return None
    fields = FIXED.unpack(message[: FIXED.size])
    if (fields[0], fields[4]) != (REPLY, xid) or message[FIXED.size :][:4] != COOKIE:
        return None
    options = _options(message[FIXED.size + 4 :])
    if options.get(MESSAGE_TYPE) != bytes([OFFER]):
        return None
    server = options.get(SERVER, b"")
    if len(server) != 4:
        server = packet[12:16]
    return Offer(socket.inet_ntoa(server), socket.inet_ntoa(fields[8]))
