# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The finished data center of the end-to-end tests, made once and destroyed at the end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import datacenter
import interrupt


def destroy(state: bool = True) -> datacenter.Run:
    """Remove the machines, and the keys and secrets too if so told."""
    return datacenter.playbook(
        "destroy",
        "-e",
        f"destroy_confirm={datacenter.NAME}",
        "-e",
        f"destroy_state={str(state).lower()}",
    )


@pytest.fixture(scope="session")
def killed_and_run_again() -> Iterator[datacenter.Run]:
    """The first run is killed while control planes join; `make chaos` does it in every layer."""
    destroy()
    try:
        interrupt.kill_in_layer(6, 25)
        yield datacenter.playbook("site")
    finally:
        destroy()


@pytest.fixture(scope="session")
def finished(killed_and_run_again: datacenter.Run) -> datacenter.Run:
    return killed_and_run_again.ok()
