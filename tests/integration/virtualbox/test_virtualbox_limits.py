# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What VirtualBox cannot do: the plan refuses it where VBoxManage does, at the same edges."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import fields
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium import (
    model as medium_model,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    devices,
    limits,
    model,
    settings,
)

MODULE = "virtualbox_vm"
ROWS = {item.name: item for item in (*fields.rows(model.Vm), *settings.TABLE)}
NUMBERS = {name: item.between for name, item in ROWS.items() if item.between}
NIC_NUMBERS = [row for row in fields.rows(devices.Nic) if row.between]
CONTROLLER_TYPES = dict(fields.rows(devices.Controller)[0].words)
ATTACHMENT_TYPES = dict(fields.rows(devices.Attachment)[0].words)


def takes(world, *argv) -> bool:
    """Whether VBoxManage does it; some failures end with 0 and a text."""

    done = subprocess.run(
        [world.program, *argv],
        env=world.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode == 0 and "VBoxManage: error:" not in done.stderr


def refused(world, module=MODULE, **options) -> str:
    """In check mode as in a real run, before anything is there."""
    foreseen = world.fail(module, check=True, **options)
    done = world.fail(module, **options)
    assert foreseen["msg"] == done["msg"]
    assert done["error_code"] == "BAD_OPTION" and "cmd" not in done, done
    assert world.names() == []
    return done["msg"]


def vm(world, **options) -> dict:
    return {"name": "vm", "folder": str(world.vms), **options}


def test_the_numbers(world):
    world.vbox("createvm", "--name", "real", "--basefolder", str(world.vms), "--register")
    world.vbox("modifyvm", "real", "--nic1", "nat")
    edges = [(ROWS[name].flag, bounds) for name, bounds in NUMBERS.items()]
    edges += [(f"{row.flag}1", row.between) for row in NIC_NUMBERS]
    for flag, (low, high) in edges:
        for value, good in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
            assert takes(world, "modifyvm", "real", flag, str(value)) is good, (flag, value)
    world.vbox("unregistervm", "real", "--delete")

    def card(**options):
        return {"nics": [{"number": 1, "type": "nat", **options}]}

    wanted = [(name, bounds, dict) for name, bounds in NUMBERS.items()]
    wanted += [(row.name, row.between, card) for row in NIC_NUMBERS]
    for name, (low, high), options in wanted:
        for value in (low, high):
            world.run(MODULE, check=True, **vm(world, **options(**{name: value})))
        for value in (low - 1, high + 1):
            told = refused(world, **vm(world, **options(**{name: value})))
            assert f"{low} to {high}" in told


def test_the_numbers_are_those_that_virtualbox_tells(world):
    told = world.vbox("list", "systemproperties")
    for text, known in (
        ("Minimum guest RAM size", NUMBERS["memory_mb"][0]),
        ("Maximum guest RAM size", NUMBERS["memory_mb"][1]),
        ("Maximum video RAM size", NUMBERS["vram_mb"][1]),
        ("Maximum guest monitor count", NUMBERS["monitor_count"][1]),
        ("Maximum guest CPU count", NUMBERS["cpus"][1]),
        ("Maximum PIIX3 Network Adapter count", limits.NIC_COUNTS["piix3"]),
        ("Maximum ICH9 Network Adapter count", limits.NIC_COUNTS["ich9"]),
        ("Maximum Boot Position", settings.BOOT_POSITIONS),
        ("Maximum Serial Port count", len(devices.SERIAL_PORTS)),
        ("Maximum SATA Port count", limits.CONTROLLERS["sata"].port_counts[1]),
        ("Maximum NVMe Port count", limits.CONTROLLERS["nvme"].port_counts[1]),
        ("Maximum ICH9 SATA Controllers", limits.CONTROLLERS["sata"].with_ich9),
    ):
        found = re.search(rf"(?m)^{re.escape(text)}: *(\d+)", told)
        assert found and int(found.group(1)) == known, text


@pytest.mark.parametrize("kind", list(limits.CONTROLLERS))
def test_controllers(world, kind):
    known = limits.CONTROLLERS[kind]
    low, high = known.port_counts
    world.vbox("createvm", "--name", "real", "--basefolder", str(world.vms), "--register")
    add = ("storagectl", "real", "--add", CONTROLLER_TYPES[kind], "--name")
    assert takes(world, *add, "C")
    assert not takes(world, *add, "D")
    for count, good in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
        change = ("storagectl", "real", "--name", "C", "--portcount", str(count))
        assert takes(world, *change) is good, count
    drive = "floppy" if kind == "floppy" else "dvd"
    attach = ("storageattach", "real", "--storagectl", "C", "--type")
    attach = (*attach, ATTACHMENT_TYPES[drive], "--medium", "emptydrive")
    if drive in known.attachments:
        last = ("--port", str(high - 1), "--device")
        assert takes(world, *attach, *last, str(known.devices - 1))
        assert not takes(world, *attach, *last, str(known.devices))
    assert not takes(world, *attach, "--port", str(high), "--device", "0")
    world.vbox("unregistervm", "real", "--delete")

    def with_drive(port, device, **controller):
        return vm(
            world,
            storage_controllers=[{"name": "C", "type": kind, **controller}],
            storage_attachments=[
                {"controller": "C", "port": port, "device": device, "type": drive}
            ],
        )

    if drive in known.attachments:
        world.run(MODULE, check=True, **with_drive(high - 1, known.devices - 1))
        refused(world, **with_drive(high - 1, known.devices))
        refused(world, **with_drive(high, 0))
        if high > low:
            refused(world, **with_drive(low, 0, port_count=low))
    else:
        refused(world, **with_drive(0, 0))
    for count in (low - 1, high + 1):
        refused(
            world,
            **vm(world, storage_controllers=[{"name": "C", "type": kind, "port_count": count}]),
        )
    two = [{"name": name, "type": kind} for name in "CD"]
    refused(world, **vm(world, storage_controllers=two))
    many = [{"name": f"C{number}", "type": kind} for number in range(known.with_ich9)]
    made = world.change(MODULE, **vm(world, chipset="ich9", storage_controllers=many))
    assert len(made["vm"]["storage_controllers"]) == known.with_ich9
    if known.with_ich9 > 1:
        # VirtualBox would take it, and could not read the VM any more.
        told = world.fail(MODULE, check=True, **vm(world, chipset="piix3"))
        assert "storage controllers" in told["msg"]


def test_nic_9_and_its_chipset_in_one_task(world):
    router = vm(world, chipset="ich9", nics=[{"number": 9, "type": "internal", "network": "n9"}])
    made = world.change(MODULE, **router)
    assert [nic["number"] for nic in made["vm"]["nics"]] == [9]
    last = {"number": 36, "type": "internal", "network": "n36"}
    world.change(MODULE, **vm(world, nics=[last]))
    # The way back would take them away without a word.
    told = world.fail(MODULE, **vm(world, chipset="piix3"))
    assert "NIC 9" in told["msg"]
    world.change(MODULE, **vm(world, chipset="piix3", nics=[], prune_nics=True))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"nics": [{"number": 9, "type": "nat"}]}, "set chipset to ich9"),
        ({"nics": [{"number": 0, "type": "nat"}]}, "1 to 8"),
        ({"chipset": "ich9", "nics": [{"number": 37, "type": "nat"}]}, "1 to 36"),
        ({"boot_order": ["disk", "net", "dvd", "floppy", "none"]}, "VirtualBox takes 4"),
        ({"uuid": "00000000-0000-0000-0000-000000000000"}, "no UUID"),
        ({"uuid": "nonsense"}, "no UUID"),
        ({"name": "n" * 246}, "246 bytes"),
        ({"name": ""}, "needs a name"),
        ({"os_type": "nonsense"}, "no guest system"),
        ({"groups": ["/a/"]}, "does not take"),
        ({"groups": ["/a//b"]}, "does not take"),
        ({"description": "a\0b"}, "zero byte"),
        ({"guest_properties": {"a*b": "x"}}, "name of a guest property"),
        ({"guest_properties": {"n" * 64: "x"}}, "name of a guest property"),
        ({"guest_properties": {"n": "v" * 1024}}, "takes 1023"),
        ({"extra_data": {"": "x"}}, "needs a name"),
        ({"bandwidth_groups": [{"name": "", "limit_kib_per_second": 1}]}, "bandwidth group"),
        ({"bandwidth_groups": [{"name": "g", "limit_kib_per_second": -1}]}, "takes 0 to"),
        ({"nics": [{"number": 1, "type": "nat", "bandwidth_group": "g"}]}, "bandwidth_groups"),
        ({"wait": {"port": 0}}, "1 to 65535"),
        ({"wait": {"banner_pattern": "["}}, "no regular expression"),
        ({"storage_attachments": [{"controller": "S", "port": 0, "type": "dvd"}]}, "no such"),
        ({"state": "running", "iommu": "amd"}, "set chipset to ich9"),
    ],
)
def test_what_the_plan_refuses(world, options, words):
    assert words in refused(world, **{**vm(world), **options})
    assert not world.vms.exists() or os.listdir(world.vms) == []


