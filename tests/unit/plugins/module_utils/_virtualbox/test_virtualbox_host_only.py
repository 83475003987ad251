# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host-only interfaces and networks, with listings in the layout of VBoxManage 7."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    CallTimeoutError,
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network import (
    host_only_apply,
    host_only_model,
    host_only_plan,
    networks_conf,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network.host_only_model import (  # noqa: E501
    HostOnly,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network.host_only_plan import (  # noqa: E501
    DesiredHostOnly,
    plan,
)
from hypothesis import given
from hypothesis import strategies as st

MASK = "255.255.255.0"


def interface_text(name, address="192.168.56.1", netmask=MASK, number=0):
    return (
        f"Name:            {name}\n"
        f"GUID:            786f6276-656e-4074-8000-0a002700000{number}\n"
        "DHCP:            Disabled\n"
        f"IPAddress:       {address}\n"
        f"NetworkMask:     {netmask}\n"
        "IPV6Address:     \n"
        "IPV6NetworkMaskPrefixLength: 0\n"
        f"HardwareAddress: 0a:00:27:00:00:0{number}\n"
        "MediumType:      Ethernet\n"
        "Wireless:        No\n"
        "Status:          Down\n"
        f"VBoxNetworkName: HostInterfaceNetworking-{name}\n\n"
    )


def network_text(name, lower="192.168.56.1", upper="192.168.56.99", state="Enabled"):
    return (
        f"Name:            {name}\n"
        "GUID:            331df2f8-cac1-4c80-93f6-367eaa31454d\n\n"
        f"State:           {state}\n"
        f"NetworkMask:     {MASK}\n"
        f"LowerIP:         {lower}\n"
        f"UpperIP:         {upper}\n"
        f"VBoxNetworkName: hostonly-{name}\n\n"
    )


def desired(state="present", kind="interface", **fields):
    return DesiredHostOnly(HostOnly(kind, **fields), state)


def interface(name, address="192.168.56.1", netmask=MASK):
    return host_only_model.interfaces(interface_text(name, address, netmask))[0]


def network(name, **fields):
    return host_only_model.networks(network_text(name, **fields))[0]


def calls(made):
    return [" ".join(action.argv) for action in made.actions]


# --- listings -----------------------------------------------------------------------------------


def test_no_interfaces_as_recorded(recorded):
    assert host_only_model.interfaces(recorded("list_hostonlyifs_none")) == ()


def test_listed_interfaces():
    text = interface_text("vboxnet0") + interface_text("vboxnet1", "", "", 1)
    first, second = host_only_model.interfaces(text)
    assert (first.name, first.address, first.netmask) == ("vboxnet0", "192.168.56.1", MASK)
    assert first.network_name == "HostInterfaceNetworking-vboxnet0"
    assert str(first.own_network) == "192.168.56.0/24"
    assert second.name == "vboxnet1" and second.own_network is None


def test_listed_networks_of_any_name():
    hostile = "a\nState:           Enabled\nName:            b"
    text = network_text(hostile) + network_text("plain", state="Disabled")
    first, second = host_only_model.networks(text.rstrip())
    assert (first.name, first.upper_address, first.enabled) == (hostile, "192.168.56.99", True)
    assert (second.name, second.enabled) == ("plain", False)
    assert second.network_name == "hostonly-plain"


# --- networks.conf ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("* 10.0.0.0/8 192.168.0.0/16\n* 2001::/64", ["10.0.0.0/8", "192.168.0.0/16", "2001::/64"]),
        ("* 0.0.0.0/0 ::/0", ["0.0.0.0/0", "::/0"]),
        ("# * 10.0.0.0/8\n\n  \n10.0.0.0/8\n*10.0.0.0/8\n- 10.0.0.0/8", []),
        (" \t*\t10.1.2.3/8 banana 10.0.0.0/33 10.9.0.1", ["10.0.0.0/8", "10.9.0.1/32"]),
    ],
)
def test_allowed_ranges(text, expected):
    assert [str(item) for item in networks_conf.parse(text)] == expected


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("192.168.56.1/24", True),
        ("192.168.63.254/21", True),
        ("192.168.64.1/24", False),
        # The mask must not be wider than the range.
        ("192.168.56.1/20", False),
        ("10.0.0.1/24", False),
    ],
)
def test_what_is_allowed_without_a_file(tmp_path, address, allowed):
    wanted = ipaddress.IPv4Interface(address)
    path = str(tmp_path / "networks.conf")
    if allowed:
        networks_conf.check(wanted, path)
        return
    with pytest.raises(VirtualBoxError) as raised:
        networks_conf.check(wanted, path)
    assert raised.value.error_code == "RANGE_NOT_ALLOWED"
    # The new file replaces the default, so the line keeps it.
    line = f"'* 192.168.56.0/21 fe80::/10 {wanted.network}' to {path}"
    assert line in raised.value.hint


