# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL in the middle of every layer, each time from nothing; the next run finishes the work."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import datacenter
import interrupt

# Layer, and seconds after its beginning: about the middle of it.
MOMENTS = [(0, 1), (1, 6), (2, 10), (3, 8), (4, 15), (5, 15), (6, 40), (7, 6), (8, 4)]


def destroy() -> None:
    datacenter.playbook(
        "destroy", "-e", f"destroy_confirm={datacenter.NAME}", "-e", "destroy_state=true"
    ).ok()


@pytest.mark.parametrize(("layer", "seconds"), MOMENTS)
def test_a_run_killed_in_this_layer_converges(layer: int, seconds: float) -> None:
    destroy()
    try:
        interrupt.kill_in_layer(layer, seconds)
        interrupt.converges()
    finally:
        destroy()
