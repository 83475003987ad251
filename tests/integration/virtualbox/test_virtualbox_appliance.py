# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module virtualbox_appliance against real VBoxManage."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import tarfile

import pytest
from world import ROUNDS, killed

MODULE = "virtualbox_appliance"
HOSTILE = ["-dash", "quote's $(id)", " 0: Suggested OS type: x", "ü 漢 <b>&amp;", "--vsys"]


@pytest.fixture
def folder(world, tmp_path):
    world.vms.mkdir(parents=True, exist_ok=True)
    return tmp_path


@pytest.fixture
def source(world, folder, boot_disk):
    """A VM with a disk."""
    raw = folder / "boot.raw"
    raw.write_bytes(boot_disk)

    def make(name="src", **options):
        disk = world.vms / f"disk{len(world.names())}.vdi"
        world.run("virtualbox_medium", path=str(disk), source_path=str(raw))
        return world.vm(
            name,
            memory_mb=32,
            managed_by="dc1",
            nics=[{"number": 1, "type": "nat", "mac": "02:00:00:00:00:01"}],
            storage_controllers=[{"name": "SATA", "type": "sata", "port_count": 2}],
            storage_attachments=[
                {"controller": "SATA", "port": 0, "type": "hdd", "medium": str(disk)}
            ],
            **options,
        )["uuid"]

    return make


def texts(result):
    return [action["action"] for action in result["actions"]]


def info(world, name, key):
    text = world.vbox("showvminfo", name, "--machinereadable")
    return re.search(rf'^{key}="?(.*?)"?$', text, re.M).group(1)


def leftovers(*folders):
    return [str(path) for folder in folders for path in folder.rglob(".virtual.datacenter")]


def members(path):
    with tarfile.open(path) as archive:
        return [member.name for member in archive]


# --- export -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ovf09", "ovf10", "ovf20"])
def test_export_and_import(world, source, folder, kind):
    source()
    path = str(folder / "a.ova")
    made = world.change(MODULE, path=path, state="exported", vms=["src"], format=kind)
    assert texts(made) == ["export"]
    assert made["appliance"]["vms"] == [{"name": "src", "cpus": 1, "memory_mb": 32, "eula": False}]
    assert members(path) == ["a.ovf", "src-disk001.vmdk", "a.mf"]
    assert leftovers(folder) == []
    options = {"path": path, "state": "imported", "name": "new", "managed_by": "dc1"}
    done = world.change(MODULE, **options, cpus=2, memory_mb=48, groups=["/x/y", "/z"])
    assert texts(done) == ["import", "mark", "modify"]
    assert done["vms"][0]["cpus"] == 2 and done["vms"][0]["memory_mb"] == 48
    assert info(world, "new", "memory") == "48"
    assert info(world, "new", "groups") == "/x/y,/z"
    assert info(world, "new", "CfgFile") == str(world.vms / "x" / "y" / "new" / "new.vbox")
    assert leftovers(folder, world.vms) == []
    # The options tell how it is imported, not how it has to stay.
    world.same(MODULE, **options, cpus=3)
    world.vbox("startvm", "new", "--type", "headless")
    world.vbox("controlvm", "new", "poweroff")


def test_export_as_files(world, source, folder):
    source()
    path = str(folder / "a.ovf")
    options = {"path": path, "state": "exported", "vms": ["src"]}
    (folder / "src-disk001.vmdk").write_text("somebody else's")
    refused = world.fail(MODULE, **options)
    assert "in the way" in refused["msg"] and leftovers(folder) == []
    (folder / "src-disk001.vmdk").unlink()
    world.change(MODULE, **options, manifest=False)
    assert sorted(os.listdir(folder)) == ["a.ovf", "boot.raw", "src-disk001.vmdk"]
    before = (folder / "a.ovf").stat().st_ino
    again = world.run(MODULE, **options, overwrite=True)
    assert texts(again) == ["export"]
    assert (folder / "a.ovf").stat().st_ino != before
    assert sorted(os.listdir(folder)) == ["a.mf", "a.ovf", "boot.raw", "src-disk001.vmdk"]
    # Another appliance of the same VM would take away the disk of this one.
    other = {**options, "path": str(folder / "b.ovf"), "overwrite": True}
    assert "in the way" in world.fail(MODULE, **other)["msg"]
    world.change(MODULE, path=path, state="imported", name="new")


