# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module virtualbox_nat_network against real VBoxManage."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network import (
    nat_apply,
    nat_model,
    nat_plan,
)

MODULE = "virtualbox_nat_network"
SPACE = "{http://www.virtualbox.org/}"
SSH = {"name": "ssh", "host_port": 2222, "guest_address": "10.9.0.5", "guest_port": 22}
SETTINGS = {
    "name": "n1",
    "network": "10.9.0.0/24",
    "dhcp_enabled": True,
    "ipv6_enabled": False,
    "ipv6_prefix": "fd17:625c:f037:2::/64",
    "ipv6_default_route": False,
    "enabled": True,
}


def stored(world):
    """The networks as VirtualBox keeps them: names and all attributes."""
    root = ElementTree.parse(world.folder / "home" / "VirtualBox.xml")
    return {item.get("networkName"): item for item in root.iter(f"{SPACE}NATNetwork")}


def rules(world, name="n1"):
    return {
        item.get("name"): item.get("guestip")
        for item in stored(world)[name].iter(f"{SPACE}Forwarding")
    }


def test_create_and_remove(world):
    made = world.change(MODULE, name="n1", network="10.9.0.0/24")
    assert made["nat_network"].items() >= SETTINGS.items()
    assert made["nat_network"]["loopbacks"] == [{"address": "127.0.0.1", "offset": 2}]
    assert made["processes"] == 1
    assert "Network:      10.9.0.0/24" in world.vbox("natnetwork", "list")
    assert world.same(MODULE, name="n1")["processes"] == 0
    world.change(MODULE, name="n1", state="absent")
    assert stored(world) == {}
    world.same(MODULE, name="n1", state="absent")


def test_create_with_everything(world):
    options = {
        "network": "10.9.0.0/24",
        "dhcp_enabled": False,
        "ipv6_enabled": True,
        "ipv6_prefix": "fd00:1:2:3::/64",
        "ipv6_default_route": True,
        "enabled": False,
        "port_forwards": [
            SSH,
            {**SSH, "family": "ipv6", "guest_address": "fd00:1:2:3::5", "protocol": "udp"},
        ],
        "loopbacks": [{"address": "127.0.0.1", "offset": 2}, {"address": "127.0.0.7", "offset": 9}],
    }
    made = world.change(MODULE, name="n1", **options)["nat_network"]
    scalars = {key: value for key, value in options.items() if not isinstance(value, list)}
    assert made.items() >= scalars.items()
    assert [rule["host_address"] for rule in made["port_forwards"]] == ["127.0.0.1", "::1"]
    assert made["loopbacks"] == options["loopbacks"]
    assert stored(world)["n1"].get("enabled") == "0"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("network", "10.8.0.0/16"),
        ("dhcp_enabled", False),
        ("ipv6_enabled", True),
        ("ipv6_prefix", "fd00:1:2:3::/64"),
        ("ipv6_default_route", True),
        ("enabled", False),
        ("loopbacks", [{"address": "127.0.0.1", "offset": 5}]),
    ],
)
def test_each_option_changes_alone(world, option, value):
    before = world.run(MODULE, name="n1", network="10.9.0.0/24")["nat_network"]
    after = world.change(MODULE, name="n1", **{option: value})
    assert after["nat_network"] == {**before, option: value}
    assert len(after["actions"]) == 1


def test_port_forwards_change_stay_and_go(world):
    other = {**SSH, "name": "web", "host_port": 8080, "guest_port": 80}
    world.change(MODULE, name="n1", network="10.9.0.0/24", port_forwards=[SSH, other])
    world.same(MODULE, name="n1", port_forwards=[SSH])
    world.change(MODULE, name="n1", port_forwards=[{**SSH, "guest_port": 23}])
    # Each takes over the port of the other.
    swapped = [{**SSH, "host_port": 8080}, {**other, "host_port": 2222}]
    world.change(MODULE, name="n1", port_forwards=swapped)
    refused = world.fail(MODULE, name="n1", port_forwards=[{**SSH, "name": "third"}])
    assert "both take port 2222" in refused["msg"] and refused["error_code"] == "BAD_OPTION"
    world.same(MODULE, name="n1", prune_port_forwards=True)
    world.change(MODULE, name="n1", port_forwards=[SSH], prune_port_forwards=True)
    assert set(rules(world)) == {"ssh"}
    world.change(MODULE, name="n1", port_forwards=[], prune_port_forwards=True)
    assert rules(world) == {}


def test_a_new_address_moves_rules_but_named_ones_are_as_named(world):
    other = {**SSH, "name": "web", "host_port": 8080}
    world.run(MODULE, name="n1", network="10.9.0.0/24", port_forwards=[SSH, other])
    named = [{**SSH, "guest_address": "10.8.3.77"}]
    done = world.change(MODULE, name="n1", network="10.8.0.0/16", port_forwards=named)
    assert len(done["actions"]) == 1
    assert rules(world) == {"ssh": "10.8.3.77", "web": "10.8.0.5"}
    # What VirtualBox has moved is foreseen by check mode.
    moved = world.change(MODULE, name="n1", network="10.7.0.0/24")
    assert rules(world)["web"] == "10.7.0.5"
    assert moved["diff"]["after"]["port_forwards"] == moved["nat_network"]["port_forwards"]


