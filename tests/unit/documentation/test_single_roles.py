# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenarios of the single roles give them what a user without our inventory would give."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import documented
import pytest
import yaml
from test_examples import SINGLE_ROLES

OURS = re.compile(
    r"datacenter_\w+|machine_\w+|\w*plan\b|virtual\.datacenter\.datacenter\b|hostvars"
)
OUR_GROUPS = {
    "machines",
    "machine_hosts",
    "gateway",
    "load_balancer",
    "control_plane",
    "worker",
    "kubernetes",
}


def plays(path: Path) -> Iterator[dict[str, Any]]:
    """The plays of a playbook and of those that it imports."""
    for play in yaml.safe_load(path.read_text("utf-8")):
        imported = play.get("ansible.builtin.import_playbook")
        if imported:
            yield from plays((path.parent / imported).resolve())
        else:
            yield play


def role_plays(path: Path, role: str) -> list[dict[str, Any]]:
    return [play for play in plays(path) if role in [use.name for use in documented.uses([play])]]


def foreign(play: dict[str, Any]) -> list[str]:
    """What a play has from an inventory of ours."""
    text = yaml.safe_dump({**play, "name": ""}, width=10**6)
    groups = OUR_GROUPS & set(re.split(r"[:,!&]", play["hosts"]))
    return sorted({*groups, *OURS.findall(text)})


def options(play: dict[str, Any], role: str) -> dict[str, Any]:
    (use,) = (use for use in documented.uses([play]) if use.name == role)
    return use.options


@pytest.mark.parametrize("role", SINGLE_ROLES)
def test_a_single_role_is_tested_without_our_inventory(role: str) -> None:
    found = role_plays(documented.ROOT / "molecule" / role / "converge.yml", role)
    assert found
    for play in found:
        assert foreign(play) == []


@pytest.mark.parametrize("role", [role for role in SINGLE_ROLES if role != "base_lvm"])
def test_a_scenario_gives_at_least_the_options_of_the_example(role: str) -> None:
    (example,) = plays(documented.ROOT / "examples" / "single_role" / f"{role}.yml")
    for play in role_plays(documented.ROOT / "molecule" / role / "converge.yml", role):
        assert play["hosts"] == example["hosts"]
        assert set(options(example, role)) <= set(options(play, role))


@pytest.mark.parametrize(
    ("play", "wrong"),
    [
        ("{hosts: worker, roles: []}", ["worker"]),
        ("{hosts: 'nodes:!gateway', roles: []}", ["gateway"]),
        ("{hosts: nodes, vars: {a: '{{ datacenter_plan.gateway }}'}}", ["datacenter_plan"]),
        ("{hosts: nodes, vars: {a: '{{ machine_address }}'}}", ["machine_address"]),
        ("{hosts: nodes, vars: {a: '{{ provider_plan }}'}}", ["provider_plan"]),
        (
            "{hosts: nodes, roles: [{role: virtual.datacenter.datacenter}]}",
            ["virtual.datacenter.datacenter"],
        ),
        ("{hosts: nodes, roles: [{role: virtual.datacenter.k8s_worker}]}", []),
    ],
)
def test_what_is_ours_is_found(play: str, wrong: list[str]) -> None:
    assert foreign(yaml.safe_load(play)) == wrong
