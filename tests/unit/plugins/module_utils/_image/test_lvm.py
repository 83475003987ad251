# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What LVM 2.03.31 wrote to a physical volume (recorded), without time, host and device."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._image import lvm

RECORDED = Path(__file__).parent / "recorded" / "physical_volume.gz"
EPOCH = 1767225600


@pytest.fixture
def recorded() -> bytes:
    return gzip.decompress(RECORDED.read_bytes()).ljust(1024 * 1024, b"\0")


def text(data: bytes) -> bytes:
    fields = lvm.FIELDS.unpack_from(data, lvm.HEADER)
    at = fields[3] + fields[5]
    return data[at : at + fields[6]]


def test_only_the_group_and_the_given_time_remain(recorded):
    settled = lvm.settle(recorded, EPOCH)
    assert len(settled) == len(recorded)
    # The label, which holds neither, is LVM's.
    assert settled[: lvm.HEADER] == recorded[: lvm.HEADER]
    for trace in (b"builder", b"loop", b"Linux", b"vgcfgrestore", b"Generated"):
        assert trace in recorded and trace not in settled
    assert b"creation_time = 1767225600\n\n\0" in text(settled)
    wanted = text(recorded).split(b"\n# Generated")[0].replace(b"/dev/loop1", b"/dev/disk")
    assert text(settled).startswith(wanted)


def test_checksums_are_those_that_it_checks_itself(recorded):
    once = lvm.settle(recorded, EPOCH)
    assert lvm.settle(once, EPOCH) == once


@pytest.mark.parametrize("at", [lvm.HEADER + 5, lvm.HEADER + 300, lvm.HEADER + lvm.HEADER_SIZE + 9])
def test_a_flipped_bit_is_refused(recorded, at):
    broken = bytearray(recorded)
    broken[at] ^= 1
    with pytest.raises(TaskError, match="unknown form"):
        lvm.settle(bytes(broken), EPOCH)
