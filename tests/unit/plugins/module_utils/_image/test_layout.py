# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layout of an image's disk: nothing overlaps, all fits, the same input gives the same."""

from __future__ import annotations

import re

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._image import layout
from hypothesis import given
from hypothesis import strategies as st

VOLUMES = (
    layout.Volume("root", "/", 512, "defaults"),
    layout.Volume("usr", "/usr", 2048, "defaults"),
    layout.Volume("var", "/var", 1021, "noatime"),
)


def make(size_mb=6144, volumes=VOLUMES, name="a" * 64, **more):
    options = {"boot_size_mb": 512, "efi_size_mb": 64, **more}
    return layout.make(name, size_mb * layout.MIB, "system", volumes, **options)


@given(
    sizes=st.lists(st.integers(1, 9000), min_size=1, max_size=8),
    boot=st.integers(64, 2000),
    efi=st.integers(34, 600),
    spare=st.integers(0, 5000),
)
def test_nothing_overlaps_and_all_is_on_the_disk(sizes, boot, efi, spare):
    volumes = tuple(
        layout.Volume(f"v{number}", "/" if number == 0 else f"/m{number}", size, "defaults")
        for number, size in enumerate(sizes)
    )
    with pytest.raises(TaskError, match=r"need a disk of (\d+) MiB") as refused:
        make(1, volumes, boot_size_mb=boot, efi_size_mb=efi)
    needed = int(re.search(r"need a disk of (\d+) MiB", str(refused.value))[1])
    with pytest.raises(TaskError):
        make(needed - 1, volumes, boot_size_mb=boot, efi_size_mb=efi)
    made = make(needed + spare, volumes, boot_size_mb=boot, efi_size_mb=efi)
    end = layout.MIB
    for area in made.partitions:
        assert area.offset == end and area.offset % layout.MIB == 0
        end = area.offset + area.size
    # 33 sectors at the end belong to the second partition table.
    assert end <= made.disk_size - 33 * layout.SECTOR
    at = made.partition("lvm").offset + layout.METADATA_SIZE
    areas = made.areas()
    for volume in made.volumes:
        assert areas[volume.name].offset == at
        assert areas[volume.name].size >= volume.size_mb * layout.MIB
        at += areas[volume.name].size
    assert at <= end
    assert sum(v.extents for v in made.volumes) <= made.extents


def test_identifiers_follow_the_name():
    one, same, other = make(), make(), make(name="b" * 64)
    assert layout.lvm_metadata(one, 1) == layout.lvm_metadata(same, 1)
    assert layout.partition_table(one) == layout.partition_table(same)
    assert one.identifier("disk") != other.identifier("disk")
    assert re.fullmatch(r"\w{6}(-\w{4}){5}-\w{6}", one.lvm_identifier("group"))
    assert one.lvm_identifier("group") != other.lvm_identifier("group")
    assert re.fullmatch(r"[0-9A-F]{4}-[0-9A-F]{4}", layout.efi_serial(one))


def test_fstab_names_parents_first_and_mapper_devices():
    rows = [line.split() for line in layout.fstab(make()).splitlines()]
    assert [row[1] for row in rows] == ["/", "/boot", "/boot/efi", "/usr", "/var"]
    assert rows[0][:4] == ["/dev/mapper/system-root", "/", "ext4", "defaults"]
    assert rows[4][3] == "noatime"
    assert [row[5] for row in rows] == ["1", "2", "2", "2", "2"]


def test_metadata_counts_in_extents_and_sectors():
    made = make()
    text = layout.lvm_metadata(made, 1767225600)
    # 1021 MiB are 256 extents of 4 MiB, behind the 128 and 512 of root and usr.
    assert "extent_count = 256" in text and 'stripes = ["pv0", 640]' in text
    assert f"pe_count = {made.extents}" in text and "pe_start = 2048" in text
    assert text.count("{") == text.count("}")


@pytest.mark.parametrize(
    ("volumes", "code"),
    [
        ([("usr", "/usr")], "NO_ROOT"),
        ([("root", "/"), ("root", "/usr")], "DOUBLE_VOLUME"),
        ([("root", "/"), ("other", "/")], "DOUBLE_VOLUME"),
        ([("root", "/"), ("boot", "/boot")], "BAD_MOUNT"),
        ([("root", "/"), ("x", "usr")], "BAD_MOUNT"),
        ([("root", "/"), ("x", "/a/../b c")], "BAD_MOUNT"),
        ([("Root", "/")], "BAD_NAME"),
        ([("my-root", "/")], "BAD_NAME"),
    ],
)
def test_what_cannot_boot_is_refused(volumes, code):
    with pytest.raises(TaskError) as refused:
        make(volumes=tuple(layout.Volume(n, m, 100, "defaults") for n, m in volumes))
    assert refused.value.error_code == code
    assert "volumes" in str(refused.value)
