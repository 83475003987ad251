# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of six lines as pure functions: what is made, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan import six_lines as made
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.address import address_plan
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.inventory import (
    inventory_machines,
)
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[4]
OPTIONS = (
    "plugin",
    "name",
    "provider",
    "host",
    "gateways",
    "load_balancers",
    "control_planes",
    "workers",
    "servers",
    "network",
    "vars",
)
GOOD: dict[str, Any] = {"plugin": "virtual.datacenter.datacenter", "name": "demo"}
COUNTS = {"load_balancers": 2, "control_planes": 3, "workers": 2, "servers": 0}


def inventory(network: str = "10.70.0.0/16", **counts: int) -> made.Inventory:
    return made.make("demo", "lab", {**COUNTS, **counts}, network, {})


def addresses(found: made.Inventory) -> dict[str, str]:
    return {name: own["machine_address"] for name, (_group, own) in found.hosts.items() if own}


def problems_of(found: made.Inventory) -> list[str]:
    """What the address plan says of it."""
    hostvars = {name: found.of_host(name) for name in found.hosts}
    groups = {
        group: [name for name, (mine, _own) in found.hosts.items() if mine == group]
        for group in found.groups
    }
    machines = [name for name in found.hosts if name != made.MACHINE_HOST]
    defaults = {"cpus": 2, "memory_mb": 2048, "host": made.MACHINE_HOST}
    config = {
        "name": "demo",
        "domain": "dc.internal",
        "floating_ip": found.groups["all"].get("datacenter_floating_ip"),
        "segments": found.groups["all"]["datacenter_segments"],
        "machines": inventory_machines(machines, hostvars, groups, defaults),
        "reserved_ranges": {},
        "host_networks": [],
        "host_memory_mb": {},
    }
    return list(address_plan(config)["problems"])


def test_addresses_follow_from_kind_and_number() -> None:
    assert addresses(inventory()) == {
        "lb01": "10.70.1.11",
        "lb02": "10.70.1.12",
        "cp01": "10.70.2.11",
        "cp02": "10.70.2.12",
        "cp03": "10.70.2.13",
        "worker01": "10.70.3.11",
        "worker02": "10.70.3.12",
    }


@given(
    st.fixed_dictionaries({kind.option: st.integers(0, made.MOST) for kind in made.KINDS}),
    st.sampled_from(made.KINDS),
)
def test_a_machine_more_moves_no_other(counts: dict[str, int], kind: made.Kind) -> None:
    fewer = {**counts, kind.option: max(counts[kind.option] - 1, 0)}
    less, more = inventory(**fewer), inventory(**counts)
    assert addresses(less).items() <= addresses(more).items()
    assert less.hosts.items() <= more.hosts.items()
    assert less.groups["all"]["datacenter_segments"] == more.groups["all"]["datacenter_segments"]


