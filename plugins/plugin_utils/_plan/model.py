# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a data center: the shape of what every layer uses.

A filter hands it to Ansible as plain data (`Plan.as_dict`), and a view takes it back
(`Plan.from_dict`). Addresses, networks and MACs are text; sizes are in MB.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Nic:
    """A network card. `kind` is nat (the uplink) or internal (a leg in a segment)."""

    number: int
    name: str
    kind: str
    segment: str | None
    mac: str
    address: str | None
    prefix: int | None


@dataclass(frozen=True)
class Machine:
    """A machine. A gateway has a leg in every segment, and so no segment of its own."""

    name: str
    fqdn: str
    role: str | None
    cpus: int
    memory_mb: int
    disks: list[dict[str, Any]]
    volume_groups: list[dict[str, Any]]
    host: str
    segment: str | None
    address: str | None
    prefix: int | None
    router: str | None
    nics: list[Nic]


@dataclass(frozen=True)
class Segment:
    """A network of its own with its subnet, router, DHCP pool and the segments that it reaches."""

    name: str
    subnet: str
    prefix: int
    router: str
    dhcp_start: str | None
    dhcp_end: str | None
    reaches: list[str]
    dhcp_options: list[dict[str, str]]


@dataclass(frozen=True)
class FloatingIp:
    """An address that one load balancer holds at a time; `prefer` names the one to begin on."""

    name: str
    fqdn: str
    address: str
    prefix: int
    segment: str
    prefer: str | None = None


@dataclass(frozen=True)
class Plan:
    """Everything that follows from the inventory. `gateways` are the names of one or two machines,
    `gateway` is the first, `jump` the ProxyCommand to the loopback ports of their host, empty if
    that is the controller.

    Frontends are those of the role ha_lb, records those of dnsmasq_gateway. A published port is
    one of the host that leads to an address behind the gateway, an open port one of machines that
    their firewalls let in.
    """

    name: str
    domain: str
    gateway: str | None
    gateways: list[str]
    floating_ips: dict[str, FloatingIp]
    segments: dict[str, Segment]
    machines: dict[str, Machine]
    frontends: list[dict[str, Any]]
    records: list[dict[str, Any]]
    published_ports: list[dict[str, Any]]
    open_ports: list[dict[str, Any]]
    jump: str = ""

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Plan:
        return Plan(
            name=data["name"],
            domain=data["domain"],
            gateway=data["gateway"],
            gateways=data["gateways"],
            floating_ips={name: FloatingIp(**item) for name, item in data["floating_ips"].items()},
            segments={name: Segment(**item) for name, item in data["segments"].items()},
            machines={
                name: Machine(**{**item, "nics": [Nic(**nic) for nic in item["nics"]]})
                for name, item in data["machines"].items()
            },
            frontends=data["frontends"],
            records=data["records"],
            published_ports=data["published_ports"],
            open_ports=data["open_ports"],
            jump=data["jump"],
        )

    def of_role(self, role: str | None) -> list[Machine]:
        """The machines of a role, in the order of the inventory; all of them without a role."""
        if role is not None and not isinstance(role, str):
            raise TypeError(f"wanted the role of machines, such as worker, found {role!r}")
        return [item for item in self.machines.values() if role is None or item.role == role]
