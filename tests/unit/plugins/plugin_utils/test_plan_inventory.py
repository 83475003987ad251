# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plan reads of an inventory and of the facts of the hosts."""

from __future__ import annotations

from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan import inventory

DEFAULTS = {"cpus": 2, "memory_mb": 1024, "host": "vbox01"}


def machines(hostvars: dict[str, Any], groups: dict[str, list[str]]) -> list[dict[str, Any]]:
    return inventory.inventory_machines(list(hostvars), hostvars, groups, DEFAULTS)


def test_a_machine_has_what_its_variables_say_and_defaults_for_the_rest() -> None:
    disks = [{"size_mb": 512}]
    groups = [{"name": "data"}]
    variables = {
        "machine_segment": "control",
        "machine_address": "10.70.2.11",
        "machine_memory_mb": "4096",
        "machine_disks": disks,
        "machine_volume_groups": groups,
    }
    assert machines({"cp01": variables}, {"control_plane": ["cp01"]}) == [
        {
            "name": "cp01",
            "roles": ["control_plane"],
            "role": "control_plane",
            "groups": ["control_plane"],
            "segment": "control",
            "address": "10.70.2.11",
            "cpus": 2,
            "memory_mb": 4096,
            "disks": disks,
            "volume_groups": groups,
            "host": "vbox01",
        }
    ]


def test_a_machine_of_two_roles_has_none() -> None:
    (found,) = machines({"m": {}}, {"worker": ["m"], "control_plane": ["m"]})
    assert (found["role"], found["roles"]) == (None, ["control_plane", "worker"])


def test_networks_of_a_host_are_those_of_its_interfaces_but_loopback() -> None:
    facts = {
        "interfaces": ["lo", "eth-0"],
        "lo": {"ipv4": {"network": "127.0.0.0", "netmask": "255.0.0.0"}},
        "eth_0": {
            "ipv4": {"network": "10.1.2.0", "netmask": "255.255.255.0"},
            "ipv4_secondaries": [{"network": "10.9.0.0", "netmask": "255.255.0.0"}],
        },
    }
    assert inventory.host_networks(["h"], {"h": {"ansible_facts": facts}}) == [
        {"host": "h", "interface": "eth-0", "network": "10.1.2.0/24"},
        {"host": "h", "interface": "eth-0", "network": "10.9.0.0/16"},
    ]


def test_memory_is_known_where_facts_are() -> None:
    hostvars = {"a": {"ansible_facts": {"memtotal_mb": 8000}}, "b": {}}
    assert inventory.host_memory_mb(["a", "b"], hostvars) == {"a": 8000}
