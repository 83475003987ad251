# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module virtualbox_medium against real VBoxManage."""

from __future__ import annotations

import hashlib
import os
import time

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils.virtualbox import journal

MODULE = "virtualbox_medium"
MIB = 1024 * 1024


@pytest.fixture
def disk(world):
    world.vms.mkdir(parents=True, exist_ok=True)
    return str(world.vms / "disk.vdi")


def shown(world, path, key):
    text = world.vbox("showmediuminfo", path)
    return next(line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith(key))


def test_create_grow_remove(world, disk):
    made = world.change(MODULE, path=disk, size_mb=8)
    assert made["medium"]["size_mb"] == 8 and made["medium"]["format"] == "vdi"
    assert made["processes"] <= 4
    assert world.same(MODULE, path=disk, size_mb=8)["processes"] <= 2
    assert world.same(MODULE, path=disk)["medium"]["uuid"] == made["medium"]["uuid"]
    grown = world.change(MODULE, path=disk, size_mb=9)
    assert grown["medium"]["size_mb"] == 9
    assert shown(world, disk, "Capacity") == "9 MBytes"
    refused = world.fail(MODULE, path=disk, size_mb=8)
    assert "cannot shrink" in refused["msg"]
    assert refused["error_code"] == "VBOX_E_NOT_SUPPORTED"
    world.change(MODULE, path=disk, state="absent")
    assert os.path.exists(disk)
    assert disk not in world.vbox("list", "hdds")
    world.change(MODULE, path=disk, state="absent", delete_media=True)
    assert not os.path.exists(disk)


def test_remove_a_registered_medium_with_its_file(world, disk):
    world.run(MODULE, path=disk, size_mb=8)
    assert disk in world.vbox("list", "hdds")
    world.change(MODULE, path=disk, state="absent", delete_media=True)
    assert not os.path.exists(disk) and disk not in world.vbox("list", "hdds")


def test_forget_a_medium_whose_file_is_gone(world, disk):
    world.run(MODULE, path=disk, size_mb=8)
    os.unlink(disk)
    world.change(MODULE, path=disk, state="absent", delete_media=True)
    assert disk not in world.vbox("list", "hdds")


@pytest.mark.parametrize(
    ("suffix", "variant", "option"),
    [("vmdk", "standard", None), ("vhd", "fixed", "vhd"), ("img", None, "vdi")],
)
def test_formats_and_variants(world, disk, suffix, variant, option):
    path = disk.replace(".vdi", f".{suffix}")
    made = world.change(MODULE, path=path, size_mb=8, format=option, variant=variant)["medium"]
    assert made["format"] == (option or suffix)
    assert made["variant"] == variant
    other = world.fail(MODULE, path=path, format="vdi" if made["format"] != "vdi" else "vmdk")
    assert "cannot be changed in place" in other["msg"]
    world.change(MODULE, path=path, state="absent", delete_media=True)


@pytest.mark.parametrize("kind", ["immutable", "writethrough", "shareable"])
def test_types(world, disk, kind):
    # A shareable medium must have its full size.
    variant = "fixed" if kind == "shareable" else "standard"
    world.run(MODULE, path=disk, size_mb=8, variant=variant)
    assert world.change(MODULE, path=disk, type=kind)["medium"]["type"] == kind
    world.change(MODULE, path=disk, type="normal")


def test_convert_raw_and_grow(world, disk):
    raw = str(world.folder / "source.raw")
    content = os.urandom(MIB) + bytes(3 * MIB)
    with open(raw, "wb") as stream:
        stream.write(content)
    made = world.change(MODULE, path=disk, source_path=raw, size_mb=16)
    assert made["medium"]["size_mb"] == 16
    assert [action["action"] for action in made["actions"]] == ["convert", "grow"]
    back = str(world.folder / "back.raw")
    world.vbox("clonemedium", disk, back, "--format", "RAW")
    with open(back, "rb") as stream:
        copied = stream.read(len(content))
    assert hashlib.sha256(copied).digest() == hashlib.sha256(content).digest()
    for path in (back,):
        world.vbox("closemedium", path, "--delete")
    larger = world.fail(MODULE, path=f"{disk}2", format="vdi", source_path=raw, size_mb=1)
    assert "cannot shrink" in larger["msg"]
    assert (
        "does not exist" in world.fail(MODULE, path=f"{disk}2", source_path="/nonexistent")["msg"]
    )


