# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter within_subnets."""

from __future__ import annotations

from ansible_collections.virtual.datacenter.plugins.filter.within_subnets import (
    FilterModule,
    within_subnets,
)


def test_only_what_lies_inside() -> None:
    addresses = ["10.96.0.5", "10.111.0.1", "fd00::1", "localhost", "", "10.96.255.255"]
    assert within_subnets(addresses, ["10.96.0.0/16"]) == ["10.96.0.5", "10.96.255.255"]
    assert within_subnets(addresses, ["10.96.0.0/12", "fd00::/8"]) == [
        "10.96.0.5",
        "10.111.0.1",
        "fd00::1",
        "10.96.255.255",
    ]
    assert within_subnets(addresses, []) == []


def test_it_is_a_filter() -> None:
    assert FilterModule().filters()["within_subnets"] is within_subnets