def test_two_vms_in_one_appliance(world, source, folder):
    source("one")
    source("two")
    path = str(folder / "a.ova")
    world.change(MODULE, path=path, state="exported", vms=["one", "two"])
    held = world.fail(MODULE, path=path, state="exported", vms=["one"])
    assert held["error_code"] == "BAD_OPTION" and "overwrite" in held["msg"]
    named = world.fail(MODULE, path=path, state="imported", name="x")
    assert named["error_code"] == "BAD_OPTION"
    world.same(MODULE, path=path, state="imported")
    world.run("virtualbox_vm", name="two", state="absent", delete_media=True)
    half = world.fail(MODULE, path=path, state="imported")
    assert half["error_code"] == "INCOMPLETE_SET" and "'one'" in half["msg"]
    world.run("virtualbox_vm", name="one", state="absent", delete_media=True)
    made = world.change(MODULE, path=path, state="imported", managed_by="dc2")
    assert [vm["name"] for vm in made["vms"]] == ["one", "two"]
    for name in ("one", "two"):
        assert "dc2" in world.vbox("getextradata", name, "virtual.datacenter/managed-by")


def test_a_vm_that_is_not_off_is_not_exported(world, source, folder):
    uuid = source()
    path = str(folder / "a.ova")
    world.vbox("startvm", uuid, "--type", "headless")
    for verb in (None, "pause", "savestate"):
        if verb:
            world.vbox("controlvm", uuid, verb)
        refused = world.fail(MODULE, path=path, state="exported", vms=["src"])
        assert refused["error_code"] == "VBOX_E_INVALID_VM_STATE", verb
    assert os.listdir(folder) == ["boot.raw"]


def test_refusals(world, source, folder):
    source()
    path = str(folder / "a.ova")
    export = {"path": path, "state": "exported", "vms": ["src"]}
    for options, code in (
        ({"path": "a.ova"}, "BAD_OPTION"),
        ({"path": str(folder / "a.txt")}, "BAD_OPTION"),
        ({"path": str(folder / "none" / "a.ova")}, "VBOX_E_FILE_ERROR"),
        ({"vms": []}, "BAD_OPTION"),
        ({"vms": ["nobody"]}, "VBOX_E_OBJECT_NOT_FOUND"),
        ({"managed_by": "dc2"}, "NOT_OURS"),
    ):
        assert world.fail(MODULE, **{**export, **options})["error_code"] == code, options
    assert os.listdir(folder) == ["boot.raw"]
    lost = world.fail(MODULE, path=path, state="imported", name="x")
    assert lost["error_code"] == "VBOX_E_FILE_ERROR"
    (folder / "a.ova").write_bytes(b"no archive" * 100)
    for options in (export, {"path": path, "state": "imported", "name": "x"}):
        assert world.fail(MODULE, **options)["error_code"] == "BAD_APPLIANCE"
    world.run(MODULE, **export, overwrite=True)
    world.change(MODULE, path=path, state="imported", name="x", managed_by="dc1")
    foreign = world.fail(MODULE, path=path, state="imported", name="x", managed_by="dc2")
    assert foreign["error_code"] == "NOT_OURS"
    (world.vms / "y").mkdir()
    way = world.fail(MODULE, path=path, state="imported", name="y")
    assert way["error_code"] == "VBOX_E_FILE_ERROR" and (world.vms / "y").is_dir()


def test_a_licence_has_to_be_accepted(world, source, folder):
    path = str(folder / "a.ova")
    uuid = source()
    world.vbox("export", uuid, "--output", path, "--vsys", "0", "--eula", "give us your house")
    refused = world.fail(MODULE, path=path, state="imported", name="new")
    assert refused["error_code"] == "EULA_NOT_ACCEPTED"
    assert "give us your house" in refused["msg"]
    world.change(MODULE, path=path, state="imported", name="new", accept_eula=True)


@pytest.mark.parametrize(
    ("policy", "kept"), [("new", False), ("keep_nat", True), ("keep_all", True)]
)
def test_mac_addresses(world, source, folder, policy, kept):
    source()
    path = str(folder / "a.ova")
    world.run(MODULE, path=path, state="exported", vms=["src"])
    world.change(MODULE, path=path, state="imported", name="new", mac_policy=policy)
    assert (info(world, "new", "macaddress1") == "020000000001") == kept


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(world, source, folder, name):
    source(name, description=f'{name}\nVMState="running"\n 1: Suggested VM name "z"')
    path = str(folder / f"-a '{HOSTILE.index(name)}\".ova")
    world.change(MODULE, path=path, state="exported", vms=[name])
    world.run("virtualbox_vm", name=name, state="absent", delete_media=True)
    made = world.change(MODULE, path=path, state="imported")
    assert made["vms"][0]["name"] == name
    world.change(MODULE, path=path, state="imported", name=f"{name}2")


