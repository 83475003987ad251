# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing is run out of a folder that somebody else may have prepared."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._image import folder
from ansible_collections.virtual.datacenter.plugins.modules import machine_image


def test_a_missing_folder_is_made_for_its_owner_only(tmp_path: Path) -> None:
    folder.make(str(tmp_path / "work"))
    assert (tmp_path / "work").stat().st_mode & 0o777 == 0o700
    folder.make(str(tmp_path / "work"))


def test_a_folder_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir(mode=0o700)
    somebody = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: somebody)
    with pytest.raises(TaskError, match=f"has to belong to user {somebody}.*remove it"):
        folder.make(str(tmp_path / "work"))


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work").chmod(mode)
    with pytest.raises(TaskError, match=f"mode {mode:04o}"):
        folder.make(str(tmp_path / "work"))


def test_a_link_is_refused_even_to_a_folder_of_ours(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir(mode=0o700)
    (tmp_path / "work").symlink_to(tmp_path / "ours")
    with pytest.raises(TaskError, match="found is a link"):
        folder.make(str(tmp_path / "work"))


def test_the_module_refuses_it_before_it_builds_in_check_mode_too(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work").chmod(0o777)
    params = {
        "disk": str(tmp_path / "disk"),
        "disk_size_mb": 4096,
        "manifest": str(tmp_path / "image.json"),
        "facts": str(tmp_path / "root.json"),
        "inputs": "0" * 64,
        "volume_group": "system",
        "volumes": [{"name": "root", "mount": "/", "size_mb": 512, "options": "defaults"}],
        "boot_size_mb": 512,
        "efi_size_mb": 64,
        "work_dir": str(tmp_path / "work"),
        "erase_disk": False,
    }
    for check in (True, False):
        with pytest.raises(TaskError) as refused:
            change.run(machine_image.Task(params), machine_image.result, check)
        assert refused.value.error_code == "FOREIGN_FOLDER"
    assert not (tmp_path / "disk").exists()
