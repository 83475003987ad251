# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module virtualbox_medium against real VBoxManage."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import journal

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


# --- description, copies ----------------------------------------------------------------------


def test_description(world, disk):
    hostile = '-x "y" <&\nType:           immutable\nFormat variant: fixed default\n \tend \n'
    made = world.change(MODULE, path=disk, size_mb=8, description=hostile)["medium"]
    assert (made["description"], made["type"], made["variant"]) == (hostile, "normal", None)
    assert world.same(MODULE, path=disk, variant="standard")["medium"]["variant"] == "standard"
    assert world.same(MODULE, path=disk)["medium"]["description"] is None
    # VirtualBox keeps it with the VM while the disk is attached, and over its own end.
    world.vm("holder", **attached(disk))
    world.kill("VBoxSVC")
    world.settle()
    world.same(MODULE, path=disk, description=hostile)
    assert world.change(MODULE, path=disk, description="other")["medium"]["description"] == "other"
    assert "other" in shown(world, disk, "Description")
    assert world.change(MODULE, path=disk, description="")["medium"]["description"] == ""
    assert "Description" not in world.vbox("showmediuminfo", disk)


def attached(disk, **more):
    return {
        "storage_controllers": [{"name": "SATA", "type": "sata"}],
        "storage_attachments": [{"controller": "SATA", "port": 0, "type": "hdd", "medium": disk}],
        **more,
    }


def raw_image(world, *blocks) -> str:
    """A raw disk whose MiBs are filled with one byte each."""
    path = world.folder / "source.raw"
    path.write_bytes(b"".join(bytes([value]) * MIB for value in blocks))
    return str(path)


def mibs(world, path) -> list:
    """The bytes of which each MiB of a disk consists, read back by VirtualBox itself."""
    back = world.folder / "back.raw"
    world.vbox("clonemedium", path, str(back), "--format", "RAW")
    content = back.read_bytes()
    world.vbox("closemedium", str(back), "--delete")
    return [set(content[start : start + MIB]) for start in range(0, len(content), MIB)]


@pytest.mark.parametrize("kind", ["vmdk", "vhd"])
@pytest.mark.parametrize("variant", ["standard", "fixed"])
def test_convert_from_another_format(world, disk, kind, variant):
    foreign = str(world.folder / f"foreign.{kind}")
    world.vms.mkdir(parents=True, exist_ok=True)
    source = raw_image(world, 1, 0, 2)
    world.run(MODULE, path=foreign, source_path=source, variant=variant)
    world.run(MODULE, path=foreign, state="absent")
    # As one that came from elsewhere: VirtualBox does not know it, before and after.
    made = world.change(MODULE, path=disk, source_path=foreign, size_mb=8)
    assert [action["action"] for action in made["actions"]] == ["clone", "close", "grow"]
    assert (made["medium"]["format"], made["medium"]["size_mb"]) == ("vdi", 8)
    assert foreign not in world.vbox("list", "hdds")
    assert mibs(world, disk)[:3] == [{1}, {0}, {2}]
    os.unlink(foreign)


def test_a_full_copy_by_uuid_of_what_a_snapshot_has_below(world, disk):
    world.run(MODULE, path=disk, source_path=raw_image(world, 1, 2))
    world.vm("vm", snapshot="s", **attached(disk))
    info = world.vbox("showvminfo", "vm", "--machinereadable")
    above = next(line for line in info.splitlines() if line.startswith('"SATA-0-0"'))
    above = above.partition("=")[2].strip('"')
    uuid = shown(world, above, "UUID")
    copy = disk.replace("disk", "copy")
    made = world.change(MODULE, path=copy, source_uuid=uuid.upper())
    assert made["medium"]["parent_uuid"] == "" and made["medium"]["uuid"] != uuid
    assert made["actions"][0]["command"][:3] == ["clonemedium", "disk", above]
    assert mibs(world, copy) == [{1}, {2}]
    by_path = disk.replace("disk", "by_path")
    world.change(MODULE, path=by_path, source_path=above, format="vdi")
    assert mibs(world, by_path) == [{1}, {2}]
    nobody = world.fail(MODULE, path=f"{disk}2", format="vdi", source_uuid=uuid[::-1])
    assert nobody["error_code"] == "VBOX_E_OBJECT_NOT_FOUND"
    both = world.fail(MODULE, path=disk, source_uuid=uuid, source_path=above)
    assert "mutually exclusive" in both["msg"]


