# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a root file system must bring along to be made into an image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._image.build import Builder
from ansible_collections.virtual.datacenter.plugins.module_utils._image.layout import Layout


def builder(tmp_path: Path, answer: str, monkeypatch: pytest.MonkeyPatch) -> Builder:
    """A builder whose root file system answers the question for missing programs."""
    made = Builder(Layout("name", 0, "system", (), ()), str(tmp_path), 0, "")

    def inside(argv: Sequence[str], stdin: str = "") -> str:
        assert "mkfs.vfat" in argv
        return answer

    monkeypatch.setattr(made.tools, "inside", inside)
    return made


def test_a_whole_one_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builder(tmp_path, "", monkeypatch).check_programs()


def test_missing_programs_are_named_with_their_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        TaskError, match=r"no mke2fs, debugfs, mkfs\.vfat.* dosfstools, e2fsprogs too"
    ):
        builder(tmp_path, "mke2fs\ndebugfs\nmkfs.vfat\n", monkeypatch).check_programs()
