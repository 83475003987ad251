# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The power of VMs as fencing asks for it, on recorded answers; what is noted of a stop."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.fencing import power
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import model
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    power as vm_power,
)

UUID = "22222222-2222-4222-8222-222222222222"
INFO = ("showvminfo", UUID, "--machinereadable")
HOME = """<VirtualBox xmlns="http://www.virtualbox.org/"><Global><MachineRegistry>
<MachineEntry uuid="{%s}" src="gate01.vbox"/></MachineRegistry></Global></VirtualBox>"""


@pytest.fixture
def settings(tmp_path, monkeypatch, recorded) -> Path:
    """The settings file of the only VM: gate01, of the data center lab."""
    monkeypatch.setenv("VBOX_USER_HOME", str(tmp_path))
    (tmp_path / "VirtualBox.xml").write_text(HOME % UUID, encoding="utf-8")
    path = tmp_path / "gate01.vbox"
    path.write_text(recorded("settings_clone"), encoding="utf-8")
    return path


@pytest.fixture
def shown(recorded):
    """What showvminfo says of that VM in a state of the recorded one."""
    text = recorded("showvminfo_clone")

    def made(state: str) -> str:
        return text.replace('VMState="poweroff"', f'VMState="{state}"')

    return made


@pytest.fixture
def pids(monkeypatch) -> list[int]:
    """Its processes; none at first."""
    found: list[int] = []
    monkeypatch.setattr(power, "running", lambda uuid: list(found) if uuid == UUID else [])
    return found


def of(script, datacenter: str = "lab", vm_prefix: str = "") -> power.VirtualBoxPower:
    return power.VirtualBoxPower(script.client(), datacenter, vm_prefix)


def test_a_vm_with_a_process_is_on_and_virtualbox_is_not_asked(script, settings, pids):
    pids.append(1)
    assert of(script).is_on("gate01")
    assert of(script, vm_prefix="gate").is_on("01")


@pytest.mark.parametrize(
    "state,on",
    [("poweroff", False), ("aborted", False), ("saved", False), ("starting", True)],
)
def test_a_vm_without_a_process(script, settings, pids, shown, state, on):
    script.expect(*INFO, out=shown(state))
    assert of(script).is_on("gate01") is on


@pytest.mark.parametrize("change", ["", "virtual.datacenter/managed-by", "gone"])
def test_a_vm_that_is_not_ours_is_refused(script, settings, pids, change):
    """It has another mark, none, or no settings file; nothing is called."""
    datacenter = "lab" if change else "other"
    if change == "gone":
        settings.unlink()
        script.expect("list", "vms", out="")
    elif change:
        settings.write_text(settings.read_text(encoding="utf-8").replace(change, "x"))
    asked = of(script, datacenter)
    for question in (asked.is_on, asked.cut, asked.start, asked.is_to_stay_off):
        with pytest.raises(TaskError, match="There is no VM gate01 of the data center"):
            question("gate01")
        if change == "gone":
            script.expect("list", "vms", out="")
    script.steps.clear()


def test_cut_and_start(script, settings, pids, shown, recorded_error):
    script.expect("controlvm", UUID, "poweroff")
    script.expect(*INFO, out=shown("poweroff")).expect(*INFO, out=shown("poweroff"))
    of(script).cut("gate01")
    # It has gone off by itself in this moment.
    error = recorded_error("not_running")
    script.expect("controlvm", UUID, "poweroff", rc=error.rc, err=error.stderr)
    script.expect(*INFO, out=shown("poweroff")).expect(*INFO, out=shown("poweroff"))
    of(script).cut("gate01")
    script.expect("startvm", UUID, "--type", "headless").expect(*INFO, out=shown("running"))
    of(script).start("gate01")


def test_a_process_that_hangs_is_ended(script, settings, pids, shown, monkeypatch):
    pids.append(4711)
    killed: list[int] = []

    def kill(pid: int, _signal: int) -> None:
        killed.append(pid)
        pids.clear()

    monkeypatch.setattr(power.os, "kill", kill)
    monkeypatch.setattr(power.processes, "wait_gone", lambda found, _seconds: found)
    script.expect("controlvm", UUID, "poweroff", hang=True).expect(*INFO, out=shown("aborted"))
    of(script).cut("gate01")
    assert killed == [4711]


def test_one_that_does_not_go_off_is_no_success(script, settings, pids, shown, monkeypatch):
    monkeypatch.setattr(power.processes, "wait_gone", lambda found, _seconds: [])
    pids.append(4711)
    script.expect("controlvm", UUID, "poweroff", hang=True)
    with pytest.raises(TaskError, match="does not go off"):
        of(script).cut("gate01")


def test_a_stop_is_noted_and_forgotten_by_itself(script, settings):
    item = '<ExtraDataItem name="virtual.datacenter/managed-by" value="lab"/>'
    text = settings.read_text(encoding="utf-8")

    def noted(value: str) -> bool:
        note = f'<ExtraDataItem name="{model.STOPPING}" value="{value}"/>'
        settings.write_text(text.replace(item, item + note), encoding="utf-8")
        return of(script).is_to_stay_off("gate01")

    assert noted(str(int(time.time()) + 30))
    assert not noted(str(int(time.time()) - 30)) and not noted("soon")
    settings.write_text(text, encoding="utf-8")
    assert not of(script).is_to_stay_off("gate01")


def test_who_stops_a_vm_notes_until_when(script, monkeypatch):
    monkeypatch.setattr(vm_power.time, "time", lambda: 1000.2)
    script.expect("setextradata", UUID, model.STOPPING, "1121")
    vm_power.note_stopping(script.client(), UUID, 60)
