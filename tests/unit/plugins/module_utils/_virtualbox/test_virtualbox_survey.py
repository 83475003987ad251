# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import threading
from xml.sax.saxutils import quoteattr

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    listings,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import (
    Answer,
    Client,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    devices,
    model,
    settings_file,
    survey,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    read as reader,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    settings as hardware,
)
from hypothesis import given
from hypothesis import strategies as st

U1 = "11111111-1111-4111-8111-111111111111"
U2 = "22222222-2222-4222-8222-222222222222"
U3 = "33333333-3333-4333-8333-333333333333"
MISSING = Answer(1, "", "VBoxManage: error: Could not find a registered machine with UUID {x}")


@pytest.mark.parametrize("name", ["base", "clone", "hostile"])
def test_the_settings_file_tells_what_showvminfo_tells(recorded, name):
    info = listings.vm_info(recorded(f"showvminfo_{name}"))
    text = recorded(f"settings_{name}")
    file = settings_file.parse(text, info["CfgFile"])
    expected = model.describe_vm(reader.build_vm(info, file))
    found = survey.describe(file)
    assert found == {key: expected[key] for key in found}
    assert set(expected) - set(found) == {
        "storage_controllers",
        "storage_attachments",
        "serial_ports",
        "boot_order",
        *(item.name for item in hardware.TABLE),
    }


def settings(name="vm", uuid=U1, attributes="", hardware="", more=""):
    return (
        f'<VirtualBox xmlns="http://www.virtualbox.org/" version="1.19-linux">'
        f'<Machine uuid="{{{uuid}}}" name={quoteattr(name)} OSType="Other" {attributes}>{more}'
        f'<Hardware><Memory RAMSize="64"/>{hardware}</Hardware></Machine></VirtualBox>'
    ).encode()


@pytest.mark.parametrize(
    ("attributes", "state"),
    [
        ("", "poweroff"),
        ('aborted="true"', "aborted"),
        ('stateFile="x.sav"', "saved"),
        ('stateFile="x.sav" aborted="true"', "aborted-saved"),
    ],
)
def test_the_state_of_a_vm_without_a_process(attributes, state):
    found = settings_file.parse(settings(attributes=attributes), "/x.vbox")
    assert found.vm.state == state
    assert (found.vm.cpus, found.vm.memory_mb, found.vm.firmware) == (1, 64, "bios")


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ("<NAT/>", ("nat", None)),
        ('<HostOnlyNetwork name="n1"/>', ("host_only_network", "n1")),
        ('<InternalNetwork name="lab-edge"/>', ("internal", "lab-edge")),
        ('<BridgedInterface name="eth0"/>', ("bridged", "eth0")),
        ('<HostOnlyInterface name="vboxnet0"/>', ("hostonly", "vboxnet0")),
        ('<NATNetwork name="nn"/>', ("natnetwork", "nn")),
        ('<GenericInterface driver="UDPTunnel"/>', ("generic", "UDPTunnel")),
        ("", ("null", None)),
    ],
)
def test_the_kinds_of_nics(element, expected):
    hidden = '<DisabledModes><NAT><Forwarding name="x" hostport="1" guestport="2"/></NAT>'
    adapter = (
        '<Network><Adapter slot="1" enabled="true" MACAddress="025E00000001" type="virtio">'
        f"{hidden}</DisabledModes>{element}</Adapter></Network>"
    )
    file = settings_file.parse(settings(hardware=adapter), "/x.vbox")
    found = next(nic for nic in file.vm.nics if nic.type != "none")
    names = {devices.NIC_TYPES.get(found.type, found.type), found.type}
    assert expected[0] in names and found.network == expected[1]
    assert (found.number, found.mac, found.adapter_type) == (2, "02:5e:00:00:00:01", "virtio")
    (shown,) = survey.describe(file)["nics"]
    assert bool(shown["port_forwards"]) == (found.type == "nat" and bool(found.port_forwards))


