# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module virtualbox_dhcp_server against real VBoxManage."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network import (
    dhcp_apply,
    dhcp_checks,
    dhcp_model,
    dhcp_plan,
)

MODULE = "virtualbox_dhcp_server"
SPACE = "{http://www.virtualbox.org/}"
# What every world has from the start.
FIRST = "HostInterfaceNetworking-vboxnet0"
CORE = {
    "server_address": "10.10.0.2",
    "netmask": "255.255.255.0",
    "lower_address": "10.10.0.10",
    "upper_address": "10.10.0.99",
}
MAC = "08:00:27:aa:bb:01"


def stored(world):
    """The servers as VirtualBox keeps them, without the one of every world."""
    root = ElementTree.parse(world.folder / "home" / "VirtualBox.xml")
    found = {item.get("networkName"): item for item in root.iter(f"{SPACE}DHCPServer")}
    found.pop(FIRST, None)
    return found


@pytest.fixture
def server(world):
    """A plain server."""
    return world.run(MODULE, network="n1", **CORE)["dhcp_server"]


def change(world, **options):
    return world.change(MODULE, network="n1", **options)["dhcp_server"]


def test_create_and_remove(world):
    made = world.change(MODULE, network="n1", **CORE)
    assert made["dhcp_server"].items() >= {**CORE, "network": "n1", "enabled": True}.items()
    assert made["processes"] == 1
    listed = world.vbox("list", "dhcpservers")
    assert "NetworkName:    n1\nDhcpd IP:       10.10.0.2" in listed
    assert world.same(MODULE, network="n1", **CORE)["processes"] == 0
    world.change(MODULE, network="n1", state="absent")
    world.same(MODULE, network="n1", state="absent")
    assert stored(world) == {}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("server_address", "10.10.0.3"),
        ("netmask", "255.255.0.0"),
        ("lower_address", "10.10.0.20"),
        ("upper_address", "10.10.0.20"),
        ("enabled", False),
    ],
)
def test_each_option_changes_alone(world, server, option, value):
    assert change(world, **{option: value}) == {**server, option: value}


def test_the_whole_network_moves_in_one_call(world, server):
    moved = {key: value.replace("10.10.0.", "10.20.0.") for key, value in CORE.items()}
    assert change(world, **moved).items() >= moved.items()


def test_options_are_set_changed_kept_and_pruned(world, server):
    routers = {"name": "routers", "value": "10.10.0.1"}
    made = change(
        world,
        options=[
            routers,
            {"name": "6", "value": "10.10.0.1 10.10.0.3"},
            {"name": "domain-name", "value": '-x "a"\n<é>'},
            {"name": "220", "value": "0AfF", "hex": True},
        ],
    )
    assert [item["number"] for item in made["options"]] == [3, 6, 15, 220]
    world.same(MODULE, network="n1", options=[{"name": "220", "value": "0a:ff", "hex": True}])
    # From text to bytes and back.
    change(world, options=[{"name": "15", "value": "6162", "hex": True}])
    change(world, options=[{"name": "15", "value": "ab"}])
    world.same(MODULE, network="n1", options=[routers])
    world.same(MODULE, network="n1", prune_options=True)
    pruned = change(world, options=[routers], prune_options=True)
    assert [item["name"] for item in pruned["options"]] == ["routers"]
    assert change(world, options=[], prune_options=True)["options"] == []


@pytest.mark.parametrize(
    ("option", "value", "back"),
    [
        ("min_lease_seconds", 60, 0),
        ("default_lease_seconds", 600, 0),
        ("max_lease_seconds", 6000, 0),
        ("forced_options", [66, 67], []),
        ("suppressed_options", [3], []),
    ],
)
def test_what_virtualbox_keeps_only_beside_options(world, server, option, value, back):
    given = [str(number) for number in value] if isinstance(value, list) else value
    refused = world.fail(MODULE, network="n1", **{option: given})
    assert f"forgets {option}" in refused["msg"] and refused["error_code"] == "BAD_OPTION"
    routers = [{"name": "routers", "value": "10.10.0.1"}]
    assert change(world, options=routers, **{option: given})[option] == value
    # A service that starts anew has only the file.
    world.kill("VBoxSVC")
    world.settle()
    world.same(MODULE, network="n1", **{option: given})
    refused = world.fail(MODULE, network="n1", options=[], prune_options=True)
    assert f"forgets {option}" in refused["msg"]
    assert change(world, **{option: back})[option] == back


