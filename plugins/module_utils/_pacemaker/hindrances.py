# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps a resource from running, of crm_mon's XML, each with the command that ends it."""

from __future__ import annotations

import typing as t
import xml.etree.ElementTree as ET

# What Pacemaker shows for a score of -INFINITY.
NEVER = -1000000
# Constraints that `crm_resource --ban` and `--move` leave behind.
BY_HAND = "cli-"


def found(root: ET.Element) -> list[dict[str, str]]:
    """Each with the resource and the node, empty for all of them, and a sentence."""
    return [
        {"resource": resource, "node": node, "text": text}
        for part in (_cluster, _nodes, _resources, _bans, _failures)
        for resource, node, text in part(root)
    ]


def of(hindrances: t.Iterable[t.Mapping[str, str]], resource: str) -> list[str]:
    """The sentences about one resource."""
    return [one["text"] for one in hindrances if one["resource"] in ("", resource)]


Found = t.Iterator[t.Tuple[str, str, str]]


def _cluster(root: ET.Element) -> Found:
    options = root.find("summary/cluster_options")
    for name in ("maintenance-mode", "stop-all-resources"):
        if options is not None and options.get(name) == "true":
            yield "", "", f"{name} of the cluster is on (crm_attribute --name {name} --delete)"


def _nodes(root: ET.Element) -> Found:
    for node in root.findall("nodes/node"):
        name = node.get("name", "")
        for mode in ("standby", "maintenance"):
            if node.get(mode) == "true":
                command = f"crm_attribute --node {name} --name {mode} --delete"
                yield "", name, f"{name} is in {mode} ({command})"


def _resources(root: ET.Element) -> Found:
    seen = set()
    for element in root.iter("resource"):
        name = element.get("id", "").split(":")[0]
        if name in seen:
            continue
        if element.get("target_role", "").lower() == "stopped":
            seen.add(name)
            command = f"crm_resource --resource {name} --meta --delete-parameter target-role"
            yield name, "", f"{name} is to be stopped ({command})"
        elif element.get("managed") == "false":
            seen.add(name)
            yield name, "", f"Pacemaker does not manage {name}"


def _bans(root: ET.Element) -> Found:
    parts: dict[str, set[str]] = {}
    for kind in ("clone", "group", "bundle"):
        for holder in root.iter(kind):
            names = {one.get("id", "").split(":")[0] for one in holder.iter("resource")}
            parts[holder.get("id", "")] = names
    for ban in root.findall("bans/ban"):
        resource, node = ban.get("resource", ""), ban.get("node", "")
        if int(ban.get("weight", "0")) > NEVER:
            continue
        text = f"constraint {ban.get('id')} keeps {resource} from {node}"
        if ban.get("id", "").startswith(BY_HAND):
            text += f" (crm_resource --clear --resource {resource})"
        for name in sorted(parts.get(resource, {resource})):
            yield name, node, text


def _failures(root: ET.Element) -> Found:
    for node in root.findall("node_history/node"):
        name = node.get("name", "")
        for history in node.findall("resource_history"):
            count = history.get("fail-count", "0")
            limit = history.get("migration-threshold", "INFINITY")
            resource = history.get("id", "").split(":")[0]
            if count == "INFINITY" or (
                count.isdigit() and limit.isdigit() and int(count) >= max(int(limit), 1)
            ):
                command = f"crm_resource --cleanup --resource {resource}"
                yield resource, name, f"{resource} failed {count} times on {name} ({command})"
