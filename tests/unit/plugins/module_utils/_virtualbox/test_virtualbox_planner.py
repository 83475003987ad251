# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planner: exact calls in exact order, refusals, and what holds for any input."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import fields
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium.model import (
    Medium,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium.plan import (
    DesiredMedium,
    plan_medium,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    bandwidth,
    devices,
    model,
    plan_creation,
    shared_folders,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    settings as hardware,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.plan import (
    plan_vm,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.plan_data import (
    DesiredVm,
)
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from virtualbox_simulator import perform

SSH = devices.PortForward("ssh", "tcp", "127.0.0.1", 2222, "", 22)
ACTUAL = model.Vm(
    name="cp01",
    uuid="u1",
    state="poweroff",
    settings_file="/v/lab/cp01/cp01.vbox",
    cpus=1,
    memory_mb=512,
    os_type="Debian_64",
    firmware="bios",
    description="",
    groups=("/lab",),
    managed_by="lab",
    nics=(
        devices.Nic(1, "nat", None, "virtio", "02:00:00:00:00:01", True, (SSH,)),
        *(devices.Nic(number, "none", port_forwards=()) for number in range(2, 9)),
    ),
    storage_controllers=(devices.Controller("SATA", "sata", 2, True),),
    storage_attachments=(
        devices.Attachment("SATA", 0, 0, "hdd", "/v/lab/cp01/Snapshots/x.vdi", ("/v/base.vdi",)),
        devices.Attachment("SATA", 1, 0, "dvd", "/seed.iso"),
    ),
    serial_ports=tuple(devices.SerialPort(number, "off") for number in range(1, 5)),
)


def desired(state="present", name="cp01", **fields):
    names = set(DesiredVm.__dataclass_fields__)
    own = {key: value for key, value in fields.items() if key in names}
    vm = model.Vm(name, **{key: value for key, value in fields.items() if key not in names})
    return DesiredVm(vm, state=state, **own)


def calls(plan):
    return [list(action.argv) for action in plan.actions]


def test_nothing_named_nothing_done():
    plan = plan_vm(ACTUAL, desired())
    assert plan.actions == () and plan.after == ACTUAL


def test_all_settings_go_into_one_call():
    plan = plan_vm(
        ACTUAL,
        desired(
            cpus=2,
            memory_mb=1024,
            os_type="Debian13_64",
            firmware="efi",
            description="-x\ny",
            groups=("/lab", "/b"),
            nics=(
                devices.Nic(1, mac="02:00:00:00:00:0a", cable_connected=False),
                devices.Nic(2, "internal", "lab-edge", "82540em", "02:00:00:00:00:02"),
            ),
            serial_ports=(devices.SerialPort(1, "file", "/c.log"),),
        ),
    )
    assert calls(plan) == [
        [
            "modifyvm",
            "u1",
            "--cpus",
            "2",
            "--memory",
            "1024",
            "--os-type",
            "Debian13_64",
            "--firmware",
            "efi",
            "--description",
            "-x\ny",
            "--groups",
            "/lab,/b",
            "--mac-address1",
            "02000000000A",
            "--cable-connected1",
            "off",
            "--nic2",
            "intnet",
            "--intnet2",
            "lab-edge",
            "--nic-type2",
            "82540EM",
            "--mac-address2",
            "020000000002",
            "--uart1",
            "0x3f8",
            "4",
            "--uart-mode1",
            "file",
            "/c.log",
        ]
    ]


def test_a_changed_rule_is_deleted_and_added_in_one_call():
    new = replace(SSH, host_port=2223)
    web = devices.PortForward("web", "tcp", "127.0.0.1", 2222, "", 80)
    plan = plan_vm(ACTUAL, desired(nics=(devices.Nic(1, port_forwards=(web, new)),)))
    assert calls(plan) == [
        [
            "modifyvm",
            "u1",
            "--nat-pf1",
            "delete",
            "ssh",
            "--nat-pf1",
            "ssh,tcp,127.0.0.1,2223,,22",
            "--nat-pf1",
            "web,tcp,127.0.0.1,2222,,80",
        ]
    ]


def test_rules_that_are_not_named_stay_unless_pruned():
    web = devices.PortForward("web", "tcp", "127.0.0.1", 8080, "", 80)
    nics = (devices.Nic(1, port_forwards=(web,)),)
    kept = plan_vm(ACTUAL, desired(nics=nics))
    assert kept.after.nics[0].port_forwards == (SSH, web)
    pruned = plan_vm(ACTUAL, desired(nics=nics, prune_port_forwards=True))
    assert pruned.after.nics[0].port_forwards == (web,)


def test_hidden_rules_come_back_and_are_replaced():
    hidden = replace(ACTUAL, nics=(devices.Nic(1, "none", port_forwards=(SSH,)),))
    new = replace(SSH, host_port=9)
    plan = plan_vm(hidden, desired(nics=(devices.Nic(1, "nat", port_forwards=(new,)),)))
    assert calls(plan) == [
        [
            "modifyvm",
            "u1",
            "--nic1",
            "nat",
            "--nat-pf1",
            "delete",
            "ssh",
            "--nat-pf1",
            "ssh,tcp,127.0.0.1,9,,22",
        ]
    ]


def test_nics_that_are_not_named_stay_unless_pruned():
    nics = (devices.Nic(2, "internal", "x"),)
    assert plan_vm(ACTUAL, desired(nics=nics)).after.nics[0] == ACTUAL.nics[0]
    pruned = plan_vm(ACTUAL, desired(nics=nics, prune_nics=True))
    assert calls(pruned) == [
        ["modifyvm", "u1", "--nic1", "none", "--nic2", "intnet", "--intnet2", "x"]
    ]


@pytest.mark.parametrize(
    ("nic", "message"),
    [
        (devices.Nic(2, "internal"), "needs a network"),
        (devices.Nic(2, "internal", "x", port_forwards=(SSH,)), "only type nat"),
    ],
)
def test_nics_that_cannot_be(nic, message):
    with pytest.raises(VirtualBoxError, match=message):
        plan_vm(ACTUAL, desired(nics=(nic,)))


def test_a_differencing_image_counts_as_its_disk():
    item = devices.Attachment("SATA", 0, 0, "hdd", "/v/base.vdi")
    assert plan_vm(ACTUAL, desired(storage_attachments=(item,))).actions == ()


def test_attachments():
    wanted = (
        devices.Attachment("SATA", 0, 0, "none"),
        devices.Attachment("SATA", 1, 0, "dvd", ""),
        devices.Attachment("IDE", 0, 1, "hdd", "/d.vdi"),
    )
    controllers = (devices.Controller("IDE", "ide"), devices.Controller("SATA", port_count=4))
    plan = plan_vm(ACTUAL, desired(storage_attachments=wanted, storage_controllers=controllers))
    attach = ["storageattach", "u1", "--storagectl"]
    assert calls(plan) == [
        ["storagectl", "u1", "--name", "IDE", "--add", "ide"],
        ["storagectl", "u1", "--name", "SATA", "--portcount", "4"],
        [*attach, "SATA", "--port", "0", "--device", "0", "--medium", "none"],
        [*attach, "IDE", "--port", "0", "--device", "1", "--type", "hdd", "--medium", "/d.vdi"],
        [
            *attach,
            "SATA",
            "--port",
            "1",
            "--device",
            "0",
            "--type",
            "dvddrive",
            "--medium",
            "emptydrive",
        ],
    ]


def test_another_kind_of_device_is_detached_first():
    wanted = (devices.Attachment("SATA", 1, 0, "hdd", "/d.vdi"),)
    plan = plan_vm(ACTUAL, desired(storage_attachments=wanted))
    assert [action.kind for action in plan.actions] == ["detach", "attach"]


def test_attachments_are_pruned_only_when_told_so():
    keep = (devices.Attachment("SATA", 1, 0, "dvd", "/seed.iso"),)
    assert plan_vm(ACTUAL, desired(storage_attachments=keep)).actions == ()
    pruned = plan_vm(ACTUAL, desired(storage_attachments=keep, prune_attachments=True))
    assert [action.kind for action in pruned.actions] == ["detach"]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (devices.Controller("NVMe"), "needs a type"),
        (devices.Controller("SATA", "ide"), "is of type sata"),
    ],
)
def test_controllers_that_cannot_be(item, message):
    with pytest.raises(VirtualBoxError, match=message):
        plan_vm(ACTUAL, desired(storage_controllers=(item,)))


def test_the_mark_of_another_is_respected():
    for other in (None, "other"):
        with pytest.raises(VirtualBoxError, match="left as it is") as caught:
            plan_vm(replace(ACTUAL, managed_by=other), desired(managed_by="lab", cpus=2))
        assert caught.value.error_code == "NOT_OURS"
        assert "setextradata u1" in caught.value.hint
        with pytest.raises(VirtualBoxError, match="left as it is"):
            plan_vm(replace(ACTUAL, managed_by=other), desired("absent", managed_by="lab"))


def test_a_vm_named_outright_needs_no_mark():
    plan = plan_vm(replace(ACTUAL, managed_by=None), desired(cpus=2))
    assert calls(plan) == [["modifyvm", "u1", "--cpus", "2"]]


def test_the_planned_address():
    planned = replace(ACTUAL, state="running", address="10.0.0.1")
    assert plan_vm(planned, desired(address="10.0.0.1")).actions == ()
    assert plan_vm(planned, desired()).actions == ()
    set_extra = ["setextradata", "u1", "virtual.datacenter/address"]
    assert calls(plan_vm(planned, desired(address="10.0.0.2"))) == [[*set_extra, "10.0.0.2"]]
    gone = plan_vm(planned, desired(address=""))
    assert calls(gone) == [set_extra]
    assert gone.after.address is None
    assert plan_vm(ACTUAL, desired(address="")).actions == ()
    # A clone begins with what its source has.
    assert calls(plan_vm(planned, desired(adopt=True))) == [set_extra]


def test_an_interrupted_creation_is_adopted():
    plan = plan_vm(replace(ACTUAL, managed_by=None), desired(managed_by="lab", adopt=True))
    assert calls(plan) == [["setextradata", "u1", model.MARK, "lab"]]


# --- power ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "wanted", "kinds"),
    [
        ("poweroff", "running", ["start"]),
        ("aborted", "running", ["start"]),
        ("saved", "running", ["start"]),
        ("paused", "running", ["resume"]),
        ("running", "running", []),
        ("running", "stopped", ["stop"]),
        ("paused", "stopped", ["stop"]),
        ("poweroff", "stopped", []),
        ("aborted", "stopped", []),
        ("running", "present", []),
    ],
)
def test_power(state, wanted, kinds):
    plan = plan_vm(replace(ACTUAL, state=state), desired(wanted))
    assert [action.kind for action in plan.actions] == kinds


