# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role kubernetes_archive builds Kubernetes, and is never silent for long."""

from __future__ import annotations

import sys
import time
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "integration" / "kubernetes_archive"
sys.path.insert(0, str(FOLDER))
from controller import Controller  # noqa: E402
from served import ARCHIVE, CACHE  # noqa: E402

SILENCE_SECONDS = 30


def test_a_build_says_why_and_what_it_does(tmp_path: Path) -> None:
    """With go's caches where there are any: then it links, and compiles little."""
    (tmp_path / "cache").mkdir()
    (CACHE / "go").mkdir(exist_ok=True)
    (tmp_path / "cache" / "go").symlink_to(CACHE / "go")
    controller = Controller(tmp_path)
    began, lines = time.monotonic(), []
    with controller.start(kubernetes_archive_source="build") as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append((time.monotonic() - began, line))
    text = "".join(line for _when, line in lines)
    assert process.returncode == 0, text
    assert "is built from its Go modules, because kubernetes_archive_source says so" in " ".join(
        text.split()
    )
    times = [when for when, _line in lines]
    silent = max(later - earlier for earlier, later in zip(times, times[1:], strict=False))
    print(f"built in {times[-1]:.0f} s, silent for at most {silent:.0f} s\n{text}")
    assert silent < SILENCE_SECONDS
    assert (controller.link / "SHA256SUMS").read_bytes() == (ARCHIVE / "SHA256SUMS").read_bytes()
