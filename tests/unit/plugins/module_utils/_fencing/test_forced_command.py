# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the forced command of fencing answers, and that it answers nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._fencing import (
    forced_command,
    request,
)
from hypothesis import given
from hypothesis import strategies as st

MACHINES = ["lb01", "lb02"]


class Power:
    """Machines of a test. Notes what was done."""

    def __init__(self, on: str = "lb01 lb02", kept_off: str = "") -> None:
        self.on = on.split()
        self.kept_off = kept_off.split()
        self.done: list[str] = []

    def is_on(self, machine: str) -> bool:
        return machine in self.on

    def is_to_stay_off(self, machine: str) -> bool:
        return machine in self.kept_off

    def cut(self, machine: str) -> None:
        self.done.append(f"cut {machine}")
        self.on.remove(machine)

    def start(self, machine: str) -> None:
        self.done.append(f"start {machine}")
        self.on.append(machine)


@pytest.mark.parametrize("action", ["status", "on", "off", "reboot"])
def test_the_power_of_the_named_machines_may_be_asked_for(action: str) -> None:
    assert request.parse(f"{action} lb02", MACHINES) == request.Request(action, "lb02")
    assert request.parse("list", MACHINES) == request.Request("list")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "off",
        "off ",
        "off gate01",
        "off lb01; rm -rf /",
        "off lb01\nrm -rf /",
        "off lb01\n",
        "\noff lb01",
        "off lb01 lb02",
        "off  lb01",
        "off\tlb01",
        "off 'lb01'",
        'off "lb01"',
        "off $(id)",
        "off `id`",
        "off lb0?",
        "off ../lb01",
        "off --force",
        "OFF lb01",
        "list; id",
        "list lb01",
        "VBoxManage controlvm lb01 poweroff",
        "/usr/lib/openssh/sftp-server",
        "off lb01\x00",
        "off lb\u0661",
    ],
)
def test_anything_else_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(TaskError) as refused:
        request.parse(text, MACHINES)
    assert refused.value.error_code == "REFUSED"
    said = str(refused.value)
    assert "\n" not in said and said.isprintable()
    assert "with one of lb01, lb02; found " in said


@given(st.text(max_size=200))
def test_no_text_leads_past_the_named_machines(text: str) -> None:
    try:
        found = request.parse(text, MACHINES)
    except TaskError as refused:
        assert len(str(refused)) < 1000
    else:
        assert text in {"list", f"{found.action} {found.machine}"}
        assert found.machine in {"", *MACHINES}


def answered(text: str, power: Power) -> tuple[str, str]:
    return forced_command.answer(request.parse(text, MACHINES), MACHINES, power)


def test_a_machine_that_was_cut_off_is_started_again() -> None:
    power = Power()
    assert answered("reboot lb02", power) == ("off", "lb02")
    assert power.done == ["cut lb02"]


def test_a_machine_that_was_off_already_stays_off() -> None:
    power = Power(on="lb01")
    assert answered("reboot lb02", power) == ("off", "")
    assert power.done == []


def test_a_machine_that_somebody_is_stopping_is_cut_off_and_stays_off() -> None:
    power = Power(kept_off="lb02")
    assert answered("reboot lb02", power) == ("off", "")
    assert power.done == ["cut lb02"]


def test_off_on_status_and_list() -> None:
    power = Power()
    assert answered("off lb01", power) == ("off", "")
    assert answered("status lb01", power) == ("off", "")
    assert answered("status lb02", power) == ("on", "")
    assert answered("on lb01", power) == ("on", "")
    assert answered("on lb01", power) == ("on", "")
    assert answered("list", power) == ("lb01\nlb02", "")
    assert power.done == ["cut lb01", "start lb01"]


def run(text: str, power: Power, log: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("SSH_ORIGINAL_COMMAND", text)
    monkeypatch.setenv("SSH_CONNECTION", "10.0.2.15 40000 10.0.2.2 22")
    return forced_command.main(MACHINES, power, str(log))


def test_who_was_cut_off_and_who_asked_is_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "fencing.log"
    assert run("off lb02", Power(), log, monkeypatch) == 0
    assert capsys.readouterr().out == "off\n"
    assert run("off gate01", Power(), log, monkeypatch) == 1
    assert "found 'off gate01'" in capsys.readouterr().err
    assert run("status lb02", Power(), log, monkeypatch) == 0
    lines = [line.partition(" ")[2] for line in log.read_text().splitlines()]
    assert len(lines) == 2
    assert lines[0] == "10.0.2.15: off lb02: it is off"
    assert lines[1].startswith("10.0.2.15: This key allows list, and ")


class Stuck(Power):
    """A machine whose processes do not end."""

    def cut(self, machine: str) -> None:
        raise TaskError(f"Processes of {machine} do not end.")


def test_a_machine_that_is_not_off_is_not_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("reboot lb02", Stuck(), tmp_path / "log", monkeypatch) == 1
    assert capsys.readouterr().out == ""


def test_the_start_comes_after_the_answer_and_outlives_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Marking(Power):
        def start(self, machine: str) -> None:
            os.rename(tmp_path / "off", tmp_path / f"started {machine}")
            os._exit(0)

    (tmp_path / "off").touch()
    assert run("reboot lb02", Marking(), tmp_path / "log", monkeypatch) == 0
    assert os.wait()[1] == 0
    assert (tmp_path / "started lb02").exists()
    assert "reboot lb02: it is off, and is started again" in (tmp_path / "log").read_text()
