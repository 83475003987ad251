# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole chain on VirtualBox with its kernel driver, as far as it gets, run after run.

NIGHTLY_CHAIN_SECONDS is the budget of this run. A layer that was not reached in it is skipped, and
says so; one that failed is a failure.
"""

from __future__ import annotations

import os

import chain
import chain_run
import pytest


@pytest.fixture(scope="module")
def report() -> chain.Report:
    return chain_run.run(float(os.environ.get("NIGHTLY_CHAIN_SECONDS") or 7200))


@pytest.mark.parametrize("name", [layer.name for layer in chain.LAYERS])
def test_a_layer_is_reached(report: chain.Report, name: str) -> None:
    row = report.rows[name]
    if not row.reached and (not row.runs or row.stopped_by == chain_run.OVER):
        pytest.skip(f"not reached: {row.stopped_by or 'no run has come to it'}")
    assert row.reached, row.stopped_by
