# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the loopback ports of the host of the machines, as ssh itself reads it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.jump import jump_command

from inventories import changed

OTHER = {"ansible_connection": "ssh", "ansible_host": "host1.example.com"}


@pytest.mark.parametrize("connection", ["local", "ansible.builtin.local"])
def test_the_controller_itself_needs_no_way(connection: str) -> None:
    assert jump_command("workstation", {"ansible_connection": connection}) == ""


@pytest.mark.parametrize(
    ("variables", "command"),
    [
        ({}, "ssh -o BatchMode=yes workstation -W %h:%p"),
        (OTHER, "ssh -o BatchMode=yes host1.example.com -W %h:%p"),
        (
            {**OTHER, "ansible_user": "ops", "ansible_port": 2022},
            "ssh -o BatchMode=yes -p 2022 -l ops host1.example.com -W %h:%p",
        ),
        (
            {**OTHER, "ansible_ssh_private_key_file": "/my keys/id"},
            "ssh -o BatchMode=yes -i '/my keys/id' host1.example.com -W %h:%p",
        ),
        (
            {**OTHER, "ansible_ssh_common_args": '-o ProxyCommand="ssh -W %h:%p ops@jump"'},
            'ssh -o BatchMode=yes -o ProxyCommand="ssh -W %%h:%%p ops@jump" host1.example.com'
            " -W %h:%p",
        ),
    ],
)
def test_the_way_is_the_one_that_ansible_takes(variables: dict[str, Any], command: str) -> None:
    assert jump_command("workstation", variables) == command


def test_ssh_understands_it(tmp_path: Path) -> None:
    """What the shell of the outer ssh makes of the command is written into a file."""
    words = tmp_path / "words"
    given = {**OTHER, "ansible_ssh_common_args": "-o ControlPath=/run/%%n", "ansible_user": "ops"}
    command = jump_command("workstation", given).replace("ssh ", "printf '%%s\\n' ", 1)
    config = tmp_path / "config"
    config.write_text(
        f"Host gate01\n  HostName 127.0.0.1\n  Port 2222\n  ProxyCommand {command} | tee {words}\n"
    )
    subprocess.run(["ssh", "-F", config, "gate01"], capture_output=True, check=False)
    assert words.read_text().splitlines() == [
        *("-o", "BatchMode=yes", "-l", "ops", "-o", "ControlPath=/run/%%n"),
        *("host1.example.com", "-W", "127.0.0.1:2222"),
    ]


def test_the_plan_has_what_the_inventory_says_or_what_follows_from_it() -> None:
    def jump(**options: str) -> str:
        inventory = changed({"all": options} if options else {})
        inventory.hosts["workstation"].update(OTHER)
        return str(inventory.check()["plan"]["jump"])

    assert jump() == "ssh -o BatchMode=yes host1.example.com -W %h:%p"
    assert jump(datacenter_ssh_proxy_command="nc -X connect %h %p") == "nc -X connect %h %p"
    assert changed({}).check()["plan"]["jump"] == ""
