# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils import (
    virtualbox_inventory as inventory,
)
from hypothesis import given
from hypothesis import strategies as st


def record(name="vm", uuid="u1", **more):
    return {
        "name": name,
        "uuid": uuid,
        "description": "",
        "groups": ["/"],
        "nics": [],
        "address": None,
        "guest_address": None,
        **more,
    }


def forward(**more):
    rule = {
        "protocol": "tcp",
        "host_address": "127.0.0.1",
        "host_port": 2222,
        "guest_address": "",
        "guest_port": 22,
    }
    return {"type": "nat", "port_forwards": [{**rule, **more}]}


def names(records, hostnames=("name",), prefix=""):
    return list(inventory.host_names(records, hostnames, prefix).hosts)


def test_a_host_has_the_name_of_its_vm():
    assert names([record("b", "1"), record("a", "2")]) == ["b", "a"]
    assert names([record("b")], prefix="vb-") == ["vb-b"]
    assert names([record("b")], ["uuid"]) == ["u1"]


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("gate01.dc.internal", "gate01.dc.internal"),
        ("", "vm"),
        ("the gateway", "vm"),
        ("gate01\n", "vm"),
        ("-oProxyCommand=x", "vm"),
    ],
)
def test_a_description_is_a_name_only_if_it_is_a_host_name(description, expected):
    assert names([record(description=description)], ["description", "name"]) == [expected]


def test_vms_of_one_name_never_become_one_host():
    named = inventory.host_names(
        [record(uuid="1"), record("x", "2"), record(uuid="3")], ["name"], ""
    )
    assert list(named.hosts) == ["vm-1", "x", "vm-3"]
    assert [host["uuid"] for host in named.hosts.values()] == ["1", "2", "3"]
    assert named.warnings == tuple(
        f"another VM would be the host 'vm' too, this one is vm-{uuid}" for uuid in (1, 3)
    )


@pytest.mark.parametrize("late", [True, False])
def test_a_name_that_pretends_to_be_one_of_two_is_an_error(late):
    records = [record("vm", "1"), record("vm", "2"), record("vm-1", "3")]
    with pytest.raises(VirtualBoxError, match="two VMs would be the host 'vm-1'"):
        names(records if late else records[::-1])


@pytest.mark.parametrize("name", ["-oProxyCommand=x", "a\nb", "a\x1b[31m", "all", "localhost"])
def test_a_name_that_no_host_can_have_gives_way_to_the_uuid(name):
    named = inventory.host_names([record(name)], ["name"], "")
    assert list(named.hosts) == ["u1"]
    assert named.warnings and "\n" not in named.warnings[0] and "\x1b" not in named.warnings[0]


@pytest.mark.parametrize("name", ["{{ 1 + 1 }}", 'say "x" {y}', "über wolke", "a:22", "😀"])
def test_any_other_name_stays_as_it_is(name):
    assert names([record(name)]) == [name]


@given(st.lists(st.text(min_size=1), max_size=6))
def test_every_vm_is_one_host_or_there_is_an_error(texts):
    records = [record(text, f"uuid{number}") for number, text in enumerate(texts)]
    try:
        named = inventory.host_names(records, ["name"], "")
    except VirtualBoxError:
        return
    assert [host["uuid"] for host in named.hosts.values()] == [item["uuid"] for item in records]
    assert not any(name.startswith("-") or "\n" in name for name in named.hosts)


def test_groups_are_nested():
    paths = inventory.group_paths(record(groups=["/lab/web", "/b", "/"]))
    assert paths == [["/lab", "/lab/web"], ["/b"]]
    assert [inventory.group_name(path) for chain in paths for path in chain] == [
        "lab",
        "lab_web",
        "b",
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a b", "a_b"),
        ("/1st", "_st"),
        ("/x-{{ y }}", "x____y___"),
        ("/all", "virtualbox_all"),
        ("/vm", "virtualbox_vm"),
        ("/straße", "straße"),
    ],
)
def test_group_names_are_made_safe(path, expected):
    assert inventory.group_name(path, {"vm": {}}) == expected


@given(st.text(min_size=1))
def test_a_group_name_holds_nothing_but_word_characters(text):
    assert re.fullmatch(r"\w*", inventory.group_name(f"/{text}"))


def test_groups_that_become_one_are_told():
    records = [record(groups=["/lab_x"]), record(groups=["/lab/x", "/c"])]
    assert inventory.group_collisions(records) == [
        "the VirtualBox groups '/lab/x', '/lab_x' are the same Ansible group lab_x"
    ]


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (["plan", "guest"], {"ansible_host": "10.0.0.1"}),
        (["guest", "plan"], {"ansible_host": "10.0.0.2"}),
        (["port_forward", "plan"], {"ansible_host": "127.0.0.1", "ansible_port": 2222}),
        ([], {}),
    ],
)
def test_the_first_source_with_an_address_counts(sources, expected):
    vm = record(address="10.0.0.1", guest_address="10.0.0.2", nics=[forward()])
    assert inventory.connection(vm, sources, 22) == expected


@pytest.mark.parametrize(
    "text", ["-oProxyCommand=x", "a b", "10.0.0.1\n", "", None, "x;y", "{{ x }}"]
)
def test_what_is_no_address_is_passed_over(text):
    vm = record(address=text, guest_address="fd00::1")
    assert inventory.connection(vm, ["plan", "guest"], 22) == {"ansible_host": "fd00::1"}


@pytest.mark.parametrize(
    ("rule", "port", "expected"),
    [
        ({"host_address": ""}, 22, {"ansible_host": "127.0.0.1", "ansible_port": 2222}),
        ({"host_address": "0.0.0.0"}, 22, {"ansible_host": "127.0.0.1", "ansible_port": 2222}),
        ({"host_address": "192.0.2.1"}, 22, {"ansible_host": "192.0.2.1", "ansible_port": 2222}),
        ({"protocol": "udp"}, 22, {}),
        ({}, 5985, {}),
        ({"guest_port": 5985}, 5985, {"ansible_host": "127.0.0.1", "ansible_port": 2222}),
    ],
)
def test_a_port_forward_leads_in(rule, port, expected):
    assert inventory.connection(record(nics=[forward(**rule)]), ["port_forward"], port) == expected


def test_a_rule_of_a_nic_that_is_not_nat_leads_nowhere():
    nic = {**forward(), "type": "internal"}
    assert inventory.connection(record(nics=[nic]), ["port_forward"], 22) == {}
