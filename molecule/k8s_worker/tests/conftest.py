# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the worker share."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from test_worker import KUBECTL, machine


@pytest.fixture(scope="session")
def probe() -> Iterator[None]:
    """A pod on the worker, with the programs of busybox."""
    plane = machine("master1")
    overrides = json.dumps({"spec": {"nodeName": "node1", "terminationGracePeriodSeconds": 1}})
    plane.check_output(
        f"{KUBECTL} run probe --image=virtual.datacenter/probe:1 --restart=Never"
        f" --overrides='{overrides}'"
    )
    try:
        plane.check_output(f"{KUBECTL} wait pod/probe --for=condition=Ready --timeout=120s")
        yield
    finally:
        plane.check_output(f"{KUBECTL} delete pod probe --now")
