# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same inputs make the same image, from the packages on, byte by byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import playbooks


def build(folder: Path, suite: str) -> dict[str, Any]:
    """Makes an image with nothing kept from another build; gives its manifest without the date."""
    playbooks.run_here(playbooks.HERE / "image.yml", base_image_suite=suite, folder=str(folder))
    manifest = dict(json.loads((folder / "disk.json").read_text(encoding="utf-8")))
    (folder / "disk.raw").unlink()
    del manifest["built"]
    return manifest


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_two_builds_are_the_same(tmp_path: Path, suite: str) -> None:
    first, second = (build(tmp_path / name, suite) for name in ("first", "second"))
    assert first == second
    assert first["suite"] == suite