def test_what_a_file_allows_replaces_the_default(tmp_path):
    path = tmp_path / "networks.conf"
    path.write_text("# ours\n* 10.0.0.0/8\n")
    networks_conf.check(ipaddress.IPv4Interface("10.9.0.1/24"), str(path))
    with pytest.raises(VirtualBoxError, match=r"10\.0\.0\.0/8") as raised:
        networks_conf.check(ipaddress.IPv4Interface("192.168.56.1/24"), str(path))
    assert f"the line '* 192.168.56.0/24' to {path}" in raised.value.hint


@given(st.text())
def test_any_file_is_read(text):
    networks_conf.parse(text)


# --- plans for interfaces -----------------------------------------------------------------------


def test_a_new_interface_gets_its_address():
    made = plan(desired(address="192.168.57.1"), [interface("vboxnet0")])
    assert calls(made) == [
        "hostonlyif create",
        f"hostonlyif ipconfig vboxnet1 --ip 192.168.57.1 --netmask {MASK}",
    ]
    assert made.after.name == "vboxnet1"


def test_an_interface_is_found_by_its_address_then_by_its_network():
    listed = [interface("vboxnet0"), interface("vboxnet1", "192.168.57.1")]
    assert plan(desired(address="192.168.57.1"), listed).actions == ()
    moved = plan(desired(address="192.168.57.9"), listed)
    assert calls(moved) == [f"hostonlyif ipconfig vboxnet1 --ip 192.168.57.9 --netmask {MASK}"]
    narrow = plan(desired(address="192.168.57.1", netmask="255.255.255.128"), listed)
    assert "255.255.255.128" in calls(narrow)[0]


def test_a_named_interface_may_get_any_address():
    listed = [interface("vboxnet0")]
    assert plan(desired(name="vboxnet0"), listed).actions == ()
    made = plan(desired(name="vboxnet0", address="192.168.60.1"), listed)
    assert calls(made) == [f"hostonlyif ipconfig vboxnet0 --ip 192.168.60.1 --netmask {MASK}"]
    bare = [interface("vboxnet0", "", "")]
    assert MASK in calls(plan(desired(name="vboxnet0", address="192.168.60.1"), bare))[0]


def test_only_an_interface_with_exactly_the_address_is_removed():
    listed = [interface("vboxnet0")]
    assert plan(desired("absent", address="192.168.56.2"), listed).actions == ()
    assert calls(plan(desired("absent", address="192.168.56.1"), listed)) == [
        "hostonlyif remove vboxnet0"
    ]
    assert calls(plan(desired("absent", name="vboxnet0"), listed)) == ["hostonlyif remove vboxnet0"]
    assert plan(desired("absent", name="vboxnet7"), listed).actions == ()


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "neither name nor address"),
        ({"name": "lab"}, "vboxnet0, vboxnet1"),
        ({"name": "vboxnet1"}, "needs address"),
        ({"name": "vboxnet7", "address": "192.168.57.1"}, "would call a new host-only interface"),
        ({"address": "banana"}, "not an IPv4 address"),
        ({"address": "192.168.57.1", "netmask": "24"}, "not a netmask"),
        ({"address": "192.168.57.0"}, "not an address of a host"),
        ({"address": "192.168.57.1", "upper_address": "192.168.58.9"}, "is not in"),
        ({"address": "192.168.57.9", "upper_address": "192.168.57.1"}, "above upper_address"),
        ({"address": "192.168.57.1", "enabled": False}, "cannot be disabled"),
        ({"address": "192.168.56.129", "netmask": "255.255.255.128"}, "overlaps"),
    ],
)
def test_refused_interfaces(fields, text):
    with pytest.raises(VirtualBoxError, match=text) as raised:
        plan(desired(**fields), [interface("vboxnet0")])
    assert raised.value.error_code == "BAD_OPTION"


