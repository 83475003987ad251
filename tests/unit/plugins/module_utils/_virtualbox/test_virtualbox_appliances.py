# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Appliances: what is read from a descriptor, and what is planned."""

from __future__ import annotations

import io
import tarfile

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.appliance import (
    apply,
    ovf,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.appliance import (
    plan as appliance_planner,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.appliance.ovf import (
    Appliance,
    System,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.appliance.plan import (
    DesiredAppliance,
    plan_export,
    plan_import,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.journal import Journal
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.model import Vm
from hypothesis import given
from hypothesis import strategies as st

# As VirtualBox writes them, shortened.
ITEMS = """<Item><rasd:ResourceType>3</rasd:ResourceType>
<rasd:VirtualQuantity>2</rasd:VirtualQuantity></Item>
<Item><rasd:AllocationUnits>MegaBytes</rasd:AllocationUnits><rasd:ResourceType>4</rasd:ResourceType>
<rasd:VirtualQuantity>512</rasd:VirtualQuantity></Item>"""
NEW = f"""<Envelope ovf:version="2.0" xmlns="http://schemas.dmtf.org/ovf/envelope/2"
 xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/2" xmlns:rasd="urn:rasd">
<References><File ovf:id="file1" ovf:href="a-disk001.vmdk"/></References>
<VirtualSystemCollection ovf:id="all">
<VirtualSystem ovf:id="a &quot;&#10;b"><EulaSection><License>pay</License></EulaSection>
<VirtualHardwareSection>{ITEMS}</VirtualHardwareSection></VirtualSystem>
<VirtualSystem ovf:id="c"/></VirtualSystemCollection></Envelope>"""
OLD = f"""<Envelope ovf:version="0.9" xmlns="http://www.vmware.com/schema/ovf/1/envelope"
 xmlns:ovf="http://www.vmware.com/schema/ovf/1/envelope" xmlns:rasd="urn:rasd"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<Content xsi:type="ovf:VirtualSystem_Type" ovf:id="b">
<Section xsi:type="ovf:VirtualHardwareSection_Type">{ITEMS}</Section></Content></Envelope>"""


def test_descriptors_of_all_versions():
    found = ovf.parse("/a.ovf", NEW.encode())
    assert found.systems == (System('a "\nb', 2, 512, "pay"), System("c"))
    assert found.files == ("a-disk001.vmdk",)
    assert ovf.parse("/b.ovf", OLD.encode()).systems == (System("b", 2, 512),)


def test_an_archive_is_read_by_its_descriptor(tmp_path):
    path = tmp_path / "a.ova"
    assert ovf.read(str(path)) is None
    with tarfile.open(path, "w") as archive:
        for name, content in (("x.vmdk", b"0"), ("a.ovf", NEW.encode())):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    assert len(ovf.read(str(path)).systems) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.ova", b"no archive" * 200), ("a.ova", b""), ("a.ovf", b"<x"), ("a.ovf", b"<x/>")],
)
def test_what_is_no_appliance(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VirtualBoxError) as caught:
        ovf.read(str(tmp_path / name))
    assert caught.value.error_code == "BAD_APPLIANCE"


def vm(name="a", **values):
    return Vm(
        name=name,
        uuid=f"uuid-{name}",
        **{"state": "poweroff", "cpus": 1, "memory_mb": 32, **values},
    )


def kinds(plan):
    return [action.kind for action in plan.actions]


def code(function, *arguments):
    with pytest.raises(VirtualBoxError) as caught:
        function(*arguments)
    return caught.value.error_code


def test_export():
    desired = DesiredAppliance("/a.ova", "exported", format="ovf20")
    plan = plan_export([vm("a"), vm("b")], None, desired, False, False)
    assert plan.actions[0].argv == (
        *("export", "uuid-a", "uuid-b", "--output", "/a.ova", "--ovf20", "--manifest"),
    )
    there = Appliance("/a.ova", (System("a"),))
    assert kinds(plan_export([vm()], there, desired, False, False)) == []
    # Torn: the disks are new, the descriptor is old.
    assert kinds(plan_export([vm()], there, desired, True, True)) == ["clean", "export"]
    assert kinds(plan_export([vm()], there, desired, True, False)) == ["clean"]
    over = DesiredAppliance("/a.ova", "exported", overwrite=True)
    assert kinds(plan_export([vm()], there, over, False, False)) == ["export"]


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (vm(state="running", managed_by="dc"), "VBOX_E_INVALID_VM_STATE"),
        (vm(state="saved", managed_by="dc"), "VBOX_E_INVALID_VM_STATE"),
        (vm(managed_by="other"), "NOT_OURS"),
        (vm('quo"te', managed_by="dc"), "BAD_OPTION"),
        (vm("li\nne", managed_by="dc"), "BAD_OPTION"),
    ],
)
def test_what_is_not_exported(machine, expected):
    desired = DesiredAppliance("/a.ova", "exported", managed_by="dc")
    assert code(plan_export, [machine], None, desired, False, False) == expected


def test_import():
    desired = DesiredAppliance(
        *("/a.ova", "imported"),
        name="n",
        folder="/vms",
        groups=("/g", "/h"),
        cpus=4,
        managed_by="dc",
        mac_policy="keep_nat",
    )
    systems = appliance_planner.wanted_systems(Appliance("/a.ova", (System("a", 1, 32),)), desired)
    assert systems == (System("n", 4, 32),)
    assert appliance_planner.places(systems, desired) == {"n": "/vms/g/n/n.vbox"}
    plan = plan_import(systems, {}, desired, True)
    assert kinds(plan) == ["clean", "import", "mark", "modify"]
    assert plan.actions[1].argv == (
        *("import", "/a.ova", "--options", "keepnatmacs", "--vsys", "0", "--vmname", "n"),
        *("--basefolder", "/vms", "--group", "/g", "--cpus", "4"),
    )
    # Imported, and killed before the mark.
    fresh = vm("n", groups=("/g",))
    assert code(plan_import, systems, {"n": fresh}, desired, False) == "NOT_OURS"
    late = plan_import(systems, {"n": fresh}, desired, False, ["uuid-n"])
    assert kinds(late) == ["mark", "modify"]
    done = vm("n", groups=("/h", "/g"), managed_by="dc", cpus=2)
    assert kinds(plan_import(systems, {"n": done}, desired, False)) == []
    assert appliance_planner.differences(done, desired) == ["cpus is 2, not 4"]


def test_what_is_not_imported():
    desired = DesiredAppliance("/a.ova", "imported", folder="/vms")
    several = Appliance("/a.ova", (System("a"), System("b", eula="pay")))
    systems = appliance_planner.wanted_systems(several, desired)
    assert code(plan_import, systems, {"a": vm()}, desired, False) == "INCOMPLETE_SET"
    assert code(plan_import, systems, {}, desired, False) == "EULA_NOT_ACCEPTED"
    named = DesiredAppliance("/a.ova", "imported", name="n")
    assert code(appliance_planner.wanted_systems, several, named) == "BAD_OPTION"
    twins = Appliance("/a.ova", (System("a"), System("a")))
    assert code(appliance_planner.wanted_systems, twins, desired) == "BAD_APPLIANCE"


@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True),
    st.one_of(st.none(), st.integers(1, 8)),
    st.one_of(st.none(), st.just("dc")),
    st.one_of(st.none(), st.just(("/g",)), st.just(("/g", "/h"))),
)
def test_a_second_import_is_empty(names, cpus, mark, groups):
    desired = DesiredAppliance(
        "/a.ova", "imported", folder="/vms", cpus=cpus, managed_by=mark, groups=groups
    )
    found = Appliance("/a.ova", tuple(System(name, 1, 32) for name in names))
    systems = appliance_planner.wanted_systems(found, desired)
    plan = plan_import(systems, {}, desired, False)
    made = {
        item["name"]: vm(item["name"], cpus=item["cpus"], managed_by=mark, groups=groups or ("/",))
        for item in plan.after["vms"]
    }
    again = plan_import(systems, made, desired, False)
    assert again.actions == () and again.before == plan.after


def test_files_are_placed_only_over_those_of_the_same_appliance(tmp_path):
    target, aside = tmp_path / "a.ovf", tmp_path / "aside"
    target.write_text(NEW.replace("a-disk001", "old-disk001"))
    aside.mkdir()
    for name in ("old-disk001.vmdk", "keep"):
        (tmp_path / name).write_text("old")
    for name in ("a.ovf", "new-disk001.vmdk"):
        (aside / name).write_text("new")
    desired = DesiredAppliance(str(target), "exported", overwrite=True)
    journal = Journal(str(tmp_path), str(target))
    note = {"what": "export", "path": str(target), "argument": "x"}
    (tmp_path / "new-disk001.vmdk").write_text("another's")
    with pytest.raises(VirtualBoxError, match="in the way"):
        apply._place(str(aside), desired, journal, note, True)
    (tmp_path / "new-disk001.vmdk").unlink()
    apply._place(str(aside), desired, journal, note, True)
    assert target.read_text() == "new" and (tmp_path / "new-disk001.vmdk").read_text() == "new"
    assert not (tmp_path / "old-disk001.vmdk").exists() and (tmp_path / "keep").exists()
    journal.end()