def test_files_that_are_gone(tmp_path, monkeypatch):
    """Of linked clones, whose images stand in the settings of the VM that they are clones of."""
    monkeypatch.setenv("VBOX_USER_HOME", str(tmp_path))
    free = f'<HardDisk uuid="{{{U3}}}" location="free.vdi"/>'
    (tmp_path / "VirtualBox.xml").write_text(
        '<VirtualBox xmlns="http://www.virtualbox.org/"><Global>'
        f"<MediaRegistry><HardDisks>{free}</HardDisks></MediaRegistry></Global></VirtualBox>"
    )

    def attached(uuid, kind="HardDisk"):
        device = f'<AttachedDevice type="{kind}"><Image uuid="{{{uuid}}}"/></AttachedDevice>'
        controller = f'<StorageController name="SATA" type="AHCI">{device}</StorageController>'
        return f"<StorageControllers>{controller}</StorageControllers>"

    child = f'<HardDisk uuid="{{{U2}}}" location="clone.vdi"/>'
    images = f'<HardDisk uuid="{{{U1}}}" location="base.vdi">{child}</HardDisk>'
    listed = f"<MediaRegistry><HardDisks>{images}</HardDisks></MediaRegistry>"
    texts = [
        settings("base", U1, hardware=attached(U1), more=listed),
        settings("clone", U2, hardware=attached(U2)),
        settings("free", U3, hardware=attached(U3)),
        settings("dvd", "4" + U1[1:], hardware=attached(U3, "DVD")),
        settings("unknown", "5" + U1[1:], hardware=attached("6" + U1[1:])),
    ]
    machines = [settings_file.parse(text, f"{tmp_path}/x.vbox") for text in texts]
    lost = survey.Inaccessible("7" + U1[1:], f"{tmp_path}/gone/gone.vbox", "")
    found = survey.Survey(tuple(machines), (lost,))

    def missing():
        names = {machine.vm.uuid: machine.vm.name for machine in machines}
        return {names.get(uuid, "lost"): paths for uuid, paths in found.missing_files().items()}

    paths = {name: f"{tmp_path}/{name}.vdi" for name in ("base", "clone", "free")}
    assert missing() == {
        "base": [paths["base"]],
        "clone": [paths["base"], paths["clone"]],
        "free": [paths["free"]],
        "dvd": [],
        "unknown": [],
        "lost": [lost.settings_file],
    }
    for path in (*paths.values(), lost.settings_file):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8"):
            pass
    assert set(map(tuple, missing().values())) == {()}


def test_extra_data_and_guest_properties():
    text = settings(
        more='<ExtraData><ExtraDataItem name="virtual.datacenter/address" value="10.0.0.1"/>'
        '<ExtraDataItem name="virtual.datacenter/managed-by" value="lab"/></ExtraData>',
        hardware='<GuestProperties><GuestProperty name="/A" value="x&#10;y"/></GuestProperties>',
    )
    found = settings_file.parse(text, "/x.vbox")
    assert found.guest_properties == {"/A": "x\ny"}
    shown = survey.describe(found)
    assert (shown["address"], shown["managed_by"]) == ("10.0.0.1", "lab")


def line(name, uuid):
    return f'"{name}" {{{uuid}}}\n'


def test_a_name_cannot_pretend_to_be_the_line_of_another_vm():
    odd = f'x" {{{U1}}}\n"y'
    known = [("vm", U1), (odd, U2)]
    assert survey.listing(line(odd, U2), known) == [(odd, U2)]
    assert survey.listing(line("vm", U1) + line(odd, U2), known) == known


def test_listing_takes_lines_that_nobody_knows_and_leaves_out_junk():
    text = "WARNING: no driver\n" + line("new", U3) + line("vm", U1)
    assert survey.listing(text, [("vm", U1)]) == [("new", U3), ("vm", U1)]
    assert survey.listing("", []) == []


@given(st.lists(st.text(alphabet='ab" {}\n1', min_size=1), min_size=1, max_size=4))
def test_a_listing_of_known_vms_is_read_back(names):
    known = [
        (name, f"{number:08}-0000-4000-8000-000000000000") for number, name in enumerate(names)
    ]
    assert survey.listing("".join(line(*pair) for pair in known), known) == known