def test_two_interfaces_with_one_network_are_told():
    listed = [interface("vboxnet0"), interface("vboxnet1")]
    with pytest.raises(VirtualBoxError, match="vboxnet0, vboxnet1") as raised:
        plan(desired(address="192.168.56.1"), listed)
    assert raised.value.error_code == "AMBIGUOUS_NAME"


# --- plans for networks -------------------------------------------------------------------------


def test_networks_are_added_changed_and_removed():
    full = {"name": "n 1", "address": "192.168.56.1", "netmask": MASK}
    full["upper_address"] = "192.168.56.99"
    made = plan(desired(kind="network", **full), [])
    assert made.actions[0].argv == (
        *("hostonlynet", "add", "--name=n 1", f"--netmask={MASK}"),
        *("--lower-ip=192.168.56.1", "--upper-ip=192.168.56.99", "--enable"),
    )
    listed = [network("n 1")]
    assert plan(desired(kind="network", **full), listed).actions == ()
    changed = plan(desired(kind="network", name="n 1", enabled=False), listed)
    assert calls(changed) == [f"hostonlynet modify --id={listed[0].uuid} --disable"]
    changed = plan(desired(kind="network", name="n 1", upper_address="192.168.56.50"), listed)
    assert calls(changed) == [f"hostonlynet modify --id={listed[0].uuid} --upper-ip=192.168.56.50"]
    gone = plan(desired("absent", kind="network", name="n 1"), listed)
    assert calls(gone) == [f"hostonlynet remove --id={listed[0].uuid}"]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"address": "10.0.0.1"}, "has a name"),
        ({"name": "a\nb"}, "line break"),
        ({"name": "new", "address": "10.0.0.1"}, "needs netmask, upper_address"),
        ({"name": "old", "upper_address": "10.0.0.9"}, "is not in"),
    ],
)
def test_refused_networks(fields, text):
    with pytest.raises(VirtualBoxError, match=text) as raised:
        plan(desired(kind="network", **fields), [network("old")])
    assert raised.value.error_code == "BAD_OPTION"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["present", "absent"]),
            st.integers(56, 59),
            st.integers(1, 3),
            st.sampled_from([MASK, None]),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_tasks_one_after_another_leave_nothing_to_do(wanted):
    listed = []
    for state, third, last, netmask in wanted:
        item = desired(state, address=f"192.168.{third}.{last}", netmask=netmask)
        made = plan(item, listed)
        for action in made.actions:
            verb, *words = action.argv[1:]
            if verb == "create":
                listed.append(interface(host_only_plan.free_name(listed), "", ""))
            elif verb == "remove":
                listed = [other for other in listed if other.name != words[0]]
            else:
                index = [other.name for other in listed].index(words[0])
                listed[index] = interface(words[0], words[2], words[4])
        assert plan(item, listed).actions == ()


# --- carried out --------------------------------------------------------------------------------


@pytest.fixture
def task(script, tmp_path, monkeypatch):
    monkeypatch.setenv("VBOX_USER_HOME", str(tmp_path))

    def make(**fields):
        return host_only_apply.Task(
            script.client(), desired(**fields), str(tmp_path / "networks.conf")
        )

    return make


CONFIGURE = ("hostonlyif", "ipconfig")
ADDRESS = ("--ip", "192.168.57.1", "--netmask", MASK)
MADE = "0%...10%...100%\nInterface 'vboxnet{}' was successfully created\n"


def test_the_interface_gets_the_address_whatever_virtualbox_calls_it(script, task):
    script.expect("list", "hostonlyifs")
    script.expect("hostonlyif", "create", out=MADE.format(4))
    script.expect(*CONFIGURE, "vboxnet4", *ADDRESS)
    script.expect("list", "hostonlyifs", out=interface_text("vboxnet4", "192.168.57.1"))
    one = task(address="192.168.57.1")
    one.carry_out(one.plan())
    assert one.plan().actions == ()
    assert one.actual.name == "vboxnet4"
    assert one.journal.read() == {}


def test_an_interface_of_another_name_than_asked_for_is_removed(script, task):
    script.expect("list", "hostonlyifs")
    script.expect("hostonlyif", "create", out=MADE.format(4))
    script.expect("hostonlyif", "remove", "vboxnet4")
    one = task(name="vboxnet0", address="192.168.57.1")
    with pytest.raises(VirtualBoxError) as raised:
        one.carry_out(one.plan())
    assert raised.value.error_code == "OTHER_NAME"


