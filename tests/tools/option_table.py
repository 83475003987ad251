#!/usr/bin/env python3
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/virtualbox_options.md: what becomes of each option of the VirtualBox modules.

The planners are asked what they do with two values of an option, on a machine that is off and on
one that runs. Where an option of a VM is read, its row says. For other objects, what the readers
make of recorded answers is compared with what they make of them after one place was changed.
"""

from __future__ import annotations

import copy
import functools
import importlib
import operator
import sys
import typing as t
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / ".collections"))

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator  # noqa: E402

PLUGINS = "ansible_collections.virtual.datacenter.plugins"


def load(name: str) -> t.Any:
    return importlib.import_module(f"{PLUGINS}.module_utils._virtualbox.{name}")


errors, fields, listings = map(load, ("errors", "fields", "listings"))
bandwidth, devices, disks = map(load, ("vm.bandwidth", "vm.devices", "vm.disks"))
model, planner, settings = map(load, ("vm.model", "vm.plan", "vm.settings"))
medium_model, medium_planner, medium_reader = map(
    load, ("medium.model", "medium.plan", "medium.read")
)
ovf, appliance_planner = map(load, ("appliance.ovf", "appliance.plan"))
snapshot_model, snapshot_planner = map(load, ("snapshot.model", "snapshot.plan"))
dhcp_model, dhcp_plan = map(load, ("network.dhcp_model", "network.dhcp_plan"))
nat_model, nat_plan = map(load, ("network.nat_model", "network.nat_plan"))
host_only_model, host_only_plan = map(load, ("network.host_only_model", "network.host_only_plan"))
global_settings = load("network.settings")

FIXTURES = ROOT / "tests/unit/plugins/module_utils/_virtualbox/fixtures"
TARGET = ROOT / "docs" / "virtualbox_options.md"
UUID = "11111111-1111-4111-8111-111111111111"
DASH = "-"
USUAL = {
    "bool": (False, True),
    "int": (5, 4),
    "path": ("/a", "/b"),
    "dict": ({"a": "1"}, {"a": "2"}),
}
FILE = "settings file"
# The tables of a VM by what stands before the names of their options.
VM_TABLES: dict[str, fields.Table] = {
    "": (*fields.rows(model.Vm), *settings.TABLE),
    "nics.": devices.Nic,
    "storage_controllers.": devices.Controller,
    "storage_attachments.": devices.Attachment,
    "serial_ports.": devices.SerialPort,
}
# Options without a row that only the settings file has.
IN_FILE = (
    "nics.network",
    "nics.properties",
    "nics.port_forwards.",
    "bandwidth_groups.",
    "shared_folders.",
    "extra_data",
    "guest_properties",
)

Params = t.Dict[str, t.Any]
# By option: two ways to give it; None: two usual values of its type.
Probes = t.Dict[str, t.Optional[t.Tuple[t.Any, t.Any]]]


def usual(names: str, prefix: str = "") -> Probes:
    return {prefix + name: None for name in names.split()}


# --- what the planners do -------------------------------------------------------------------------


@dataclass
class Subject:
    """A module whose planner can be asked."""

    # The least that makes a new object.
    base: Params
    # A plain value stands for the option alone.
    probes: Probes
    # From parameters and the object, or None, to a plan.
    plan: t.Callable[[SimpleNamespace, t.Any], t.Any]
    # The object as it is while it runs, if it can.
    running: t.Callable[[t.Any], t.Any] | None = None
    # What a list of items needs beside the option.
    items: dict[str, Params] = field(default_factory=dict)
    # By option: what is read to know its value.
    sources: t.Callable[[], dict[str, set[str]]] = dict


def options_of(name: str) -> dict[str, Params]:
    """All options of a module, those of items as `list.option`."""
    module = importlib.import_module(f"{PLUGINS}.modules.{name}")
    found: dict[str, Params] = {}

    def walk(options: Params, prefix: str) -> None:
        for option, spec in options.items():
            found[prefix + option] = spec
            walk(spec.get("options") or {}, f"{prefix}{option}.")

    walk(module.OPTIONS, "")
    return found


def values(name: str, subject: Subject, option: str) -> tuple[t.Any, t.Any]:
    """The two ways to give an option."""
    spec = options_of(name)[option]
    one, other = (spec.get("choices") or USUAL.get(spec["type"]) or "ab")[:2]
    return subject.probes[option] or (other, one)


def given(subject: Subject, option: str, value: t.Any, without: bool = False) -> Params:
    """The parameters of a task that names the option, or all that goes with it but itself."""
    params = copy.deepcopy(subject.base)
    *containers, leaf = option.split(".")
    patch = dict(value) if isinstance(value, dict) and leaf in value else {leaf: value}
    if without:
        del patch[leaf]
    place, path = params, ""
    for outer in containers:
        path = f"{path}.{outer}" if path else outer
        item = copy.deepcopy(subject.items.get(path, {}))
        place[outer] = [item]
        place = item
    place.update(patch)
    return params


def namespace(name: str, params: Params) -> SimpleNamespace:
    """What a planner's caller knows of AnsibleModule."""

    def fail_json(**result: t.Any) -> None:
        raise errors.VirtualBoxError(result["msg"])

    module = importlib.import_module(f"{PLUGINS}.modules.{name}")
    result = ArgumentSpecValidator(module.OPTIONS).validate(params)
    if result.error_messages:
        raise ValueError(f"{name}: {result.error_messages}")
    return SimpleNamespace(params=result.validated_parameters, fail_json=fail_json, module=module)