@pytest.mark.parametrize("state", ["present", "running"])
def test_a_change_that_needs_the_power_off(state):
    running = replace(ACTUAL, state="running")
    with pytest.raises(VirtualBoxError, match="change cpus") as caught:
        plan_vm(running, desired(state, cpus=2))
    assert "allow_power_cycle" in caught.value.hint
    plan = plan_vm(running, desired(state, cpus=2, allow_power_cycle=True))
    assert [action.kind for action in plan.actions] == ["stop", "modify", "start"]
    assert plan.after.state == "running"


def test_stopped_means_stop_then_change():
    plan = plan_vm(replace(ACTUAL, state="running"), desired("stopped", cpus=2))
    assert [action.kind for action in plan.actions] == ["stop", "modify"]


def test_what_a_running_vm_takes():
    running = replace(ACTUAL, state="running", managed_by=None)
    dvd = (devices.Attachment("SATA", 1, 0, "dvd", "/other.iso"),)
    plan = plan_vm(running, desired(storage_attachments=dvd, snapshot="s"))
    assert [action.kind for action in plan.actions] == ["attach", "snapshot"]


def test_a_saved_state_is_not_lost():
    saved = replace(ACTUAL, state="saved")
    for wanted in (desired(cpus=2), desired("running", cpus=2), desired("stopped")):
        with pytest.raises(VirtualBoxError, match="saved state"):
            plan_vm(saved, wanted)


