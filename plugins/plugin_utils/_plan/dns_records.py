# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names that the gateway answers besides those of machines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.model import (
    FloatingIp,
    Machine,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import (
    Problems,
    shown,
)

RECORDS = "datacenter_dns_records"
_LABELS = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*"
# What each type of record is called, and what it says.
NAMES = {
    "A": (re.compile(rf"(\*\.)?{_LABELS}\Z"), "www, www.shop or *.apps"),
    "CNAME": (re.compile(rf"{_LABELS}\Z"), "www or www.shop"),
    "TXT": (re.compile(rf"{_LABELS}\Z"), "www or _acme-challenge.www"),
    "SRV": (re.compile(rf"_[a-z0-9-]+\._(tcp|udp)(\.{_LABELS})?\Z"), "_http._tcp"),
}
TARGET = re.compile(rf"{_LABELS}\.?\Z")
# Quotes and backslashes end a string of dnsmasq.
TEXT = re.compile(r'[^"\\]{1,255}\Z')


def _value(record: dict[str, Any], known: set[str], where: str, problems: Problems) -> bool:
    kind, value = record["type"], record["value"]
    if kind == "A":
        return problems.address(value, f"value of {where}") is not None
    if kind == "TXT" and not TEXT.match(value):
        problems.add(
            f"The text of {where} has 1 to 255 characters and no quotes and backslashes",
            f"found {shown(value)}",
            f"value of {where}",
        )
        return False
    if kind == "CNAME" and value not in known:
        problems.add(
            f"{where} is another name for a machine, a floating IP or an A record",
            f"{shown(value)} is none of {', '.join(sorted(known))}",
            f"value of {where}",
        )
        return False
    if kind == "SRV" and not TARGET.match(value):
        problems.add(
            f"{where} leads to a name, with a dot at its end if it is of another domain",
            f"found {shown(value)}",
            f"value of {where}",
        )
        return False
    return True


def _numbers(record: dict[str, Any], where: str, problems: Problems) -> None:
    kind = record["type"]
    if kind == "SRV" and record.get("port") is None:
        problems.add(f"{where} has the port of its service", "none is given", f"port of {where}")
    for key in ("port", "priority", "weight"):
        value = record.get(key)
        if value is None:
            continue
        if kind != "SRV":
            problems.add(
                f"Only SRV records have a {key}", f"{where} is {kind}", f"{key} of {where}"
            )
        elif not (1 if key == "port" else 0) <= value <= 65535:
            problems.add(
                f"The {key} of {where} is a number up to 65535",
                f"found {value}",
                f"{key} of {where}",
            )


def dns_records(
    config: dict[str, Any],
    floating: Mapping[str, FloatingIp],
    machines: Mapping[str, Machine],
    problems: Problems,
) -> list[dict[str, Any]]:
    """The records in the form of the role dnsmasq_gateway, the names of the floating IPs first."""
    found = [{"name": item.name, "type": "A", "value": item.address} for item in floating.values()]
    given = [{"type": "A", **record} for record in config.get("dns_records", [])]
    known = {*machines, *floating, *(item["name"] for item in given if item["type"] == "A")}
    owned = {**dict.fromkeys(machines, "a machine"), **dict.fromkeys(floating, "a floating IP")}
    for record in given:
        name, kind = record["name"], record["type"]
        where = f"{name} in {RECORDS}"
        pattern, example = NAMES[kind]
        if not pattern.match(name):
            problems.add(
                f"The name of a record of type {kind} lies in the domain, such as {example}",
                f"found {shown(name)}",
                f"name of {shown(name)} in {RECORDS}",
            )
            continue
        if kind in ("A", "CNAME") and name in owned:
            problems.add(
                "A name means one thing", f"{name} is {owned[name]} already", f"name of {where}"
            )
        if kind == "CNAME":
            owned[name] = "a CNAME record"
        good = _value(record, known - {name}, where, problems)
        _numbers(record, where, problems)
        if good:
            found.append(record)
    return found