class Service:
    """A VirtualBox in a folder: its settings files, and answers by command."""

    def __init__(self, home):
        self.home = home
        self.entries = []
        self.answers = {
            ("list", "runningvms"): Answer(0, "", ""),
            ("list", "vms"): Answer(0, "", ""),
        }
        self.calls = []
        self.lock = threading.Lock()

    def add(self, uuid, text):
        path = self.home / f"{uuid}.vbox"
        if text is not None:
            path.write_bytes(text)
        self.entries.append(f'<MachineEntry uuid="{{{uuid}}}" src="{path}"/>')
        self.save()

    def save(self):
        entries = "".join(self.entries)
        (self.home / "VirtualBox.xml").write_text(
            f'<VirtualBox xmlns="http://www.virtualbox.org/"><Global><MachineRegistry>{entries}'
            "</MachineRegistry></Global></VirtualBox>"
        )

    def __call__(self, argv, timeout):
        with self.lock:
            self.calls.append(tuple(argv[1:]))
            return self.answers[tuple(argv[1:])]

    def read(self):
        return survey.read_all(Client("VBoxManage", question_runner=self, sleep=lambda _s: None))


@pytest.fixture
def service(tmp_path, monkeypatch):
    monkeypatch.setenv("VBOX_USER_HOME", str(tmp_path))
    return Service(tmp_path)


def test_one_call_for_all(service):
    service.add(U1, settings("b", U1))
    service.add(U2, settings("a", U2))
    service.answers["list", "runningvms"] = Answer(0, line("b", U1), "")
    found = service.read()
    assert [(item.vm.name, item.vm.state) for item in found.machines] == [
        ("a", "poweroff"),
        ("b", "running"),
    ]
    assert service.calls == [("list", "runningvms")]


def test_a_saved_state_beside_a_file_that_names_none_is_asked_for(service, tmp_path):
    service.add(U1, settings("a", U1))
    (tmp_path / "Snapshots").mkdir()
    (tmp_path / "Snapshots/2026-11-27T04-14-15-674716000Z.sav").touch()
    question = ("showvminfo", U1, "--machinereadable")
    service.answers[question] = Answer(0, f'UUID="{U1}"\nVMState="saved"\n', "")
    assert [item.vm.state for item in service.read().machines] == ["saved"]
    assert service.calls == [("list", "runningvms"), question]


def test_an_inaccessible_vm_is_told(service):
    service.add(U1, settings("vm", U1))
    service.add(U2, b"<nonsense")
    service.add(U3, None)
    service.answers["list", "vms"] = Answer(
        0, line("vm", U1) + line("<inaccessible>", U2) + line("<inaccessible>", U3), ""
    )
    found = service.read()
    assert [item.vm.uuid for item in found.machines] == [U1]
    assert [item.uuid for item in found.inaccessible] == [U2, U3]
    assert "not valid" in found.inaccessible[0].reason
    assert found.inaccessible[1].reason == "its settings file is gone"


def test_a_vm_whose_file_is_that_of_another_vm_is_told(service):
    service.add(U1, settings("vm", U1))
    # As it is after the VM was made a second time in its place.
    service.entries.append(f'<MachineEntry uuid="{{{U2}}}" src="{service.home}/{U1}.vbox"/>')
    service.save()
    service.answers["list", "vms"] = Answer(0, line("vm", U1) + line("<inaccessible>", U2), "")
    found = service.read()
    assert [item.vm.uuid for item in found.machines] == [U1]
    (lost,) = found.inaccessible
    assert lost.uuid == U2 and f"that of another VM, {{{U1}}}" in lost.reason


def test_a_vm_whose_folder_was_removed_while_virtualbox_has_it_is_told(service):
    service.add(U1, settings("vm", U1))
    service.add(U2, None)
    service.answers["list", "vms"] = Answer(0, line("vm", U1) + line("cp01", U2), "")
    shown = f'UUID="{U2}"\nVMState="poweroff"\nCfgFile="{service.home}/cp01/cp01.vbox"\n'
    service.answers["showvminfo", U2, "--machinereadable"] = Answer(0, shown, "")
    found = service.read()
    assert [item.vm.uuid for item in found.machines] == [U1]
    (lost,) = found.inaccessible
    assert lost.uuid == U2 and "not mounted" in lost.reason


