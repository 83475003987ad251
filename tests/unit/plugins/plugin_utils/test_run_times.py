# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long things took the last time, by files that may be lost or damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.virtual.datacenter.plugins.plugin_utils import run_times


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (99.4, "99 s"),
        (100, "1:40 min"),
        (3599.4, "59:59 min"),
        (3727, "1:02:07 h"),
    ],
)
def test_seconds_are_told_as_a_person_reads_them(seconds: float, words: str) -> None:
    assert run_times.clock(seconds) == words


def run(folder: Path, kind: str = "site") -> run_times.RunTimes:
    return run_times.RunTimes(str(folder), [kind])


def test_what_was_kept_is_known_to_the_next_run_of_its_kind(tmp_path: Path) -> None:
    first = run(tmp_path / "new" / "folder")
    play, again = first.key("play"), first.key("play")
    assert play != again
    first.begin(play, 1.0)
    first.begin(again, 41.0)
    first.end(play, 40.0)
    first.end("short task", 0.3)
    assert first.took(play) is None and first.to_go(play) is None
    first.keep(60.0)
    second = run(tmp_path / "new" / "folder")
    assert (second.took(play), second.took(""), second.took("short task")) == (40.0, 60.0, None)
    assert (second.to_go(play), second.to_go(again), second.to_go("x")) == (59.0, 19.0, None)
    assert run(tmp_path / "new" / "folder", "destroy").took(play) is None


@pytest.mark.parametrize(
    "content", ["", "[]", "3", '{"took": 3}', '{"took": {"": "x"}}', '{"took": {"": null}}', "\x00"]
)
def test_a_damaged_file_is_as_none(content: str, tmp_path: Path) -> None:
    run(tmp_path).keep(5.0)
    (kept,) = tmp_path.iterdir()
    kept.write_text(content, encoding="utf-8")
    damaged = run(tmp_path)
    assert damaged.took("") is None and damaged.to_go("") is None
    damaged.keep(7.0)
    assert run(tmp_path).took("") == 7.0


def test_only_the_newest_files_are_kept(tmp_path: Path) -> None:
    for number in range(run_times.KEPT_FILES + 5):
        path = tmp_path / f"{number:03d}.json"
        path.write_text("{}", encoding="utf-8")
        os.utime(path, (number, number))
    (tmp_path / "other").write_text("", encoding="utf-8")
    run(tmp_path).keep(1.0)
    left = sorted(path.name for path in tmp_path.glob("*.json"))
    assert len(left) == run_times.KEPT_FILES
    assert "006.json" in left and "005.json" not in left
    assert (tmp_path / "other").exists()


def test_a_folder_that_cannot_be_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OSError, match="file"):
        run(tmp_path / "file").keep(1.0)
