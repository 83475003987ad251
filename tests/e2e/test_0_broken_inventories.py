# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Broken inventories: one clear message each, and nothing created."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import datacenter
import pytest
import yaml

Inventory = dict[str, Any]


def children(inventory: Inventory) -> Any:
    return inventory["all"]["children"]["machines"]["children"]


def variables(inventory: Inventory) -> Any:
    return inventory["all"]["vars"]


def segment(inventory: Inventory, name: str) -> Any:
    return next(
        item for item in variables(inventory)["datacenter_segments"] if item["name"] == name
    )


def overlapping(inventory: Inventory) -> None:
    segment(inventory, "worker")["subnet"] = "10.70.2.0/23"


def outside(inventory: Inventory) -> None:
    children(inventory)["worker"]["hosts"]["worker01"]["machine_address"] = "10.70.2.99"


def doubled(inventory: Inventory) -> None:
    children(inventory)["worker"]["hosts"]["worker02"]["machine_address"] = "10.70.3.11"


def vip_in_pool(inventory: Inventory) -> None:
    variables(inventory)["datacenter_floating_ip"] = "10.70.1.222"


def vip_elsewhere(inventory: Inventory) -> None:
    variables(inventory)["datacenter_floating_ip"] = "10.70.2.50"


def vip_is_a_machine(inventory: Inventory) -> None:
    variables(inventory)["datacenter_floating_ip"] = "10.70.1.11"


def even(inventory: Inventory) -> None:
    del children(inventory)["control_plane"]["hosts"]["cp03"]


def unknown_segment(inventory: Inventory) -> None:
    children(inventory)["worker"]["vars"]["machine_segment"] = "moon"


def no_gateway(inventory: Inventory) -> None:
    children(inventory)["gateway"]["hosts"] = {}


def three_gateways(inventory: Inventory) -> None:
    children(inventory)["gateway"]["hosts"].update({"gate02": {}, "gate03": {}})


def no_balancer(inventory: Inventory) -> None:
    del children(inventory)["load_balancer"]


def address_in_pool(inventory: Inventory) -> None:
    children(inventory)["load_balancer"]["hosts"]["lb01"]["machine_address"] = "10.70.1.201"


def address_is_router(inventory: Inventory) -> None:
    children(inventory)["load_balancer"]["hosts"]["lb01"]["machine_address"] = "10.70.1.1"


def no_address(inventory: Inventory) -> None:
    children(inventory)["load_balancer"]["hosts"]["lb01"] = {}


def not_a_network(inventory: Inventory) -> None:
    segment(inventory, "worker")["subnet"] = "10.70.3.0/240"


def in_service_range(inventory: Inventory) -> None:
    variables(inventory)["datacenter_service_subnet"] = "10.64.0.0/12"


def too_much_memory(inventory: Inventory) -> None:
    children(inventory)["worker"]["hosts"]["worker01"]["machine_memory_mb"] = 9_000_000


def not_a_number(inventory: Inventory) -> None:
    variables(inventory)["datacenter_ssh_port"] = "many"


def unknown_provider(inventory: Inventory) -> None:
    variables(inventory)["datacenter_provider"] = "cloud"


CASES: list[tuple[Callable[[Inventory], None], str]] = [
    (overlapping, "Segments do not overlap"),
    (outside, "lies in its segment worker"),
    (doubled, "10.70.3.11 is of both worker01 and worker02"),
    (vip_in_pool, "The floating IP is not in a DHCP pool"),
    (vip_elsewhere, "The floating IP lies in the segment of every load balancer"),
    (vip_is_a_machine, "10.70.1.11 is of both the floating IP and lb01"),
    (even, "The number of control planes is odd"),
    (unknown_segment, "on a known segment"),
    (no_gateway, "one or two gateways"),
    (three_gateways, "one or two gateways"),
    (no_balancer, "group load_balancer is empty"),
    (address_in_pool, "is not in the DHCP pool of edge"),
    (address_is_router, "is not the router of edge"),
    (no_address, "Machine lb01 has an explicit address"),
    (not_a_network, "must be an IPv4 network"),
    (in_service_range, "lies outside of datacenter_service_subnet"),
    (too_much_memory, "fit into its memory"),
    (not_a_number, "datacenter_ssh_port"),
    (unknown_provider, "datacenter_provider"),
]


@pytest.fixture(scope="module")
def good() -> Inventory:
    inventory: Inventory = yaml.safe_load((datacenter.LAB / "hosts.yml").read_text("utf-8"))
    inventory["all"]["vars"] = yaml.safe_load(
        (datacenter.LAB / "group_vars" / "all.yml").read_text("utf-8")
    )
    inventory["all"]["vars"]["datacenter_name"] = "broken"
    return inventory


@pytest.fixture(scope="module")
def runs(
    good: Inventory, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[datacenter.Run]]]:
    """A run of site.yml for each broken inventory, three at a time."""

    # Made here: pytest makes its folders in one thread only.
    folder = tmp_path_factory.mktemp("inventories")

    def site(damage: Callable[[Inventory], None]) -> datacenter.Run:
        broken = copy.deepcopy(good)
        damage(broken)
        file = folder / f"{damage.__name__}.yml"
        file.write_text(yaml.safe_dump(broken), encoding="utf-8")
        playbook = str(datacenter.ROOT / "playbooks" / "site.yml")
        return datacenter.run([str(datacenter.BIN / "ansible-playbook"), "-i", str(file), playbook])

    with ThreadPoolExecutor(3) as pool:
        yield {damage.__name__: pool.submit(site, damage) for damage, _words in CASES}


@pytest.mark.parametrize(("damage", "words"), CASES, ids=[case[0].__name__ for case in CASES])
def test_a_broken_inventory_is_named_and_nothing_is_created(
    damage: Callable[[Inventory], None], words: str, runs: dict[str, Future[datacenter.Run]]
) -> None:
    run = runs[damage.__name__].result()
    assert run.code != 0
    assert words in " ".join(run.output.split())
    # The answer is shown once.
    assert (run.output.count("fatal: "), run.output.count("[ERROR]")) == (1, 0)
    assert run.changed == {}
    assert not (datacenter.STATE.parent / "broken").exists()
    assert not Path("/run/netns/vdc-broken").exists()
