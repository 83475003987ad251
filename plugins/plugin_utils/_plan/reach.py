# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a segment reaches: another one as a whole, or some of its ports."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

WRITTEN = re.compile(
    r"(?P<segment>[A-Za-z][A-Za-z0-9-]{0,11})"
    r"(:(?P<first>[0-9]{1,5})(-(?P<last>[0-9]{1,5}))?(/(?P<protocol>tcp|udp))?)?\Z"
)
EXAMPLE = "control, control:6443, worker:30000-32767 or worker:8472/udp"


class Reach(NamedTuple):
    """A segment, and the ports of one protocol; without a protocol everything."""

    segment: str
    protocol: str = ""
    first: int = 0
    last: int = 0

    def covers(self, segment: str, protocol: str, port: int) -> bool:
        if segment != self.segment:
            return False
        return not self.protocol or (protocol == self.protocol and self.first <= port <= self.last)


def read(text: str) -> Reach | None:
    """What an entry of `reaches` means; None if it means nothing."""
    match = WRITTEN.match(text)
    if match is None:
        return None
    if match["first"] is None:
        return Reach(match["segment"])
    first = int(match["first"])
    last = int(match["last"] or first)
    if not 1 <= first <= last <= 65535:
        return None
    return Reach(match["segment"], match["protocol"] or "tcp", first, last)


def covered(reaches: Iterable[str], segment: str, protocol: str, port: int) -> bool:
    """Whether a port of a segment is reached."""
    found = filter(None, map(read, reaches))
    return any(reach.covers(segment, protocol, port) for reach in found)


def merged(ranges: Iterable[tuple[int, int]]) -> list[str]:
    """Ranges of ports as text, in order, those that touch as one."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return [str(first) if first == last else f"{first}-{last}" for first, last in found]


def flows(segments: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The flows between interfaces of a gateway: all of a pair, or its ports of a protocol."""
    known = list(segments)
    interfaces = {segment["name"]: segment["interface"] for segment in known}
    found: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
    for segment in known:
        for text in segment.get("reaches") or []:
            reach = read(str(text))
            if reach is None or reach.segment not in interfaces:
                raise ValueError(
                    f"wanted: segments that the gateway has ({', '.join(interfaces)}), each as a"
                    f" whole or with ports, such as {EXAMPLE}; found: {text}"
                )
            key = (segment["interface"], interfaces[reach.segment], reach.protocol)
            ports = found.setdefault(key, [])
            if reach.protocol:
                ports.append((reach.first, reach.last))
    return [
        {"from": source, "to": target, "protocol": protocol, "ports": merged(ports)}
        for (source, target, protocol), ports in found.items()
    ]
