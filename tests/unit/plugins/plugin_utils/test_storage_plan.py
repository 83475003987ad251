# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the planner of a machine's storage decides, state by state."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.virtual.datacenter.plugins.plugin_utils._storage_plan.devices import (
    partition_path,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._storage_plan.inputs import (
    questions,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._storage_plan.mounts import NEW_TAG
from ansible_collections.virtual.datacenter.plugins.plugin_utils._storage_plan.plan import (
    storage_plan,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._storage_plan.sizes import (
    extents_of,
    human,
    parse_size,
    usable,
)
from hypothesis import given
from hypothesis import strategies as st

MIB = 1 << 20
DISK = 1000 * MIB


def wanted(*volumes: dict[str, Any], **device: Any) -> list[dict[str, Any]]:
    app = {"name": "app", "size": "100M", "filesystem": "ext4", "mount": "/srv/app"}
    return [
        {
            "name": "data",
            "devices": [{"path": "/dev/sdb", **device}],
            "volumes": list(volumes) or [app],
        }
    ]


def disk(**changes: Any) -> dict[str, Any]:
    return {
        "exists": True,
        "path": "/dev/sdb",
        "size": DISK,
        "partition": None,
        "partitions": [],
        "holders": [],
        "signatures": [],
        "mounted_on": [],
        **changes,
    }


def bare() -> dict[str, Any]:
    """A machine with an empty disk."""
    return {
        "lvm": True,
        "devices": {"/dev/sdb": disk()},
        "groups": {},
        "physical_volumes": {},
        "volumes": {},
        "paths": {"/srv/app": {"exists": False, "folder": False, "mounted": None, "empty": True}},
        "beneath": {},
        "fstab": {},
    }


def finished(size: int = 100 * MIB, kind: str = "ext4") -> dict[str, Any]:
    """The same machine when everything is as wanted."""
    found = bare()
    found["devices"]["/dev/sdb"] = disk(signatures=["LVM2_member"], holders=["dm-0"])
    found["groups"]["data"] = {
        "size": 996 * MIB,
        "free": 996 * MIB - size,
        "extent": 4 * MIB,
        "missing": [],
    }
    found["physical_volumes"]["/dev/sdb"] = {
        "group": "data",
        "size": 996 * MIB,
        "device_size": DISK,
    }
    found["volumes"]["data/app"] = {
        "size": size,
        "tags": [],
        "active": True,
        "origin": "",
        "used_percent": 0.0,
        "invalid": False,
        "merging": False,
        "filesystem": {"type": kind, "size": size},
        "signatures": [kind],
        "mounted_on": ["/srv/app"],
    }
    found["paths"]["/srv/app"] = {
        "exists": True,
        "folder": True,
        "mode": "0755",
        "empty": False,
        "mounted": {"path": "/srv/app", "source": "/dev/mapper/data-app", "volume": "data/app"},
    }
    found["fstab"]["/srv/app"] = {
        "source": "/dev/data/app",
        "type": "ext4",
        "options": "defaults,nofail,x-systemd.device-timeout=30s",
    }
    return found


def unmounted(found: dict[str, Any], **folder: Any) -> dict[str, Any]:
    found["volumes"]["data/app"]["mounted_on"] = []
    found["paths"]["/srv/app"] = {
        "exists": True,
        "folder": True,
        "mode": "0755",
        "mounted": None,
        "empty": True,
        **folder,
    }
    return found


def kinds(plan: dict[str, Any]) -> list[str]:
    return [
        key for key, value in plan.items() if isinstance(value, list) and value and key != "says"
    ]


FULL = {"empty": False, "content_size": 5 * MIB, "users": [], "mounts_below": []}


def test_a_finished_machine_has_nothing_to_do() -> None:
    plan = storage_plan(wanted(), finished())
    assert not plan["says"]
    assert not plan["look_again"]
    assert kinds(plan) == []


def test_a_bare_machine() -> None:
    plan = storage_plan(wanted(), bare())
    assert plan["problems"] == []
    assert plan["groups"] == [{"vg": "data", "pvs": ["/dev/sdb"]}]
    assert plan["creations"] == [
        {"vg": "data", "lv": "app", "size": 100 * MIB, "opts": f"--addtag {NEW_TAG}"}
    ]
    assert kinds(plan) == ["groups", "creations", "filesystems", "fstab", "mounts", "finishes"]
    assert plan["look_again"]


def test_ext4_is_the_default() -> None:
    volume = {"name": "app", "size": "100M", "mount": "/srv/app"}
    assert storage_plan(wanted(volume), bare())["filesystems"][0]["fstype"] == "ext4"
    assert not storage_plan(wanted(volume), finished())["says"]


def test_a_partition_on_an_empty_disk_and_behind_others() -> None:
    plan = storage_plan(wanted(partition=1), bare())
    assert plan["partitions"] == [{"device": "/dev/sdb", "number": 1, "part_start": "1MiB"}]
    assert plan["groups"] == [{"vg": "data", "pvs": ["/dev/sdb1"]}]
    found = bare()
    part = {"number": 1, "path": "/dev/sdb1", "start": MIB, "end": 99 * MIB, "signatures": []}
    found["devices"]["/dev/sdb"] = disk(signatures=["gpt"], partitions=[part], mounted_on=["/boot"])
    plan = storage_plan(wanted(partition=2), found)
    assert plan["partitions"] == [{"device": "/dev/sdb", "number": 2, "part_start": "99MiB"}]
    assert "next partition" in storage_plan(wanted(partition=3), found)["problems"][0]


def test_the_last_partition_grows_with_its_disk() -> None:
    found = finished()
    part = {
        "number": 1,
        "path": "/dev/sdb1",
        "start": MIB,
        "end": 1000 * MIB,
        "signatures": ["LVM2_member"],
    }
    found["devices"]["/dev/sdb"] = disk(size=2000 * MIB, signatures=["gpt"], partitions=[part])
    found["physical_volumes"] = {
        "/dev/sdb1": {"group": "data", "size": 996 * MIB, "device_size": 999 * MIB}
    }
    plan = storage_plan(wanted(partition=1), found)
    assert kinds(plan) == ["partitions", "groups"]
    found["devices"]["/dev/sdb"]["signatures"] = ["dos"]
    assert "no GPT" in storage_plan(wanted(partition=1), found)["problems"][0]


@pytest.mark.parametrize(
    ("path", "number", "name"),
    [
        ("/dev/sda", 3, "/dev/sda3"),
        ("/dev/nvme0n1", 1, "/dev/nvme0n1p1"),
        ("/dev/disk/by-id/ata-x", 2, "/dev/disk/by-id/ata-x-part2"),
    ],
)
def test_names_of_partitions(path: str, number: int, name: str) -> None:
    assert partition_path(path, number) == name


def test_growth_takes_the_file_system_along() -> None:
    grown = dict(wanted()[0]["volumes"][0], size="200M")
    plan = storage_plan(wanted(grown), finished())
    assert plan["growths"] == [{"vg": "data", "lv": "app", "size": 200 * MIB, "resizefs": True}]
    assert kinds(plan) == ["growths"]


def test_a_file_system_left_behind_by_its_volume_follows() -> None:
    found = finished()
    found["volumes"]["data/app"]["filesystem"]["size"] = 60 * MIB
    assert kinds(storage_plan(wanted(), found)) == ["resizes"]


@pytest.mark.parametrize("size", ["50M", "5%"])
def test_shrinking(size: str) -> None:
    volume = dict(wanted()[0]["volumes"][0], size=size)
    assert "shrinking is refused" in storage_plan(wanted(volume), finished())["problems"][0]
    volume["allow_shrink"] = True
    assert "umount /srv/app" in storage_plan(wanted(volume), finished())["problems"][0]
    found = unmounted(finished())
    plan = storage_plan(wanted(volume), found)
    assert kinds(plan) == ["mounts", "shrinks"]
    found["volumes"]["data/app"]["filesystem"]["type"] = "xfs"
    found["volumes"]["data/app"]["signatures"] = ["xfs"]
    assert "only ext4" in storage_plan(wanted(dict(volume, filesystem="xfs")), found)["problems"][0]


def test_what_lies_on_a_device_is_kept() -> None:
    found = bare()
    found["devices"]["/dev/sdb"]["signatures"] = ["ext4"]
    plan = storage_plan(wanted(), found)
    assert "holds ext4" in plan["problems"][0]
    assert kinds(plan) == ["problems"]
    plan = storage_plan(wanted(wipe_foreign_signature=True), found)
    assert plan["wipes"] == [{"device": "/dev/sdb"}]
    assert plan["problems"] == []


@pytest.mark.parametrize(
    "change", [{"mounted_on": ["/mnt"]}, {"holders": ["md0"]}, {"partitions": [{"number": 1}]}]
)
def test_a_device_in_use_is_never_taken(change: dict[str, Any]) -> None:
    found = bare()
    found["devices"]["/dev/sdb"] = disk(signatures=["dos"], **change)
    plan = storage_plan(wanted(wipe_foreign_signature=True), found)
    assert kinds(plan) == ["problems"]


def test_a_device_of_another_group_is_never_taken() -> None:
    found = bare()
    found["physical_volumes"]["/dev/sdb"] = {"group": "other", "size": 1, "device_size": 1}
    problems = storage_plan(wanted(wipe_foreign_signature=True), found)["problems"]
    assert "belongs to other" in problems[0]


def test_an_orphaned_physical_volume_is_ours() -> None:
    found = bare()
    found["physical_volumes"]["/dev/sdb"] = {"group": "", "size": DISK, "device_size": DISK}
    found["devices"]["/dev/sdb"]["signatures"] = ["LVM2_member"]
    assert storage_plan(wanted(), found)["groups"] == [{"vg": "data", "pvs": ["/dev/sdb"]}]


def test_missing_devices() -> None:
    found = bare()
    found["devices"]["/dev/sdb"] = {"exists": False, "path": "/dev/sdb"}
    assert "there is no device /dev/sdb" in storage_plan(wanted(), found)["problems"][0]
    found = finished()
    found["groups"]["data"]["missing"] = ["uuid"]
    assert "misses 1 device(s) (uuid)" in storage_plan(wanted(), found)["problems"][0]


def test_a_full_group_names_who_wants_what() -> None:
    volume = dict(wanted()[0]["volumes"][0], size="2G")
    problem = storage_plan(wanted(volume), finished())["problems"][0]
    assert "896M free and 1.902G are wanted (app 1.902G)" in problem


def test_the_rest_is_what_others_leave() -> None:
    app = wanted()[0]["volumes"][0]
    rest = {"name": "rest", "size": "rest", "filesystem": "none"}
    plan = storage_plan(wanted(app, rest), bare())
    assert [step["size"] for step in plan["creations"]] == [100 * MIB, 896 * MIB]
    found = finished()
    found["volumes"]["data/foreign"] = dict(found["volumes"]["data/app"], size=400 * MIB)
    plan = storage_plan(wanted(app, rest), found)
    assert [step["size"] for step in plan["creations"]] == [496 * MIB]


def test_another_file_system_is_never_formatted() -> None:
    volume = dict(wanted()[0]["volumes"][0], filesystem="xfs", size="400M")
    found = finished(size=400 * MIB)
    assert "nothing is formatted anew" in storage_plan(wanted(volume), found)["problems"][0]


def test_a_small_xfs_is_refused_before_anything_is_made() -> None:
    volume = dict(wanted()[0]["volumes"][0], filesystem="xfs")
    assert "xfs needs 300M" in storage_plan(wanted(volume), bare())["problems"][0]


def test_content_moves_onto_a_new_volume() -> None:
    found = bare()
    found["paths"]["/srv/app"] = {
        "exists": True,
        "folder": True,
        "mode": "0700",
        "mounted": None,
        **FULL,
    }
    plan = storage_plan(wanted(), found)
    assert plan["migrations"][0]["path"] == "/srv/app"
    assert plan["migrations"][0]["holds_something"] is True
    found["paths"]["/srv/app"]["content_size"] = 95 * MIB
    assert "does not fit" in storage_plan(wanted(), found)["problems"][0]
    found["paths"]["/srv/app"].update(content_size=1, mounts_below=["/srv/app/x"])
    assert "/srv/app/x is mounted" in storage_plan(wanted(), found)["problems"][0]


@pytest.mark.parametrize(("owner", "moves"), [("0:0", False), ("0:4", True)])
def test_an_empty_folder_moves_for_its_owner_only(owner: str, moves: bool) -> None:
    found = unmounted(finished(), owner=owner)
    found["fstab"] = {}
    found["volumes"]["data/app"]["tags"] = [NEW_TAG]
    plan = storage_plan(wanted(), found)
    assert bool(plan["migrations"]) is moves
    assert not plan["migrations"] or not plan["migrations"][0]["holds_something"]


def test_every_interruption_of_a_move_has_its_next_step() -> None:
    found = unmounted(finished(), **FULL)
    found["fstab"] = {}
    found["volumes"]["data/app"].update(tags=[NEW_TAG], filesystem=None, signatures=[])
    made = ["filesystems", "migrations", "fstab", "mounts", "finishes"]
    assert kinds(storage_plan(wanted(), found)) == made
    found["volumes"]["data/app"].update(
        filesystem={"type": "ext4", "size": 100 * MIB},
        signatures=["ext4"],
        mounted_on=["/run/base_lvm/data-app"],
    )
    assert kinds(storage_plan(wanted(), found)) == made[1:]
    found["fstab"] = finished()["fstab"]
    assert kinds(storage_plan(wanted(), found)) == ["mounts", "finishes"]
    found = finished()
    found["volumes"]["data/app"]["tags"] = [NEW_TAG, "base_lvm_start.app&one"]
    assert kinds(storage_plan(wanted(), found)) == ["finishes"]


def test_a_volume_with_content_of_its_own_is_not_copied_over() -> None:
    found = unmounted(finished(), **FULL)
    found["fstab"] = {}
    plan = storage_plan(wanted(), found)
    assert f"lvchange --addtag {NEW_TAG} data/app" in plan["problems"][0]
    assert kinds(plan) == ["problems"]


def test_mounts_of_others() -> None:
    found = finished()
    found["paths"]["/srv/app"]["mounted"]["volume"] = ""
    assert "is mounted. Unmount" in storage_plan(wanted(), found)["problems"][0]
    found = unmounted(finished())
    found["fstab"]["/srv/app"]["source"] = "UUID=1"
    assert "UUID=1" in storage_plan(wanted(), found)["problems"][0]
    found = unmounted(finished())
    found["volumes"]["data/app"]["mounted_on"] = ["/old"]
    assert "mounted on /old" in storage_plan(wanted(), found)["problems"][0]
    found = unmounted(finished())
    found["paths"]["/srv/app"]["folder"] = False
    assert "no folder" in storage_plan(wanted(), found)["problems"][0]


def test_names_of_the_mapper_are_the_same_device() -> None:
    found = finished()
    found["fstab"]["/srv/app"]["source"] = "/dev/mapper/data-app"
    assert not storage_plan(wanted(), found)["says"]


def test_options_and_modes_that_changed() -> None:
    volume = dict(wanted()[0]["volumes"][0], mount_options="noatime", mode="0700")
    assert kinds(storage_plan(wanted(volume), finished())) == ["fstab", "remounts", "modes"]


def test_services_need_their_volume() -> None:
    volume = dict(wanted()[0]["volumes"][0], mount_options="ro", services=["db@1", "db.socket"])
    assert storage_plan(wanted(volume), finished())["fstab"][0]["opts"] == (
        "ro,x-systemd.required-by=db@1.service,x-systemd.before=db@1.service"
        ",x-systemd.required-by=db.socket,x-systemd.before=db.socket"
    )


def test_old_content_goes_only_when_told_so() -> None:
    found = finished()
    found["beneath"] = {"/srv/app": 3}
    volume = dict(wanted()[0]["volumes"][0], remove_old_content=True)
    assert kinds(storage_plan(wanted(volume), found)) == ["old_content"]
    assert questions(wanted(volume))["beneath"] == ["/srv/app"]
    assert questions(wanted())["beneath"] == []


def test_inactive_volumes_are_activated_and_looked_at_again() -> None:
    found = unmounted(finished())
    found["volumes"]["data/app"].update(active=False, filesystem=None, signatures=[])
    plan = storage_plan(wanted(), found)
    assert kinds(plan) == ["activations"]
    assert plan["look_again"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"size": "10 apples"}, "is no size"),
        ({"size": "0M"}, "is no size"),
        ({"size": "101%"}, "is no size"),
        ({"mount": "srv"}, "no mount point"),
        ({"mount": "/srv/../etc"}, "no mount point"),
        ({"name": "a b"}, "cannot be the name"),
        ({"services": ["a; rm"]}, "no name of a service"),
    ],
)
def test_bad_input(change: dict[str, Any], says: str) -> None:
    volume = dict(wanted()[0]["volumes"][0], **change)
    plan = storage_plan(wanted(volume), bare())
    assert says in plan["problems"][0]
    assert kinds(plan) == ["problems"]


