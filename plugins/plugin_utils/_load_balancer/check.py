# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the options of the role ha_lb that go beyond their types."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._load_balancer.check_cluster import (  # noqa: E501
    check_cluster,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._load_balancer.check_files import (
    check_files,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._load_balancer.frontends import (
    frontends,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import (
    INTERFACE,
    Problems,
    shown,
)

# What may stand in a file of haproxy or in an id of Pacemaker without quotes.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")
HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}\Z")
PATH = re.compile(r"/[A-Za-z0-9._~%!&()*+,;=:@/?-]{0,1000}\Z")
# The sections of haproxy that the role makes beside the frontends.
OWN_SECTIONS = ("stats", "metrics", "ha_lb")
WIDEST_WEIGHT = 256
Bind = tuple[str, int, str]


def address(text: Any) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(str(text))
    except ValueError:
        return None


def _name(value: Any, option: str, problems: Problems) -> None:
    if not NAME.match(str(value)):
        problems.add(
            f"A name in {option} is of letters, digits, dots, dashes and underscores",
            f"found {shown(value)}",
            option,
        )


def _doubled(values: Iterable[Any], what: str, option: str, problems: Problems) -> None:
    seen: set[str] = set()
    for value in map(str, values):
        if value in seen:
            problems.add(f"Every {what} in {option} is there once", f"found {value} twice", option)
        seen.add(value)


def _port(value: int, where: str, problems: Problems) -> None:
    if not 1 <= value <= 65535:
        problems.add(f"A port is between 1 and 65535 in {where}", f"found {value}", where)


def check_floating_ips(given: Mapping[str, Any], problems: Problems) -> None:
    option = "ha_lb_floating_ips"
    nodes = {str(node["name"]): address(node["address"]) for node in given["nodes"]}
    floating = given["floating_ips"]
    if not floating:
        problems.add("There is at least one floating address", "found none", option)
    _doubled((item["name"] for item in floating), "name", option, problems)
    _doubled((item["address"] for item in floating), "address", option, problems)
    for item in floating:
        where = f"{option}, {item['name']}"
        _name(item["name"], option, problems)
        interface = str(item.get("interface") or given["interface"])
        if not INTERFACE.match(interface):
            problems.add(f"{where} has the name of an interface", f"found {interface!r}", option)
        prefer = item.get("prefer")
        if prefer and prefer not in nodes:
            problems.add(
                f"{where} prefers a node of ha_lb_nodes ({', '.join(nodes)})",
                f"found {shown(prefer)}",
                option,
            )
        floats = address(item["address"])
        if floats is None:
            problems.add(f"{where} has an IP address", f"found {shown(item['address'])}", option)
            continue
        _prefix(floats, int(item["prefix"]), where, option, problems)
        for name, own in nodes.items():
            if own == floats:
                problems.add(
                    f"{where} has an address that no machine has", f"{floats} is of {name}", option
                )


def _prefix(
    floats: ipaddress.IPv4Address | ipaddress.IPv6Address,
    prefix: int,
    where: str,
    option: str,
    problems: Problems,
) -> None:
    longest = floats.max_prefixlen
    if not 1 <= prefix <= longest:
        problems.add(f"{where} has a prefix between 1 and {longest}", f"found {prefix}", option)
        return
    network = ipaddress.ip_network((str(floats), prefix), strict=False)
    if prefix < longest - 1 and floats in (network[0], network[-1]):
        problems.add(
            f"{where} has an address that a host can have",
            f"{floats} is an end of its network {network}",
            option,
        )


def check_frontends(given: Mapping[str, Any], problems: Problems) -> list[dict[str, Any]]:
    option = "ha_lb_frontends"
    floating = {str(item["name"]) for item in given["floating_ips"]}
    found = frontends(given["frontends"], given["floating_ips"])
    _doubled((item["name"] for item in found), "name", option, problems)
    for item in found:
        where = f"{option}, {item['name']}"
        _name(item["name"], option, problems)
        if item["name"] in OWN_SECTIONS:
            problems.add(
                f"{where} has a name that the role itself does not use ({', '.join(OWN_SECTIONS)})",
                f"found {item['name']}",
                option,
            )
        if item["floating_ip"] and item["floating_ip"] not in floating:
            problems.add(
                f"{where} names a floating address of ha_lb_floating_ips ({', '.join(floating)})",
                f"found {shown(item['floating_ip'])}",
                f"floating_ip of {where}",
            )
        elif item["bind_address"] and address(item["bind_address"]) is None:
            problems.add(
                f"{where} binds an IP address",
                f"found {shown(item['bind_address'])}",
                f"bind_address of {where}",
            )
        _modes(item, where, problems)
        _limits(item, where, int(given["maxconn"]), problems)
        _check(item["check"], where, problems)
        _backends(item, where, problems)
    return found


def _modes(item: Mapping[str, Any], where: str, problems: Problems) -> None:
    http = item["mode"] == "http"
    if item["sticky"] == "cookie" and not http:
        problems.add(f"sticky: cookie of {where} wants mode http", "found tcp", f"mode of {where}")
    if item["redirect_http_port"] and not (http and item["certificate_path"]):
        problems.add(
            f"redirect_http_port of {where} leads to HTTPS, for which mode is http and"
            " certificate_path is given",
            f"found mode {item['mode']}, certificate_path {shown(item['certificate_path'])}",
            f"redirect_http_port of {where}",
        )


def _limits(item: Mapping[str, Any], where: str, maxconn: int, problems: Problems) -> None:
    if not 0 <= item["maxconn"] <= maxconn:
        problems.add(
            f"maxconn of {where} is at most ha_lb_maxconn ({maxconn})",
            f"found {item['maxconn']}",
            f"maxconn of {where}, or ha_lb_maxconn",
        )
    if item["slow_start_seconds"] < 0 or item["sticky_minutes"] < 1:
        problems.add(
            f"slow_start_seconds of {where} is 0 or more, and sticky_minutes 1 or more",
            f"found {item['slow_start_seconds']} and {item['sticky_minutes']}",
            where,
        )


def _check(check: Mapping[str, Any], where: str, problems: Problems) -> None:
    if not PATH.match(check["path"]):
        problems.add(
            f"The check of {where} asks for a path that begins with / and has no spaces or quotes",
            f"found {shown(check['path'])}",
            f"check.path of {where}",
        )
    if check["host"] and not HOST.match(check["host"]):
        problems.add(
            f"The check of {where} asks for a host by name or address",
            f"found {shown(check['host'])}",
            f"check.host of {where}",
        )
    if not 100 <= check["expect_status"] <= 599:
        problems.add(
            f"The check of {where} expects a status between 100 and 599",
            f"found {check['expect_status']}",
            f"check.expect_status of {where}",
        )
    if check["ca_path"] and check["type"] != "https_get":
        problems.add(
            f"check.ca_path of {where} is for the type https_get",
            f"found {check['type']}",
            f"check.type of {where}",
        )


def _backends(item: Mapping[str, Any], where: str, problems: Problems) -> None:
    servers = item["backends"]
    if not servers:
        problems.add(f"{where} has at least one backend", "found none", f"backends of {where}")
    _doubled((server["name"] for server in servers), "backend", where, problems)
    for server in servers:
        its = f"backend {server['name']} of {where}"
        _name(server["name"], f"backends of {where}", problems)
        if address(server["address"]) is None and not HOST.match(str(server["address"])):
            problems.add(f"{its} has a name or an address", f"found {server['address']!r}", its)
        _port(server["port"], its, problems)
        if not 0 <= server["weight"] <= WIDEST_WEIGHT:
            problems.add(
                f"{its} has a weight between 0 and {WIDEST_WEIGHT}",
                f"found {server['weight']}",
                f"weight of {its}",
            )
        if server["maxconn"] < 0:
            problems.add(f"{its} has a maxconn of 0 or more", f"found {server['maxconn']}", its)


def check_sources(given: Mapping[str, Any], problems: Problems) -> None:
    option = "ha_lb_stats_sources"
    for source in given["stats_sources"]:
        try:
            ipaddress.ip_network(str(source))
        except ValueError:
            problems.add(f"Each of {option} is a network", f"found {shown(source)}", option)


def check_ports(
    found: Iterable[Mapping[str, Any]], given: Mapping[str, Any], problems: Problems
) -> None:
    """Refuse two listeners on one address and port: the kernel would share clients among them."""
    own = next((n["address"] for n in given["nodes"] if n["name"] == given["node_name"]), "")
    binds: list[Bind] = []
    for item in found:
        where = f"ha_lb_frontends, {item['name']}"
        binds.append((item["bind_address"], item["bind_port"], f"bind_port of {where}"))
        if item["redirect_http_port"]:
            port = item["redirect_http_port"]
            binds.append((item["bind_address"], port, f"redirect_http_port of {where}"))
    for name in ("stats", "metrics", "peers"):
        if port := int(given[f"{name}_port"]):
            binds.append((str(own), port, f"ha_lb_{name}_port"))
    for number, (where, port, option) in enumerate(binds):
        _port(port, option, problems)
        for other, taken, its in binds[:number]:
            if port == taken and _meet(where, other):
                problems.add(
                    f"{option} is a port of its own",
                    f"found {port} on {where or 'all addresses'}, which is {its} too",
                    f"{option}, or {its}",
                )


def _meet(one: str, other: str) -> bool:
    """Whether two listeners could take the same connection."""
    everywhere = {"", "0.0.0.0"}
    if one == other or {one, other} <= everywhere:
        return True
    first, second = (address(text or "0.0.0.0") for text in (one, other))
    if first is None or second is None or first.version != second.version:
        return False
    return first == second or first.is_unspecified or second.is_unspecified


def problems_of(given: Mapping[str, Any]) -> list[str]:
    """One sentence for each thing that is wrong: wanted, found, which option to change."""
    problems = Problems()
    check_cluster(given, problems)
    check_floating_ips(given, problems)
    found = check_frontends(given, problems)
    check_ports(found, given, problems)
    check_sources(given, problems)
    if given["read_files"]:
        check_files(found, str(given["authkey_path"]), problems)
    return problems.messages