def test_a_forced_option_goes_and_another_stays(world, server):
    change(world, options=[{"name": "67", "value": "x"}], forced_options=["66", "bootfile_name"])
    assert change(world, forced_options=["67"])["forced_options"] == [67]


def test_clients_by_mac_and_by_vm(world, server):
    uuid = world.vm("vm")["uuid"]
    clients = [
        {"vm": "vm", "nic": 2, "address": "10.10.0.50"},
        {"vm": uuid, "address": "10.10.0.51", "options": [{"name": "host_name", "value": "x"}]},
        {"mac": "080027AABB01", "address": "10.10.0.52", "max_lease_seconds": 77},
    ]
    made = change(world, fixed_addresses=clients)["fixed_addresses"]
    assert [(item["mac"], item["vm"], item["nic"], item["address"]) for item in made] == [
        ("", uuid, 1, "10.10.0.51"),
        ("", uuid, 2, "10.10.0.50"),
        (MAC, "", 0, "10.10.0.52"),
    ]
    # Two change places.
    change(
        world,
        fixed_addresses=[
            {**clients[0], "address": "10.10.0.51"},
            {"vm": "vm", "address": "10.10.0.50"},
        ],
    )
    world.same(MODULE, network="n1", fixed_addresses=[{"mac": MAC}])
    free = change(world, fixed_addresses=[{"mac": MAC, "address": ""}])["fixed_addresses"]
    assert free[-1]["address"] == "" and free[-1]["max_lease_seconds"] == 77
    world.same(MODULE, network="n1", prune_fixed_addresses=True)
    left = change(world, fixed_addresses=[{"mac": MAC}], prune_fixed_addresses=True)
    assert [item["mac"] for item in left["fixed_addresses"]] == [MAC]


def test_the_client_of_a_vm_that_is_gone_can_be_pruned(world, server):
    world.vm("vm")
    change(world, fixed_addresses=[{"vm": "vm", "address": "10.10.0.50"}])
    world.run("virtualbox_vm", name="vm", state="absent", delete_media=True)
    world.same(MODULE, network="n1", enabled=True)
    assert not change(world, fixed_addresses=[], prune_fixed_addresses=True)["fixed_addresses"]


def test_groups(world, server):
    conditions = [
        {"type": "mac", "value": "08-00-27-AA-BB-01"},
        {"type": "mac_wildcard", "value": "08:00:27:*", "include": False},
        {"type": "mac_wildcard", "value": "0?:*:2?:AA:b*"},
    ]
    pxe = {"name": 'p "x"\n-e', "conditions": conditions, "max_lease_seconds": 9}
    made = change(world, groups=[pxe, {"name": "-empty"}])["groups"]
    assert [group["name"] for group in made] == ["-empty", pxe["name"]]
    assert len(made[1]["conditions"]) == len(conditions)
    world.same(MODULE, network="n1", groups=[{"name": pxe["name"]}])
    change(world, groups=[{**pxe, "conditions": conditions[1:2]}])
    change(world, groups=[{**pxe, "conditions": []}])
    # VirtualBox removes a condition only in the spelling that it was given in.
    group = ("--network", "n1", "--group", "-empty")
    world.vbox("dhcpserver", "modify", *group, "--incl-mac", "080027AABB09")
    change(world, groups=[{"name": "-empty", "conditions": conditions[:1]}])
    world.same(MODULE, network="n1", prune_groups=True)
    assert change(world, groups=[], prune_groups=True)["groups"] == []


@pytest.mark.parametrize("kind", ["vendor", "vendor-wild", "user", "user-wild"])
def test_virtualbox_takes_no_other_conditions(world, server, kind):
    """The reason why there is no option for them."""
    group = ("--network", "n1", "--group", "g", f"--incl-{kind}", "x")
    world.vbox("dhcpserver", "modify", *group, ok=False)
    assert not list(stored(world)["n1"].iter(f"{SPACE}Condition"))


def test_create_with_everything_at_once(world):
    world.vm("vm")
    made = change(
        world,
        **CORE,
        enabled=False,
        options=[{"name": "routers", "value": "10.10.0.1"}],
        forced_options=["routers"],
        default_lease_seconds=600,
        groups=[{"name": "g", "conditions": [{"type": "mac", "value": MAC}]}],
        fixed_addresses=[{"vm": "vm", "address": "10.10.0.50"}, {"mac": MAC, "address": ""}],
    )
    assert made["enabled"] is False and len(made["fixed_addresses"]) == 2


