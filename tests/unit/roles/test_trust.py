# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH configuration of the role trust, as ssh itself reads it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from ansible.template import trust_as_template
from role_templar import role_templar

ROLE = Path(__file__).resolve().parents[3] / "roles" / "trust"
MACHINES = [{"name": "gate01"}, {"name": "cp01", "address": "10.70.2.11"}]


def settings(folder: Path, machine: str, **given: Any) -> dict[str, str]:
    """What ssh would do to reach a machine."""
    templar = role_templar(
        ROLE,
        trust_dir=str(folder),
        trust_gateway="gate01",
        trust_gateway_port=2222,
        trust_machines=MACHINES,
        trust_admin_user="ops",
        **given,
    )
    text = (ROLE / "templates" / "config.j2").read_text(encoding="utf-8")
    config = folder / "config"
    config.write_text(str(templar.template(trust_as_template(text))), encoding="utf-8")
    said = subprocess.run(
        ["ssh", "-G", "-F", config, machine], capture_output=True, text=True, check=True
    ).stdout
    return dict(line.partition(" ")[::2] for line in said.splitlines())


def test_the_gateway_is_reached_directly_and_the_others_through_it(tmp_path: Path) -> None:
    gateway = settings(tmp_path, "gate01")
    assert (gateway["hostname"], gateway["port"]) == ("127.0.0.1", "2222")
    assert "proxycommand" not in gateway and "proxyjump" not in gateway
    other = settings(tmp_path, "cp01")
    assert (other["hostname"], other["proxyjump"]) == ("10.70.2.11", "gate01")


def test_a_slow_machine_may_have_more_time_to_connect(tmp_path: Path) -> None:
    assert settings(tmp_path, "cp01")["connecttimeout"] == "10"
    assert settings(tmp_path, "cp01", trust_connect_timeout_seconds=60)["connecttimeout"] == "60"


def test_another_machine_may_lead_to_the_gateway(tmp_path: Path) -> None:
    command = "ssh -W %h:%p ops@host1.example.com"
    given = {"trust_gateway_proxy_command": command}
    assert settings(tmp_path, "gate01", **given)["proxycommand"] == command
    other = settings(tmp_path, "cp01", **given)
    assert other["proxyjump"] == "gate01" and "proxycommand" not in other