# --- move -------------------------------------------------------------------------------------


def test_move_an_attached_medium(world, disk):
    world.run(MODULE, path=disk, source_path=raw_image(world, 1), description="mine")
    world.vm("vm", **attached(disk))
    uuid = shown(world, disk, "UUID")
    new = str(world.vms / "a b" / "moved.vdi")
    moved = world.change(MODULE, path=new, moved_from=disk, size_mb=4, description="mine")
    assert [action["action"] for action in moved["actions"]] == ["move", "grow"]
    assert moved["medium"]["uuid"] == uuid and moved["medium"]["path"] == new
    assert moved["diff"]["before"]["path"] == disk
    assert not os.path.exists(disk) and mibs(world, new)[0] == {1}
    vm = world.same("virtualbox_vm", name="vm", **attached(new))["vm"]
    assert vm["storage_attachments"][0]["medium"] == new
    world.same(MODULE, path=new, moved_from=disk)
    world.same(MODULE, path=new)


def test_move_what_virtualbox_does_not_know(world, disk):
    world.run(MODULE, path=disk, size_mb=8)
    world.run(MODULE, path=disk, state="absent")
    new = disk.replace("disk", "new")
    assert world.change(MODULE, path=new, moved_from=disk)["medium"]["registered"]
    assert os.listdir(world.vms) == ["new.vdi"]


def test_a_new_medium_where_there_was_none_to_move(world, disk):
    made = world.change(MODULE, path=disk, moved_from=f"{disk}.vdi", size_mb=8)
    assert [action["action"] for action in made["actions"]] == ["create"]
    world.same(MODULE, path=disk, moved_from=disk)


def test_what_cannot_be_moved(world, disk):
    world.run(MODULE, path=disk, size_mb=8)
    new = disk.replace("disk", "new")
    ending = world.fail(MODULE, path=f"{disk}.img", moved_from=disk)
    assert "ends with .vdi" in ending["msg"]
    assert "absolute path" in world.fail(MODULE, path=new, moved_from="disk.vdi")["msg"]
    shutil.copy(disk, new)
    for check in (True, False):
        both = world.fail(MODULE, check=check, path=new, moved_from=disk)
        assert f"both {new} and {disk} exist" in both["msg"]
    os.unlink(new)
    # By hand, and VirtualBox was not told.
    shutil.move(disk, new)
    told = world.change(MODULE, path=new, moved_from=disk)
    assert [action["action"] for action in told["actions"]] == ["relocate"]
    os.unlink(new)
    third = disk.replace("disk", "third")
    Path(third).write_bytes(b"another file")
    other = world.fail(MODULE, path=third, moved_from=new)
    assert "cannot be seen" in other["msg"] and "--setlocation" in other["msg"]


def test_remove_what_was_moved_by_hand(world, disk):
    world.run(MODULE, path=disk, size_mb=8)
    new = disk.replace("disk", "new")
    journal.Journal(str(world.vms), new).begin({"what": "move", "path": new, "from": disk})
    shutil.move(disk, new)
    world.change(MODULE, path=new, state="absent", delete_media=True)
    assert os.listdir(world.vms) == [] and "Location" not in world.vbox("list", "hdds")