def calls(plan: t.Any) -> list[tuple[str, ...]]:
    return [action.argv for action in plan.actions]


def created(name: str, subject: Subject, option: str) -> str:
    """Whether a new object gets it."""
    first = values(name, subject, option)[0]
    container, _dot, leaf = option.rpartition(".")
    if leaf in (subject.items.get(container, {}) if container else subject.base):
        return "yes"
    with_it = subject.plan(namespace(name, given(subject, option, first)), None)
    try:
        bare = subject.plan(namespace(name, given(subject, option, first, without=True)), None)
    except errors.VirtualBoxError:
        # The rest makes no sense without it.
        return "yes"
    return "yes" if calls(with_it) != calls(bare) else "no"


def changed(name: str, subject: Subject, option: str) -> tuple[str, str]:
    """Whether it is changed in place, and whether the VM has to be off for it."""
    first, second = values(name, subject, option)
    made = subject.plan(namespace(name, given(subject, option, first)), None).after
    desired = namespace(name, given(subject, option, second))
    try:
        plan = subject.plan(desired, made)
    except errors.VirtualBoxError:
        return "no: an error", DASH
    if not plan.actions:
        return "no: left as it is", DASH
    if subject.running is None:
        return "yes", "no"
    try:
        subject.plan(desired, subject.running(made))
    except errors.VirtualBoxError as error:
        if error.error_code not in ("POWER_CYCLE_NEEDED", "VBOX_E_INVALID_OBJECT_STATE"):
            raise
        return "yes", "yes"
    return "yes", "no"


# --- what the readers look at -----------------------------------------------------------------


def flat(shown: t.Any, path: str = "") -> t.Iterator[tuple[str, str]]:
    """Every value of a description with its path; items of a list share theirs."""
    if isinstance(shown, dict):
        for key, value in shown.items():
            yield from flat(value, f"{path}.{key}" if path else str(key))
    elif isinstance(shown, list) and any(isinstance(item, dict) for item in shown):
        for item in shown:
            yield from flat(item, path)
    else:
        yield path, repr(shown)


def other_values(value: t.Any) -> t.Iterator[t.Any]:
    """Other values of the same kind."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value + 1024)
    elif isinstance(value, str):
        words = {"1": "0", "0": "1", "true": "false", "false": "true"}
        yield words.get(value, f"{value}x")
        yield from ("7", "10.77.0.7", "fixed")


def changes(data: t.Any, path: tuple[t.Any, ...] = ()) -> t.Iterator[tuple[t.Any, ...]]:
    """For every value inside nested data: its path with another value at the end."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        if isinstance(value, (dict, list)):
            yield from changes(value, (*path, key))
        else:
            yield from ((*path, key, other) for other in other_values(value))