@pytest.mark.parametrize("change", [{"host_port": 0}, {"host_port": 65536}, {"guest_port": 70000}])
def test_ports_of_a_forward(world, change):
    """VBoxManage takes port 70000 and makes 4464 of it."""
    rule = {"name": "a", "host_port": 65535, "guest_port": 1}
    nic = {"number": 1, "type": "nat"}
    refused(world, **vm(world, nics=[{**nic, "port_forwards": [{**rule, **change}]}]))
    refused(world, **vm(world, nics=[{**nic, "port_forwards": [{**rule, "host_address": "x"}]}]))
    two = [rule, {**rule, "name": "b"}]
    refused(world, **vm(world, nics=[{**nic, "port_forwards": two}]))
    two[1]["protocol"] = "udp"
    world.change(MODULE, **vm(world, nics=[{**nic, "port_forwards": two}]))


def test_sizes_of_disks(world):
    os.makedirs(world.vms)
    for kind, (low, high) in medium_model.SIZES.items():
        path = str(world.vms / f"d.{kind}")
        for size in (low - 1, high + 1):
            refused(world, "virtualbox_medium", path=path, size_mb=size)
        world.run("virtualbox_medium", check=True, path=path, size_mb=high)
        if kind != "vhd":
            # One more is too much for VirtualBox too; the edge itself would fill this disk.
            create = ("createmedium", "disk", "--filename", path, "--format", kind.upper())
            assert not takes(world, *create, "--size", str(high + 1))
        world.change("virtualbox_medium", path=path, size_mb=low)
    refused(world, "virtualbox_medium", path=str(world.vms / "s.vdi"), size_mb=4, type="shareable")


