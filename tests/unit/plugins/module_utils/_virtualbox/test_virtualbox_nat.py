# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NAT networks: exact calls, what holds for any input, and how a failed call is cleaned up."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import replace

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    CallTimeoutError,
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network import (
    nat_apply,
    nat_model,
    nat_plan,
    processes,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network.nat_plan import (  # noqa: E501
    NEW,
    DesiredNat,
    plan,
)
from hypothesis import given
from hypothesis import strategies as st

SSH = nat_model.forward(
    "ipv4",
    name="ssh",
    protocol="tcp",
    host_address="127.0.0.1",
    host_port=2222,
    guest_address="10.9.0.5",
    guest_port=22,
)
ACTUAL = replace(NEW, name="n1", network="10.9.0.0/24", port_forwards=(SSH,))


def desired(state="present", prune=False, **fields):
    return DesiredNat(nat_model.network("n1", **fields), state, prune)


def perform(network, plan):
    """What VirtualBox does with the calls, in the order that it does it."""
    for action in plan.actions:
        noun, verb, option, name, *words = action.argv
        assert (noun, option) == ("natnetwork", "--netname")
        if verb == "add":
            assert network is None
            network = replace(NEW, name=name, network=words[1])
        if verb == "remove":
            assert network is not None and not network.running
            network = None
        elif verb in ("start", "stop"):
            network = replace(network, running=verb == "start")
        else:
            network = modify(network, words)
    return network


def modify(network, words):
    deleted, added, loopbacks, fields = [], [], [], {}
    words = list(words)
    while words:
        option = words.pop(0)
        if option in ("--enable", "--disable"):
            fields["enabled"] = option == "--enable"
            continue
        value = words.pop(0)
        if option.startswith("--port-forward"):
            family = f"ipv{option[-1]}"
            if value == "delete":
                deleted.append((family, words.pop(0)))
            else:
                added.append((family, value))
        elif option == "--loopback-4":
            loopbacks.append(value)
        else:
            key = {
                "--network": "network",
                "--dhcp": "dhcp_enabled",
                "--ipv6": "ipv6_enabled",
                "--ipv6-prefix": "ipv6_prefix",
                "--ipv6-default": "ipv6_default_route",
            }[option]
            fields[key] = {"on": True, "off": False}.get(value, value)
    rules = {rule.key: rule for rule in network.port_forwards}
    if fields.get("network", network.network) != network.network:
        rules = {
            key: replace(
                rule,
                guest_address=nat_model.moved(
                    rule.guest_address, network.network, fields["network"]
                ),
            )
            for key, rule in rules.items()
        }
    for key in deleted:
        del rules[key]
    for family, text in added:
        name, protocol, rest = text.split(":", 2)
        host, _colon, rest = rest[1:].partition("]:")
        port, _colon, rest = rest.partition(":[")
        guest, _colon, guest_port = rest.partition("]:")
        rule = nat_model.NatForward(family, name, protocol, host, int(port), guest, int(guest_port))
        assert rule.key not in rules, "a NAT rule of this name already exists"
        taken = [nat_plan._port(other) for other in rules.values()]
        assert nat_plan._port(rule) not in taken, "port already taken"
        rules[rule.key] = rule
    places = dict(network.loopbacks)
    for pair in loopbacks:
        host, _equals, offset = pair.partition("=")
        assert int(offset) not in places.values(), "invalid argument value"
        places[host] = int(offset)
    return replace(
        network,
        port_forwards=tuple(sorted(rules.values(), key=lambda rule: rule.key)),
        loopbacks=tuple(sorted(places.items())),
        **fields,
    )


def test_a_new_network_is_one_call():
    made = plan(desired(network="10.9.0.0/24", enabled=False, port_forwards=[SSH]), None)
    assert [action.argv for action in made.actions] == [
        (
            *("natnetwork", "add", "--netname", "n1", "--network", "10.9.0.0/24", "--disable"),
            *("--port-forward-4", "ssh:tcp:[127.0.0.1]:2222:[10.9.0.5]:22"),
        )
    ]


def test_a_changed_rule_is_deleted_and_made_in_one_call():
    changed = replace(SSH, guest_port=23)
    made = plan(desired(port_forwards=[changed]), ACTUAL)
    assert [action.argv[4:] for action in made.actions] == [
        (
            *("--port-forward-4", "delete", "ssh"),
            *("--port-forward-4", "ssh:tcp:[127.0.0.1]:2222:[10.9.0.5]:23"),
        )
    ]
    assert made.actions[0].text == "change port forward 'ssh' of NAT network 'n1'"


def test_a_named_rule_is_made_anew_when_the_network_moves():
    named = replace(SSH, guest_address="10.8.0.5")
    made = plan(desired(network="10.8.0.0/24", port_forwards=[named]), ACTUAL)
    assert "delete" in made.actions[0].argv
    assert perform(ACTUAL, made) == made.after


def test_a_running_network_is_stopped_before_it_goes():
    made = plan(desired("absent"), replace(ACTUAL, running=True))
    assert [action.kind for action in made.actions] == ["stop", "remove"]


@pytest.mark.parametrize(
    ("address", "before", "after", "expected"),
    [
        # All seen with VirtualBox 7.2.22.
        ("10.9.1.5", "10.9.1.0/24", "10.8.0.0/16", "10.8.0.5"),
        ("10.77.0.200", "10.77.0.0/24", "10.78.0.0/28", "10.77.0.200"),
        ("10.99.3.4", "10.77.0.0/24", "10.78.0.0/28", "10.99.3.4"),
    ],
)
def test_where_virtualbox_moves_rules_to(address, before, after, expected):
    assert nat_model.moved(address, before, after) == expected


NETWORKS = st.sampled_from(["10.9.0.0/24", "10.8.0.0/16", "10.7.0.0/27"])
FLAGS = st.none() | st.booleans()


@st.composite
def any_desired(draw):
    network = draw(NETWORKS)
    base = ipaddress.IPv4Network(network).network_address
    names = draw(st.lists(st.sampled_from("abcd"), unique=True))
    ports = draw(st.permutations(range(1, 5)))
    rules = [
        nat_model.forward(
            "ipv4",
            name=name,
            protocol=draw(st.sampled_from(["tcp", "udp"])),
            host_address=draw(st.sampled_from(["", "127.0.0.1"])),
            host_port=port,
            guest_address=str(base + draw(st.integers(2, 20))),
            guest_port=22,
        )
        for name, port in zip(names, ports)
    ]
    hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    offsets = draw(st.permutations(range(1, 5)))
    return DesiredNat(
        nat_model.network(
            "n1",
            network=network,
            dhcp_enabled=draw(FLAGS),
            ipv6_enabled=draw(FLAGS),
            ipv6_prefix=draw(st.none() | st.just("fd00:1:2:3::/64")),
            ipv6_default_route=draw(FLAGS),
            enabled=draw(st.none() | st.just(True)),
            port_forwards=rules,
            loopbacks=list(zip(hosts, offsets)) if draw(st.booleans()) else (),
        ),
        draw(st.sampled_from(["present", "absent", "started", "stopped"])),
        draw(st.just(True)),
    )


@given(st.lists(any_desired(), min_size=1, max_size=3))
def test_any_tasks_one_after_another_leave_nothing_to_do(wanted):
    actual = None
    for item in wanted:
        made = plan(item, actual)
        actual = perform(actual, made)
        assert actual == made.after
        assert plan(item, actual).actions == ()


def test_a_failed_creation_is_removed(script):
    found = iter([None, ACTUAL])
    task = nat_apply.Task(script.client(), desired(network="10.9.0.0/24"))
    task._read = lambda: next(found)
    made = task.plan()
    script.expect(*made.actions[0].argv, rc=2, err="VBoxManage: error: no\n")
    script.expect("natnetwork", "remove", "--netname", "n1")
    with pytest.raises(VirtualBoxError, match="no"):
        task.carry_out(made)


@pytest.mark.parametrize("exists", [False, True])
def test_what_somebody_else_has_made_stays(script, exists):
    found = iter([None, ACTUAL if exists else None])
    task = nat_apply.Task(script.client(), desired(network="10.9.0.0/24"))
    task._read = lambda: next(found)
    made = task.plan()
    text = "NATNetwork server already exists" if exists else "no"
    script.expect(*made.actions[0].argv, rc=2, err=f"VBoxManage: error: {text}\n")
    with pytest.raises(VirtualBoxError):
        task.carry_out(made)


def test_a_creation_with_unknown_end_is_not_removed(script):
    task = nat_apply.Task(script.client(), desired(network="10.9.0.0/24"))
    task._read = lambda: None
    made = task.plan()
    script.expect(*made.actions[0].argv, hang=True)
    with pytest.raises(CallTimeoutError):
        task.carry_out(made)


@pytest.mark.parametrize(
    ("state", "runs", "code"),
    [("started", False, "NOT_RUNNING"), ("stopped", True, "STILL_RUNNING")],
)
def test_a_network_that_does_not_obey(script, state, runs, code):
    task = nat_apply.Task(script.client(), desired(state), running=lambda name: runs)
    task._read = lambda: replace(ACTUAL, running=runs)
    made = task.plan()
    script.expect(*made.actions[0].argv)
    with pytest.raises(VirtualBoxError) as raised:
        task.carry_out(made)
    assert raised.value.error_code == code


def test_a_network_that_starts_and_stops(script):
    runs = {"now": True}
    task = nat_apply.Task(script.client(), desired("started"), running=lambda name: runs["now"])
    task._read = lambda: replace(ACTUAL, running=False)
    made = task.plan()
    script.expect("natnetwork", "start", "--netname", "n1")
    task.carry_out(made)


def process(proc, pid, argv, home):
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    (folder / "cmdline").write_bytes(b"".join(word.encode() + b"\0" for word in argv))
    (folder / "environ").write_bytes(f"VBOX_USER_HOME={home}\0VBOX_IPC_SOCKETID=s\0".encode())


def test_running_networks_are_processes_of_this_world(tmp_path, monkeypatch):
    monkeypatch.setenv("VBOX_USER_HOME", "/w")
    monkeypatch.setenv("VBOX_IPC_SOCKETID", "s")
    program = "/usr/lib/virtualbox/VBoxNetNAT"
    process(tmp_path, 1, [program, "--network", "a\nb"], "/w")
    process(tmp_path, 2, [program, "--network", "other"], "/elsewhere")
    process(tmp_path, 3, ["/bin/cat", "--network", "cat"], "/w")
    os.mkdir(tmp_path / "4")
    assert processes.running("a\nb", str(tmp_path))
    for name in ("other", "cat", "a"):
        assert not processes.running(name, str(tmp_path))


def test_running_networks_in_a_listing_of_ps():
    listed = "/sbin/launchd\n/Applications/VirtualBox.app/Contents/MacOS/VBoxNetNAT --network n 1\n"
    assert processes.line_names(listed, "n 1")
    assert not processes.line_names(listed, "1")