@pytest.fixture
def other_file_system():
    """A folder that a file can only be moved to by copying it."""
    if os.stat("/dev/shm").st_dev == os.stat(tempfile.gettempdir()).st_dev:
        pytest.fail("/dev/shm is no file system of its own on this machine")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def kill_at_work(world, process, folder, moment, whom) -> None:
    """Kill a module, the service, or all, so long after the module has noted what it begins."""
    notes = folder / ".virtual.datacenter"
    end = time.monotonic() + 20
    while not list(notes.glob("*.json")) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    time.sleep(moment)
    if whom != "service":
        process.kill()
    if whom == "all":
        world.kill("VBoxManage")
    if whom != "module":
        world.kill("VBoxSVC")
    process.communicate()
    world.settle()


@pytest.mark.parametrize(("whom", "moment"), [("module", 0.05), ("service", 0.02), ("all", 0.1)])
def test_killed_while_it_moves_a_medium(world, disk, other_file_system, moment, whom):
    world.run(MODULE, path=disk, source_path=raw_image(world, *range(1, 61)), size_mb=64)
    world.vm("vm", **attached(disk))
    uuid = shown(world, disk, "UUID")
    new = str(other_file_system / "moved.vdi")
    options = {"path": new, "moved_from": disk, "size_mb": 64}
    process = world.start(MODULE, **options)
    kill_at_work(world, process, other_file_system, moment, whom)
    world.run(MODULE, **options)
    world.same(MODULE, **options)
    assert shown(world, new, "UUID") == uuid
    assert mibs(world, new)[:60] == [{value} for value in range(1, 61)]
    world.same("virtualbox_vm", name="vm", **attached(new))
    assert not os.path.exists(disk) and os.listdir(other_file_system) == ["moved.vdi"]


def test_an_interrupted_move_is_seen_in_check_mode(world, disk, other_file_system):
    world.run(MODULE, path=disk, source_path=raw_image(world, 1))
    new = str(other_file_system / "moved.vdi")
    Path(new).write_bytes(b"half")
    note = {"what": "move", "path": new, "from": disk}
    journal.Journal(str(other_file_system), new).begin(note)
    done = world.change(MODULE, path=new, moved_from=disk)
    assert [action["action"] for action in done["actions"]] == ["clean", "move"]
    # Half moved and then not wanted: only what lies at the path goes.
    Path(disk).write_bytes(b"half")
    journal.Journal(str(world.vms), disk).begin({"what": "move", "path": disk, "from": new})
    world.change(MODULE, path=disk, state="absent", delete_media=True)
    assert not os.path.exists(disk) and mibs(world, new) == [{1}]


# --- compact ----------------------------------------------------------------------------------


def with_zeros(path, *places) -> None:
    """Fill blocks of a VDI with zeros, as a guest does that clears its free space."""
    with open(path, "r+b") as stream:
        for place in places:
            stream.seek(2 * MIB + place * MIB)
            stream.write(bytes(MIB))


def test_compact(world, disk):
    world.run(MODULE, path=disk, source_path=raw_image(world, 1, 2, 0, 3, 4, 5), compact=True)
    assert os.path.getsize(disk) == 7 * MIB
    world.same(MODULE, path=disk, compact=True)
    with_zeros(disk, 0, 3)
    assert world.same(MODULE, path=disk)["medium"]["unused_mb"] is None
    done = world.change(MODULE, path=disk, compact=True)
    assert [action["text"] for action in done["actions"]] == [f"compact medium {disk} by 2 MiB"]
    assert done["diff"]["before"]["unused_mb"] == 2 and done["medium"]["unused_mb"] == 0
    assert os.path.getsize(disk) == 5 * MIB
    assert mibs(world, disk) == [{0}, {2}, {0}, {3}, {0}, {5}]
    # A copy needs no compacting, whatever its source holds.
    with_zeros(disk, 1)
    copy = disk.replace("disk", "copy")
    world.change(MODULE, path=copy, source_path=disk, compact=True)
    world.change(MODULE, path=disk, compact=True, size_mb=9)


