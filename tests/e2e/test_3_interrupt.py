# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One interrupted layer; `make chaos` interrupts each of them."""

from __future__ import annotations

import conftest
import interrupt
import pytest


@pytest.mark.usefixtures("finished")
def test_a_run_killed_while_control_planes_join_converges() -> None:
    conftest.destroy().ok()
    interrupt.kill_in_layer(6, 25)
    interrupt.converges()
