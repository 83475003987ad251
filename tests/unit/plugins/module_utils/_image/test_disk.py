# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on a disk, and that nothing but an empty one or our own is written to."""

from __future__ import annotations

import hashlib
import struct

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._image import claim, disk, grub
from ansible_collections.virtual.datacenter.plugins.module_utils._image.layout import MIB, Area
from ansible_collections.virtual.datacenter.plugins.modules import machine_image

ONE, OTHER = "1" * 64, "2" * 64


@pytest.fixture
def image(tmp_path):
    """A sparse file of 20 MiB with content where the test says."""

    def make(*content):
        path = tmp_path / "disk.img"
        with open(path, "wb") as file:
            file.truncate(20 * MIB)
            for offset, data in content:
                file.seek(offset)
                file.write(data)
        return str(path)

    return make


@pytest.mark.parametrize("offset", [0, 1, 511, 5 * MIB - 1, 4 * MIB, 20 * MIB - 1])
def test_a_single_byte_is_found(image, offset):
    found = disk.look(image((offset, b"x")))
    assert found == disk.Found(20 * MIB, None, offset, "")


def test_zeros_that_are_stored_are_as_empty_as_holes(image):
    assert disk.look(image((MIB, bytes(MIB)))).content_at is None


def test_digest_is_that_of_all_bytes(image):
    path = image((3, b"abc"), (9 * MIB, b"x" * 5000))
    with open(path, "rb") as file:
        assert disk.digest(path, 20 * MIB) == hashlib.sha256(file.read()).hexdigest()
    path = image()
    assert disk.digest(path, 20 * MIB) == hashlib.sha256(bytes(20 * MIB)).hexdigest()


def test_a_claim_is_read_back_and_survives_clearing(image):
    path = image((0, b"MBR"), (7 * MIB, b"old"), (20 * MIB - 5, b"table"))
    writer = disk.Writer(path)
    writer.put(claim.OFFSET, claim.write(claim.Claim("building", ONE)))
    writer.clear()
    writer.close()
    found = disk.look(path)
    assert found.claim == claim.Claim("building", ONE) and found.size == 20 * MIB
    with open(path, "rb") as file:
        data = file.read()
    assert data.replace(claim.write(claim.Claim("building", ONE)), bytes(claim.SIZE)) == bytes(
        20 * MIB
    )


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"virtual.datacenter image complete 12\n",
        b"virtual.datacenter image whole " + b"1" * 64,
    ],
)
def test_what_only_looks_like_a_claim_is_none(text):
    assert claim.read(text.ljust(claim.SIZE, b"\0")) is None


def test_the_wrong_kind_of_disk(tmp_path):
    with pytest.raises(TaskError, match="attach it, or change disk"):
        disk.look(str(tmp_path / "none"))
    with pytest.raises(TaskError, match="is neither: change disk"):
        disk.look(str(tmp_path))


def decide(tmp_path, found_claim=None, content=None, used="", erase=False, manifest=False):
    path = tmp_path / "image.json"
    if manifest:
        path.write_text(f'{{"inputs": "{ONE}"}}')
    params = {"disk": "/dev/sdb", "inputs": ONE, "erase_disk": erase, "manifest": str(path)}
    return machine_image.decide(params, disk.Found(MIB, found_claim, content, used))


def test_decisions(tmp_path):
    complete, building = claim.Claim("complete", ONE), claim.Claim("building", OTHER)
    assert decide(tmp_path) == ["build", "manifest"]
    assert decide(tmp_path, building) == ["clear", "build", "manifest"]
    assert decide(tmp_path, complete) == ["manifest"]
    assert decide(tmp_path, content=7, erase=True) == ["clear", "build", "manifest"]
    assert decide(tmp_path, complete, manifest=True) == []
    # A machine that runs from the image: nothing to do is nothing to refuse.
    assert decide(tmp_path, complete, manifest=True, used="it is mounted") == []


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"content": 7}, "first of it at byte 7.*erase_disk"),
        ({"found_claim": claim.Claim("complete", OTHER)}, "the image 222222222222.*erase_disk"),
        ({"used": "/dev/sdb1 is mounted at /srv"}, "mounted at /srv"),
        ({"used": "/dev/sdb1 is mounted at /srv", "erase": True, "content": 7}, "mounted at /srv"),
    ],
)
def test_refusals(tmp_path, state, words):
    with pytest.raises(TaskError, match=words):
        decide(tmp_path, **state)


@pytest.fixture
def machine(tmp_path):
    """/sys and /proc of a machine with the disk sdb and its partition sdb1."""
    folder = tmp_path / "sys" / "class" / "block"
    (folder / "sdb" / "holders").mkdir(parents=True)
    (folder / "sdb" / "sdb1" / "holders").mkdir(parents=True)
    (folder / "sdb" / "sdb1" / "partition").write_text("1")
    (folder / "sdb1").symlink_to(folder / "sdb" / "sdb1")
    (tmp_path / "mounts").write_text("proc /proc proc rw 0 0\n/dev/sda1 / ext4 rw 0 0\n")
    (tmp_path / "swaps").write_text("Filename Type Size Used Priority\n")

    def users(path):
        return disk.users(
            path, str(tmp_path / "sys"), str(tmp_path / "mounts"), str(tmp_path / "swaps")
        )

    users.folder, users.tmp = folder, tmp_path
    return users


def test_who_uses_a_disk(machine):
    assert machine("/dev/sdb") == ""
    assert "not a disk" in machine("/dev/sdb1")
    (machine.folder / "sdb" / "sdb1" / "holders" / "dm-0").mkdir()
    assert machine("/dev/sdb") == "sdb1 is held by dm-0"
    (machine.tmp / "mounts").write_text("/dev/sdb1 /srv ext4 rw 0 0\n")
    assert machine("/dev/sdb") == "/dev/sdb1 is mounted at /srv"
    (machine.tmp / "mounts").write_text("")
    (machine.tmp / "swaps").write_text("/dev/sdb partition 1 0 -2\n")
    assert "swapped to" in machine("/dev/sdb")


def core(sectors, length=None, segment=0x820):
    data = bytearray(b"c" * (sectors * 512 - 10))
    struct.pack_into("<QHH", data, 500, 1, sectors - 1 if length is None else length, segment)
    return bytes(data)


def test_grub_is_told_where_it_lies():
    bios = Area("bios", MIB, MIB)
    code = grub.boot_code(b"b" * 512, bios)
    assert len(code) == 440 and struct.unpack_from("<Q", code, 0x5C)[0] == 2048
    image = grub.core_image(core(60), bios)
    assert len(image) == 60 * 512
    assert struct.unpack_from("<QHH", image, 500) == (2049, 59, 0x820)


@pytest.mark.parametrize("bad", [core(60, length=58), core(60, segment=0), core(4000)])
def test_a_core_image_of_another_make_is_refused(bad):
    with pytest.raises(TaskError, match="GRUB"):
        grub.core_image(bad, Area("bios", MIB, MIB))