@pytest.mark.parametrize("name", ['quo"te', "two\nlines"])
def test_names_that_virtualbox_could_not_import(world, source, folder, name):
    source(name)
    path = str(folder / "a.ova")
    refused = world.fail(MODULE, path=path, state="exported", vms=[name])
    assert refused["error_code"] == "BAD_OPTION" and "rename" in refused["msg"]
    source("src")
    world.run(MODULE, path=path, state="exported", vms=["src"])
    # As the name of an imported VM it is no trouble.
    made = world.change(MODULE, path=path, state="imported", name=f"{name}2")
    assert made["vms"][0]["name"] == f"{name}2"


def test_in_check_mode_earlier_tasks_are_believed(world, folder):
    path = str(folder / "a.ova")
    assert world.run(MODULE, check=True, path=path, state="exported", vms=["later"])["changed"]
    assert world.run(MODULE, check=True, path=path, state="imported", name="x")["changed"]
    assert os.listdir(folder) == [] and world.names() == []


# --- interrupted ------------------------------------------------------------------------------


def test_a_broken_disk_leaves_nothing(world, source, folder):
    source()
    path = folder / "a.ova"
    world.run(MODULE, path=str(path), state="exported", vms=["src"])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    before = sorted(os.listdir(world.vms))
    failed = world.fail(MODULE, path=str(path), state="imported", name="new")
    assert failed["failed"]
    assert sorted(os.listdir(world.vms)) == before
    assert "new" not in str(world.names())
    path.write_bytes(whole)
    world.change(MODULE, path=str(path), state="imported", name="new")


def test_import_killed_before_each_call(world, source, folder, monkeypatch):
    source()
    path = str(folder / "a.ova")
    world.run(MODULE, path=path, state="exported", vms=["src"])
    options = {"path": path, "state": "imported", "managed_by": "dc1", "groups": ["/a", "/b"]}
    for calls in range(4):
        name = f"new{calls}"
        cut = killed(world, monkeypatch, MODULE, calls, **options, name=name)
        assert cut == (calls < 3)
        done = world.run(MODULE, **options, name=name)
        assert done["changed"] == cut
        world.same(MODULE, **options, name=name)
        assert info(world, name, "groups") == "/a,/b"
        assert "dc1" in world.vbox("getextradata", name, "virtual.datacenter/managed-by")
        assert leftovers(world.vms) == []


def test_half_made_vm_with_its_disk_is_removed(world, source, folder, monkeypatch):
    source()
    path = str(folder / "a.ova")
    world.run(MODULE, path=path, state="exported", vms=["src"])
    assert killed(world, monkeypatch, MODULE, 0, path=path, state="imported", name="new")
    # As far as VirtualBox may come before its service is killed.
    world.vbox("createvm", "--name", "new", "--basefolder", str(world.vms), "--register")
    disk = world.vms / "new" / "a-disk001.vmdk"
    world.vbox("createmedium", "disk", "--filename", str(disk), "--size", "2", "--format", "VMDK")
    foreseen = world.run(MODULE, check=True, path=path, state="imported", name="new")
    done = world.run(MODULE, path=path, state="imported", name="new")
    assert texts(foreseen) == texts(done) == ["clean", "import"]
    assert world.names().count('"new"') == 1
    world.same(MODULE, path=path, state="imported", name="new")


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_sigkill_at_a_random_moment(world, source, folder, seed):
    source()
    path = str(folder / "a.ova")
    chance = random.Random(seed)
    export = {"path": path, "state": "exported", "vms": ["src"]}
    bring = {"path": path, "state": "imported", "name": "new", "managed_by": "dc1"}
    for options in (export, bring):
        process = world.start(MODULE, **options)
        try:
            process.wait(timeout=0.3 + chance.random())
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        if chance.random() < 0.5:
            for program in ("VBoxManage", "VBoxSVC"):
                world.kill(program)
            world.settle()
        world.run(MODULE, **options)
        world.same(MODULE, **options)
        assert leftovers(folder, world.vms) == []
    assert members(path) == ["a.ovf", "src-disk001.vmdk", "a.mf"]
    assert sorted(os.listdir(folder)) == ["a.ova", "boot.raw"]
    world.vbox("startvm", "new", "--type", "headless")