def test_the_server_of_an_interface(world):
    world.change(MODULE, interface="vboxnet7", **CORE)
    assert set(stored(world)) == {"HostInterfaceNetworking-vboxnet7"}
    world.change(MODULE, interface="vboxnet0", enabled=False)
    world.change(MODULE, interface="vboxnet0", state="absent")


@pytest.mark.parametrize("name", ["-dash", "--help", 'n"1\nEnabled:  No', "ü 😀 <&> ", "a=b"])
def test_any_name(world, server, name):
    world.change(MODULE, network=name, **CORE)
    world.change(MODULE, network=name, enabled=False)
    world.change(MODULE, network=name, state="absent")
    assert set(stored(world)) == {"n1"}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"server_address": None}, "needs server_address"),
        ({"server_address": "banana"}, "not an IPv4 address"),
        ({"netmask": "24"}, "not a netmask"),
        ({"netmask": "255.255.0.255"}, "not a netmask"),
        ({"lower_address": "10.10.1.1"}, "not in 10.10.0.0/24"),
        ({"lower_address": "10.10.0.0"}, "not an address of a host"),
        ({"upper_address": "10.10.0.255"}, "not an address of a host"),
        ({"upper_address": "10.10.0.9"}, "above upper_address"),
        ({"server_address": "10.10.0.50"}, "is in the range"),
        ({"network": ""}, "must not be empty"),
        ({"options": [{"name": "nosuch", "value": "x"}]}, "no DHCP option 'nosuch'"),
        ({"options": [{"name": "1", "value": "255.0.0.0"}]}, "use netmask"),
        ({"options": [{"name": "routers", "value": "gate"}]}, "not an IPv4 address"),
        ({"options": [{"name": "26", "value": "big"}]}, "not a number"),
        ({"options": [{"name": "119", "value": "lab"}]}, "only as bytes"),
        ({"options": [{"name": "119", "value": "abc", "hex": True}]}, "hexadecimal bytes"),
        ({"min_lease_seconds": 10, "max_lease_seconds": 5}, "above max_lease_seconds"),
        ({"groups": [{"name": "g", "default_lease_seconds": 6, "max_lease_seconds": 5}]}, "above"),
        ({"default_lease_seconds": -1}, "must be 0 to 4294967295 seconds, found -1"),
        ({"fixed_addresses": [{"mac": "banana", "address": "10.10.0.50"}]}, "not a MAC"),
        ({"fixed_addresses": [{"mac": MAC, "address": "10.11.0.50"}]}, "not in 10.10.0.0/24"),
        ({"fixed_addresses": [{"mac": MAC, "address": "10.10.0.2"}]}, "server's own"),
        ({"fixed_addresses": [{"mac": MAC}, {"mac": "080027AABB01"}]}, "there twice"),
        (
            {
                "fixed_addresses": [
                    {"mac": MAC, "address": "10.10.0.50"},
                    {"mac": "080027aabb02", "address": "10.10.0.50"},
                ]
            },
            "both have 10.10.0.50",
        ),
        ({"fixed_addresses": [{"vm": "nosuch", "address": "10.10.0.50"}]}, "no VM 'nosuch'"),
        ({"groups": [{"name": "g"}, {"name": "g"}]}, "there twice"),
        (
            {"groups": [{"name": "g", "conditions": [{"type": "mac_wildcard", "value": "0800*"}]}]},
            "no pattern",
        ),
    ],
)
def test_bad_options_are_refused_before_anything_is_done(world, options, text):
    refused = world.fail(MODULE, **{"network": "n1", **CORE, **options})
    assert text in refused["msg"] and refused["error_code"] == "BAD_OPTION"
    assert "cmd" not in refused
    assert stored(world) == {}


def test_what_a_failed_creation_has_made_is_removed(world, monkeypatch):
    """VBoxManage refuses the netmask after having made a server without addresses."""
    desired = dhcp_plan.DesiredDhcp(dhcp_model.DhcpServer("n1", **{**CORE, "netmask": "24"}))
    monkeypatch.setattr(dhcp_checks, "check_desired", lambda server: None)
    monkeypatch.setattr(dhcp_checks, "check_after", lambda server: None)
    task = dhcp_apply.Task(Client(world.program), desired)
    plan = dhcp_plan.plan(desired, None)
    with pytest.raises(VirtualBoxError, match="Invalid netmask"):
        task.carry_out(plan)
    assert stored(world) == {}


def test_a_new_world_begins_with_one_server(world):
    """Which is in no file before the first change."""
    for path in (world.folder / "home").glob("VirtualBox.xml*"):
        path.unlink()
    world.kill("VBoxSVC")
    world.change(MODULE, interface="vboxnet0", enabled=False)