def test_things_given_twice() -> None:
    groups = wanted() + copy.deepcopy(wanted())
    groups[1]["name"] = "other"
    problems = " ".join(storage_plan(groups, bare())["problems"])
    assert "Device /dev/sdb is given to" in problems
    assert "Mount point /srv/app is given to" in problems
    rest = {"name": "x", "size": "rest", "filesystem": "none"}
    twice = storage_plan(wanted(rest, dict(rest, name="y")), bare())
    assert "only one volume can have the rest" in twice["problems"][0]


def test_mounts_come_parents_first() -> None:
    inner = {"name": "in", "size": "8M", "filesystem": "ext4", "mount": "/srv/app/in"}
    found = bare()
    found["paths"]["/srv/app/in"] = dict(found["paths"]["/srv/app"])
    plan = storage_plan(wanted(inner, wanted()[0]["volumes"][0]), found)
    assert [step["path"] for step in plan["mounts"]] == ["/srv/app", "/srv/app/in"]


def test_sizes() -> None:
    assert parse_size("1.5G") == ("bytes", 1536 * MIB)
    assert parse_size("512MiB") == ("bytes", 512 * MIB)
    assert parse_size("40%") == ("percent", 40)
    assert human(1536 * MIB) == "1.5G"
    assert usable(DISK, 4 * MIB) == 996 * MIB


@given(st.integers(1, 10**6), st.integers(1, 100))
def test_percentages_never_exceed_the_group(total: int, percent: int) -> None:
    assert 0 <= extents_of(("percent", percent), 4 * MIB, total) <= total


@given(st.integers(100, 880), st.integers(100, 880))
def test_a_size_that_was_reached_is_not_planned_again(now: int, target: int) -> None:
    """Whatever is wanted, a machine that has it is left alone."""
    volume = dict(wanted()[0]["volumes"][0], size=f"{target}M")
    size = extents_of(("bytes", target * MIB), 4 * MIB, 249) * 4 * MIB
    assert not storage_plan(wanted(volume), finished(size=size))["says"]
    plan = storage_plan(wanted(volume), finished(size=now // 4 * 4 * MIB))
    if plan["growths"]:
        assert plan["growths"][0]["size"] == size