def test_a_vm_that_is_named_inaccessible_is_a_vm(service):
    service.add(U1, settings("<inaccessible>", U1))
    service.add(U2, None)
    service.answers["list", "vms"] = Answer(
        0, line("<inaccessible>", U1) + line("<inaccessible>", U2), ""
    )
    found = service.read()
    assert [item.vm.uuid for item in found.machines] == [U1]
    assert [item.uuid for item in found.inaccessible] == [U2]


def test_a_vm_that_was_removed_meanwhile_is_left_out(service):
    service.add(U1, settings("vm", U1))
    service.add(U2, None)
    service.answers["list", "vms"] = Answer(0, line("vm", U1), "")
    found = service.read()
    assert [item.vm.uuid for item in found.machines] == [U1]
    assert found.inaccessible == ()


def test_a_vm_that_the_files_do_not_know_is_asked_for(service, tmp_path):
    elsewhere = tmp_path / "elsewhere.vbox"
    elsewhere.write_bytes(settings("new", U3))
    service.answers["list", "runningvms"] = Answer(0, line("new", U3), "")
    service.answers["list", "vms"] = Answer(0, line("new", U3) + line("gone", U2), "")
    shown = f'UUID="{U3}"\nVMState="running"\nCfgFile="{elsewhere}"\n'
    service.answers["showvminfo", U3, "--machinereadable"] = Answer(0, shown, "")
    service.answers["showvminfo", U2, "--machinereadable"] = MISSING
    found = service.read()
    assert [(item.vm.name, item.vm.state) for item in found.machines] == [("new", "running")]


def test_a_settings_file_that_only_virtualbox_can_read_is_an_error(service):
    service.add(U1, None)
    service.answers["list", "vms"] = Answer(0, line("vm", U1), "")
    # Nobody can read a folder as a file, whoever runs the test.
    (service.home / "hidden.vbox").mkdir()
    shown = f'UUID="{U1}"\nVMState="poweroff"\nCfgFile="{service.home}/hidden.vbox"\n'
    service.answers["showvminfo", U1, "--machinereadable"] = Answer(0, shown, "")
    with pytest.raises(VirtualBoxError, match=r"hidden\.vbox of VM .* cannot be read"):
        service.read()


@pytest.mark.parametrize("command", ["vms", "runningvms"])
def test_a_failed_call_is_an_error(service, command):
    service.answers["list", command] = Answer(1, "", "VBoxManage: error: no\n")
    with pytest.raises(VirtualBoxError, match="no"):
        service.read()


def test_broken_settings_of_virtualbox_are_an_error(service):
    (service.home / "VirtualBox.xml").write_text("<nonsense")
    with pytest.raises(VirtualBoxError, match=r"VirtualBox\.xml cannot be read"):
        service.read()


ENUMERATED = """/Foo/live                         = 'multi
line 'quoted' @ 2026, flags' @ 2026-11-26T00:24:26.981Z
/Foo/livet                        = 'x' @ 2026-11-26T00:24:27.063Z TRANSIENT, TRANSRESET
/VirtualBox/HostGuest/SysprepArgs = ''  @ 2026-11-26T00:24:25.835Z TRANSIENT, RDONLYGUEST
"""


def test_guest_properties_are_read():
    assert survey.guest_properties(ENUMERATED) == {
        "/Foo/live": "multi\nline 'quoted' @ 2026, flags",
        "/Foo/livet": "x",
        "/VirtualBox/HostGuest/SysprepArgs": "",
    }
    assert survey.guest_properties("No properties found.\n") == {}
    with pytest.raises(VirtualBoxError, match="not understood"):
        survey.guest_properties("something else\n")


def test_guests_are_asked_for_one_property(service):
    service.answers["guestproperty", "get", U1, "/P"] = Answer(0, "Value: a\nb\n", "")
    service.answers["guestproperty", "get", U2, "/P"] = Answer(0, "No value set!\n", "")
    service.answers["guestproperty", "get", U3, "/P"] = MISSING
    client = Client("VBoxManage", question_runner=service)
    assert survey.ask_guests(client, [U1, U2, U3], "/P") == {U1: {"/P": "a\nb"}, U2: {}, U3: {}}