# By path of a description: places that it comes from, and how many paths each of them touches.
Touched = t.Dict[str, t.Set[t.Tuple[int, str]]]


def influences(
    build: t.Callable[[t.Any], t.Any], data: t.Any, word: t.Callable[[str], str]
) -> Touched:
    """What of a description becomes another when one place of the data does."""
    plain = sorted(flat(build(data)))
    touched: dict[str, set[str]] = {}
    for *path, key, other in changes(data):
        twin = copy.deepcopy(data)
        functools.reduce(operator.getitem, path, twin)[key] = other
        place = " ".join(part for part in (*path, key) if isinstance(part, str))
        try:
            now = sorted(flat(build(twin)))
        except (ValueError, KeyError, IndexError, errors.VirtualBoxError):
            continue
        touched.setdefault(place, set()).update(shown for shown, _value in set(plain) ^ set(now))
    found: Touched = {}
    for place, paths in touched.items():
        for path in paths:
            found.setdefault(path, set()).add((len(paths), word(place)))
    return found


def nearest(*parts: Touched) -> dict[str, set[str]]:
    """What only shows or hides a value touches more than that; it does not count."""
    found: Touched = {}
    for part in parts:
        for path, places in part.items():
            found.setdefault(path, set()).update(places)
    return {
        path: {place for count, place in places if count == min(places)[0]}
        for path, places in found.items()
    }


def fixture(name: str) -> str:
    paths = sorted(FIXTURES.glob(f"{name}-*.txt"))
    return paths[-1].read_text(encoding="utf-8")


def vm_sources() -> dict[str, set[str]]:
    """Of a VM: what the rows of its options say, and the few options that have no row."""
    found: dict[str, set[str]] = {}
    for prefix, table in VM_TABLES.items():
        for item in fields.rows(table):
            key = f"{item.key}N" if prefix else item.key
            found[prefix + item.name] = {f"`showvminfo` `{key}`" if key.strip("N") else FILE}
    return {
        **found,
        **{
            option: {FILE}
            for option in options_of("virtualbox_vm")
            if option.startswith(IN_FILE) or option in ("managed_by", "address")
        },
        "boot_order": {"`showvminfo` `bootN`"},
        "nics.type": {"`showvminfo` `nicN`"},
        "storage_attachments.medium": {"`showvminfo` `CONTROLLER-PORT-DEVICE`"},
        # A disk by size is looked at as an image.
        "storage_attachments.size_mb": medium_sources()["size_mb"],
    }


def global_sources(tag: str) -> dict[str, set[str]]:
    """Of a network: the attributes in VirtualBox.xml."""
    root = ElementTree.fromstring(fixture("global_settings"))
    scopes = [root.iter(f"{listings.NAMESPACE}{name}") for name in ("Options", "Group", "Config")]
    for scope in [element for found in scopes for element in list(found)]:
        for key in ("forcedOptions", "suppressedOptions"):
            scope.set(key, "3")
        for key in ("secMinLeaseTime", "secDefaultLeaseTime", "secMaxLeaseTime"):
            scope.set(key, "60")
        ElementTree.SubElement(
            scope, f"{listings.NAMESPACE}Option", {"name": "77", "encoding": "0", "value": "aa"}
        )
    elements = [item for top in root.iter(f"{listings.NAMESPACE}{tag}") for item in top.iter()]
    data = [[item.tag.replace(listings.NAMESPACE, ""), dict(item.attrib)] for item in elements]

    def build(data: t.Any) -> t.Any:
        for element, (_tag, attributes) in zip(elements, data):
            element.attrib.clear()
            element.attrib.update(attributes)
        found = global_settings.parse(ElementTree.tostring(root))
        if tag == "DHCPServer":
            return [dhcp_model.describe(item) for item in found.dhcp_servers]
        return [nat_model.describe(item) for item in found.nat_networks]

    def word(place: str) -> str:
        return f"`VirtualBox.xml` `{place}`"

    return nearest(influences(build, data, word))


