# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module config_files: what is written, in which order, and what is left after a failure."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.virtual.datacenter.plugins.modules import config_files

Run = Callable[..., Any]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*files: Any, check: bool = False, ok: bool = True, **options: Any) -> Any:
        arguments = {"files": list(files), "_ansible_check_mode": check, **options}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            config_files.main()
        result = json.loads(capsys.readouterr().out)
        assert bool(result.get("failed")) is not ok, result
        return result

    return call


def test_write_and_again(run: Run, tmp_path: Path) -> None:
    first = {"path": str(tmp_path / "new" / "deep" / "a"), "content": "one\n"}
    second = {"path": str(tmp_path / "b"), "content": "two ü\n", "mode": "0600"}
    foreseen = run(first, second, check=True)
    assert foreseen["changed"] and os.listdir(tmp_path) == []
    done = run(first, second)
    assert done["changed_paths"] == foreseen["changed_paths"] == [first["path"], second["path"]]
    assert done["diff"] == foreseen["diff"]
    assert (tmp_path / "b").read_text(encoding="utf-8") == "two ü\n"
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new" / "deep" / "a").stat().st_mode & 0o777 == 0o644
    again = run(first, second)
    assert not again["changed"] and again["changed_paths"] == []
    assert sorted(os.listdir(tmp_path)) == ["b", "new"]


def test_only_the_mode(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x", encoding="utf-8")
    (tmp_path / "a").chmod(0o600)
    inode = (tmp_path / "a").stat().st_ino
    wish = {"path": str(tmp_path / "a"), "content": "x", "mode": "0640"}
    assert run(wish)["changed"]
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "a").stat().st_ino == inode
    assert not run(wish)["changed"]


def test_the_old_file_is_replaced_and_not_written_to(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old", encoding="utf-8")
    with (tmp_path / "a").open(encoding="utf-8") as reader:
        run({"path": str(tmp_path / "a"), "content": "new"})
        assert reader.read() == "old"


def test_a_rejected_file_changes_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "b").write_text("good\n", encoding="utf-8")
    pending = tmp_path / "pending"
    result = run(
        {"path": str(tmp_path / "a"), "content": "fine\n"},
        {"path": str(tmp_path / "b"), "content": "bad\n", "validate": "grep --quiet good %s"},
        pending=str(pending),
        ok=False,
    )
    assert "nothing was changed: grep rejects" in result["msg"]
    assert (tmp_path / "b").read_text(encoding="utf-8") == "good\n"
    assert not (tmp_path / "a").exists() and not pending.exists()


def test_the_checker_sees_the_new_file(run: Run, tmp_path: Path) -> None:
    wish = {"path": str(tmp_path / "a"), "content": "good\n", "validate": "grep --quiet good %s"}
    assert run(wish)["changed"]
    assert os.listdir(tmp_path) == ["a"]


def test_pending_outlives_a_run_that_was_killed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending = tmp_path / "run" / "pending"
    wish = {"path": str(tmp_path / "a"), "content": "x"}
    assert run(wish, pending=str(pending), check=True)["pending"]
    assert not pending.exists()

    def killed(self: Any) -> None:
        assert pending.exists(), "it must be there before anything is changed"
        raise KeyboardInterrupt

    with (
        monkeypatch.context() as patched,
        patch_module_args({"files": [wish], "pending": str(pending)}),
    ):
        patched.setattr(config_files.File, "put", killed)
        with pytest.raises(KeyboardInterrupt):
            config_files.main()
    assert run(wish, pending=str(pending))["pending"]
    # Everything is in place now, but nobody has restarted the service.
    again = run(wish, pending=str(pending))
    assert not again["changed"] and again["pending"]
    pending.unlink()
    assert not run(wish, pending=str(pending))["pending"]


def test_a_leftover_of_a_killed_run_is_no_obstacle(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".a.new").write_text("half", encoding="utf-8")
    assert run({"path": str(tmp_path / "a"), "content": "x"})["changed"]
    assert os.listdir(tmp_path) == ["a"]


def test_a_folder_in_the_way(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert "a" in run({"path": str(tmp_path / "a"), "content": "x"}, ok=False)["msg"]


# systemctl 257: a unit that runs, one that is enabled and failed, one that is not there.
SHOWN = """\
ActiveState=active
UnitFileState=enabled

ActiveState=failed
UnitFileState=enabled

ActiveState=inactive
UnitFileState=
"""


def test_services_that_do_not_run(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def run_command(_self: Any, argv: list[str], **_options: Any) -> tuple[int, str, str]:
        asked.append(argv)
        return 0, SHOWN, ""

    monkeypatch.setattr(config_files.AnsibleModule, "get_bin_path", lambda *_: "/bin/systemctl")
    monkeypatch.setattr(config_files.AnsibleModule, "run_command", run_command)
    wish = {"path": str(tmp_path / "a"), "content": "x"}
    assert run(wish, services=["ssh", "broken", "missing"])["services_down"] == [
        "broken",
        "missing",
    ]
    assert asked[0][-3:] == ["ssh", "broken", "missing"]
    assert run(wish)["services_down"] == []
    assert len(asked) == 1


def test_services_without_systemd(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_files.AnsibleModule, "get_bin_path", lambda *_: None)
    wish = {"path": str(tmp_path / "a"), "content": "x"}
    assert run(wish, services=["ssh"])["services_down"] == ["ssh"]
