# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service or the kernel really has is compared, although every file is as desired."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from test_containerd import CRICTL, machine
from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[3]
CONVERGE = ROOT / "molecule" / "containerd" / "converge.yml"
BASE = ROOT / "playbooks" / "base.yml"


@pytest.fixture
def node() -> Host:
    return machine("runner1")


def changed(playbook: Path) -> str:
    """What a run says of runner1."""
    inventory = str(Path(os.environ["MOLECULE_INVENTORY_FILE"]).parent)
    config = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "ansible.cfg"
    plain = {"ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(
        ["ansible-playbook", "-i", inventory, str(playbook)],
        env={**os.environ, **plain, "ANSIBLE_CONFIG": str(config)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("runner1 "))
    return next(word for word in line.split() if word.startswith("changed="))


def test_a_kernel_setting_that_somebody_changed(node: Host) -> None:
    name = "net.ipv4.conf.all.rp_filter"
    node.check_output(f"sysctl --write {name}=0")
    assert changed(BASE) == "changed=1"
    assert node.check_output(f"sysctl --values {name}") == "2"
    assert changed(BASE) == "changed=0"


def test_a_runtime_that_was_started_with_another_configuration(node: Host) -> None:
    """The file is as desired again, and containerd has not read it."""
    file = "/etc/containerd/config.toml"
    node.check_output(f"cp --archive {file} /run/good.toml")
    node.check_output(f"sed -i 's/SystemdCgroup = true/SystemdCgroup = false/' {file}")
    node.check_output("systemctl restart containerd")
    node.check_output(f"cp --archive /run/good.toml {file}")
    assert '"SystemdCgroup": false' in node.check_output(f"{CRICTL} info | grep SystemdCgroup")
    assert changed(CONVERGE) == "changed=1"
    assert '"SystemdCgroup": true' in node.check_output(f"{CRICTL} info | grep SystemdCgroup")
    assert changed(CONVERGE) == "changed=0"


def test_a_service_that_somebody_stopped_and_disabled(node: Host) -> None:
    node.check_output("systemctl disable --now chrony")
    assert changed(BASE) == "changed=1"
    assert node.service("chrony").is_running and node.service("chrony").is_enabled
