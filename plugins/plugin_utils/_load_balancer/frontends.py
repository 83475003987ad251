# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The frontends of a haproxy with every default filled in, each value of its type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean

FRONTEND: dict[str, Any] = {
    "mode": "tcp",
    "floating_ip": "",
    "bind_address": "",
    "accept_proxy": False,
    "certificate_path": "",
    "redirect_http_port": 0,
    "balance": "leastconn",
    "sticky": "",
    "sticky_minutes": 30,
    "maxconn": 0,
    "slow_start_seconds": 10,
    "cut_sessions_on_failure": False,
}
BACKEND: dict[str, Any] = {"weight": 1, "backup": False, "maxconn": 0, "send_proxy": False}
CHECK: dict[str, Any] = {
    "type": "https_get",
    "path": "/readyz",
    "expect_status": 200,
    "host": "",
    "ca_path": "",
}
# Without a check of its own a frontend asks no more than a connection.
NO_CHECK: dict[str, Any] = {**CHECK, "type": "tcp"}
TIMEOUTS = ("connect_ms", "client_seconds", "server_seconds", "tunnel_seconds")


def _filled(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    filled: dict[str, Any] = {**given}
    for key, default in defaults.items():
        value = given.get(key)
        if value is None:
            filled[key] = default
        elif isinstance(default, bool):
            filled[key] = boolean(value)
        else:
            filled[key] = type(default)(value)
    return filled


def frontends(
    given: Iterable[Mapping[str, Any]], floating_ips: Iterable[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """Each frontend as the template takes it; one that names a floating IP binds its address."""
    addresses = {str(item["name"]): str(item["address"]) for item in floating_ips}
    found = []
    for one in given:
        item = _filled(one, FRONTEND)
        item["bind_port"] = int(item["bind_port"])
        item["bind_address"] = addresses.get(item["floating_ip"], item["bind_address"])
        check = item.get("check")
        item["check"] = NO_CHECK if check is None else _filled(check, CHECK)
        timeouts = item.get("timeouts") or {}
        item["timeouts"] = {key: int(timeouts[key]) for key in TIMEOUTS if timeouts.get(key)}
        item["backends"] = [
            {**_filled(server, BACKEND), "port": int(server["port"])} for server in item["backends"]
        ]
        found.append(item)
    return found
