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


def destroy() -> datacenter.Run:
    return datacenter.playbook(
        "destroy", "-e", f"destroy_confirm={datacenter.NAME}", "-e", "destroy_state=true"
    )


@pytest.fixture(scope="session")
def first_run() -> Iterator[datacenter.Run]:
    destroy()
    yield datacenter.playbook("site")
    destroy()


@pytest.fixture(scope="session")
def finished(first_run: datacenter.Run) -> datacenter.Run:
    return first_run.ok()
