# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs playbooks on the scenario's machines as Molecule does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def play(playbook: Path, *more: str) -> subprocess.CompletedProcess[str]:
    inventory = str(Path(os.environ["MOLECULE_INVENTORY_FILE"]).parent)
    config = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "ansible.cfg"
    plain = {"ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"}
    return subprocess.run(
        ["ansible-playbook", "-i", inventory, str(playbook), *more],
        env={**os.environ, **plain, "ANSIBLE_CONFIG": str(config)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def changed(layer: str, *more: str) -> str:
    """What a layer changes on the worker, as the last line of a run says it."""
    done = play(ROOT / "playbooks" / f"{layer}.yml", *more)
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("node1 "))
    return next(word for word in line.split() if word.startswith("changed="))