# --- creation and removal ---------------------------------------------------------------------


def test_create_empty():
    wanted = desired(
        new_uuid="u9",
        folder="/v",
        os_type="Debian_64",
        groups=("/lab", "/b"),
        cpus=2,
        managed_by="lab",
    )
    plan = plan_vm(None, wanted)
    assert plan.before is None and plan.makes_vm
    assert calls(plan) == [
        [
            "createvm",
            "--name",
            "cp01",
            "--uuid",
            "u9",
            "--basefolder",
            "/v",
            "--groups",
            "/lab",
            "--ostype",
            "Debian_64",
            "--register",
        ],
        ["setextradata", "u9", model.MARK, "lab"],
        ["modifyvm", "u9", "--cpus", "2", "--groups", "/lab,/b"],
    ]


BASE = replace(
    ACTUAL,
    name="lab-base",
    uuid="b1",
    nics=tuple(devices.Nic(number, "none", port_forwards=()) for number in range(1, 9)),
    storage_attachments=(devices.Attachment("SATA", 0, 0, "hdd", "/v/x.vdi", ("/v/base.vdi",)),),
    snapshots=(model.Snapshot("base", "s1"),),
)


def test_create_a_linked_clone():
    wanted = desired(
        "running",
        new_uuid="u9",
        folder="/v",
        groups=("/lab",),
        managed_by="lab",
        clone_snapshot="base",
        cpus=2,
        memory_mb=512,
        nics=(devices.Nic(1, "internal", "lab-edge", "virtio", "02:00:00:00:00:07", True),),
        prune_nics=True,
        storage_attachments=(devices.Attachment("SATA", 1, 0, "dvd", "/seed.iso"),),
    )
    plan = plan_vm(None, wanted, BASE)
    assert calls(plan) == [
        [
            "clonevm",
            "b1",
            "--name",
            "cp01",
            "--uuid",
            "u9",
            "--basefolder",
            "/v",
            "--groups",
            "/lab",
            "--snapshot",
            "s1",
            "--mode",
            "machine",
            "--options",
            "link",
            "--register",
        ],
        [
            "modifyvm",
            "u9",
            "--cpus",
            "2",
            "--nic1",
            "intnet",
            "--intnet1",
            "lab-edge",
            "--nic-type1",
            "virtio",
            "--mac-address1",
            "020000000007",
            "--cable-connected1",
            "on",
        ],
        [
            "storageattach",
            "u9",
            "--storagectl",
            "SATA",
            "--port",
            "1",
            "--device",
            "0",
            "--type",
            "dvddrive",
            "--medium",
            "/seed.iso",
        ],
        ["startvm", "u9", "--type", "headless"],
    ]


