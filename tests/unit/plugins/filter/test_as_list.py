# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A list that was given as text is the list that the text means."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.virtual.datacenter.plugins.filter.as_list import as_list


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["a", "b"], ["a", "b"]),
        (("a", "b"), ["a", "b"]),
        ([{"name": "edge"}], [{"name": "edge"}]),
        ("9.9.9.9", ["9.9.9.9"]),
        (" a , b,c ", ["a", "b", "c"]),
        ('["a", "b, c"]', ["a", "b, c"]),
        ("['a', 'b']", ["a", "b"]),
        ('[{"name": "edge", "reaches": []}]', [{"name": "edge", "reaches": []}]),
        ("[]", []),
        ("", []),
        ("  ", []),
        (8080, ["8080"]),
    ],
)
def test_what_it_means(given: Any, wanted: list[Any]) -> None:
    assert as_list(given) == wanted


@pytest.mark.parametrize("given", ["[a, b", "[1", {"a": 1}, None])
def test_what_is_no_list_is_refused(given: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="A list is wanted, found"):
        as_list(given)