def test_without_the_kernel_module_the_way_out_is_told(script, task, recorded_error):
    failed = recorded_error("hostonlyif_create")
    script.expect("list", "hostonlyifs")
    script.expect("hostonlyif", "create", rc=failed.rc, err=failed.stderr)
    one = task(address="192.168.57.1")
    with pytest.raises(VirtualBoxError, match="vboxnetadp") as raised:
        one.carry_out(one.plan())
    assert raised.value.error_code == "NO_KERNEL_MODULE" and "modprobe" in raised.value.hint
    assert one.journal.read() == {}


def test_a_range_that_is_not_allowed_is_refused_before_the_creation(script, task):
    script.expect("list", "hostonlyifs")
    with pytest.raises(VirtualBoxError) as raised:
        task(address="10.0.0.1").plan()
    assert raised.value.error_code == "RANGE_NOT_ALLOWED"


def test_an_interface_that_did_not_get_its_address_is_removed(script, task):
    script.expect("list", "hostonlyifs")
    script.expect("hostonlyif", "create", out=MADE.format(0))
    denied = "VBoxManage: error: Code E_ACCESSDENIED (0x80070005) - Access denied\n"
    script.expect(*CONFIGURE, "vboxnet0", *ADDRESS, rc=1, err=denied)
    script.expect("hostonlyif", "remove", "vboxnet0")
    one = task(address="192.168.57.1")
    with pytest.raises(VirtualBoxError) as raised:
        one.carry_out(one.plan())
    assert raised.value.error_code == "RANGE_NOT_ALLOWED"
    assert one.journal.read() == {}


def test_an_interface_of_an_interrupted_run_is_used(script, task):
    script.expect("list", "hostonlyifs", out=interface_text("vboxnet0"))
    script.expect("hostonlyif", "create", hang=True)
    one = task(address="192.168.57.1")
    with pytest.raises(CallTimeoutError):
        one.carry_out(one.plan())
    listed = interface_text("vboxnet0") + interface_text("vboxnet1", "", "", 1)
    script.expect("list", "hostonlyifs", out=listed)
    script.expect(*CONFIGURE, "vboxnet1", *ADDRESS)
    again = task(address="192.168.57.1")
    again.carry_out(again.plan())
    assert again.journal.read() == {}


def test_of_two_unknown_interfaces_none_is_used(script, task):
    one = task(address="192.168.57.1")
    one.journal.begin({"name": "vboxnet0", "before": []})
    two = interface_text("vboxnet0", "") + interface_text("vboxnet1", "", "", 1)
    script.expect("list", "hostonlyifs", out=two)
    assert one.plan().actions[0].kind == "create"


def test_an_old_virtualbox_on_macos_is_told(script, task, recorded_error):
    failed = recorded_error("list_hostonlynets_unknown")
    script.expect("list", "hostonlynets", rc=failed.rc, err=failed.stderr)
    with pytest.raises(VirtualBoxError) as raised:
        task(kind="network", name="n").plan()
    assert raised.value.error_code == "NO_HOST_ONLY_NETWORKS"


@given(
    st.lists(
        st.ip_addresses().flatmap(
            lambda address: st.integers(0, address.max_prefixlen).map(
                lambda length: ipaddress.ip_network(f"{address}/{length}", strict=False)
            )
        )
    )
)
def test_what_is_written_into_networks_conf_is_read_from_it(networks):
    text = networks_conf.render([str(network) for network in networks])
    assert list(networks_conf.parse(text)) == networks


@pytest.mark.parametrize(
    ("network", "way_out"),
    [
        ("10.0.0.0", "10.0.0.0/24"),
        ("10.0.0.1/8", "write 10.0.0.0/8"),
        ("10.0.0.0/33", "write it like"),
        ("everything", "write it like"),
        ("", "write it like"),
        ("* 10.0.0.0/8", "write it like"),
        ("fe80::1/10", "write fe80::/10"),
    ],
)
def test_what_virtualbox_would_pass_over_is_not_written(network, way_out):
    with pytest.raises(VirtualBoxError) as error:
        networks_conf.render(["192.168.56.0/21", network])
    assert way_out in str(error.value)
    assert error.value.error_code == "BAD_OPTION"
