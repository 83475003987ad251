# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DHCP servers: exact calls, what holds for any input, and how a failed call is cleaned up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    CallTimeoutError,
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network import (
    dhcp_apply,
    dhcp_checks,
    dhcp_model,
    dhcp_plan,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network.dhcp_model import (  # noqa: E501
    DhcpOption,
    DhcpServer,
    FixedAddress,
    Scope,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network.dhcp_plan import (  # noqa: E501
    DesiredDhcp,
    plan,
)
from hypothesis import given
from hypothesis import strategies as st

CORE = {
    "server_address": "10.9.0.2",
    "netmask": "255.255.255.0",
    "lower_address": "10.9.0.10",
    "upper_address": "10.9.0.99",
}
LEAVE = Scope(None, None, None, None, None, None)
ROUTERS = DhcpOption(3, "10.9.0.1")
ACTUAL = DhcpServer("n1", **CORE, enabled=True)
MACS = ["08:00:27:00:00:01", "08:00:27:00:00:02"]


def desired(state="present", prune=False, scope=LEAVE, **fields):
    server = DhcpServer("n1", scope=scope, **fields)
    return DesiredDhcp(server, state, prune, prune, prune)


def argv(made):
    (action,) = made.actions
    assert action.argv[2:4] == ("--network", "n1")
    return [action.argv[1], *action.argv[4:]]


CORE_NAMES = {option: key for key, option in dhcp_plan.CORE.items()}
LEASE_NAMES = {option: key for key, option in dhcp_plan.LEASES.items()}


def perform(server, made):
    """What VirtualBox does with the calls."""
    for action in made.actions:
        verb, words = action.argv[1], list(action.argv[4:])
        if verb == "remove":
            server = None
            continue
        assert (server is None) is (verb == "add")
        server = run(server or DhcpServer("n1", enabled=False), words)
    return server


def run(server, words):
    fields = {}
    scopes = {("global",): server.scope}
    scopes.update({("group", item.name): item.scope for item in server.groups})
    scopes.update({item.key: item.scope for item in server.fixed_addresses})
    conditions = {item.name: list(item.conditions) for item in server.groups}
    given = {item.key: item.address for item in server.fixed_addresses}
    place = ("global",)

    def update(**changes):
        scopes[place] = replace(scopes.get(place, Scope()), **changes)

    while words:
        option = words.pop(0)
        now = scopes.get(place, Scope())
        if option in ("--enable", "--disable"):
            fields["enabled"] = option == "--enable"
        elif option == "--global":
            place = ("global",)
        elif option == "--remove-config":
            del scopes[place]
            place = ("global",)
        elif option == "--zap-conditions":
            conditions[place[1]] = []
        elif option in CORE_NAMES:
            fields[CORE_NAMES[option]] = words.pop(0)
        elif option in LEASE_NAMES:
            update(**{LEASE_NAMES[option]: int(words.pop(0))})
        elif option == "--group":
            place = ("group", words.pop(0))
        elif option == "--mac-address":
            place = (words.pop(0), "", 0)
        elif option == "--vm":
            place = ("", words.pop(0), 1)
        elif option == "--nic":
            place = (*place[:2], int(words.pop(0)))
        elif option == "--fixed-address":
            update()
            given[place] = words.pop(0)
        elif option.startswith(("--incl-", "--excl-")):
            kind = option[7:].replace("wild", "wildcard").replace("-", "_")
            condition = dhcp_model.Condition(kind, words.pop(0), option.startswith("--incl"))
            conditions.setdefault(place[1], []).append(condition)
        elif option in ("--set-opt", "--set-opt-hex"):
            made = DhcpOption(int(words.pop(0)), words.pop(0), option.endswith("hex"))
            others = [item for item in now.options if item.number != made.number]
            update(options=dhcp_model.sorted_options([*others, made]))
        elif option == "--del-opt":
            number = int(words.pop(0))
            assert number in [item.number for item in now.options], "option was not found"
            update(options=tuple(item for item in now.options if item.number != number))
        else:
            undo, key = option[2:4] == "un", "suppress" if "suppress" in option else "forc"
            key = "suppressed_options" if key == "suppress" else "forced_options"
            numbers = set(getattr(now, key)) ^ {int(words.pop(0))}
            assert undo is (len(numbers) < len(getattr(now, key)))
            update(**{key: tuple(sorted(numbers))})
    groups = [
        dhcp_model.Group(key[1], tuple(conditions.get(key[1], ())), scope)
        for key, scope in scopes.items()
        if key[0] == "group"
    ]
    fixed = [
        FixedAddress(*key, address=given.get(key, ""), scope=scope)
        for key, scope in scopes.items()
        if len(key) == 3
    ]
    return replace(
        server,
        **fields,
        scope=scopes[("global",)],
        groups=tuple(sorted(groups, key=lambda item: item.name)),
        fixed_addresses=tuple(sorted(fixed, key=lambda item: item.key)),
    )


def test_a_new_server_is_one_call():
    made = plan(desired(scope=replace(LEAVE, options=(ROUTERS,)), **CORE), None)
    assert argv(made) == [
        *("add", "--server-ip", "10.9.0.2", "--netmask", "255.255.255.0"),
        *("--lower-ip", "10.9.0.10", "--upper-ip", "10.9.0.99", "--enable"),
        *("--global", "--set-opt", "3", "10.9.0.1"),
    ]


def test_all_changes_are_one_call_and_removals_come_first():
    old = FixedAddress(mac=MACS[0], address="10.9.0.50")
    actual = replace(ACTUAL, fixed_addresses=(old,), groups=(dhcp_model.Group("g"),))
    made = plan(
        desired(
            prune=True,
            enabled=False,
            fixed_addresses=(FixedAddress("", "u-1", 2, "10.9.0.50", LEAVE),),
        ),
        actual,
    )
    assert argv(made) == [
        *("modify", "--disable", "--group", "g", "--remove-config"),
        *("--mac-address", MACS[0], "--remove-config"),
        *("--vm", "u-1", "--nic", "2", "--fixed-address", "10.9.0.50"),
    ]
    assert made.actions[0].text == (
        f"change enabled, group 'g', MAC {MACS[0]}, NIC 2 of VM u-1 of DHCP server of network 'n1'"
    )


def test_an_unnamed_address_of_a_client_stays():
    actual = replace(ACTUAL, fixed_addresses=(FixedAddress(MACS[0], address="10.9.0.50"),))
    named = FixedAddress(MACS[0], address=None, scope=replace(LEAVE, max_lease_seconds=9))
    made = plan(desired(fixed_addresses=(named,)), actual)
    assert argv(made) == ["modify", "--mac-address", MACS[0], "--max-lease-time", "9"]


def test_conditions_are_made_anew():
    group = dhcp_model.group("g", [("mac", MACS[0], True)], Scope())
    wanted = dhcp_model.group("g", [("mac_wildcard", "08:*", False)], LEAVE)
    made = plan(desired(groups=(wanted,)), replace(ACTUAL, groups=(group,)))
    assert argv(made) == ["modify", "--group", "g", "--zap-conditions", "--excl-mac-wild", "08:*"]


def test_a_client_that_is_not_named_may_stand_in_the_way():
    other = FixedAddress(MACS[0], address="10.9.0.50")
    actual = replace(ACTUAL, fixed_addresses=(other,))
    wanted = FixedAddress(MACS[1], address="10.9.0.50", scope=LEAVE)
    with pytest.raises(VirtualBoxError, match="both have"):
        plan(desired(fixed_addresses=(wanted,)), actual)
    moved = {key: value.replace("10.9.0", "10.8.0") for key, value in CORE.items()}
    with pytest.raises(VirtualBoxError, match="prune_fixed_addresses"):
        plan(desired(**moved), actual)


@pytest.mark.parametrize(
    ("text", "number"),
    [("3", 3), ("routers", 3), ("Domain-Name", 15), ("bootfile_name", 67), ("254", 254)],
)
def test_options_by_number_and_name(text, number):
    assert dhcp_checks.option_number(text) == number


@pytest.mark.parametrize("text", ["", "0", "255", "1", "subnet_mask", "-3", "nosuch", "³"])
def test_options_that_are_none(text):
    with pytest.raises(VirtualBoxError) as raised:
        dhcp_checks.option_number(text)
    assert raised.value.error_code == "BAD_OPTION"


@pytest.mark.parametrize(
    ("given_text", "expected"),
    [("0AfF", "0a:ff"), ("0A:fF", "0a:ff"), ("abc", "abc"), ("x", "x"), ("", "")],
)
def test_bytes_in_one_spelling(given_text, expected):
    assert dhcp_model.hexadecimal(given_text) == expected


FLAGS = st.none() | st.booleans()


@st.composite
def scopes(draw):
    options = draw(
        st.lists(
            st.builds(DhcpOption, st.sampled_from([12, 15, 66]), st.sampled_from("ab"))
            | st.builds(
                DhcpOption, st.sampled_from([15, 220]), st.sampled_from(["01", "02"]), st.just(True)
            ),
            unique_by=lambda item: item.number,
        )
    )
    numbers = st.none() | st.sets(st.sampled_from([3, 6])).map(lambda found: tuple(sorted(found)))
    times = st.none() | st.sampled_from([0, 10])
    return Scope(
        draw(st.none() | st.just(dhcp_model.sorted_options(options))),
        *(draw(numbers) for _number in range(2)),
        *(draw(times) for _number in range(3)),
    )


@st.composite
def any_desired(draw):
    # VirtualBox keeps the rest of the global scope only beside an option.
    always = replace(draw(scopes()), options=(DhcpOption(17, draw(st.sampled_from("ab"))),))
    hosts = draw(st.permutations(range(50, 54)))
    keys = [(MACS[0], "", 0), (MACS[1], "", 0), ("", "u-1", 1), ("", "u-1", 2)]
    chosen = draw(st.lists(st.sampled_from(keys), unique=True))
    fixed = [
        FixedAddress(
            *key, address=f"10.9.0.{host}" if draw(st.booleans()) else "", scope=draw(scopes())
        )
        for key, host in zip(chosen, hosts)
    ]
    conditions = st.lists(
        st.tuples(st.sampled_from(["mac"]), st.sampled_from(MACS), st.booleans()), unique=True
    )
    groups = [
        dhcp_model.group(name, draw(conditions), draw(scopes()))
        for name in draw(st.lists(st.sampled_from(["g", "-h", "i j"]), unique=True))
    ]
    server = DhcpServer(
        "n1",
        **CORE,
        enabled=draw(FLAGS),
        scope=always,
        groups=tuple(groups),
        fixed_addresses=tuple(fixed),
    )
    state = draw(st.sampled_from(["present", "present", "absent"]))
    # What an earlier task left could share an address with this one.
    return DesiredDhcp(server, state, draw(st.booleans()), draw(st.booleans()), True)


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
    task = dhcp_apply.Task(script.client(), desired(**CORE))
    task._read = lambda: next(found)
    made = task.plan()
    script.expect(*made.actions[0].argv, rc=1, err="VBoxManage: error: no\n")
    script.expect("dhcpserver", "remove", "--network", "n1")
    with pytest.raises(VirtualBoxError, match="no"):
        task.carry_out(made)


@pytest.mark.parametrize("hang", [False, True])
def test_what_may_be_of_somebody_else_stays(script, hang):
    task = dhcp_apply.Task(script.client(), desired(**CORE))
    task._read = lambda: None
    made = task.plan()
    script.expect(
        *made.actions[0].argv,
        rc=2,
        err="VBoxManage: error: DHCP server already exists\n",
        hang=hang,
    )
    with pytest.raises(CallTimeoutError if hang else VirtualBoxError):
        task.carry_out(made)


def test_vms_are_named_by_their_uuids(script):
    uuid = "44444444-4444-4444-8444-444444444444"
    listed = f'"cp01" {{{uuid}}}\n'
    for name in ("cp01", uuid.upper()):
        script.expect("list", "vms", out=listed)
        client = FixedAddress("", name, 1, "10.9.0.50", LEAVE)
        task = dhcp_apply.Task(script.client(), desired(fixed_addresses=(client,)))
        task._read = lambda: ACTUAL
        assert task.plan().after.fixed_addresses[0].vm == uuid
