# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs playbooks against the emulated machine of the nightly tests."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
ANSIBLE = Path(sys.executable).with_name("ansible-playbook")


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_TIMEOUT": "60",
    }


def run_here(playbook: Path, *options: str | Path, **variables: Any) -> str:
    """Runs a playbook on this machine; gives what it said."""
    done = subprocess.run(
        [ANSIBLE, *options, playbook, "-e", json.dumps(variables)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def make_image(**variables: Any) -> Path:
    """The disk (VDI) of an image made on this machine, once for the same inputs."""
    inventory = ROOT / "inventories/lab"
    said = run_here(ROOT / "playbooks/base_image_here.yml", "-i", inventory, **variables)
    found = re.search(r"The image is (\S+[.]vdi)[.]", said)
    assert found, said
    return Path(found[1])


def run(ssh: Path, playbook: Path, **variables: Any) -> dict[str, int]:
    """Runs a playbook with the machine as VirtualBox host; gives the counts of its recap."""
    host = {
        "ansible_ssh_common_args": f"-F {ssh}",
        "ansible_python_interpreter": "/usr/bin/python3",
        **variables,
    }
    inventory = ssh.with_name("inventory.json")
    groups = {"machine_hosts": {"hosts": {"vboxhost": host}}}
    inventory.write_text(json.dumps({"all": {"children": groups}}), encoding="utf-8")
    began = time.monotonic()
    # In a file, so that a person can follow what takes hours.
    log = ssh.with_name(f"{playbook.stem}.log")
    with log.open("w", encoding="utf-8") as output:
        done = subprocess.run(
            [ANSIBLE, "-i", inventory, playbook],
            env=environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    said = log.read_text(encoding="utf-8")
    print(said[-20000:])
    assert done.returncode == 0, said
    print(f"nightly: {playbook.name} took {time.monotonic() - began:.0f} s")
    recap = re.search(r"^vboxhost .*$", said, re.MULTILINE)
    assert recap
    return {
        name: int(number)
        for name, number in re.findall(r"(ok|changed|failed|skipped)=(\d+)", recap[0])
    }