def test_a_vm_that_fails_half_way_is_taken_back(world):
    """An image that is none: nobody can know before VirtualBox looks at it."""
    image = world.folder / "tiny.iso"
    image.write_bytes(b"tiny")
    task = vm(
        world,
        storage_controllers=[{"name": "SATA", "type": "sata"}],
        storage_attachments=[
            {"controller": "SATA", "port": 0, "type": "hdd", "size_mb": 4},
            {"controller": "SATA", "port": 1, "type": "dvd", "medium": str(image)},
        ],
    )
    told = world.fail(MODULE, **task)
    assert "tiny.iso" in told["msg"]
    assert world.names() == [] and os.listdir(world.vms) == []
    assert world.vbox("list", "hdds").strip() == ""
    image.write_bytes(bytes(102400))
    world.change(MODULE, **task)


def test_a_file_that_is_not_there_is_told_before_anything_is_made(world):
    task = vm(
        world,
        storage_controllers=[{"name": "SATA", "type": "sata"}],
        storage_attachments=[
            {"controller": "SATA", "port": 1, "type": "dvd", "medium": "/nonexistent.iso"}
        ],
    )
    # In check mode an earlier task would make it.
    world.run(MODULE, check=True, **task)
    assert "does not exist" in world.fail(MODULE, **task)["msg"]
    assert world.names() == []


def test_a_copy_of_a_disk(world):
    """It has the UUID of its original, of which VirtualBox takes only one."""
    original, copy = str(world.vms / "d.vdi"), str(world.vms / "copy.vdi")
    world.run("virtualbox_medium", path=original, size_mb=4)
    shutil.copy(original, copy)

    def task(path):
        return vm(
            world,
            storage_controllers=[{"name": "S", "type": "sata"}],
            storage_attachments=[{"controller": "S", "port": 0, "type": "hdd", "medium": path}],
        )

    told = refused(world, **task(copy))
    assert original in told and "sethduuid" in told
    world.vbox("internalcommands", "sethduuid", copy)
    world.change(MODULE, **task(copy))


def test_a_saved_state_that_is_lost(world):
    world.vm("vm", memory_mb=64)
    world.run(MODULE, **vm(world, state="running"))
    world.run(MODULE, **vm(world, state="saved"))
    (state,) = (world.vms / "vm" / "Snapshots").glob("*.sav")
    state.unlink()
    for check in (True, False):
        told = world.fail(MODULE, check=check, **vm(world, state="running"))["msg"]
        assert state.name in told and "discard_saved_state" in told
    started = world.run(MODULE, **vm(world, state="running", discard_saved_state=True))
    assert [action["action"] for action in started["actions"]] == ["discard", "start"]
    world.run(MODULE, **vm(world, state="stopped", stop_timeout=0))
