# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL in the middle of every layer, from nothing to a verified end.

Each run begins with what the killed one before it has left, has to finish that layer, and is
killed in the next one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import datacenter
import interrupt

# Seconds after the beginning of each layer: about the middle of it.
MOMENTS = list(zip(datacenter.LAYERS, [1, 6, 10, 8, 15, 15, 40, 6, 4]))


@pytest.fixture(scope="module", autouse=True)
def nothing() -> Iterator[None]:
    datacenter.destroy().ok()
    yield
    datacenter.destroy().ok()


@pytest.mark.parametrize(("layer", "seconds"), MOMENTS)
def test_a_run_is_killed_in_this_layer(layer: str, seconds: float) -> None:
    """That it comes so far means that the layer killed before is whole."""
    output = interrupt.kill_in_layer(layer, seconds)
    assert f"Data center {datacenter.NAME} is verified." not in output


def test_the_next_run_ends_verified_and_the_one_after_it_changes_nothing() -> None:
    interrupt.converges()
    datacenter.playbook("site").unchanged()


def test_check_mode_on_the_finished_data_center_changes_nothing() -> None:
    run = datacenter.playbook("site", "--check").unchanged()
    print(f"\ncheck mode: {run.seconds:.0f} s")