def test_the_snapshot_to_clone_is_taken_when_missing():
    plan = plan_vm(None, desired(new_uuid="u9", folder="/v", clone_snapshot="new"), BASE)
    assert calls(plan)[0] == ["snapshot", "b1", "take", "new"]
    assert "new" in calls(plan)[1]


def test_full_clone():
    plan = plan_vm(None, desired(new_uuid="u9", folder="/v", clone_type="full"), BASE)
    assert calls(plan) == [
        [
            "clonevm",
            "b1",
            "--name",
            "cp01",
            "--uuid",
            "u9",
            "--basefolder",
            "/v",
            "--groups",
            "/",
            "--mode",
            "machine",
            "--register",
        ]
    ]


def test_a_vm_that_must_not_be_made():
    assert plan_vm(None, desired("stopped", create=False)).actions == ()
    with pytest.raises(VirtualBoxError, match="no VM 'cp01' that could be running"):
        plan_vm(None, desired("running", create=False))


def test_leftovers_are_removed_first():
    plan = plan_vm(None, desired(new_uuid="u9", folder="/v"), leftovers=True)
    assert [action.kind for action in plan.actions] == ["clean", "create"]
    assert [action.kind for action in plan_vm(None, desired("absent"), leftovers=True).actions] == [
        "clean"
    ]


