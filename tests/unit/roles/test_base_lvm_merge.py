# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a merge counts seconds; what lvs says is replayed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

WAIT = Path(__file__).resolve().parents[3] / "roles/base_lvm/files/wait_for_merge.sh"
# As lvs --noheadings --options lv_attr prints it: while a snapshot is merged, and afterwards.
MERGING = "  Owi-aos---"
MERGED = "  -wi-ao----"


@pytest.mark.parametrize(
    ("answers", "code", "said"),
    [
        ([MERGED], 0, ""),
        ([MERGING, MERGED], 0, ""),
        ([MERGING], 1, "still says that it merges after 1 s"),
        ([], 1, "lvs should say within 60 s how data/etcd is, and did not"),
    ],
)
def test_the_wait_ends(tmp_path: Path, answers: list[str], code: int, said: str) -> None:
    answered = tmp_path / "answers"
    answered.write_text("".join(f"{line}\n" for line in answers), encoding="utf-8")
    # The last answer stays.
    lvs = f"""#!/bin/sh
head -n 1 {answered}
[ "$(wc -l <{answered})" -le 1 ] || sed -i 1d {answered}
test -s {answered}
"""
    (tmp_path / "lvs").write_text(lvs, encoding="utf-8")
    (tmp_path / "lvs").chmod(0o755)
    seconds = "1" if code else "600"
    done = subprocess.run(
        ["sh", str(WAIT), "data/etcd", seconds],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert said in done.stderr
