# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's network: parsing of what the kernel says, the wanted state, the plan between both."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._core import state
from ansible_collections.virtual.datacenter.plugins.module_utils._lab import (
    gateways,
    names,
    namespaces,
    network,
    network_host,
    services,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._lab.gateways import Gateway

RECORDED = Path(__file__).parent / "recorded"
RUN = "/var/lib/virtual.datacenter/h3/run"


def recorded(name: str) -> str:
    return (RECORDED / name).read_text(encoding="utf-8")


def wanted(bridges: list[str], ports: str | None = "-I forwarder") -> dict[str, str]:
    return network.wanted_network("h3", bridges, RUN, "--conf-file=x", ports)


def actual() -> dict[str, str]:
    """The recorded network of a data center with the segments edge and control."""
    inside = network.read_links(recorded("iproute2-6.1-inside-link.json"))
    outside = network.read_links(recorded("iproute2-6.1-outside-link.json"))
    addresses = network.read_addresses(recorded("iproute2-6.1-outside-addr.json"))
    cable = network.describe_cable(inside, outside)
    assert cable is not None
    return {
        f"directory {RUN}": "present",
        "namespace vdc-h3": network.ISOLATED,
        "namespace vdc-h3-outside": network.ISOLATED,
        **network.bridges_of(inside),
        "cable uplink": cable,
        "addresses outside": network.describe_addresses(addresses),
        "service dhcp": "--conf-file=x",
        "service ports": "-I forwarder",
    }


def test_a_finished_network_needs_nothing() -> None:
    assert state.plan(actual(), wanted(["br-edge", "br-control"])) == []


def test_from_nothing_everything_is_made_in_order() -> None:
    actions = [str(action) for action in state.plan({}, wanted(["br-edge"]))]
    assert actions == [
        f"create directory {RUN}",
        "create namespace vdc-h3",
        "create namespace vdc-h3-outside",
        "create bridge br-uplink",
        "create bridge br-edge",
        "create cable uplink",
        "create addresses outside",
        "create service dhcp",
        "create service ports",
    ]


def test_removal_is_the_other_way_round() -> None:
    actions = [str(action) for action in state.plan(actual(), {})]
    assert actions[0] == "remove service ports"
    assert actions[-3:] == [
        "remove namespace vdc-h3-outside",
        "remove namespace vdc-h3",
        f"remove directory {RUN}",
    ]


def test_a_segment_less_and_a_segment_more() -> None:
    actions = [str(a) for a in state.plan(actual(), wanted(["br-edge", "br-storage"]))]
    assert actions == ["remove bridge br-control", "create bridge br-storage"]


def test_no_port_means_no_forwarder() -> None:
    actions = state.plan(actual(), wanted(["br-edge", "br-control"], ports=None))
    assert [str(action) for action in actions] == ["remove service ports"]


@pytest.mark.parametrize(
    ("thing", "value"),
    [
        ("bridge br-edge", "down, forward_delay 0, stp_state 0, mcast_snooping 0"),
        ("cable uplink", network.NO_CABLE),
        ("namespace vdc-h3", "not isolated"),
        ("service dhcp", "in a network that is gone"),
        ("service ports", "2 processes"),
    ],
)
def test_what_is_damaged_is_repaired(thing: str, value: str) -> None:
    actions = state.plan({**actual(), thing: value}, wanted(["br-edge", "br-control"]))
    assert [str(action) for action in actions] == [f"change {thing}"]


def test_each_action_is_told_in_a_sentence_that_names_its_data_center() -> None:
    all_of_it = wanted(["br-edge", "br-control"])
    damaged = dict.fromkeys(all_of_it, "damaged")
    # A folder is there or not.
    damaged[f"directory {RUN}"] = all_of_it[f"directory {RUN}"]
    plans = [state.plan({}, all_of_it), state.plan(damaged, all_of_it), state.plan(all_of_it, {})]
    texts = [str(a) for plan in plans for a in state.told(plan, network.WORDS, "h3")]
    assert len(texts) == len(set(texts)) == 3 * len(all_of_it) - 1
    assert all("data center 'h3'" in text for text in texts)
    assert texts[:2] == [
        f"make the folder {RUN} of the network of data center 'h3'",
        "make the network namespace vdc-h3 of data center 'h3'",
    ]
    assert texts[-1] == f"remove the folder {RUN} of the network of data center 'h3'"


def test_a_bridge_with_other_options_shows() -> None:
    links = network.read_links(recorded("iproute2-6.1-inside-link.json"))
    links["br-edge"]["linkinfo"]["info_data"]["stp_state"] = 1
    assert network.bridges_of(links)["bridge br-edge"] != network.BRIDGE


@pytest.mark.parametrize("missing", ["uplink", "nat0"])
def test_half_a_cable_is_no_cable(missing: str) -> None:
    inside = network.read_links(recorded("iproute2-6.1-inside-link.json"))
    outside = network.read_links(recorded("iproute2-6.1-outside-link.json"))
    inside.pop(missing, None)
    outside.pop(missing, None)
    assert network.describe_cable(inside, outside) == network.NO_CABLE


def test_no_namespace_no_links() -> None:
    assert network.read_links("") == {}
    assert network.describe_cable({}, {}) is None
    assert network.describe_addresses({}) == "none, loopback none"


def test_the_nat_engine_asks_nobody() -> None:
    lines = network.dnsmasq_config(RUN).splitlines()
    assert "no-resolv" in lines
    assert not [line for line in lines if line.startswith("server=")]
    assert "dhcp-range=10.0.2.15,10.0.2.15,255.255.255.0,1h" in lines
    assert "host-record=upstream.test,198.51.100.10" in lines


ONE = Gateway("gate01", "02:00:5E:00:53:01")
TWO = Gateway("gate02", "02:00:5e:00:53:02")


def test_one_gateway_changes_nothing() -> None:
    # Another text would restart DHCP and DNS of every data center that there is.
    text = network.dnsmasq_config(RUN)
    assert hashlib.sha256(text.encode()).hexdigest().startswith("6260b51f4e50")
    assert network.dnsmasq_config(RUN, [ONE]) == text
    port = network.Port("ssh", 2222, 22, "gate01")
    named = services.Ports(RUN, "h3", [port], [ONE]).arguments
    assert named == services.Ports(RUN, "h3", [network.Port("ssh", 2222, 22)]).arguments
    assert named[-1] == "2222:10.0.2.15:22"


def test_two_gateways_get_each_its_own_address() -> None:
    lines = network.dnsmasq_config(RUN, [ONE, TWO]).splitlines()
    assert [line for line in lines if line.startswith("dhcp-") and "option" not in line] == [
        "dhcp-authoritative",
        "dhcp-range=10.0.2.0,static,255.255.255.0,1h",
        "dhcp-host=02:00:5e:00:53:01,10.0.2.15",
        "dhcp-host=02:00:5e:00:53:02,10.0.2.16",
        f"dhcp-leasefile={RUN}/leases-02005e005301-02005e005302",
    ]
    others = [line for line in network.dnsmasq_config(RUN).splitlines() if line not in lines]
    assert len(others) == 2, "the rest is that of one gateway"


def test_a_port_leads_to_its_gateway() -> None:
    ports = [
        network.Port("ssh-gate02", 2223, 22, "gate02"),
        network.Port("ssh", 2222, 22, "gate01"),
        network.Port("api", 6443, 6443),
    ]
    service = services.Ports(RUN, "h3", ports, [ONE, TWO])
    assert service.arguments[3:] == [
        "2222:10.0.2.15:22",
        "2223:10.0.2.16:22",
        "6443:10.0.2.15:6443",
    ]


def test_the_result_names_the_address_of_each_gateway() -> None:
    shown = network_host.LabNetwork("/r", "h3", [], [], [ONE, TWO]).result()
    assert shown["gateway_addresses"] == {"gate01": "10.0.2.15", "gate02": "10.0.2.16"}
    assert shown["gateway_address"] == "10.0.2.15"
    assert network_host.LabNetwork("/r", "h3", [], []).result()["gateway_addresses"] == {}


@pytest.mark.parametrize(
    ("machines", "target", "problem"),
    [
        ([], "gate09", None),
        ([ONE], None, None),
        ([ONE, TWO], "gate02", None),
        ([ONE], "gate02", "is none of the gateways: gate01"),
        ([ONE, TWO, Gateway("gate03", "02:00:5e:00:53:03")], None, "up to 2 gateways, found 3"),
        ([ONE, Gateway("gate01", TWO.mac)], None, "has a name of its own, found gate01, gate01"),
        ([ONE, Gateway("gate02", ONE.mac.lower())], None, "has a mac of its own"),
        ([Gateway("gate01", "02005e005301")], None, "MAC address of the gateway 'gate01' must be"),
        ([Gateway("gate01", f"{TWO.mac}\nport=0")], None, "must be six pairs of hexadecimal"),
    ],
)
def test_gateways_that_are_good_and_that_are_not(
    machines: list[Gateway], target: str | None, problem: str | None
) -> None:
    given = [dataclasses.asdict(machine) for machine in machines]
    ports = [{"name": "ssh", "host_port": 2222, "guest_port": 22, "machine": target}]
    found = gateways.check(given, ports)
    assert found is None if problem is None else problem in str(found)


def test_only_a_mounted_name_is_a_namespace() -> None:
    line = "612 24 0:4 net:[4026532313] /run/netns/vdc-h3 rw shared:5 - nsfs nsfs rw\n"
    assert namespaces.is_mounted("/run/netns/vdc-h3", line)
    assert not namespaces.is_mounted("/run/netns/vdc-h3-outside", line)
    assert not namespaces.is_mounted("/run/netns/vdc-h3", line.replace("nsfs nsfs", "tmpfs tmpfs"))


def test_bridge_names_fit_the_kernel() -> None:
    assert network_host.check_bridge_names(["br-edge", "br-control"]) is None
    for names_ in (["br-much-too-long-name"], ["br-uplink"], ["br-a", "br-a"], [""]):
        assert network_host.check_bridge_names(names_)


@pytest.mark.parametrize("good", ["lab", "h3", "mol-ha-lb"])
def test_names_that_are_good(good: str) -> None:
    assert names.check_name("It", good) is None


@pytest.mark.parametrize("bad", ["", "Lab", "3h", "a_b", "a/b", "../x", "lab-outside", "x" * 33])
def test_names_that_are_not(bad: str) -> None:
    assert names.check_name("It", bad)


def test_interfaces_have_short_and_different_names() -> None:
    assert names.host_interface("cp01", 1) == "cp01.1"
    long = [names.host_interface(f"a-very-long-machine-name-{n}", 1) for n in range(50)]
    assert len(set(long)) == 50
    assert all(len(name) <= names.INTERFACE_LENGTH for name in long)


def test_the_diff_shows_one_line_per_thing() -> None:
    diff = state.diff({}, {"a b": "c", "config": "x\ny\n"}, "it")
    assert diff["before"] == ""
    assert diff["after"] == "a b: c\nconfig:\n  x\n  y\n"