def test_remove():
    assert plan_vm(None, desired("absent")).actions == ()
    assert calls(plan_vm(ACTUAL, desired("absent"))) == [["unregistervm", "u1"]]
    running = replace(ACTUAL, state="running")
    with pytest.raises(VirtualBoxError, match="cannot be removed"):
        plan_vm(running, desired("absent"))
    plan = plan_vm(running, desired("absent", allow_power_cycle=True, delete_media=True))
    assert [action.kind for action in plan.actions] == ["stop", "remove"]
    # --delete would delete disks wherever they are.
    assert list(plan.actions[1].argv) == ["unregistervm", "u1"]


# --- any input --------------------------------------------------------------------------------

maybe = st.none
names = st.sampled_from(["a", "b", "c"])
rules = st.builds(
    devices.PortForward,
    names,
    st.sampled_from(["tcp", "udp"]),
    st.sampled_from(["", "127.0.0.1"]),
    st.integers(1, 9),
    st.sampled_from(["", "10.0.2.15"]),
    st.integers(1, 9),
)


def unique(items, key, most=4):
    return st.lists(items, max_size=most, unique_by=key).map(
        lambda found: tuple(sorted(found, key=key))
    )


def filled(none, slots):
    """VirtualBox always shows all slots."""

    def fill(items):
        known = {item.number: item for item in items}
        return tuple(known.get(slot) or none(slot) for slot in range(1, slots + 1))

    return fill


def number(item):
    return item.number


def key(item):
    return item.key


sorted_rules = unique(rules, lambda rule: rule.name)
macs = st.integers(0, 255).map(lambda value: f"02:00:00:00:00:{value:02x}")
texts = {"mac": macs, "bandwidth_group": st.sampled_from(["", "g"])}


def values_of(table):
    """Values of the rows of a table."""
    return {
        item.name: texts[item.name]
        if item.name in texts
        else st.sampled_from(item.choices)
        if item.words
        else st.integers(1, 3)
        if item.kind == "int"
        else st.booleans()
        for item in fields.rows(table)
    }


pairs = st.dictionaries(st.sampled_from("pqr"), st.sampled_from(["1", "2"]), max_size=2).map(
    lambda found: tuple(sorted(found.items()))
)
wanted_pairs = st.dictionaries(
    st.sampled_from("pqr"), st.sampled_from(["", "1", "2"]), max_size=3
).map(lambda found: tuple(sorted(found.items())))


@st.composite
def actual_nics(draw):
    kind = draw(st.sampled_from(sorted(devices.NIC_TYPES)))
    slot = draw(st.integers(1, 8))
    hidden = draw(sorted_rules)
    properties = draw(pairs)
    if kind == "none":
        return devices.Nic(slot, "none", port_forwards=hidden, properties=properties)
    network = draw(names) if kind in devices.NIC_NETWORKS else None
    found = draw(st.fixed_dictionaries(values_of(devices.Nic)))
    return devices.Nic(slot, kind, network, port_forwards=hidden, properties=properties, **found)


@st.composite
def wanted_nics(draw):
    kind = draw(st.sampled_from(sorted(devices.NIC_TYPES)))
    forwards = draw(maybe() | sorted_rules) if kind == "nat" else None
    return devices.Nic(
        draw(st.integers(1, 8)),
        kind,
        draw(names) if kind in devices.NIC_NETWORKS else None,
        port_forwards=forwards,
        properties=draw(maybe() | wanted_pairs) if kind == "generic" else None,
        **draw(st.fixed_dictionaries({}, optional=values_of(devices.Nic))),
    )


