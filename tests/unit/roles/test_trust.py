# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH configuration of the role trust, as ssh itself reads it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.template import trust_as_template
from role_templar import role_templar

ROLE = Path(__file__).resolve().parents[3] / "roles" / "trust"
SECOND = {"trust_second_gateway": "gate02", "trust_second_gateway_port": 12222}
MACHINES = [{"name": "gate01"}, {"name": "cp01", "address": "10.70.2.11"}]


def settings(folder: Path, machine: str, **given: Any) -> dict[str, str]:
    """What ssh would do to reach a machine."""
    templar = role_templar(
        ROLE,
        trust_dir=str(folder),
        trust_gateway="gate01",
        trust_gateway_port=2222,
        **{"trust_machines": MACHINES, "trust_admin_user": "ops", **given},
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


BOTH = [{"name": "gate01"}, {"name": "gate02"}, MACHINES[1]]


def test_each_of_two_gateways_is_reached_on_its_own_port(tmp_path: Path) -> None:
    command = "ssh -W %h:%p ops@host1.example.com"
    for given in ({}, {"trust_gateway_proxy_command": command}):
        for name, port in (("gate01", "2222"), ("gate02", "12222")):
            found = settings(tmp_path, name, trust_machines=BOTH, **SECOND, **given)
            assert (found["hostname"], found["port"]) == ("127.0.0.1", port)
            assert found["hostkeyalias"] == name
            assert found.get("proxycommand") == given.get("trust_gateway_proxy_command")
            assert "proxyjump" not in found


def test_a_connection_through_a_dead_gateway_ends_soon_where_there_is_another(
    tmp_path: Path,
) -> None:
    assert settings(tmp_path, "cp01")["serveraliveinterval"] == "15"
    found = settings(tmp_path, "cp01", trust_machines=BOTH, **SECOND)
    assert (found["serveraliveinterval"], found["serveralivecountmax"]) == ("5", "3")
    assert "proxyjump" not in found


Reach = Callable[..., tuple[list[str], str]]


@pytest.fixture
def reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reach:
    """Has the real ssh reach cp01 by its ProxyCommand, which starts an ssh that only notes it."""
    programs, calls = tmp_path / "programs", tmp_path / "calls"
    programs.mkdir()
    pretend = programs / "ssh"
    pretend.write_text(
        f'#!/bin/sh\necho "$*" >>{calls}\nfor name; do :; done\n'
        'case " $DEAD " in *" $name "*) exit 255 ;; esac\n'
        'echo "SSH-1.0-$name"\nexec cat >/dev/null\n',
        encoding="utf-8",
    )
    pretend.chmod(0o755)
    ssh = shutil.which("ssh")
    assert ssh
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")

    def connect(folder: Path, dead: str) -> tuple[list[str], str]:
        folder.mkdir(exist_ok=True)
        monkeypatch.setenv("DEAD", dead)
        settings(folder, "cp01", trust_machines=BOTH, **SECOND)
        calls.unlink()
        config = folder / "config"
        done = subprocess.run(
            [ssh, "-F", config, "-o", "ControlPath=none", "-o", "BatchMode=yes", "cp01", "true"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return calls.read_text(encoding="utf-8").splitlines(), done.stderr

    return connect


@pytest.mark.parametrize("folder", ["dc", "a;b&c", "(x)[y]{z}", "*~!", "a|b"])
def test_others_are_reached_through_either_gateway(
    tmp_path: Path, reach: Reach, folder: str
) -> None:
    state = tmp_path / folder
    first = f"-S none -F {state}/ssh/config -o ConnectTimeout=5 -W [10.70.2.11]:22 -- gate01"
    second = f"-S none -F {state}/ssh/config -W [10.70.2.11]:22 -- gate02"
    calls, said = reach(state, "")
    assert calls == [first]
    # The real ssh talks with whoever the pretended one leads to.
    assert "Protocol major versions differ" in said
    assert reach(state, "gate01")[0] == [first, second]
    calls, said = reach(state, "gate01 gate02")
    assert calls == [first, second]
    assert "Connection closed" in said


@pytest.mark.parametrize("jump", ["", "ssh -W %h:%p ops@host1.example.com"])
@pytest.mark.parametrize("gateways", [["gate01"], ["gate01", "gate02"]])
@pytest.mark.parametrize("others", [[], [MACHINES[1]]])
def test_every_play_knows_whether_the_configuration_is_of_the_gateways_of_the_plan(
    tmp_path: Path, jump: str, gateways: list[str], others: list[dict[str, str]]
) -> None:
    machines = [*({"name": name} for name in gateways), *others]
    second = SECOND if len(gateways) > 1 else {}
    settings(
        tmp_path, "gate01", trust_machines=machines, trust_gateway_proxy_command=jump, **second
    )
    role = ROLE.with_name("datacenter")
    found = yaml.safe_load((role / "vars" / "main.yml").read_text(encoding="utf-8"))
    text = (tmp_path / "config").read_text(encoding="utf-8")
    # Lookups are there only where Ansible was started as a program.
    reading = "lookup('ansible.builtin.file', __datacenter_ssh_config)"
    compared = found["__datacenter_ssh_found"].replace(reading, "written")

    def found_is_wanted(names: list[str]) -> bool:
        plan = {"gateways": names, "jump": jump, "machines": [*names, *others]}
        templar = role_templar(
            role,
            datacenter_state_dir=str(tmp_path),
            datacenter_plan=plan,
            datacenter_patience=1,
            written=text,
            __datacenter_ssh_found=trust_as_template(compared),
        )
        same = "{{ __datacenter_ssh_found | sort == __datacenter_ssh_wanted | sort }}"
        return bool(templar.template(trust_as_template(same)))

    assert found_is_wanted(gateways)
    if others:
        assert not found_is_wanted(["gate01", "gate09"])
        assert not found_is_wanted(["gate01"] if len(gateways) > 1 else ["gate01", "gate02"])
