# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a class sees, and a power cut of everything: afterwards the data center is as before."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
import datacenter

GAP = re.compile(r"(\d+) of (\d+) questions were not answered, the longest gap was (\d+) ms")


@pytest.fixture(scope="module", autouse=True)
def finished() -> Iterator[None]:
    datacenter.destroy().ok()
    datacenter.playbook("site").ok()
    yield
    datacenter.destroy().ok()


def test_the_demo_needs_the_name_of_the_data_center() -> None:
    refused = datacenter.playbook("demo_failover")
    assert refused.code != 0
    assert "Nothing was done. Add -e demo_confirm=" in refused.output
    datacenter.playbook("verify").unchanged()


def test_the_demo_breaks_measures_and_mends() -> None:
    shown = datacenter.playbook("demo_failover", "-e", f"demo_confirm={datacenter.NAME}").ok()
    told = shown.output.split("TASK [What happened]", 1)[1]
    gaps = [tuple(map(int, gap)) for gap in GAP.findall(told)]
    assert len(gaps) == 4
    for lost, asked, longest_ms in gaps:
        assert asked >= 150 and lost < asked / 2, told
        assert longest_ms >= 100 * (lost > 1)
    print(f"\n{told}")
    datacenter.playbook("verify").unchanged()


def test_everything_comes_back_after_a_power_cut_of_all() -> None:
    datacenter.playbook("stop", "-e", "stop_power_cut=true").ok()
    back = datacenter.playbook("start").ok()
    print(f"\nback after {back.seconds:.0f} s")
    datacenter.playbook("site").unchanged()