def host_only_sources() -> dict[str, set[str]]:
    """Of a host-only interface or network: the lists."""
    data = {
        "list hostonlyifs": {
            "IPAddress": "192.168.56.1",
            "NetworkMask": "255.255.255.0",
        },
        "list hostonlynets": {
            "LowerIP": "192.168.57.1",
            "NetworkMask": "255.255.255.0",
            "UpperIP": "192.168.57.9",
            "State": "Enabled",
        },
    }

    def build(data: t.Any) -> t.Any:
        one, two = data["list hostonlyifs"], data["list hostonlynets"]
        interface = (
            f"Name:            vboxnet0\nGUID:            {UUID}\nDHCP:            Disabled\n"
            f"IPAddress:       {one['IPAddress']}\nNetworkMask:     {one['NetworkMask']}\n"
            "IPV6Address:     \nVBoxNetworkName: HostInterfaceNetworking-vboxnet0\n"
        )
        network = (
            f"Name:            n\nGUID:            {UUID}\n\nState:           {two['State']}\n"
            f"NetworkMask:     {two['NetworkMask']}\nLowerIP:         {two['LowerIP']}\n"
            f"UpperIP:         {two['UpperIP']}\nVBoxNetworkName: hostonly-n\n"
        )
        found = (*host_only_model.interfaces(interface), *host_only_model.networks(network))
        return [host_only_model.describe(item) for item in found]

    return nearest(influences(build, data, lambda place: "`{}` `{}`".format(*place.rsplit(" ", 1))))


def medium_sources() -> dict[str, set[str]]:
    """Of an image: the list, the file, and the settings."""
    data = listings.media_list(fixture("list_hdds"))[0]

    def build(info: t.Any) -> t.Any:
        return medium_model.describe_medium(medium_reader.listed_medium("/d.vdi", info))

    found = influences(build, data, lambda place: f"`list hdds` `{place}`")
    shown = listings.medium_info(fixture("showmediuminfo_base"))

    def variant(info: t.Any) -> t.Any:
        return {"variant": medium_reader.variant_word(info)}

    known = nearest(
        found,
        influences(
            variant, shown, lambda place: f"header of a VDI, else `showmediuminfo` `{place}`"
        ),
    )
    return {
        **known,
        "description": {"settings file of the VM or `VirtualBox.xml`"},
        "compact": {"block map and blocks of the VDI"},
    }


# --- the modules ------------------------------------------------------------------------------


def with_what_it_needs(vm: t.Any) -> t.Any:
    """A disk needs its controller, and a NIC its bandwidth group, in the same task."""
    if vm.storage_attachments and not vm.storage_controllers:
        vm = replace(vm, storage_controllers=(devices.Controller("C", "sata"),))
    groups = {nic.bandwidth_group for nic in vm.nics if nic.bandwidth_group}
    if groups and not vm.bandwidth_groups:
        made = tuple(bandwidth.BandwidthGroup(name, 1) for name in sorted(groups))
        vm = replace(vm, bandwidth_groups=made)
    return vm


def plan_vm(task: SimpleNamespace, actual: t.Any) -> t.Any:
    desired = task.module.make_desired(task)
    named = disks.placed(desired.vm.storage_attachments, "/vms/vm", desired.vm.name)
    known = {item.medium: item.size_mb for item in actual.storage_attachments} if actual else {}
    media = [
        medium_planner.plan_medium(
            medium_model.Medium(item.medium, size_mb=known[item.medium])
            if known.get(item.medium)
            else None,
            medium_planner.DesiredMedium(
                medium_model.Medium(item.medium or "", size_mb=item.size_mb)
            ),
        )
        for item in named
        if item.size_mb is not None
    ]
    desired = replace(
        desired,
        vm=model.replace_attachments(desired.vm, named),
        disk_actions=disks.actions(media),
    )
    return planner.plan_vm(actual, replace(desired, vm=with_what_it_needs(desired.vm)))