def test_copy_an_image(world, disk):
    source = disk.replace("disk.vdi", "source.vmdk")
    world.run(MODULE, path=source, size_mb=8)
    made = world.change(MODULE, path=disk, source_path=source)
    assert made["actions"][0]["command"][0] == "clonemedium"
    assert made["medium"]["size_mb"] == 8
    world.run(MODULE, path=source, state="absent")
    world.run(MODULE, path=disk, state="absent", delete_media=True)
    world.change(MODULE, path=disk, source_path=source)
    assert source not in world.vbox("list", "hdds")


def test_looking_at_a_file_does_not_put_it_into_the_list(world, disk):
    world.run(MODULE, path=disk, size_mb=8)
    world.run(MODULE, path=disk, state="absent")
    world.same(MODULE, path=disk, size_mb=8)
    assert disk not in world.vbox("list", "hdds")


def test_a_medium_below_a_linked_clone_stays(world, disk):
    world.run(MODULE, path=disk, size_mb=8)
    base = {
        "storage_controllers": [{"name": "SATA", "type": "sata"}],
        "storage_attachments": [{"controller": "SATA", "port": 0, "type": "hdd", "medium": disk}],
    }
    world.vm("base", snapshot="s", **base)
    refused = world.fail(MODULE, path=disk, state="absent", delete_media=True)
    assert (
        "differencing images" in refused["msg"] and refused["error_code"] == "VBOX_E_OBJECT_IN_USE"
    )
    assert os.path.exists(disk)


def test_a_half_made_medium_is_made_anew(world, disk):
    with open(disk, "wb") as stream:
        stream.write(b"half a disk")
    foreign = world.fail(MODULE, path=disk, size_mb=8)
    assert foreign["error_code"], foreign
    with open(disk, "rb") as stream:
        assert stream.read() == b"half a disk"
    journal.Journal(str(world.vms), disk).begin({"what": "medium", "path": disk})
    made = world.change(MODULE, path=disk, size_mb=8)
    assert [action["action"] for action in made["actions"]] == ["clean", "create"]
    assert os.listdir(world.vms) == ["disk.vdi"]


@pytest.mark.parametrize("moment", [0.0, 0.05, 0.15, 0.3])
def test_killed_while_it_makes_a_medium(world, disk, moment):
    process = world.start(MODULE, path=disk, size_mb=200, variant="fixed")
    notes = world.vms / ".virtual.datacenter"
    end = time.monotonic() + 20
    while not notes.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(moment)
    process.kill()
    process.communicate()
    world.run(MODULE, path=disk, size_mb=200, variant="fixed")
    world.same(MODULE, path=disk, size_mb=200, variant="fixed")
    assert os.listdir(world.vms) == ["disk.vdi"]


def test_the_same_medium_wanted_by_five_runs_at_once(world, disk):
    started = [world.start(MODULE, path=disk, size_mb=64, variant="fixed") for _run in range(5)]
    results = [world.finish(process) for process in started]
    assert not any(result.get("failed") for result in results), results
    assert os.listdir(world.vms) == ["disk.vdi"]
    world.same(MODULE, path=disk, size_mb=64, variant="fixed")


def test_failures_say_what_to_do(world, disk):
    assert "absolute path" in world.fail(MODULE, path="disk.vdi", size_mb=8)["msg"]
    assert "without a size" in world.fail(MODULE, path=disk)["msg"]
    missing = world.fail(MODULE, path=disk, size_mb=8, vboxmanage_path="/nonexistent/VBoxManage")
    assert missing["error_code"] == "NO_VBOXMANAGE"
    assert "/proc/nothing" in world.fail(MODULE, path="/proc/nothing/disk.vdi", size_mb=8)["msg"]


def test_as_a_program_of_its_own(world, disk):
    assert world.finish(world.start(MODULE, path=disk, size_mb=8))["changed"]
    assert world.finish(world.start(MODULE, path=disk, size_mb=8))["changed"] is False