def test_the_count_is_what_virtualbox_gives_back(world, disk):
    world.run(MODULE, path=disk, source_path=raw_image(world, *range(1, 20)))
    with_zeros(disk, *range(2, 18, 3))
    before = os.path.getsize(disk)
    done = world.run(MODULE, path=disk, compact=True)
    assert before - os.path.getsize(disk) == done["diff"]["before"]["unused_mb"] * MIB == 6 * MIB


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"suffix": "vmdk"}, "it is a vmdk"),
        ({"suffix": "vhd"}, "it is a vhd"),
        ({"suffix": "vdi", "variant": "fixed"}, "variant fixed"),
    ],
)
def test_a_kind_that_is_not_compacted(world, disk, options, text):
    path = disk.replace("vdi", options.pop("suffix"))
    for check in (True, False):
        refused = world.fail(MODULE, check=check, path=path, size_mb=8, compact=True, **options)
        assert text in refused["msg"] and refused["error_code"] == "VBOX_E_NOT_SUPPORTED"
    world.run(MODULE, path=path, size_mb=8, **options)
    assert text in world.fail(MODULE, path=path, compact=True)["msg"]


def test_a_medium_with_others_on_it_is_not_compacted(world, disk):
    world.run(MODULE, path=disk, source_path=raw_image(world, 1, 2))
    world.vm("vm", snapshot="s", **attached(disk))
    world.same(MODULE, path=disk, compact=True)
    with_zeros(disk, 0)
    refused = world.fail(MODULE, path=disk, compact=True)
    assert "has differencing images on it" in refused["msg"]
    above = next(line for line in world.vbox("list", "hdds").splitlines() if "/Snapshots/" in line)
    refused = world.fail(MODULE, path=above.partition(":")[2].strip(), compact=True)
    assert "is a differencing image on" in refused["msg"]


def test_a_running_vm_keeps_its_medium(world, disk, boot_disk):
    boot = world.folder / "boot.raw"
    boot.write_bytes(boot_disk + bytes([7]) * 2 * MIB + bytes(MIB))
    world.run(MODULE, path=disk, source_path=str(boot))
    more = {"name": "runs \n'so'", "memory_mb": 16, "groups": ["/g"]}
    options = {**attached(disk), **more}
    world.vm(**options)
    with_zeros(disk, 1)
    world.run("virtualbox_vm", name=options["name"], state="running")
    new = disk.replace("disk", "new")
    for check in (True, False):
        refused = world.fail(MODULE, check=check, path=disk, compact=True)
        assert "which is running" in refused["msg"] and "so" in refused["msg"]
        refused = world.fail(MODULE, check=check, path=new, moved_from=disk)
        assert "cannot be moved meanwhile" in refused["msg"]
        refused = world.fail(MODULE, check=check, path=disk, size_mb=64)
        assert "cannot be grown meanwhile" in refused["msg"]
    world.run("virtualbox_vm", name=options["name"], state="stopped", stop_timeout=0)
    world.change(MODULE, path=disk, compact=True)
    world.change(MODULE, path=new, moved_from=disk)


@pytest.mark.parametrize(("whom", "moment"), [("module", 0.03), ("service", 0.05), ("all", 0.02)])
def test_killed_while_it_compacts(world, disk, moment, whom):
    values = [value for number in range(1, 41) for value in (number, 255)]
    world.run(MODULE, path=disk, source_path=raw_image(world, *values))
    with_zeros(disk, *range(1, 80, 2))
    process = world.start(MODULE, path=disk, compact=True)
    kill_at_work(world, process, world.vms, moment, whom)
    world.run(MODULE, path=disk, compact=True)
    world.same(MODULE, path=disk, compact=True)
    assert os.path.getsize(disk) == 42 * MIB
    found = mibs(world, disk)
    assert found == [{number} if even else {0} for number in range(1, 41) for even in (1, 0)]
    assert os.listdir(world.vms) == ["disk.vdi"]


def test_as_a_program_of_its_own(world, disk):
    assert world.finish(world.start(MODULE, path=disk, size_mb=8))["changed"]
    assert world.finish(world.start(MODULE, path=disk, size_mb=8))["changed"] is False