@given(
    st.integers(1, made.MOST),
    st.integers(0, (made.MOST - 1) // 2),
    st.integers(0, made.MOST),
    st.sampled_from(["10.70.0.0/16", "10.0.0.0/8", "192.168.8.0/21", "172.20.248.0/21"]),
)
def test_the_plan_accepts_whatever_has_odd_control_planes(
    balancers: int, half: int, workers: int, network: str
) -> None:
    found = inventory(
        network, load_balancers=balancers, control_planes=2 * half + 1, workers=workers
    )
    assert problems_of(found) == []


def test_a_data_center_of_a_gateway_alone_has_no_floating_ip() -> None:
    found = inventory(load_balancers=0, control_planes=0, workers=0)
    assert list(found.hosts) == [made.MACHINE_HOST, "gate01"]
    assert "datacenter_floating_ip" not in found.groups["all"]
    assert problems_of(found) == []


def test_two_gateways_are_like_one() -> None:
    found = inventory(gateways=2)
    assert [name for name in found.hosts if name.startswith("gate")] == ["gate01", "gate02"]
    assert found.of_host("gate01") == found.of_host("gate02") == inventory().of_host("gate01")
    assert addresses(found) == addresses(inventory())
    assert problems_of(found) == []


def test_only_addresses_belong_to_single_hosts() -> None:
    found = inventory()
    assert {key for _group, own in found.hosts.values() for key in own} == {"machine_address"}


def test_the_host_of_the_machines_may_be_another_machine() -> None:
    def of(host: str) -> dict[str, Any]:
        found = made.make("demo", "virtualbox", COUNTS, "10.70.0.0/16", {}, host)
        return found.of_host(made.MACHINE_HOST)

    assert of("")["ansible_connection"] == "local"
    found = of("ops@host1.example.com:2022")
    assert found["ansible_connection"] == "ssh"
    assert (found["ansible_user"], found["ansible_host"]) == ("ops", "host1.example.com")
    assert found["ansible_port"] == 2022
    found = of("host1")
    assert found["ansible_host"] == "host1"
    assert not {"ansible_user", "ansible_port"} & set(found)


@pytest.mark.parametrize("host", ["ssh://host1", "ops@", "host1:", "-oProxyCommand=x", 5, "a b"])
def test_a_host_that_is_none_is_named(host: Any) -> None:
    (problem,) = made.option_problems({**GOOD, "host": host}, OPTIONS)
    assert problem.startswith("The host of the machines, where it is another machine, is NAME, ")
    assert f"found {host!r}" in problem and problem.endswith("Change host.")


def test_what_only_the_lab_needs_is_in_no_other_data_center() -> None:
    found = made.make("demo", "virtualbox", COUNTS, "10.70.0.0/16", {})
    assert found.groups["kubernetes"] == {}
    assert "datacenter_upstream_dns" not in found.groups["all"]


@pytest.mark.parametrize("kind", ["control_plane", "worker"])
def test_volumes_fit_on_the_disks_of_their_kind(kind: str) -> None:
    variables = made.make("demo", "virtualbox", COUNTS, "10.70.0.0/16", {}).groups[kind]
    group = variables["machine_volume_groups"][0]
    image = yaml.safe_load((ROOT / "roles/base_image/defaults/main.yml").read_text("utf-8"))
    there = {volume["name"]: volume["size_mb"] for volume in image["base_image_volumes"]}
    more = [
        int(volume["size"].removesuffix("G")) * 1024 - there.get(volume["name"], 0)
        for volume in group["volumes"]
    ]
    assert group["name"] == image["base_image_volume_group"]
    assert all(size > 0 for size in more)
    # LVM keeps a little of each disk for itself.
    assert sum(more) <= variables["machine_disks"][0]["size_mb"] - 8
    assert (
        made.make("demo", "lab", COUNTS, "10.70.0.0/16", {})
        .groups[kind]
        .keys()
        .isdisjoint({"machine_disks", "machine_volume_groups"})
    )


def test_variables_of_the_file_win_over_what_is_made() -> None:
    variables = {"datacenter_upstream_dns": ["192.0.2.1"], "more": 1}
    found = made.make("demo", "lab", COUNTS, "10.70.0.0/16", variables)
    assert found.of_host("cp01")["datacenter_upstream_dns"] == ["192.0.2.1"]
    assert found.of_host("cp01")["more"] == 1


def test_six_lines_are_right() -> None:
    text = {kind.option: str(COUNTS[kind.option]) for kind in made.KINDS}
    for counts in (COUNTS, text, {}):
        more = {"provider": "lab", "servers": 1, "network": "10.80.0.0/16", "vars": {"a": 1}}
        assert made.option_problems({**GOOD, **counts, **more}, OPTIONS) == []


@pytest.mark.parametrize(
    ("given_options", "sentence"),
    [
        (
            {"worker": 2},
            "The options are control_planes, gateways, host, load_balancers, name, network, plugin,"
            " provider, servers, vars, workers: found worker. Change worker to workers.",
        ),
        ({"xyzzy": 2}, "found xyzzy. Change or remove xyzzy."),
        (
            {"name": "Demo"},
            "The name of a data center is 1 to 31 lower-case letters, digits and hyphens and begins"
            " with a letter: found 'Demo'. Change name.",
        ),
        ({"name": None}, "begins with a letter: none is given. Change name."),
        ({"name": 7}, "found 7. Change name."),
        ({"name": "demo\n"}, "found 'demo\\n'. Change name."),
        (
            {"provider": "cloud"},
            "The provider of machines is lab or virtualbox: found 'cloud'. Change provider.",
        ),
        (
            {"workers": "two"},
            "How many machines of a kind there are is a whole number from 0 to 189: found 'two'."
            " Change workers.",
        ),
        ({"workers": 190}, "from 0 to 189: found 190. Change workers."),
        ({"workers": -1}, "from 0 to 189: found -1. Change workers."),
        ({"load_balancers": True}, "from 0 to 189: found True. Change load_balancers."),
        ({"control_planes": [3]}, "from 0 to 189: found [3]. Change control_planes."),
        ({"control_planes": 1.5}, "from 0 to 189: found 1.5. Change control_planes."),
        ({"workers": "²"}, "from 0 to 189: found '²'. Change workers."),
        (
            {"servers": [{"name": "store01"}]},
            "from 0 to 189: found [{'name': 'store01'}]. Change servers.",
        ),
        (
            {"network": "10.70.0.0/22"},
            "The network of a data center has room for eight segments of 256 addresses, so its"
            " prefix is at most 21: found 10.70.0.0/22. Change network.",
        ),
        ({"gateways": 0}, "A data center has one or two gateways: found 0. Change gateways."),
        ({"gateways": 3}, "one or two gateways: found 3. Change gateways."),
        ({"gateways": "both"}, "one or two gateways: found 'both'. Change gateways."),
        ({"network": "10.70.0.1/16"}, "10.70.0.1/16 has host bits set. Change network."),
        ({"network": "fd00::/48"}, "network must be an IPv4 network"),
        ({"network": 5}, "network must be an IPv4 network"),
        ({"vars": ["a"]}, "Variables are given by name: found ['a']. Change vars."),
    ],
)
def test_each_mistake_gets_its_sentence(given_options: dict[str, Any], sentence: str) -> None:
    (problem,) = made.option_problems({**GOOD, **given_options}, OPTIONS)
    assert sentence in problem


def test_all_mistakes_are_told_at_once() -> None:
    wrong = {**GOOD, "name": "7", "workers": "x", "wrokers": 2}
    assert len(made.option_problems(wrong, OPTIONS)) == 3
