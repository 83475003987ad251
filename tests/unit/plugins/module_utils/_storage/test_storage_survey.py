# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the survey of a machine's storage makes of what the machine says."""

from __future__ import annotations

import json
import os
import struct
import subprocess
from pathlib import Path

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._storage import (
    disks,
    filesystems,
    lvm,
    mounts,
)

RECORDED = Path(__file__).parent / "recorded"
MIB = 1 << 20


def recorded(name: str) -> str:
    return (RECORDED / name).read_text(encoding="utf-8")


def test_a_report_of_lvm() -> None:
    found = lvm.parse(recorded("fullreport-2.03.31.json"))
    assert found["groups"]["data"]["extent"] == 4 * MIB
    assert found["groups"]["data"]["missing"] == []
    assert found["physical_volumes"]["/dev/ubdb1"]["group"] == "data"
    assert found["physical_volumes"]["/dev/ubdd"]["group"] == ""
    assert found["volumes"]["data/app"]["tags"] == ["base_lvm_new", "base_lvm_start.app&one"]
    assert found["volumes"]["data/app"]["active"]
    assert found["volumes"]["data/app_before"]["origin"] == "app"


def test_a_report_with_a_missing_device() -> None:
    report = json.loads(recorded("fullreport-2.03.31.json"))
    report["report"][0]["pv"][1].update(pv_name="[unknown]", pv_missing="missing")
    found = lvm.parse(json.dumps(report))
    assert found["groups"]["data"]["missing"] == [report["report"][0]["pv"][1]["pv_uuid"]]
    assert list(found["physical_volumes"]) == ["/dev/ubdb1", "/dev/ubdd"]


def test_no_lvm_is_an_empty_report() -> None:
    assert lvm.parse("") == {"groups": {}, "physical_volumes": {}, "volumes": {}}


@pytest.mark.parametrize(("kind", "type_"), [("ext4", "ext4"), ("ext3", "ext3")])
def test_ext_superblocks(tmp_path: Path, kind: str, type_: str) -> None:
    image = tmp_path / "image"
    image.write_bytes(b"")
    os.truncate(image, 12 * MIB)
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    argv = ["mke2fs", "-q", "-F", "-t", kind, "-b", "1024", str(image), "9000"]
    subprocess.run(argv, check=True, env={**os.environ, "PATH": path})
    assert filesystems.read(str(image), None) == {"type": type_, "size": 9000 * 1024}


def test_an_xfs_superblock() -> None:
    head = (b"XFSB" + struct.pack(">IQ", 4096, 77824)).ljust(2048, b"\0")
    assert filesystems.parse(head) == {"type": "xfs", "size": 77824 * 4096}


def test_no_file_system() -> None:
    assert filesystems.parse(bytes(2048)) is None
    assert filesystems.parse(b"short") is None


def test_the_last_mount_of_a_path_is_the_one_that_is_seen(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    escaped = str(folder).replace(" ", "\\040")
    line = "{} 1 {} / {} rw,relatime shared:1 - {} /dev/{} rw\n"
    found = mounts.parse_mountinfo(
        line.format(20, "8:1", escaped, "ext4", "sda1")
        + line.format(21, "253:0", escaped, "xfs", "mapper/data-app")
    )
    assert found[1]["device"] == "253:0"
    seen = mounts.look(str(folder), found)
    assert seen["mounted"]["source"] == "/dev/mapper/data-app"


def test_fstab() -> None:
    found = mounts.parse_fstab(
        "# comment /a ext4\n\nUUID=1 / ext4 errors=remount-ro 0 1\n/dev/x /with\\040blank/ xfs\n"
    )
    assert found["/"] == {"source": "UUID=1", "type": "ext4", "options": "errors=remount-ro"}
    assert found["/with blank"]["options"] == "defaults"


def test_a_folder_that_holds_something(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100000)
    os.link(tmp_path / "a", tmp_path / "b")
    with (tmp_path / "a").open(encoding="utf-8") as opened:
        seen = mounts.look(str(tmp_path), [])
        assert seen["users"] == [f"{name_of(os.getpid())} ({os.getpid()})"]
        opened.read(1)
    assert not seen["empty"]
    assert 100000 <= seen["content_size"] < 200000
    assert mounts.look(str(tmp_path), [])["users"] == []


def name_of(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()


def test_what_is_no_folder(tmp_path: Path) -> None:
    assert mounts.look(str(tmp_path / "none"), [])["exists"] is False
    (tmp_path / "link").symlink_to(tmp_path)
    assert mounts.look(str(tmp_path / "link"), [])["folder"] is False
    (tmp_path / "file").touch()
    assert mounts.look(str(tmp_path / "file"), [])["folder"] is False


def test_paths_below() -> None:
    assert mounts.is_below("/var/lib/x", "/var/lib")
    assert not mounts.is_below("/var/library", "/var/lib")


def test_partitions_lie_in_the_order_of_the_disk(tmp_path: Path) -> None:
    for name, number, start in (("sdx1", 1, 4096), ("sdx2", 2, 2048)):
        (tmp_path / "sdx" / name).mkdir(parents=True)
        for file, value in (("partition", number), ("start", start), ("size", 2048)):
            (tmp_path / "sdx" / name / file).write_text(f"{value}\n", encoding="ascii")
    found = disks.partitions("sdx", str(tmp_path))
    assert [part["number"] for part in found] == [2, 1]
    assert found[0] == {"number": 2, "path": "/dev/sdx2", "start": MIB, "end": 2 * MIB}
    assert disks.holders("sdx", str(tmp_path)) == []


def test_signatures() -> None:
    text = '{"signatures": [{"type": "gpt"}, {"type": "gpt"}, {"type": "PMBR"}]}'
    assert disks.parse_signatures(text) == ["gpt"]
    assert disks.parse_signatures("") == []


def test_a_device_that_is_not_there() -> None:
    assert disks.describe("/dev/no-such-disk")["exists"] is False
