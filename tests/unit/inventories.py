# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories as Ansible hands them to the check, made from an example by changes that are data.

A change is a dictionary. `all` sets variables of the data center, `unset` takes them away,
`machine` sets those of machines, `hosts` those of machine hosts. `segment` sets parts of segments,
`segments` appends segments. `add` puts machines into groups, `remove` takes hosts out of all
groups, `rename` renames them, `groups` sets whole groups.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.check import (
    checked_inventory,
)

ROOT = Path(__file__).resolve().parents[2]


@functools.cache
def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


SPECIFICATION = load(ROOT / "roles/datacenter/meta/argument_specs.yml")["argument_specs"]
STORAGE = load(ROOT / "roles/base_lvm/meta/argument_specs.yml")["argument_specs"]["main"]["options"]
BALANCER = load(ROOT / "roles/ha_lb/meta/argument_specs.yml")["argument_specs"]["main"]["options"]
FACTS = {
    "memtotal_mb": 32000,
    "interfaces": ["eth0"],
    "eth0": {"ipv4": {"network": "192.168.1.0", "netmask": "255.255.255.0"}},
}


class Inventory:
    """Options, groups and variables of hosts, as an inventory of inventories/ has them."""

    def __init__(self, example: str = "virtualbox") -> None:
        folder = ROOT / "inventories" / example
        self.options: dict[str, Any] = {
            name: copy.deepcopy(option.get("default"))
            for name, option in SPECIFICATION["inventory"]["options"].items()
        }
        self.options.update(copy.deepcopy(load(folder / "group_vars" / "all.yml")))
        for name in ("datacenter_state_dir", "datacenter_cache_dir"):
            self.options[name] = f"/srv/{name}"
        self.options["datacenter_base_medium"] = "/srv/base.vdi"
        self.options["datacenter_virtualbox_folder"] = "/srv/machines"
        self.options["datacenter_virtualbox_environment"] = {}
        self.groups: dict[str, list[str]] = {"all": []}
        self.hosts: dict[str, dict[str, Any]] = {}
        self._group("all", copy.deepcopy(load(folder / "hosts.yml")["all"]), {})
        self.hosts["workstation"]["ansible_facts"] = copy.deepcopy(FACTS)

    def _group(self, name: str, content: Mapping[str, Any], inherited: Mapping[str, Any]) -> Any:
        variables = {**inherited, **content.get("vars", {})}
        found = list(content.get("hosts") or {})
        for host, own in (content.get("hosts") or {}).items():
            self.hosts.setdefault(host, {}).update({**variables, **(own or {})})
        for child, inner in (content.get("children") or {}).items():
            found += self._group(child, inner or {}, variables) or self.groups[child]
        self.groups[name] = list(dict.fromkeys([*self.groups.get(name, []), *found]))
        return found

    def change(self, change: Mapping[str, Any]) -> None:
        self.options.update(change.get("all", {}))
        for name in change.get("unset", []):
            del self.options[name]
        for name, variables in change.get("machine", {}).items():
            self.hosts[name].update(variables)
        for name, variables in change.get("hosts", {}).items():
            self.hosts.setdefault(name, {}).update(variables)
        for name, parts in change.get("segment", {}).items():
            segments = self.options["datacenter_segments"] = copy.deepcopy(
                self.options["datacenter_segments"]
            )
            next(item for item in segments if item["name"] == name).update(parts)
        if "segments" in change:
            self.options["datacenter_segments"] = [
                *self.options["datacenter_segments"],
                *change["segments"],
            ]
        for group, machines in change.get("add", {}).items():
            for name, variables in machines.items():
                self.hosts[name] = variables or {}
                for holder in (group, "machines", "all"):
                    self.groups.setdefault(holder, []).append(name)
        for name in change.get("remove", []):
            del self.hosts[name]
            for group in self.groups:
                self.groups[group] = [host for host in self.groups[group] if host != name]
        for old, new in change.get("rename", {}).items():
            self.hosts[new] = self.hosts.pop(old)
            for group, hosts in self.groups.items():
                self.groups[group] = [new if host == old else host for host in hosts]
        for name, hosts in change.get("groups", {}).items():
            self.groups[name] = hosts

    def check(self) -> dict[str, Any]:
        asked = {
            "options": {
                name: value
                for name, value in self.options.items()
                if name in SPECIFICATION["inventory"]["options"]
            },
            "specification": SPECIFICATION,
            "storage": STORAGE,
            "balancer": BALANCER,
            "machine_hosts": self.groups.get("machine_hosts", []),
        }
        # Every host has the variables of the group all.
        hostvars = {host: {**self.options, **own} for host, own in self.hosts.items()}
        return checked_inventory(asked, hostvars, self.groups)


def changed(change: Mapping[str, Any]) -> Inventory:
    inventory = Inventory(change.get("example", "virtualbox"))
    inventory.change(change)
    return inventory