def plan_medium(task: SimpleNamespace, actual: t.Any) -> t.Any:
    desired = replace(task.module.make_desired(task), source_size_mb=8)
    if actual is not None and task.params["moved_from"]:
        actual = replace(actual, path=task.params["moved_from"])
    if actual is not None and task.params["compact"]:
        actual = replace(actual, unused_mb=1, variant="standard")
    return medium_planner.plan_medium(actual, desired)


def plan_snapshot(task: SimpleNamespace, actual: t.Any) -> t.Any:
    names = ("name", "state", "description", "managed_by", "allow_power_cycle")
    desired = snapshot_planner.DesiredSnapshot(**{name: task.params[name] for name in names})
    vms = actual or (snapshot_model.SnapshotVm("vm", UUID),)
    return snapshot_planner.plan_snapshots(vms, desired, {})


def plan_appliance(task: SimpleNamespace, actual: t.Any) -> t.Any:
    """An import, or an export of which only the call counts."""
    desired = task.module.make_desired(task)
    vm = model.Vm("vm", UUID, "poweroff", groups=("/",))
    if desired.state == "exported":
        found = ovf.Appliance(desired.path, (ovf.System("vm"),))
        return appliance_planner.plan_export([vm], actual and found, desired, False, False)
    found = ovf.Appliance(desired.path, (ovf.System("vm"),))
    systems = appliance_planner.wanted_systems(found, desired)
    existing = {system.name: replace(vm, name=system.name) for system in systems}
    plan = appliance_planner.plan_import(systems, existing if actual else {}, desired, False)
    argv = appliance_planner.import_argv(systems, desired)
    actions = tuple(replace(item, argv=item.argv or argv) for item in plan.actions)
    return replace(plan, actions=actions, after=True)


def plan_host_only(task: SimpleNamespace, actual: t.Any) -> t.Any:
    """Networks, which are those of macOS, have options that interfaces have not."""
    mac = task.params["upper_address"] is not None
    desired = task.module.make_desired(task.params, "Darwin" if mac else "Linux")
    return host_only_plan.plan(desired, [actual] if actual else [])


RULE = {"name": "a", "host_port": 1, "guest_port": 1}
# What a list of items needs beside the option.
VM_ITEMS: dict[str, Params] = {
    "nics": {"number": 1, "type": "nat"},
    "nics.port_forwards": RULE,
    "storage_controllers": {"name": "C", "type": "sata"},
    "storage_attachments": {"controller": "C", "port": 0, "type": "hdd", "medium": "/a.vdi"},
    "serial_ports": {"number": 1, "mode": "disconnected"},
    "bandwidth_groups": {"name": "b", "limit_kib_per_second": 1},
    "shared_folders": {"name": "s", "host_path": "/a"},
}
GENERIC = {"type": "generic", "network": "d"}
# Options without a row, and rows of which not every value goes alone.
VM_PROBES: Probes = {
    **usual("managed_by extra_data guest_properties"),
    **usual("protocol host_port guest_port", "nics.port_forwards."),
    **usual("medium", "storage_attachments."),
    **usual("host_path read_only auto_mount mount_point", "shared_folders."),
    **usual("limit_kib_per_second", "bandwidth_groups."),
    "memory_mb": (64, 128),
    "os_type": ("Debian", "Debian_64"),
    "groups": (["/a"], ["/b"]),
    "address": ("10.0.0.1", "10.0.0.2"),
    "boot_order": (["disk"], ["net"]),
    "nics.type": ("nat", "not_attached"),
    "nics.network": tuple({"type": "internal", "network": name} for name in "ab"),
    "nics.mac": ("02:00:00:00:00:01", "02:00:00:00:00:02"),
    "nics.properties": tuple({**GENERIC, "properties": {"a": value}} for value in "12"),
    "nics.port_forwards.host_address": ("127.0.0.2", "127.0.0.3"),
    "nics.port_forwards.guest_address": ("10.0.2.15", "10.0.2.16"),
    "storage_attachments.type": ("dvd", "hdd"),
    "storage_attachments.size_mb": (8, 9),
    "serial_ports.mode": ("disconnected", "off"),
    "serial_ports.path": tuple({"mode": "file", "path": path} for path in ("/a", "/b")),
}


