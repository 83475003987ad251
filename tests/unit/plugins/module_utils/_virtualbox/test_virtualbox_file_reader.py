# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VMs from their settings files alone: what showvminfo shows, or a doubt that is told."""

from __future__ import annotations

import re
import uuid

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    listings,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium import (
    registry,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    read,
    read_file,
    settings_file,
)

UUID = "11111111-1111-4111-8111-111111111111"


def recorded_media(recorded) -> dict:
    """All images that the recorded settings have in their lists."""
    found = {}
    for name in ("base", "clone", "hostile"):
        path = listings.vm_info(recorded(f"showvminfo_{name}"))["CfgFile"]
        images = registry.images_in(recorded(f"settings_{name}").encode(), path)
        found.update((uuid, image.path) for uuid, image in images.items())
    return found


@pytest.mark.parametrize("name", ["base", "clone", "hostile"])
def test_a_file_tells_what_showvminfo_tells(recorded, name):
    info = listings.vm_info(recorded(f"showvminfo_{name}"))
    file = settings_file.parse(recorded(f"settings_{name}").encode(), info["CfgFile"])
    expected = read.build_vm(info, file)
    assert read_file.whole_vm(file, recorded_media(recorded).get) == expected


@pytest.mark.parametrize(
    ("place", "other"),
    [
        (r"Written by VirtualBox 7\.2", "Written by VirtualBox 7.9"),
        (r"Written by VirtualBox 7\.2\.\d+", "Written by somebody"),
        (r'hostMode="RawFile"', 'hostMode="HostPipe"'),
        (r'<Image uuid="\{[^}]*\}"/>', f'<Image uuid="{{{UUID}}}"/>'),
        (r"<Image (uuid=[^/]*)/>(?=\s*</AttachedDevice>)", '<HostDrive src="/dev/sr0"/>'),
        (r'<Memory RAMSize="\d+"/>', ""),
    ],
)
def test_what_only_vboxmanage_knows(recorded, place, other):
    path = listings.vm_info(recorded("showvminfo_clone"))["CfgFile"]
    text = re.sub(place, other, recorded("settings_clone"))
    assert text != recorded("settings_clone")
    file = settings_file.parse(text.encode(), path)
    with pytest.raises(read_file.DoubtError):
        read_file.whole_vm(file, recorded_media(recorded).get)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Gives a function that registers VMs: UUIDs and the texts of their settings files."""
    monkeypatch.setenv("VBOX_USER_HOME", str(tmp_path))

    def write(media="", **files):
        entries = ""
        for name, (identity, text) in files.items():
            path = tmp_path / f"{name}.vbox"
            if text is not None:
                path.write_text(text, encoding="utf-8")
            entries += f'<MachineEntry uuid="{{{identity}}}" src="{path}"/>'
        (tmp_path / "VirtualBox.xml").write_text(
            '<VirtualBox xmlns="http://www.virtualbox.org/"><Global><MachineRegistry>'
            f"{entries}</MachineRegistry><MediaRegistry>{media}</MediaRegistry></Global>"
            "</VirtualBox>"
        )
        return tmp_path

    return write


def machine(name, more="", identity=UUID):
    return (
        f'<VirtualBox xmlns="http://www.virtualbox.org/"><Machine uuid="{{{identity}}}" '
        f'name="{name}">{more}</Machine></VirtualBox>'
    )


def test_the_list_of_vms(home, script):
    one, two = str(uuid.uuid4()), str(uuid.uuid4())
    hostile = "a&quot; {x}&#10;&quot;b"
    home(a=(one, machine(hostile, identity=one)), b=(two, machine("b", identity=two)))
    assert read_file.list_vms(script.client()) == [('a" {x}\n"b', one), ("b", two)]


@pytest.mark.parametrize("text", [None, "", "<nonsense", "<VirtualBox/>", machine("of another")])
def test_a_doubtful_list_is_asked_for(home, script, text):
    one, two = str(uuid.uuid4()), str(uuid.uuid4())
    home(a=(one, machine("a", identity=one)), b=(two, text))
    script.expect("list", "vms", out=f'"a" {{{one}}}\n"<inaccessible>" {{{two}}}\n')
    assert read_file.list_vms(script.client()) == [("a", one), ("<inaccessible>", two)]


def test_a_new_world_is_asked(tmp_path, monkeypatch, script):
    monkeypatch.setenv("VBOX_USER_HOME", str(tmp_path))
    script.expect("list", "vms")
    assert read_file.list_vms(script.client()) == []


def test_where_an_image_lies(home):
    one, two, three, four = (str(uuid.uuid4()) for _number in range(4))

    def disk(identity, location, more=""):
        return f'<HardDisk uuid="{{{identity}}}" location="{location}">{more}</HardDisk>'

    registry = f"<MediaRegistry>{disk(two, 'own.vdi', disk(three, 'a/../b.vdi'))}</MediaRegistry>"
    # A device that names an image does not tell where it lies.
    device = f'<Hardware><Image uuid="{{{one}}}"/></Hardware>'
    folder = home(
        media=disk(one, "/srv/one.vdi"),
        a=(UUID, machine("a", device)),
        b=(str(uuid.uuid4()), "<broken " + three),
        c=(str(uuid.uuid4()), machine("c", registry)),
    )
    assert read_file.locate(one) == "/srv/one.vdi"
    assert read_file.locate(two) == str(folder / "own.vdi")
    assert read_file.locate(three) == str(folder / "b.vdi")
    assert read_file.locate(four) is None


def test_a_vm_from_its_file_costs_no_call(home, recorded, script):
    text = recorded("settings_base")
    identity = settings_file.uuid_in(text)
    home(a=(identity, text))
    vm = read_file.read_vm(script.client(), identity)
    assert (vm.name, vm.uuid, vm.state) == ("lab-base", identity, "poweroff")


def test_a_doubt_is_resolved_by_vboxmanage(home, recorded, script):
    text = recorded("settings_base").replace("Written by", "Made by")
    identity = settings_file.uuid_in(text)
    folder = home(a=(identity, text))
    shown = re.sub(r'CfgFile=".*"', f'CfgFile="{folder}/a.vbox"', recorded("showvminfo_base"))
    script.expect("showvminfo", identity, "--machinereadable", out=shown)
    assert read_file.read_vm(script.client(), identity).name == "lab-base"
    missing = "VBoxManage: error: Could not find a registered machine named 'x'"
    script.expect("showvminfo", UUID, "--machinereadable", err=missing, rc=1)
    assert read_file.read_vm(script.client(), UUID) is None


def test_a_vm_that_runs_is_shown_by_vboxmanage(home, recorded, script):
    text = recorded("settings_base")
    identity = settings_file.uuid_in(text)
    folder = home(a=(identity, text))
    script.expect("list", "runningvms", out=f'"other" {{{uuid.uuid4()}}}\n')
    assert read_file.read_vm_with_power(script.client(), identity).state == "poweroff"
    shown = re.sub(r'CfgFile=".*"', f'CfgFile="{folder}/a.vbox"', recorded("showvminfo_base"))
    shown = shown.replace('VMState="poweroff"', 'VMState="paused"')
    script.expect("list", "runningvms", out=f'"lab-base" {{{identity.upper()}}}\n')
    script.expect("showvminfo", identity, "--machinereadable", out=shown)
    assert read_file.read_vm_with_power(script.client(), identity).state == "paused"
