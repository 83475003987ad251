# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hard disk images: what a VDI file tells, what the settings tell, and the plans."""

from __future__ import annotations

import os
import struct
import uuid
from dataclasses import replace

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import journal
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    BusyError,
    CallTimeoutError,
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium import (
    apply as medium_apply,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium import (
    read,
    vdi,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium.model import (
    TYPES,
    Medium,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.medium.plan import (
    DesiredMedium,
    plan_medium,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

IDENTITY = uuid.UUID("ad14faed-c0ed-432c-9305-5421cedbfdbe")
BLOCK = 4096
FREE, ZERO = 0xFFFFFFFF, 0xFFFFFFFE
FULL, EMPTY = b"\0" * (BLOCK - 1) + b"x", bytes(BLOCK)


def image(entries, data, kind=1, extra=0, version=0x10001, signature=vdi.SIGNATURE):
    """A VDI file: its block map, and the blocks that the file holds."""
    head = bytearray(512)
    struct.pack_into("<II", head, 64, signature, version)
    struct.pack_into("<II", head, 72, 400, kind)
    struct.pack_into("<II", head, 340, 512, 1024)
    struct.pack_into(
        "<QIIII", head, 368, len(entries) * BLOCK, BLOCK, extra, len(entries), len(data)
    )
    head[392:408] = IDENTITY.bytes_le
    table = struct.pack(f"<{len(entries)}I", *entries).ljust(512, b"\xff")
    return bytes(head) + table + b"".join(data)


@pytest.fixture
def unused(tmp_path):
    """Gives how many blocks compacting would give back."""

    def count(*arguments, cut=0, **more):
        path = tmp_path / "d.vdi"
        path.write_bytes(image(*arguments, **more)[: -cut or None])
        found = vdi.read_header(str(path))
        size = vdi.unused_bytes(str(path), found)
        assert size % BLOCK == 0
        return size // BLOCK

    return count


def test_the_header(tmp_path):
    path = tmp_path / "d.vdi"
    path.write_bytes(image([FREE], []))
    assert vdi.read_header(str(path)) == vdi.Header(str(IDENTITY), "standard", 512, 1024, BLOCK, 1)
    assert vdi.header(image([FREE], [], kind=2)).variant == "fixed"
    assert vdi.header(image([FREE], [], kind=3)).variant == ""


@pytest.mark.parametrize(
    "content", [b"", bytes(512), image([], [], version=0x00001), image([], [], extra=512)]
)
def test_what_is_no_known_vdi(tmp_path, content):
    path = tmp_path / "d.vdi"
    path.write_bytes(content)
    assert vdi.read_header(str(path)) is None
    assert vdi.read_header(str(tmp_path / "none")) is None
    assert vdi.read_header(str(tmp_path)) is None


@pytest.mark.parametrize(
    ("entries", "data", "blocks"),
    [
        ([FREE, ZERO], [], 0),
        ([0, FREE, 1], [FULL, FULL], 0),
        ([0, FREE, 1], [FULL, EMPTY], 1),
        ([1, 0], [EMPTY, EMPTY], 2),
        # Left by an interrupted compaction: nothing names the second block any more.
        ([0, ZERO, 2], [FULL, EMPTY, FULL], 1),
        ([0, ZERO], [FULL, FULL], 1),
        # Broken maps, which VirtualBox mends: two names for one block, and a name for none.
        ([0, 0], [FULL], 0),
        ([0, 7], [FULL], 0),
    ],
)
def test_unused_blocks(unused, entries, data, blocks):
    assert unused(entries, data) == blocks


def test_a_file_that_ends_early(unused):
    assert unused([0, 1], [FULL, FULL], cut=BLOCK // 2) == 0
    assert unused([0, 1], [FULL, EMPTY], cut=1) == 0
    assert unused([0], [], cut=500) == 0


# --- reading ----------------------------------------------------------------------------------

HOSTILE = 'x\nType:   immutable\nFormat variant: fixed default\n"<&'
SHOWN = (
    "UUID:           {uuid}\nParent UUID:    base\nState:          created\n"
    "Description:    {text}\nType:           normal (base)\nLocation:       {path}\n"
    "Storage format: VMDK\nFormat variant: dynamic default\nCapacity:       8 MBytes\n"
)
LISTED = (
    "UUID:           {uuid}\nParent UUID:    base\nState:          {state}\n"
    "Type:           normal (base)\nLocation:       {path}\nStorage format: {format}\n"
    "Capacity:       8 MBytes\n\n"
)


def settings_text(disk, machines=""):
    return (
        '<VirtualBox xmlns="http://www.virtualbox.org/"><Global><MachineRegistry>'
        f"{machines}</MachineRegistry><MediaRegistry><HardDisks>{disk}</HardDisks>"
        "</MediaRegistry></Global></VirtualBox>"
    )


def disk_element(text):
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    return f'<HardDisk uuid="{{{IDENTITY}}}"><Description>{escaped}</Description></HardDisk>'


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Where VirtualBox.xml lies; gives a function that writes it."""
    monkeypatch.setenv("VBOX_USER_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return lambda text: (tmp_path / "home" / "VirtualBox.xml").write_text(text)


def test_a_description_in_the_settings_of_virtualbox_or_of_a_vm(tmp_path, home):
    home(settings_text(disk_element(HOSTILE)))
    assert read.read_description(str(IDENTITY)) == HOSTILE
    broken, good = tmp_path / "broken.vbox", tmp_path / "good.vbox"
    broken.write_text(f"<{IDENTITY}")
    good.write_text(settings_text(disk_element(" of a VM\n")))
    entries = "".join(
        f'<MachineEntry uuid="{{{number}}}" src="{path}"/>'
        for number, path in enumerate((tmp_path / "gone.vbox", broken, good))
    )
    home(settings_text("", entries))
    assert read.read_description(str(IDENTITY)) == " of a VM\n"
    assert read.read_description(str(uuid.uuid4())) == ""


def test_no_description_looks_like_a_variant(script, home, tmp_path):
    path = str(tmp_path / "d.vmdk")
    (tmp_path / "d.vmdk").write_bytes(b"KDMV")
    home(settings_text(disk_element(HOSTILE)))
    listed = LISTED.format(uuid=IDENTITY, path=path, state="created", format="VMDK")
    script.expect("list", "hdds", out=listed)
    text = SHOWN.format(uuid=IDENTITY, path=path, text=HOSTILE)
    script.expect("showmediuminfo", "disk", path, out=text)
    found = read.read_medium(script.client(), path, variant=True, description=True)
    assert (found.variant, found.type, found.description) == ("standard", "normal", HOSTILE)


def test_a_vdi_tells_its_variant_and_what_is_unused(script, home, tmp_path):
    path = str(tmp_path / "d.vdi")
    (tmp_path / "d.vdi").write_bytes(image([0, 1], [FULL, EMPTY]))
    listed = LISTED.format(uuid=IDENTITY, path=path, state="locked write", format="VDI")
    script.expect("list", "hdds", out=listed)
    found = read.read_medium(script.client(), path, variant=True, unused=True)
    assert (found.variant, found.unused_mb, found.locked) == ("standard", 1, True)


def test_who_holds_a_medium(script):
    users = (
        "In use by VMs:  odd\nIn use by VMs: (UUID: x) (UUID: {one})\n"
        "                two (UUID: {two})"
    )
    one, two, three = (str(uuid.uuid4()) for _number in range(3))
    text = SHOWN.format(uuid=IDENTITY, path="/d.vdi", text="-") + users.format(one=one, two=two)
    script.expect("showmediuminfo", "disk", "/d.vdi", out=text)
    script.expect("list", "runningvms", out=f'"two" {{{two}}}\n"three" {{{three}}}\n')
    found = read.with_holders(script.client(), Medium("/d.vdi"))
    assert found.holders == ("two",)


def waiting_list(state):
    return LISTED.format(uuid=IDENTITY, path="/d.vdi", state=state, format="VDI")


def still_locked(script, client):
    """The list with the image that VirtualBox works on."""
    script.expect("list", "hdds", out=waiting_list("locked write"))
    return read.media(client)


def test_what_virtualbox_still_does_is_waited_for(script):
    client = script.client(timeout=1)
    listed = still_locked(script, client)
    script.expect("showmediuminfo", "disk", "/d.vdi", out="UUID: x\n")
    script.expect("list", "runningvms")
    script.expect("list", "hdds", out=waiting_list("created"))
    listed = read.wait_until_idle(client, ("/d.vdi", ""), listed)
    assert [disk["State"] for disk in listed] == ["created"]


def test_a_running_vm_is_not_waited_for(script):
    client, vm = script.client(timeout=1), str(uuid.uuid4())
    listed = still_locked(script, client)
    shown = SHOWN.format(uuid=IDENTITY, path="/d.vdi", text="-") + f"In use by VMs: a (UUID: {vm})"
    script.expect("showmediuminfo", "disk", "/d.vdi", out=shown)
    script.expect("list", "runningvms", out=f'"a" {{{vm}}}\n')
    assert read.wait_until_idle(client, ("/d.vdi",), listed) == listed


def test_what_never_ends_is_an_error(script):
    client = script.client(timeout=0)
    listed = still_locked(script, client)
    script.expect("showmediuminfo", "disk", "/d.vdi", out="UUID: x\n")
    script.expect("list", "runningvms")
    with pytest.raises(VirtualBoxError, match="still works on") as caught:
        read.wait_until_idle(client, ("/d.vdi",), listed)
    assert caught.value.error_code == "TIMEOUT"


# --- planning ---------------------------------------------------------------------------------

DISK = Medium("/d.vdi", "u1", "", "vdi", "standard", 100, "normal", True)


def desired(path="/d.vdi", state="present", **fields):
    own = {name: fields.pop(name) for name in list(fields) if name in vars(DesiredMedium(DISK))}
    return DesiredMedium(Medium(path, **fields), state=state, **own)


def argv(plan):
    return [list(action.argv) for action in plan.actions]


def test_move():
    plan = plan_medium(DISK, desired("/new/e.vdi", size_mb=101))
    assert argv(plan) == [
        ["modifymedium", "disk", "/d.vdi", "--move", "/new/e.vdi"],
        ["modifymedium", "disk", "/new/e.vdi", "--resizebyte", str(101 * 1024**2)],
    ]
    assert plan.before.path == "/d.vdi" and plan.after.path == "/new/e.vdi"
    assert [action.kind for action in plan_medium(DISK, desired("/e.vdi"), True).actions] == [
        "clean",
        "move",
    ]


@pytest.mark.parametrize("path", ["/d.vmdk", "/d", "/d.VDI", "/d.vdi.bak"])
def test_a_move_keeps_the_ending(path):
    with pytest.raises(VirtualBoxError, match="use a path that ends with"):
        plan_medium(DISK, desired(path))


def test_virtualbox_is_told_where_a_medium_lies():
    tell = ["modifymedium", "disk", "u1", "--setlocation", "/e.vdi"]
    assert argv(plan_medium(DISK, desired("/e.vdi", in_place=True))) == [tell]
    gone = plan_medium(DISK, desired("/e.vdi", "absent", in_place=True, delete_media=True))
    assert argv(gone) == [tell, ["closemedium", "disk", "/e.vdi", "--delete"]]
    assert gone.after is None


def test_compact():
    unused = replace(DISK, unused_mb=3)
    plan = plan_medium(unused, desired(compact=True))
    assert argv(plan) == [["modifymedium", "disk", "/d.vdi", "--compact"]]
    assert (plan.before.unused_mb, plan.after.unused_mb) == (3, 0)
    assert plan.actions[0].text == "compact medium /d.vdi by 3 MiB"
    assert plan_medium(replace(DISK, unused_mb=0), desired(compact=True)).actions == ()
    assert plan_medium(unused, desired()).actions == ()


KINDS = [
    ({"format": "vmdk"}, "is a vmdk"),
    ({"variant": "fixed"}, "keeps its full size"),
    ({"parent_uuid": "p1"}, "differencing image on p1"),
    ({"unused_mb": None}, "not in a layout"),
]


@pytest.mark.parametrize(("fields", "text"), KINDS)
def test_a_kind_that_cannot_be_compacted(fields, text):
    with pytest.raises(VirtualBoxError, match=text) as caught:
        plan_medium(replace(DISK, **{"unused_mb": 0, **fields}), desired(compact=True))
    assert "cannot be compacted" in caught.value.message


def test_a_new_medium_that_cannot_be_compacted():
    for fields in ({"format": "vhd"}, {"variant": "fixed"}):
        with pytest.raises(VirtualBoxError, match="cannot be compacted"):
            plan_medium(None, desired(compact=True, size_mb=8, **fields))
    assert len(plan_medium(None, desired(compact=True, size_mb=8)).actions) == 1


def test_a_use_that_forbids_compacting_only_counts_if_there_is_something_to_do():
    busy = replace(DISK, locked=True, holders=("vm's",))
    with_child = replace(DISK, children=("/c.vdi",))
    for medium, text in ((busy, 'attached to "vm\'s"'), (with_child, "images on it: /c.vdi")):
        assert plan_medium(replace(medium, unused_mb=0), desired(compact=True)).actions == ()
        with pytest.raises(VirtualBoxError, match=text):
            plan_medium(replace(medium, unused_mb=1), desired(compact=True))
    with pytest.raises(VirtualBoxError, match="cannot be moved meanwhile"):
        plan_medium(busy, desired("/e.vdi"))
    with pytest.raises(VirtualBoxError, match="running linked clone"):
        plan_medium(replace(busy, holders=()), desired("/e.vdi"))


def test_description():
    described = replace(DISK, description="")
    assert argv(plan_medium(described, desired(description="-a\nb"))) == [
        ["modifymedium", "disk", "/d.vdi", "--description", "-a\nb"]
    ]
    assert plan_medium(described, desired(description="")).actions == ()
    plan = plan_medium(None, desired(description="a", size_mb=8))
    assert [action.kind for action in plan.actions] == ["create", "describe"]
    assert [
        action.kind for action in plan_medium(None, desired(description="", size_mb=8)).actions
    ] == ["create"]


def test_a_medium_without_its_file():
    with pytest.raises(VirtualBoxError, match="its file is gone"):
        plan_medium(replace(DISK, file_missing=True), desired())


def perform(medium, actions):
    """What VirtualBox does with the calls of a plan."""
    for action in actions:
        verb, *words = action.argv
        if verb == "createmedium":
            named = dict(zip(words[1::2], words[2::2]))
            medium = Medium(
                named["--filename"],
                "new",
                format=named["--format"].lower(),
                variant=named["--variant"].lower(),
                size_mb=int(named["--size"]),
                type="normal",
                registered=True,
                description="",
                unused_mb=0,
            )
            continue
        assert verb == "modifymedium" and words[1] in (medium.path, medium.uuid)
        option, *values = words[2:]
        assert option in ("--setlocation",) or words[1] == medium.path
        change = {
            "--move": lambda value: {"path": value},
            "--setlocation": lambda value: {"path": value},
            "--resizebyte": lambda value: {"size_mb": int(value) // 1024**2},
            "--type": lambda value: {"type": value},
            "--description": lambda value: {"description": value},
            "--compact": lambda: {"unused_mb": 0},
        }[option](*values)
        medium = replace(medium, **change)
    return medium


DESIRED = st.builds(
    desired,
    path=st.sampled_from(["/d.vdi", "/other/e.vdi"]),
    size_mb=st.integers(100, 200),
    type=st.sampled_from([None, *TYPES]),
    description=st.none() | st.text(max_size=8),
    compact=st.booleans(),
    in_place=st.booleans(),
)
ACTUAL = st.none() | st.builds(
    replace,
    st.just(DISK),
    description=st.text(max_size=8),
    unused_mb=st.integers(0, 9),
    type=st.sampled_from(TYPES),
)


@settings(max_examples=200, deadline=None)
@given(ACTUAL, DESIRED)
def test_any_task_carried_out_leaves_nothing_to_do(actual, wanted):
    grows = wanted.medium.variant != "fixed" if actual is None else actual.variant == "standard"
    assume(wanted.medium.type != "shareable" or not grows)
    plan = plan_medium(actual, wanted)
    made = perform(actual, plan.actions)
    again = plan_medium(made, wanted)
    assert again.actions == ()
    assert replace(made, uuid="") == replace(
        plan.after,
        uuid="",
        registered=True,
        description=made.description
        if wanted.medium.description is None
        else plan.after.description,
        unused_mb=plan.after.unused_mb if wanted.compact else made.unused_mb,
    )


# --- applying ---------------------------------------------------------------------------------


@pytest.fixture
def moving(tmp_path):
    """The plan to move a disk within a folder, its path, and its notes."""
    old, new = str(tmp_path / "d.vdi"), str(tmp_path / "e.vdi")
    (tmp_path / "d.vdi").write_bytes(b"old")
    plan = plan_medium(replace(DISK, path=old), desired(new))
    return plan, new, journal.Journal(str(tmp_path), new)


def test_a_move_is_noted_as_long_as_it_lasts(script, moving):
    plan, path, notes = moving
    script.expect(*plan.actions[0].argv)
    client = script.client()
    real = client.write

    def noted(*words, **more):
        note = notes.read()
        assert (note["what"], note["path"], note["from"]) == ("move", path, plan.before.path)
        return real(*words, **more)

    client.write = noted
    medium_apply.apply_medium(client, plan, path, notes)
    assert not notes.read() and os.listdir(os.path.dirname(path)) == ["d.vdi"]


def test_a_refused_move_leaves_nothing(script, moving):
    plan, path, notes = moving
    script.expect(*plan.actions[0].argv, rc=1, err="VBoxManage: error: no\n")
    with pytest.raises(VirtualBoxError):
        medium_apply.apply_medium(script.client(), plan, path, notes)
    assert os.listdir(os.path.dirname(path)) == ["d.vdi"]


def test_a_move_that_hangs_leaves_its_note(script, moving):
    plan, path, notes = moving
    script.expect(*plan.actions[0].argv, hang=True)
    with pytest.raises(CallTimeoutError):
        medium_apply.apply_medium(script.client(), plan, path, notes)
    assert notes.read()["what"] == "move"


def test_a_move_onto_what_has_just_been_made(script, moving):
    plan, path, notes = moving
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("somebody's")
    with pytest.raises(BusyError):
        medium_apply.apply_medium(script.client(), plan, path, notes)
    assert sorted(os.listdir(os.path.dirname(path))) == ["d.vdi", "e.vdi"]


def test_a_compaction_is_noted(script, tmp_path):
    path = str(tmp_path / "d.vdi")
    notes = journal.Journal(str(tmp_path), path)
    plan = plan_medium(replace(DISK, path=path, unused_mb=1), desired(path, compact=True))
    script.expect(*plan.actions[0].argv, hang=True)
    with pytest.raises(CallTimeoutError):
        medium_apply.apply_medium(script.client(), plan, path, notes)
    assert notes.read()["what"] == "compact"
    script.expect(*plan.actions[0].argv, rc=1, err="VBoxManage: error: no\n")
    with pytest.raises(VirtualBoxError):
        medium_apply.apply_medium(script.client(), plan, path, notes)
    assert not notes.read()
    script.expect(*plan.actions[0].argv)
    medium_apply.apply_medium(script.client(), plan, path, notes)
    assert not notes.read()
