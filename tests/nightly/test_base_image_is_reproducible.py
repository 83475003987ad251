# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same inputs make the same image, from the packages on, byte by byte."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

import playbooks


def build(folder: Path, suite: str) -> dict[str, Any]:
    """Makes an image with nothing kept from another build; gives its manifest without the date."""
    inputs = {"base_image_suite": suite, "folder": str(folder)}
    done = subprocess.run(
        [playbooks.ANSIBLE, playbooks.HERE / "image.yml", "-e", json.dumps(inputs)],
        env=playbooks.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    manifest = dict(json.loads((folder / "disk.json").read_text(encoding="utf-8")))
    (folder / "disk.raw").unlink()
    del manifest["built"]
    return manifest


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_two_builds_are_the_same(tmp_path: Path, suite: str) -> None:
    first, second = (build(tmp_path / name, suite) for name in ("first", "second"))
    assert first == second
    assert first["suite"] == suite