def test_loopbacks_change_places(world):
    pair = [{"address": "127.0.0.1", "offset": 2}, {"address": "127.0.0.2", "offset": 3}]
    world.change(MODULE, name="n1", network="10.9.0.0/24", loopbacks=pair)
    turned = [{"address": "127.0.0.1", "offset": 3}, {"address": "127.0.0.2", "offset": 2}]
    assert world.change(MODULE, name="n1", loopbacks=turned)["nat_network"]["loopbacks"] == turned


def test_vboxmanage_cannot_remove_a_loopback(world):
    """The reason why there is no option for it: it says yes and does nothing."""
    world.run(MODULE, name="n1", network="10.9.0.0/24")
    world.vbox("natnetwork", "modify", "--netname", "n1", "--loopback-4", "delete", "127.0.0.1")
    assert world.same(MODULE, name="n1")["nat_network"]["loopbacks"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "needs an address"),
        ({"network": "banana"}, "not an IPv4 network"),
        ({"network": "10.9.0.7/24"}, "address of a host"),
        ({"network": "10.9.0.0"}, "no prefix length"),
        ({"network": "10.9.0.0/31"}, "too small"),
        ({"network": "10.9.0.0/24", "ipv6_prefix": "fd00::/48"}, "length 64"),
        ({"network": "10.9.0.0/24", "ipv6_prefix": "fd00::5/64"}, "host bits"),
        ({"network": "10.9.0.0/24", "port_forwards": [{**SSH, "name": "a:b"}]}, "colon"),
        ({"network": "10.9.0.0/24", "port_forwards": [{**SSH, "name": ""}]}, "empty"),
        ({"network": "10.9.0.0/24", "port_forwards": [SSH, SSH]}, "twice"),
        ({"network": "10.9.0.0/24", "port_forwards": [{**SSH, "guest_port": 0}]}, "not a port"),
        ({"network": "10.7.0.0/24", "port_forwards": [SSH]}, "not in the network 10.7.0.0/24"),
        (
            {"network": "10.9.0.0/24", "loopbacks": [{"address": "10.0.0.1", "offset": 3}]},
            "not in 127.0.0.0/8",
        ),
        (
            {"network": "10.9.0.0/24", "loopbacks": [{"address": "127.0.0.2", "offset": 2}]},
            "both have the offset 2",
        ),
        (
            {"network": "10.9.0.0/24", "loopbacks": [{"address": "127.0.0.2", "offset": 300}]},
            "outside of",
        ),
        ({"network": "10.9.0.0/24", "enabled": False, "state": "started"}, "disabled"),
    ],
)
def test_bad_options_are_refused_before_anything_is_done(world, options, text):
    refused = world.fail(MODULE, name="n1", **options)
    assert text in refused["msg"] and refused["error_code"] == "BAD_OPTION"
    assert "cmd" not in refused
    assert stored(world) == {}


@pytest.mark.parametrize(
    "name",
    ["default", "nat", "-dash", "--help", 'ho"st\nName: x <&> :[1]', "ü 😀 ", "n1\nEnabled:  No"],
)
def test_any_name(world, name):
    world.run(MODULE, name="n1", network="10.1.0.0/24")
    world.change(MODULE, name=name, network="10.9.0.0/24")
    forwards = [
        {**SSH, "name": text, "host_port": 3000 + number}
        for number, text in enumerate(["-d", "delete", 'a "b,c\n<é>', "--help"])
    ]
    world.change(MODULE, name=name, port_forwards=forwards)
    assert set(rules(world, name)) == {rule["name"] for rule in forwards}
    world.change(MODULE, name=name, port_forwards=[], prune_port_forwards=True)
    world.change(MODULE, name=name, state="absent")
    assert set(stored(world)) == {"n1"}


def test_start_without_the_kernel_driver_is_told(world):
    world.run(MODULE, name="n1", network="10.9.0.0/24")
    world.same(MODULE, name="n1", state="stopped")
    assert world.run(MODULE, name="n1", state="started", check=True)["changed"]
    refused = world.fail(MODULE, name="n1", state="started")
    assert refused["error_code"] == "NOT_RUNNING" and "vboxdrv" in refused["msg"]


def test_what_a_failed_creation_has_made_is_removed(world, monkeypatch):
    """VBoxManage refuses this network after having made one with another address."""
    desired = nat_plan.DesiredNat(nat_model.NatNetwork("n1", network="banana"))
    monkeypatch.setattr(nat_plan, "check", lambda desired: None)
    monkeypatch.setattr(nat_plan, "_check_after", lambda desired, after: None)
    task = nat_apply.Task(Client(world.program), desired)
    plan = nat_plan.plan(desired, None)
    with pytest.raises(VirtualBoxError, match="not a valid IPv4 CIDR"):
        task.carry_out(plan)
    assert stored(world) == {}


def test_a_new_world_has_no_networks(world):
    (world.folder / "home" / "VirtualBox.xml").unlink()
    for path in (world.folder / "home").glob("VirtualBox.xml-*"):
        path.unlink()
    world.kill("VBoxSVC")
    world.same(MODULE, name="n1", state="absent")
