# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turns crm_mon's XML into plain data."""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET

from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import hindrances
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.errors import (
    PacemakerError,
)

NOT_CONNECTED: dict[str, t.Any] = {
    "connected": False,
    "version": "",
    "coordinator": "",
    "quorate": False,
    "nodes": {},
    "online": [],
    "resources": {},
    "failures": [],
    "hindrances": [],
}


def parse(xml: str) -> dict[str, t.Any]:
    """Nodes, resources with the nodes they run on, and failed actions."""
    try:
        root = ET.fromstring(xml)
    except ET.ParseError as error:
        raise PacemakerError(f"crm_mon gave something that is not XML: {error}") from error
    coordinator = root.find("summary/current_dc")
    known = coordinator is not None and _true(coordinator, "present")
    nodes = {n.get("name", ""): _node(n) for n in root.findall("nodes/node")}
    result = {
        "connected": True,
        "version": "",
        "coordinator": "",
        "quorate": False,
        "nodes": nodes,
        "online": [name for name, node in nodes.items() if node["online"] and not node["pending"]],
        "resources": _resources(root),
        "failures": [_failure(f) for f in root.findall("failures/failure")],
        "hindrances": hindrances.found(root),
    }
    if coordinator is not None and known:
        result["version"] = coordinator.get("version", "").split("-")[0]
        result["coordinator"] = coordinator.get("name", "")
        result["quorate"] = _true(coordinator, "with_quorum")
    return result


def missing(
    now: t.Mapping[str, t.Any],
    members: t.Iterable[str],
    running_once: t.Iterable[str],
    running_everywhere: t.Iterable[str],
) -> list[str]:
    """What is not yet as hoped for, one sentence each, and then what keeps it from that."""
    wants = list(members)
    found = [f"{name} is not a member" for name in wants if name not in now["online"]]
    if not now["quorate"]:
        found.append("there is no quorum" if now["connected"] else "the cluster does not run here")
    late: dict[str, None] = {}
    for identity in running_once:
        nodes = _nodes_of(now, identity)
        if len(nodes) != 1:
            found.append(f"{identity} runs on {len(nodes)} nodes ({', '.join(nodes)}), not on one")
            late[identity] = None
    ready = {n for n in now["online"] if not set_aside(now["nodes"][n])} & set(wants)
    for identity in running_everywhere:
        for name in sorted(ready - set(_nodes_of(now, identity))):
            found.append(f"{identity} does not run on {name}")
            late[identity] = None
    # Each once, though several resources may wait for the same.
    why = {text: None for identity in late for text in hindrances.of(now["hindrances"], identity)}
    return [*found, *why]


def _nodes_of(now: t.Mapping[str, t.Any], identity: str) -> list[str]:
    nodes: list[str] = now["resources"].get(identity, {}).get("nodes", [])
    return nodes


def set_aside(node: t.Mapping[str, t.Any]) -> bool:
    return bool(node["standby"] or node["maintenance"])


def _true(element: ET.Element, name: str) -> bool:
    return element.get(name) == "true"


def _node(element: ET.Element) -> dict[str, t.Any]:
    flags = ("online", "standby", "maintenance", "pending", "unclean")
    return {"id": element.get("id", ""), **{flag: _true(element, flag) for flag in flags}}


def _resources(root: ET.Element) -> dict[str, dict[str, t.Any]]:
    """One entry a resource; the instances of a clone are folded into one."""
    result: dict[str, dict[str, t.Any]] = {}
    section = root.find("resources")
    for element in [] if section is None else section.iter("resource"):
        identity = element.get("id", "").split(":")[0]
        entry = result.setdefault(
            identity,
            {
                "agent": element.get("resource_agent", ""),
                "nodes": [],
                "failed": False,
                "blocked": False,
                "managed": True,
                "pending": "",
            },
        )
        if element.get("role") in ("Started", "Promoted", "Unpromoted", "Master", "Slave"):
            names = [n.get("name", "") for n in element.findall("node")]
            entry["nodes"] = sorted({*entry["nodes"], *names})
        entry["failed"] = entry["failed"] or _true(element, "failed")
        entry["blocked"] = entry["blocked"] or _true(element, "blocked")
        entry["managed"] = entry["managed"] and _true(element, "managed")
        entry["pending"] = entry["pending"] or element.get("pending", "")
    for identity, entry in result.items():
        entry["since"] = {node: _started(root, node, identity) for node in entry["nodes"]}
    return result


def _started(root: ET.Element, node: str, identity: str) -> str:
    """When the resource was started on the node the last time; empty if that is not known."""
    for found in root.findall("node_history/node"):
        for history in found.findall("resource_history") if found.get("name") == node else []:
            if history.get("id", "").split(":")[0] == identity:
                starts = history.findall("operation_history[@task='start'][@rc='0']")
                return starts[-1].get("last-rc-change", "") if starts else ""
    return ""


def _failure(element: ET.Element) -> dict[str, str]:
    names = ("op_key", "node", "exitstatus", "exitreason", "last-rc-change")
    return {name.replace("-", "_"): element.get(name, "") for name in names}
