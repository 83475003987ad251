# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines that are on a host already: of other data centers, misnamed, or left over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from role_templar import role_templar, trusted

from inventories import ROOT, SPECIFICATION, Inventory, load

CASES = load(Path(__file__).with_name("machines_there.yml"))
PROVIDERS = load(ROOT / "playbooks" / "vars" / "providers.yml")
HOME = "{{ lookup('ansible.builtin.env', 'HOME') }}"
LEFT = (
    "Machines of virtualbox-small on workstation are in the inventory, and these are not: {}. Put"
    " them back, remove them with all their data (playbook virtual.datacenter.destroy with -e"
    " destroy_confirm=virtualbox-small -e destroy_leftovers=true), or let them be"
    " (datacenter_allow_leftovers)."
)


def provider(name: str, example: str, **given: Any) -> Any:
    """The variables of a provider for an example, as the playbooks give them."""
    inventory = Inventory(example)
    checked = inventory.check()
    assert checked["problems"] == []
    for option in ("datacenter_state_dir", "datacenter_virtualbox_folder"):
        default = SPECIFICATION["inventory"]["options"][option]["default"]
        # A lookup of Ansible is found only where it was started as a program.
        inventory.options[option] = trusted(default.replace(HOME, "/home/user"))
    variables = {
        "inventory_hostname": "workstation",
        "datacenter_plan": checked["plan"],
        **{name: trusted(value) for name, value in PROVIDERS.items()},
        **inventory.options,
    }
    return role_templar(ROOT / "roles" / name, **{**variables, **given})


def vm(case: Mapping[str, Any]) -> dict[str, Any]:
    """A VM as virtualbox_info tells of it."""
    ports = [{"host_port": port} for port in case.get("ports", [])]
    legs = [{"network": name, "port_forwards": []} for name in case.get("networks", [])]
    return {
        "name": case["name"],
        "uuid": "1c6456dc-8eb3-4c1b-8b58-a0986b0d9bb9",
        "accessible": case["name"] is not None,
        "missing_files": case.get("missing_files", []),
        "managed_by": case.get("managed_by", "virtualbox-small"),
        "description": case.get("description"),
        "address": case.get("address"),
        "state": case.get("state", "stopped"),
        "nics": [{"network": None, "port_forwards": ports}, *legs],
        "settings_file": case.get("settings_file", f"/srv/machines/{case['name']}.vbox"),
    }


def on_virtualbox(case: Mapping[str, Any]) -> Any:
    there = {"vms": [vm(item) for item in case.get("vms", [])]}
    busy = [{"item": {"host_port": port}, "msg": "busy"} for port in case.get("busy", [])]
    skipped = {"item": {"host_port": 2223}, "skipped": True}
    return provider(
        "provider_virtualbox",
        "virtualbox_small",
        __provider_virtualbox_there=there,
        __provider_virtualbox_ports={"results": [*busy, skipped]},
        **case.get("given", {}),
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_what_preflight_says_of_vms_that_there_are(case: dict[str, Any]) -> None:
    templar = on_virtualbox(case)
    found: list[str] = []
    for about in ("name", "broken", "live", "network", "port"):
        found += templar.template(trusted(f"{{{{ __provider_virtualbox_{about}_problems }}}}"))
    assert found == case.get("says", [])
    left = templar.template(trusted("{{ __provider_virtualbox_leftovers }}"))
    assert left == case.get("leftovers", [])


def test_leftovers_get_the_same_sentence_from_each_provider() -> None:
    case = next(case for case in CASES if len(case.get("leftovers", [])) > 1)
    said = on_virtualbox(case).template(trusted("{{ __provider_virtualbox_leftovers_said }}"))
    assert said.strip() == LEFT.format("small-worker02, small-cp010, old")
    folders = [{"path": f"/srv/lab/machines/{name}"} for name in ("worker02", "cp01", "old")]
    lab = provider(
        "provider_lab", "virtualbox_small", __provider_lab_there={"files": folders}
    ).template(trusted("{{ __provider_lab_leftovers_said }}"))
    assert lab.strip() == LEFT.format("old, worker02")


def taken(example: str) -> set[str]:
    """Everything of an example that a host has only once."""
    templar = provider("provider_virtualbox", example)
    found = set(templar.template(trusted("{{ __provider_virtualbox_names }}")))
    found.add(templar.template(trusted("{{ __provider_virtualbox_base_medium }}")))
    found.add(templar.template(trusted("{{ datacenter_state_dir }}")))
    for port in templar.template(trusted("{{ provider_published_ports }}")):
        found.add(f"port {port['host_port']}")
    for name in templar.template(trusted("{{ datacenter_plan.machines | list }}")):
        templar.available_variables = {**templar.available_variables, "inventory_hostname": name}
        found.add(templar.template(trusted("{{ __provider_virtualbox_name }}")))
        found.add(templar.template(trusted("{{ __provider_virtualbox_home }}")))
        found.add(templar.template(trusted("{{ provider_seed_path }}")))
        for nic in templar.template(trusted("{{ __provider_virtualbox_nics }}")):
            found |= {nic["mac"], f"network {nic.get('network', name + ' of ' + example)}"}
    return found


def test_two_examples_share_nothing_on_one_host() -> None:
    one, other = taken("virtualbox"), taken("virtualbox_small")
    assert {"gate01", "port 2222", "network virtualbox-edge"} <= one
    assert {"small-gate01", "port 2223", "network virtualbox-small-edge"} <= other
    assert one & other == set()