def vm_probes() -> Probes:
    """All rows that a task can name, and the options without a row."""
    found = {
        prefix + item.name: None
        for prefix, table in VM_TABLES.items()
        for item in fields.rows(table)
        if prefix + item.name in options_of("virtualbox_vm")
    }
    return {**found, **VM_PROBES}


MACOS = {"upper_address": "192.168.56.9", "netmask": "255.255.255.0"}
ROUTERS = {"name": "routers", "value": "10.9.0.1"}
CONDITION = {"type": "mac", "value": "02:00:00:00:00:01"}
# Of a server, a group, or one client. VirtualBox forgets numbers where there is no option.
SCOPE_PROBES: dict[str, tuple[t.Any, t.Any]] = {
    "options.value": ("10.9.0.1", "10.9.0.9"),
    "options.hex": ({"hex": True, "value": "0a090001"}, {"hex": False, "value": "10.9.0.1"}),
    **{
        key: tuple({key: [name], "options": [ROUTERS]} for name in ("routers", "host_name"))
        for key in ("forced_options", "suppressed_options")
    },
    **{
        key: tuple({key: seconds, "options": [ROUTERS]} for seconds in (60, 61))
        for key in dhcp_model.LEASES
    },
}


SUBJECTS = {
    "virtualbox_vm": Subject(
        {"name": "vm", "folder": "/vms", "uuid": UUID},
        vm_probes(),
        plan_vm,
        lambda vm: replace(vm, state="running"),
        VM_ITEMS,
        vm_sources,
    ),
    "virtualbox_medium": Subject(
        {"path": "/d.vdi", "size_mb": 8},
        {
            **usual("format variant source_path type description moved_from"),
            "size_mb": (8, 9),
            "compact": (False, True),
        },
        plan_medium,
        lambda medium: replace(medium, locked=True, holders=("vm",)),
        sources=medium_sources,
    ),
    "virtualbox_nat_network": Subject(
        {"name": "n", "network": "10.9.0.0/24"},
        {
            "network": ("10.9.0.0/24", "10.8.0.0/24"),
            "dhcp_enabled": (False, True),
            **usual("ipv6_enabled ipv6_default_route loopbacks.offset"),
            "ipv6_prefix": ("fd00:1::/64", "fd00:2::/64"),
            "enabled": (False, True),
            **usual("protocol host_port guest_port", "port_forwards."),
            "port_forwards.host_address": ("127.0.0.2", "127.0.0.3"),
            "port_forwards.guest_address": ("10.9.0.5", "10.9.0.6"),
        },
        lambda task, actual: nat_plan.plan(task.module.make_desired(task.params), actual),
        items={
            "port_forwards": {**RULE, "guest_address": "10.9.0.5"},
            "loopbacks": {"address": "127.0.0.1", "offset": 2},
        },
        sources=lambda: global_sources("NATNetwork"),
    ),
    "virtualbox_dhcp_server": Subject(
        {
            "network": "n",
            "server_address": "10.9.0.2",
            "netmask": "255.255.255.0",
            "lower_address": "10.9.0.10",
            "upper_address": "10.9.0.20",
        },
        {
            "server_address": ("10.9.0.2", "10.9.0.3"),
            "netmask": ("255.255.255.0", "255.255.0.0"),
            "lower_address": ("10.9.0.10", "10.9.0.11"),
            "upper_address": ("10.9.0.20", "10.9.0.21"),
            "enabled": (False, True),
            "groups.conditions.include": (False, True),
            "fixed_addresses.address": ("10.9.0.50", "10.9.0.51"),
            **{
                f"{prefix}{option}": pair
                for prefix in ("", "groups.", "fixed_addresses.")
                for option, pair in SCOPE_PROBES.items()
            },
        },
        lambda task, actual: dhcp_plan.plan(task.module.make_desired(task.params), actual),
        items={
            "groups": {"name": "g", "conditions": [CONDITION]},
            "groups.conditions": CONDITION,
            "fixed_addresses": {"mac": "02:00:00:00:00:01", "address": "10.9.0.50"},
            **dict.fromkeys(("options", "groups.options", "fixed_addresses.options"), ROUTERS),
        },
        sources=lambda: global_sources("DHCPServer"),
    ),
    "virtualbox_host_only_network": Subject(
        {"name": "vboxnet0", "address": "192.168.56.1"},
        {
            "address": ("192.168.56.1", "192.168.56.2"),
            "netmask": ("255.255.255.128", "255.255.255.192"),
            "upper_address": (
                {"upper_address": "192.168.56.9", "netmask": "255.255.255.0"},
                {"upper_address": "192.168.56.8", "netmask": "255.255.255.0"},
            ),
            "enabled": ({"enabled": False, **MACOS}, {"enabled": True, **MACOS}),
        },
        plan_host_only,
        sources=host_only_sources,
    ),
    "virtualbox_snapshot": Subject(
        {"vms": ["vm"], "name": "s"},
        {"description": ("a", "b")},
        plan_snapshot,
        lambda vms: tuple(replace(vm, state="running") for vm in vms),
        sources=lambda: {"description": {"settings file"}},
    ),
    "virtualbox_appliance": Subject(
        {"path": "/a.ova", "state": "imported", "folder": "/vms"},
        {
            "format": ({"format": "ovf20", "state": "exported", "vms": ["vm"]},) * 2,
            "manifest": ({"manifest": False, "state": "exported", "vms": ["vm"]},) * 2,
            "name": ("a", "b"),
            "groups": (["/a"], ["/b"]),
            **usual("cpus memory_mb mac_policy"),
            "managed_by": ("a", "a"),
        },
        plan_appliance,
    ),
    "virtualbox_vm_info": Subject({}, {}, lambda task, actual: None),
    "virtualbox_host_info": Subject({}, {}, lambda task, actual: None),
    "virtualbox_info": Subject({}, {}, lambda task, actual: None),
}


