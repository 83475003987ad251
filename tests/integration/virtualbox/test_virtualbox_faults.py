# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of ten VMs, killed at random moments: the next run converges and nothing is orphaned."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from test_virtualbox_vm import base, disk  # noqa: F401
from world import ROUNDS

ROOT = Path(__file__).resolve().parents[3]
PLAYBOOK = Path(__file__).resolve().with_name("ten_vms.yml")
NAMES = [f"vm{number}" for number in range(10)]
# About what an undisturbed run takes; the moments are spread over it.
LENGTH_SECONDS = 12.0


def start(world) -> subprocess.Popen:
    """The playbook, as a person would run it."""
    return subprocess.Popen(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            f"--inventory={','.join(NAMES)},",
            f"--extra-vars=folder={world.vms} ansible_python_interpreter={sys.executable}",
            "--forks=5",
            str(PLAYBOOK),
        ],
        cwd=ROOT,
        env={
            **world.environment,
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(world) -> dict[str, int]:
    """The playbook to its end; it has to succeed. How many changes each host had."""
    process = start(world)
    text, _none = process.communicate(timeout=600)
    assert process.returncode == 0, text
    return {
        host: int(changed) for host, changed in re.findall(r"(?m)^(vm\d) +: .*?changed=(\d+)", text)
    }


def converges(world) -> None:
    """The next run finishes the work, the one after it has none, and nothing else is there."""
    run(world)
    assert run(world) == dict.fromkeys(NAMES, 0)
    assert world.names() == sorted(f'"{name}"' for name in ["base", *NAMES])
    assert sorted(os.listdir(world.vms)) == ["base.vdi", "lab"]
    assert sorted(os.listdir(world.vms / "lab")) == ["base", *NAMES]
    # The disk, what the base VM changes on it, and what each clone does.
    assert world.vbox("list", "hdds").count("Location:") == 2 + len(NAMES)
    images = list((world.vms / "lab").rglob("*.vdi"))
    assert len(images) == 1 + len(NAMES)


@pytest.fixture
def moment(request) -> float:
    """A moment that is told, so that a failure can be looked at again."""
    found = random.uniform(0.5, LENGTH_SECONDS)
    print(f"killed after {found:.2f} s")
    return found


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_the_service_is_killed(world, base, moment, _round):  # noqa: F811
    process = start(world)
    time.sleep(moment)
    world.kill("VBoxSVC")
    process.communicate(timeout=600)
    converges(world)


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_ansible_is_killed(world, base, moment, _round):  # noqa: F811
    process = start(world)
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    converges(world)


def test_sixteen_processes_at_once(world, base):  # noqa: F811
    """Half of them want the same VM; nobody may fail for another's sake."""

    def options(number: int) -> dict:
        name = f"vm{number}" if number < 8 else "shared"
        return {
            "name": name,
            "folder": str(world.vms),
            "groups": ["/lab"],
            "managed_by": "lab",
            "clone_from": "base",
            "clone_snapshot": "base",
            "cpus": 2,
            "extra_data": {f"lab/{number}": str(number)},
        }

    started = [world.start("virtualbox_vm", **options(number)) for number in range(16)]
    results = [world.finish(process) for process in started]
    failed = [result for result in results if result.get("failed")]
    assert not failed, failed
    shared = world.run("virtualbox_vm", name="shared")["vm"]
    assert shared["extra_data"] == {f"lab/{number}": str(number) for number in range(8, 16)}
    assert sorted(os.listdir(world.vms / "lab")) == [
        "base",
        "shared",
        *(f"vm{number}" for number in range(8)),
    ]
