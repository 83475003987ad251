# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module config_files: what is written, in which order, and what is left after a failure."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.virtual.datacenter.plugins.module_utils._config_files import pending
from ansible_collections.virtual.datacenter.plugins.module_utils._config_files.command import Runner
from ansible_collections.virtual.datacenter.plugins.module_utils._core.command import Answer
from ansible_collections.virtual.datacenter.plugins.modules import config_files

Run = Callable[..., Any]


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    monkeypatch.setattr(pending, "FOLDER", str(tmp_path_factory.mktemp("run") / "pending"))

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


@pytest.fixture
def held(run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Another run of root has the machine to itself; closed, it has ended."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    handle = os.open(Path(pending.FOLDER).parent / "config_files.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(handle, fcntl.LOCK_EX)
    yield handle
    with contextlib.suppress(OSError):
        os.close(handle)


def test_what_another_run_has_written_meanwhile_is_read(
    run: Run, tmp_path: Path, held: int
) -> None:
    (tmp_path / "a").write_text("old", encoding="utf-8")

    def end() -> None:
        (tmp_path / "a").write_text("new", encoding="utf-8")
        os.close(held)

    other = threading.Timer(0.5, end)
    other.start()
    done = run({"path": str(tmp_path / "a"), "content": "new"})
    other.join()
    assert (done["changed"], done["diff"]) == (False, [])


def test_a_run_that_does_not_end_is_named(run: Run, tmp_path: Path, held: int) -> None:
    desired = {"path": str(tmp_path / "a"), "content": "new"}
    refused = run(desired, timeout_seconds=1, ok=False)
    assert refused["error_code"] == "BUSY"
    assert f"process {os.getpid()} (" in refused["msg"]
    assert "within 1 s (option timeout_seconds)" in refused["msg"]
    assert os.listdir(tmp_path) == []
    # A dry run changes nothing, so it does not wait.
    assert run(desired, check=True, timeout_seconds=1)["changed"]


def test_who_is_not_root_does_not_wait(
    run: Run, tmp_path: Path, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert run({"path": str(tmp_path / "a"), "content": "new"}, timeout_seconds=1)["changed"]


def test_only_the_mode(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x", encoding="utf-8")
    (tmp_path / "a").chmod(0o600)
    inode = (tmp_path / "a").stat().st_ino
    desired = {"path": str(tmp_path / "a"), "content": "x", "mode": "0640"}
    assert run(desired)["changed"]
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "a").stat().st_ino == inode
    assert not run(desired)["changed"]


def test_the_old_file_is_replaced_and_not_written_to(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old", encoding="utf-8")
    with (tmp_path / "a").open(encoding="utf-8") as reader:
        run({"path": str(tmp_path / "a"), "content": "new"})
        assert reader.read() == "old"


def test_a_rejected_file_changes_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "b").write_text("good\n", encoding="utf-8")
    files = [
        {"path": str(tmp_path / "a"), "content": "fine\n"},
        {"path": str(tmp_path / "b"), "content": "bad\n", "validate": "grep --quiet good %s"},
    ]
    result = run(*files, services=[{"name": "ssh"}], ok=False)
    assert "nothing was changed: grep rejects" in result["msg"]
    assert (tmp_path / "b").read_text(encoding="utf-8") == "good\n"
    assert not (tmp_path / "a").exists() and not pending.is_marked("ssh")
    assert os.listdir(tmp_path) == ["b"]


def test_the_checker_sees_the_new_file(run: Run, tmp_path: Path) -> None:
    desired = {"path": str(tmp_path / "a"), "content": "good\n", "validate": "grep --quiet good %s"}
    assert run(desired)["changed"]
    assert os.listdir(tmp_path) == ["a"]


def test_a_leftover_of_a_killed_run_is_no_obstacle(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".a.new").write_text("half", encoding="utf-8")
    assert run({"path": str(tmp_path / "a"), "content": "x"})["changed"]
    assert os.listdir(tmp_path) == ["a"]


def test_a_folder_in_the_way(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert "a" in run({"path": str(tmp_path / "a"), "content": "x"}, ok=False)["msg"]


def test_check_mode_rejects_what_the_run_would(run: Run, tmp_path: Path) -> None:
    desired = {"path": str(tmp_path / "a"), "content": "bad\n", "validate": "grep --quiet good %s"}
    foreseen = run(desired, check=True, ok=False)
    assert foreseen["msg"] == run(desired, ok=False)["msg"]
    assert os.listdir(tmp_path) == []
    assert run({**desired, "content": "good\n"}, check=True)["changed"]
    assert os.listdir(tmp_path) == []


def test_check_mode_passes_over_a_validator_that_is_not_installed_yet(
    run: Run, tmp_path: Path
) -> None:
    desired = {"path": str(tmp_path / "a"), "content": "x", "validate": "no-such-validator %s"}
    assert run(desired, check=True)["changed"]
    assert "no-such-validator" in run(desired, ok=False)["msg"]
    assert os.listdir(tmp_path) == []


def test_a_validator_that_hangs_is_ended(run: Run, tmp_path: Path) -> None:
    began = time.monotonic()
    desired = {"path": str(tmp_path / "a"), "content": "x", "validate": "sleep 60"}
    result = run(desired, timeout_seconds=1, ok=False)
    assert (
        "sleep rejects" in result["msg"]
        and "did not end within 1 s (option timeout_seconds)" in result["msg"]
    )
    assert time.monotonic() - began < 30
    assert os.listdir(tmp_path) == []


def test_contents_are_in_the_diff_only(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(
        config_files.AnsibleModule, "log", lambda _self, msg, **_options: logged.append(msg)
    )
    desired = {"path": str(tmp_path / "a"), "content": "marker-of-the-content\n"}
    for _ in range(2):
        result = run(desired)
        # Since ansible-core 2.20 the invocation is given on request only.
        assert "marker" not in json.dumps({**result, "diff": None})
    assert str(tmp_path / "a") in " ".join(logged) and "marker" not in " ".join(logged)
    assert run({**desired, "content": "other\n"})["diff"][0]["before"] == "marker-of-the-content\n"


def test_a_secret_is_not_in_the_diff_nor_in_what_the_validator_says(
    run: Run, tmp_path: Path
) -> None:
    desired = {"path": str(tmp_path / "a"), "content": "word sesame-open\n", "secret": True}
    for options in ({"check": True}, {}):
        result = run(desired, **options)
        assert result["changed"] and "sesame" not in json.dumps(result)
        assert result["diff"][0]["before"] != result["diff"][0]["after"]
    desired = {**desired, "content": "word sesame-shut\n", "validate": "sh -c 'cat %s; exit 1'"}
    result = run(desired, ok=False)
    assert "rejects" in result["msg"] and "word ***" in result["msg"]
    assert "sesame" not in json.dumps(result)


class Systemd:
    """Answers as systemctl 257 does, and remembers what it was told to do."""

    def __init__(self) -> None:
        self.units: dict[str, list[str]] = {}
        self.told: list[str] = []
        self.stale: set[str] = set()
        self.refused = ""
        self.started_at = 0.0

    def run(self, *argv: str) -> Answer:
        if argv[0] == "show":
            shown = []
            for name in argv[3:]:
                active, enabled = self.units.get(name, ["inactive", ""])
                stale = "yes" if name in self.stale else "no"
                since = int(self.started_at * 1e6)
                shown.append(
                    f"ActiveState={active}\nActiveEnterTimestampMonotonic={since}\n"
                    f"UnitFileState={enabled}\nNeedDaemonReload={stale}\n"
                )
            return Answer(0, "\n".join(shown), "")
        verb, name = argv[0], argv[-1]
        self.told.append(" ".join(word for word in argv if word != "--"))
        if verb == self.refused:
            return Answer(1, "", f"Failed to {verb} {name}.service: Unit {name}.service not found.")
        unit = self.units.setdefault(name, ["inactive", "disabled"])
        if verb in ("start", "restart", "reload"):
            unit[0] = "active"
        if verb in ("enable", "disable"):
            unit[1] = f"{verb}d"
        return Answer(0, "", "")


@pytest.fixture
def systemd(monkeypatch: pytest.MonkeyPatch) -> Systemd:
    """Stands in for systemctl; every other command is run."""
    fake = Systemd()
    real_run, real_find = Runner.run, Runner.find

    def run_command(self: Runner, argv: Sequence[str]) -> Answer:
        if argv[0] == "systemctl":
            return fake.run(*argv[1:])
        return real_run(self, argv)

    def find(self: Runner, program: str) -> str | None:
        return program if program == "systemctl" else real_find(self, program)

    monkeypatch.setattr(Runner, "run", run_command)
    monkeypatch.setattr(Runner, "find", find)
    return fake


def test_services_that_do_not_run(run: Run, tmp_path: Path, systemd: Systemd) -> None:
    systemd.units = {"ssh": ["active", "enabled"], "broken": ["failed", "enabled"]}
    desired = {"path": str(tmp_path / "a"), "content": "x"}
    run(desired)
    asked = {"services": [{"name": name} for name in ("ssh", "broken", "missing")]}
    foreseen = run(desired, check=True, **asked)
    assert systemd.told == []
    done = run(desired, **asked)
    assert done["services"] == foreseen["services"]
    assert done["services"] == [
        {"name": "broken", "actions": ["started"]},
        {"name": "missing", "actions": ["enabled", "started"]},
    ]
    assert systemd.told == [
        "reset-failed broken",
        "start broken",
        "enable missing",
        "start missing",
    ]
    again = run(desired, **asked)
    assert not again["changed"] and again["services"] == []
    assert len(systemd.told) == 4


def test_services_without_systemd(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Runner, "find", lambda *_: None)
    desired = {"path": str(tmp_path / "a"), "content": "x"}
    assert run(desired, services=[{"name": "ssh"}], check=True)["services"] == [
        {"name": "ssh", "actions": ["enabled", "started"]}
    ]


def test_a_service_gets_the_files_that_it_reads(run: Run, tmp_path: Path, systemd: Systemd) -> None:
    names = ("first", "second", "stopped", "other")
    systemd.units = {name: ["active", "enabled"] for name in names}
    systemd.units["stopped"] = ["inactive", "disabled"]
    path = str(tmp_path / "a")
    services = [
        {"name": "first", "on_change": "reloaded"},
        {"name": "second", "files": [path]},
        {"name": "stopped", "enabled": False, "started": False},
        {"name": "other", "files": ["/other"], "enabled": False},
    ]
    done = run({"path": path, "content": "x"}, services=services)
    assert systemd.told == ["reload first", "restart second", "disable other"]
    assert [row["name"] for row in done["services"]] == ["first", "second", "other"]
    assert not run({"path": path, "content": "x"}, services=services)["changed"]


def test_systemd_reads_changed_units_before_they_are_used(
    run: Run, tmp_path: Path, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = "ansible_collections.virtual.datacenter.plugins.module_utils._config_files.services"
    monkeypatch.setattr(f"{services}.UNIT_FOLDERS", (str(tmp_path),))
    desired = {"path": str(tmp_path / "one.service"), "content": "x"}
    run(desired, services=[{"name": "one"}])
    assert systemd.told == ["daemon-reload", "enable one", "start one"]
    # A run that was killed before systemd read the unit.
    systemd.stale = {"one"}
    assert run(desired, services=[{"name": "one"}])["changed"]
    assert systemd.told[3:] == ["daemon-reload", "restart one"]


@pytest.mark.parametrize("moment", ["before the file", "before the restart"])
def test_a_run_that_was_killed_is_made_good(
    run: Run, tmp_path: Path, systemd: Systemd, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    systemd.units = {"ssh": ["active", "enabled"], "other": ["active", "enabled"]}
    desired = {"path": str(tmp_path / "a"), "content": "x"}
    services = [{"name": "ssh"}, {"name": "other", "files": ["/other"]}]
    assert run(desired, services=services, check=True)["services"]
    assert not pending.is_marked("ssh")

    def killed(*_: Any) -> None:
        assert pending.is_marked("ssh"), "it must be there before anything is changed"
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        target = (
            (config_files.File, "put") if "file" in moment else (config_files.Services, "apply")
        )
        patched.setattr(*target, killed)
        arguments = {"files": [desired], "services": services}
        with patch_module_args(arguments), pytest.raises(KeyboardInterrupt):
            config_files.main()
    assert systemd.told == []
    again = run(desired, services=services)
    assert again["changed"] and again["services"] == [{"name": "ssh", "actions": ["restarted"]}]
    assert systemd.told == ["restart ssh"]
    assert not run(desired, services=services)["changed"]
    assert not pending.is_marked("ssh")


def test_what_a_service_really_has_is_compared(
    run: Run, tmp_path: Path, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemd.units = {"ssh": ["active", "enabled"]}
    live = tmp_path / "live"
    desired = {"path": str(tmp_path / "a"), "content": "x"}
    service = {"name": "ssh", "on_change": "reloaded", "live_check": ["test", "-e", str(live)]}

    real = systemd.run

    def reload_loads(*argv: str) -> Answer:
        if argv[0] == "reload":
            live.touch()
        return real(*argv)

    monkeypatch.setattr(systemd, "run", reload_loads)
    assert run(desired, services=[service])["changed"]
    assert not run(desired, services=[service])["changed"]
    live.unlink()
    foreseen = run(desired, services=[service], check=True)
    assert not live.exists()
    assert foreseen["services"] == [{"name": "ssh", "actions": ["reloaded"]}]
    assert run(desired, services=[service])["services"] == foreseen["services"]
    assert systemd.told == ["reload ssh", "reload ssh"]


def test_a_service_that_was_just_started_is_given_its_time(
    run: Run, tmp_path: Path, systemd: Systemd
) -> None:
    systemd.units = {"ssh": ["active", "enabled"]}
    counted = tmp_path / "counted"
    # The third question gets a good answer.
    script = f"echo >>{counted}; [ $(wc -l <{counted}) -ge 3 ]"
    desired = {"path": str(tmp_path / "a"), "content": "x"}
    run(desired)
    services = [{"name": "ssh", "live_check": ["sh", "-c", script], "wait_seconds": 30}]
    systemd.started_at = time.monotonic()
    assert not run(desired, services=services)["changed"]
    counted.unlink()
    systemd.started_at = time.monotonic() - 31
    assert run(desired, services=services)["services"] == [
        {"name": "ssh", "actions": ["restarted"]}
    ]


def test_a_service_that_does_not_take_its_files(run: Run, tmp_path: Path, systemd: Systemd) -> None:
    systemd.units = {"ssh": ["active", "enabled"]}
    check = ["sh", "-c", "echo the port is 23; exit 3"]
    desired = {"path": str(tmp_path / "a"), "content": "x"}
    services = [{"name": "ssh", "live_check": check, "wait_seconds": 1}]
    result = run(desired, services=services, ok=False)
    assert "ssh was restarted, but within 1 s (option wait_seconds)" in result["msg"]
    assert "sh ends with 3: the port is 23" in result["msg"]
    # The next run tries again.
    assert pending.is_marked("ssh")


def test_a_service_that_systemd_refuses(run: Run, tmp_path: Path, systemd: Systemd) -> None:
    systemd.refused = "start"
    desired = {"path": str(tmp_path / "a"), "content": "x"}
    result = run(desired, services=[{"name": "ssh"}], ok=False)
    assert "ssh should be started, but systemctl start failed: Failed to start" in result["msg"]
    assert "See: journalctl --unit ssh" in result["msg"]
    assert pending.is_marked("ssh")