# Options of whole objects that say which one is meant.
NAMES = ("name", "uuid", "path", "network", "interface", "vms")


# --- the table ----------------------------------------------------------------------------------


HEAD = """# What becomes of each option of the VirtualBox modules

Made by `tests/tools/option_table.py` from the code of the planners and readers; do not edit.

- **new**: an object that the task makes gets it.
- **changed**: an object that exists is changed to it. `no: an error` says so before
  anything is done.
- **VM off**: a VM that runs has to be off for the change. Where the module has the option
  `allow_power_cycle`, it turns the VM off and on for that; else the task fails.
- **read back**: where its value is found when the module asks whether there is something to do.
"""


def read_back(option: str, sources: dict[str, set[str]]) -> str:
    found = {
        place
        for path, places in sources.items()
        if path == option or path.startswith(f"{option}.")
        for place in places
    }
    return ", ".join(sorted(found)) or "not compared"


def row(
    name: str, subject: Subject, option: str, spec: Params, sources: dict[str, set[str]]
) -> str:
    container = option.rpartition(".")[0]
    if option in subject.probes:
        place = changed(name, subject, option)
        cells = (created(name, subject, option), *place, read_back(option, sources))
    elif spec.get("options"):
        cells = ("a list of what follows" if spec["type"] == "list" else "see below", "", "", "")
    elif not subject.base:
        cells = ("chooses what is read", "", "", "")
    elif container in subject.items or option in NAMES:
        cells = ("names it", "", "", "")
    else:
        cells = ("steers the task", "", "", "")
    return f"| `{option}` | {' | '.join(cells)} |"


def table() -> str:
    """The whole document."""
    parts = [HEAD]
    for name, subject in sorted(SUBJECTS.items()):
        sources = subject.sources()
        rows = [
            row(name, subject, option, spec, sources) for option, spec in options_of(name).items()
        ]
        head = "| option | new | changed | VM off | read back |\n| --- | --- | --- | --- | --- |"
        parts.append(f"\n## {name}\n\n{head}\n" + "\n".join(rows) + "\n")
    return "".join(parts)


if __name__ == "__main__":
    TARGET.write_text(table(), encoding="utf-8")