def settings_of(table):
    """Values of some of the settings."""
    choices = values_of(table)
    choices["boot_order"] = st.permutations(hardware.BOOT_DEVICES).map(
        lambda order: tuple(order[:4])
    )
    return choices


folders = st.builds(
    shared_folders.SharedFolder,
    st.sampled_from("fg"),
    st.sampled_from(["/a", "/b"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", "/m"]),
)
limits = st.builds(bandwidth.BandwidthGroup, st.sampled_from("gh"), st.integers(0, 3))


def by_name(item):
    return item.name


media = st.sampled_from(["", "/x", "/y"])
attachments = st.builds(
    devices.Attachment,
    st.just("C"),
    st.integers(0, 3),
    st.just(0),
    st.sampled_from(["hdd", "dvd"]),
    media,
)
wanted_attachments = attachments | st.builds(
    devices.Attachment, st.just("C"), st.integers(0, 3), st.just(0), st.just("none")
)
ports = st.builds(lambda slot: devices.SerialPort(slot, "off"), st.integers(1, 4)) | st.builds(
    lambda slot, path: devices.SerialPort(
        slot, "file", path, devices.SERIAL_PORTS[slot][0].lower(), devices.SERIAL_PORTS[slot][1]
    ),
    st.integers(1, 4),
    st.sampled_from(["/a", "/b"]),
)
wanted_ports = st.builds(
    lambda slot, mode: devices.SerialPort(slot, mode, "/a" if mode == "file" else None),
    st.integers(1, 4),
    st.sampled_from(["file", "off", "disconnected"]),
)
groups = st.lists(st.sampled_from(["/", "/a", "/b"]), min_size=1, unique=True).map(tuple)
controllers = st.builds(
    devices.Controller, st.just("C"), st.just("sata"), st.integers(4, 9), st.booleans()
)

actual_vms = st.builds(
    model.Vm,
    name=st.just("vm"),
    uuid=st.just("u1"),
    state=st.sampled_from(["poweroff", "aborted", "running", "paused", "saved"]),
    settings_file=st.just("/v/vm/vm.vbox"),
    cpus=st.integers(1, 4),
    memory_mb=st.integers(4, 9),
    os_type=st.sampled_from(["Debian", "Debian_64"]),
    firmware=st.sampled_from(model.FIRMWARES),
    description=st.text(max_size=5),
    groups=groups,
    managed_by=maybe() | names,
    address=maybe() | st.just("10.0.0.1"),
    nics=unique(actual_nics(), number).map(
        filled(lambda slot: devices.Nic(slot, "none", port_forwards=(), properties=()), 8)
    ),
    storage_controllers=controllers.map(lambda item: (item,)),
    storage_attachments=unique(attachments, key),
    serial_ports=unique(ports, number).map(filled(lambda slot: devices.SerialPort(slot, "off"), 4)),
    snapshots=st.sampled_from([(), (model.Snapshot("s", "s1"),)]),
    hardware=st.fixed_dictionaries(settings_of(hardware.TABLE)).map(
        lambda found: hardware.merged((), tuple(found.items()))
    ),
    bandwidth_groups=unique(limits, by_name),
    shared_folders=unique(folders, by_name),
    extra_data=pairs,
    guest_properties=pairs,
)


ALL_STATES = ("present", "running", "paused", "stopped", "saved")


@st.composite
def any_desired(draw, states=ALL_STATES):
    vm = draw(
        st.builds(
            model.Vm,
            name=st.just("vm"),
            cpus=maybe() | st.integers(1, 4),
            memory_mb=maybe() | st.integers(4, 9),
            os_type=maybe() | st.sampled_from(["Debian", "Debian_64"]),
            firmware=maybe() | st.sampled_from(model.FIRMWARES),
            description=maybe() | st.text(max_size=5),
            address=maybe() | st.sampled_from(["", "10.0.0.1", "10.0.0.2"]),
            groups=maybe() | groups,
            nics=unique(wanted_nics(), number),
            storage_controllers=st.just(()) | controllers.map(lambda item: (item,)),
            storage_attachments=unique(wanted_attachments, key),
            serial_ports=unique(wanted_ports, number),
            hardware=st.fixed_dictionaries({}, optional=settings_of(hardware.TABLE)).map(
                lambda found: hardware.merged((), tuple(found.items()))
            ),
            bandwidth_groups=unique(limits, by_name),
            shared_folders=unique(folders, by_name),
            extra_data=wanted_pairs,
            guest_properties=wanted_pairs,
        )
    )
    return DesiredVm(
        vm,
        state=draw(st.sampled_from(states)),
        folder="/v",
        new_uuid="u1",
        snapshot=draw(st.sampled_from([None, "s", "t"])),
        allow_power_cycle=True,
        prune_nics=draw(st.booleans()),
        prune_port_forwards=draw(st.booleans()),
        prune_attachments=draw(st.booleans()),
        prune_shared_folders=draw(st.booleans()),
        discard_saved_state=True,
    )


def possible(actual, wanted):
    """The plan; a state of a VM that is off cannot be saved."""
    off = actual is None or actual.off
    try:
        return plan_vm(actual, wanted)
    except VirtualBoxError as error:
        if error.error_code == "BAD_OPTION":
            # A disk at two ports, a bandwidth group that is not there, or an IOMMU without ICH9.
            reject()
        discarded = actual is not None and actual.saved
        assert wanted.state == "saved" and (off or discarded or "is off" in str(error))
        reject()


@settings(max_examples=100, deadline=None)
@given(actual_vms, any_desired())
def test_the_calls_lead_to_the_state_after(actual, wanted):
    plan = possible(actual, wanted)
    assert perform(actual, plan.actions) == plan.after
    assert sum(action.kind == "modify" for action in plan.actions) <= 1


@settings(max_examples=100, deadline=None)
@given(actual_vms, any_desired())
def test_a_second_plan_is_empty(actual, wanted):
    first = possible(actual, wanted)
    second = plan_vm(first.after, wanted)
    assert second.actions == ()
    assert model.comparable(second.before) == model.comparable(second.after)


@settings(max_examples=50, deadline=None)
@given(actual_vms, any_desired())
def test_no_calls_exactly_when_the_diff_is_empty(actual, wanted):
    plan = possible(actual, wanted)
    visible = model.comparable(plan.before) != model.comparable(plan.after)
    if visible:
        assert plan.actions
    if not plan.actions:
        assert not visible and plan.after == actual


@settings(max_examples=50, deadline=None)
@given(actual_vms, any_desired())
def test_what_is_not_named_stays(actual, wanted):
    bare = replace(wanted, prune_nics=False, prune_attachments=False)
    after = possible(actual, bare).after
    for field in ("cpus", "memory_mb", "os_type", "firmware", "description", "groups"):
        if getattr(bare.vm, field) is None:
            assert getattr(after, field) == getattr(actual, field)
    named = {nic.number for nic in bare.vm.nics}
    assert {nic for nic in actual.nics if nic.number not in named} <= set(after.nics)
    places = {item.key for item in bare.vm.storage_attachments}
    others = {item for item in actual.storage_attachments if item.key not in places}
    assert others <= set(after.storage_attachments)


def with_what_it_needs(wanted):
    """A new VM has the controllers and bandwidth groups that its task names, and no others."""
    vm = wanted.vm
    known = {group.name: group for group in vm.bandwidth_groups}
    groups = [known.get(name) or bandwidth.BandwidthGroup(name, 1) for name in "gh"]
    controllers = vm.storage_controllers or (devices.Controller("C", "sata", 9, True),)
    vm = replace(vm, bandwidth_groups=tuple(groups), storage_controllers=controllers)
    return replace(wanted, vm=vm)


@settings(max_examples=50, deadline=None)
@given(any_desired(states=("present", "running", "paused", "stopped")))
def test_a_new_vm_needs_no_second_plan(wanted):
    wanted = with_what_it_needs(wanted)
    plan = possible(None, wanted)
    fresh, creation = plan_creation.creation(wanted, None)
    rest = [action for action in plan.actions if action not in creation]
    made = perform(fresh, rest)
    assert plan_vm(made, wanted).actions == ()


# --- media ------------------------------------------------------------------------------------

DISK = Medium("/d.vdi", "u1", "", "vdi", "standard", 100, "normal")


def medium_desired(state="present", path="/d.vdi", **fields):
    names = set(DesiredMedium.__dataclass_fields__)
    own = {key: value for key, value in fields.items() if key in names}
    medium = Medium(path, **{key: value for key, value in fields.items() if key not in names})
    return DesiredMedium(medium, state=state, **own)


def test_create_medium():
    plan = plan_medium(
        None, medium_desired(size_mb=64, format="vmdk", variant="fixed", type="immutable")
    )
    assert calls(plan) == [
        [
            "createmedium",
            "disk",
            "--filename",
            "/d.vdi",
            "--size",
            "64",
            "--format",
            "VMDK",
            "--variant",
            "Fixed",
        ],
        ["modifymedium", "disk", "/d.vdi", "--type", "immutable"],
    ]


def test_convert_and_grow():
    plan = plan_medium(None, medium_desired(source_path="/s.raw", source_size_mb=10, size_mb=64))
    assert calls(plan) == [
        ["convertfromraw", "/s.raw", "/d.vdi", "--format", "VDI", "--variant", "Standard"],
        ["modifymedium", "disk", "/d.vdi", "--resizebyte", str(64 * 1024**2)],
    ]
    plan = plan_medium(
        None, medium_desired(source_path="/s.vmdk", source_raw=False, source_size_mb=64)
    )
    assert calls(plan) == [
        ["clonemedium", "disk", "/s.vmdk", "/d.vdi", "--format", "VDI", "--variant", "Standard"]
    ]
    foreign = medium_desired(source_path="/s.vmdk", source_raw=False, source_registered=False)
    assert calls(plan_medium(None, foreign))[1] == ["closemedium", "disk", "/s.vmdk"]


def test_a_source_larger_than_the_wanted_size():
    with pytest.raises(VirtualBoxError, match="cannot shrink"):
        plan_medium(None, medium_desired(source_path="/s", source_size_mb=65, size_mb=64))


def test_medium_that_cannot_be_made():
    with pytest.raises(VirtualBoxError, match="without a size or a source"):
        plan_medium(None, medium_desired())


def test_medium_grows_never_shrinks():
    assert plan_medium(DISK, medium_desired(size_mb=100)).actions == ()
    assert calls(plan_medium(DISK, medium_desired(size_mb=101))) == [
        ["modifymedium", "disk", "/d.vdi", "--resizebyte", str(101 * 1024**2)]
    ]
    with pytest.raises(VirtualBoxError, match="cannot shrink"):
        plan_medium(DISK, medium_desired(size_mb=99))


@pytest.mark.parametrize("fields", [{"format": "vmdk"}, {"variant": "fixed"}])
def test_medium_of_another_kind(fields):
    with pytest.raises(VirtualBoxError, match="cannot be changed in place"):
        plan_medium(DISK, medium_desired(**fields))


def test_remove_medium():
    absent = medium_desired("absent")
    delete = medium_desired("absent", delete_media=True)
    assert plan_medium(None, absent).actions == ()
    registered = replace(DISK, registered=True)
    assert calls(plan_medium(registered, absent)) == [["closemedium", "disk", "/d.vdi"]]
    assert plan_medium(replace(DISK, registered=False), absent).actions == ()
    assert calls(plan_medium(registered, delete)) == [["closemedium", "disk", "/d.vdi", "--delete"]]
    gone = replace(registered, file_missing=True)
    assert calls(plan_medium(gone, delete)) == [["closemedium", "disk", "/d.vdi"]]
    assert [action.kind for action in plan_medium(None, absent, leftovers=True).actions] == [
        "clean"
    ]
