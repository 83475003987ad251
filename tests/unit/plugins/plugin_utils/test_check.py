# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What preflight says of inventories: the cases are data in the two YAML files beside this one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inventories import ROOT, SPECIFICATION, Inventory, changed, load

HERE = Path(__file__).parent
WRONG = load(HERE / "wrong_inventories.yml")
RIGHT = load(HERE / "right_inventories.yml")


def test_the_cases_are_many_and_each_has_a_name() -> None:
    names = [case["case"] for case in WRONG + RIGHT]
    assert len(WRONG) >= 300
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case["case"])
def test_what_is_wrong_gets_these_sentences(case: dict[str, Any]) -> None:
    assert changed(case).check()["problems"] == case["says"]


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case["case"])
def test_a_sentence_is_one_line_and_says_what_to_change(case: dict[str, Any]) -> None:
    for sentence in case["says"]:
        assert sentence.isprintable()
        assert len(sentence) < 400
        assert ": " in sentence
        assert " Change " in sentence


@pytest.mark.parametrize("case", RIGHT, ids=lambda case: case["case"])
def test_a_right_inventory_is_not_refused(case: dict[str, Any]) -> None:
    found = changed(case).check()
    assert found["problems"] == []
    assert set(found["plan"]["machines"]) == set(changed(case).groups["machines"])


def test_every_variable_of_a_role_may_be_in_an_inventory() -> None:
    """Roles whose names begin as the variables of machines do have variables of their own."""
    inventory = Inventory()
    for path in (ROOT / "roles").glob("*/meta/argument_specs.yml"):
        for entry in load(path)["argument_specs"].values():
            for name, option in entry.get("options", {}).items():
                if name not in SPECIFICATION["machine"]["options"]:
                    inventory.options.setdefault(name, option.get("default"))
    assert [line for line in inventory.check()["problems"] if " is none" in line] == []


def test_what_many_machines_have_wrong_is_said_once() -> None:
    inventory = changed({"all": {"machine_colour": "red"}})
    (problem,) = inventory.check()["problems"]
    assert "workstation, gate01, lb01 and 6 more" in problem
