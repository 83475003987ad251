# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit that starts the machines."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from role_templar import role_templar, trusted

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "roles" / "autostart"


def unit(**given: Any) -> str:
    text = (ROLE / "templates/virtual-datacenter.service.j2").read_text(encoding="utf-8")
    templar = role_templar(ROLE, autostart_datacenter="lab", **given)
    return str(templar.template(trusted(text), escape_backslashes=False))


def verify(tmp_path: Path, text: str) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not here")
    file = tmp_path / "virtual-datacenter-lab.service"
    file.write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    # What is said of other units of this machine is not about this one.
    assert "virtual-datacenter" not in done.stderr, done.stderr


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    folder = tmp_path / "VirtualBox VMs"
    folder.mkdir()
    program = folder / 'a "b" %n $HOME.sh'
    program.write_text("exit 0\n", encoding="utf-8")
    text = unit(
        autostart_program=["/bin/sh", str(program)],
        autostart_user="root",
        autostart_environment={"VBOX_USER_HOME": "/srv/a b", "VBOX_IPC_SOCKETID": "100%"},
        autostart_folder=str(folder),
        autostart_after=["vboxdrv.service"],
    )
    verify(tmp_path, text)
    lines = text.splitlines()
    assert lines[0].startswith("# Made by virtual.datacenter for the data center lab")
    assert "After=network-online.target vboxdrv.service" in lines
    assert 'Environment="VBOX_USER_HOME=/srv/a b"' in lines
    assert 'Environment="VBOX_IPC_SOCKETID=100%%"' in lines
    assert "User=root" in lines and "KillMode=process" in lines
    (start,) = [line for line in lines if line.startswith("ExecStart=")]
    assert start.endswith('a \\"b\\" %%n $$HOME.sh" "start"')
    assert any(line.startswith("ExecStop=") for line in lines)


@pytest.mark.parametrize("user", ["root", "www-data"])
def test_systemd_takes_the_unit_of_a_server(tmp_path: Path, user: str) -> None:
    text = unit(
        autostart_program=["/bin/sleep", "-D", f"{tmp_path}/VirtualBox VMs/sshd_config"],
        autostart_user=user,
        autostart_server=True,
        autostart_suffix=".fencing",
        autostart_description="Server for fencing of the data center lab",
        autostart_runtime_folder="sshd" if user == "root" else "",
        autostart_folder=str(tmp_path),
    )
    verify(tmp_path, text)
    lines = text.splitlines()
    assert lines[0].startswith("# Made by virtual.datacenter for the data center lab")
    assert {"Type=exec", "Restart=always", "KillMode=process", f"User={user}"} <= set(lines)
    assert ("RuntimeDirectory=sshd" in lines) is (user == "root")
    assert not any(line.startswith(("ExecStop=", "RemainAfterExit=")) for line in lines)
    (start,) = [line for line in lines if line.startswith("ExecStart=")]
    assert start.endswith('VMs/sshd_config"')
