# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values given by -e are text, and mean what they say: an option is used as its type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import option_uses
import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from role_templar import role_templar, trusted

ROLES = sorted(path for path in (option_uses.ROOT / "roles").iterdir())
ALL_OPTIONS = {name: kind for role in ROLES for name, kind in option_uses.options(role).items()}
# What makes of text a value of the type. A whole number that is printed is the same as its text.
THROUGH = {
    "bool": {"bool"},
    "int": {"int", "output"},
    "list": {"virtual.datacenter.as_list"},
}
# Text and what it means.
FORMS: dict[str, list[tuple[str, Any]]] = {
    "bool": [("true", True), ("yes", True), ("false", False), ("no", False), ("0", False)],
    "int": [("1500", 1500), ("0", 0)],
    "list": [
        ("a", ["a"]),
        ("a, b", ["a", "b"]),
        (json.dumps(["a", "b"]), ["a", "b"]),
        ("", []),
        ("[]", []),
    ],
}


def bare(uses: list[option_uses.Use]) -> list[str]:
    return [
        f"{use.name} ({ALL_OPTIONS[use.name]}) in {use.place}"
        for use in uses
        if use.through not in THROUGH[ALL_OPTIONS[use.name]]
    ]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_use_in_a_role_takes_the_option_as_its_type(role: Path) -> None:
    uses = option_uses.uses(option_uses.files_of(role), ALL_OPTIONS)
    assert bare(uses) == []


def test_every_use_in_a_playbook_takes_the_option_as_its_type() -> None:
    uses = option_uses.uses(option_uses.files_of_playbooks(), ALL_OPTIONS)
    assert bare(uses) == []


@pytest.mark.parametrize("kind", option_uses.TYPES)
def test_each_way_gives_the_same_for_text_and_for_the_value(kind: str) -> None:
    role = option_uses.ROOT / "roles" / "datacenter"
    for text, value in FORMS[kind]:
        for way in THROUGH[kind]:
            expression = "{{ given }}|" if way == "output" else "{{ given | " + way + " }}"
            given = [
                role_templar(role, given=form).template(trusted(expression))
                for form in (text, value)
            ]
            assert given[0] == given[1]
            if way != "output":
                assert given[0] == value


@pytest.mark.parametrize(
    ("kind", "text"), [("bool", "yep"), ("int", "many"), ("int", "1.5"), ("bool", "2")]
)
def test_what_cannot_be_read_is_refused_by_the_specification(kind: str, text: str) -> None:
    result = ArgumentSpecValidator({"given": {"type": kind}}).validate({"given": text})
    assert len(result.error_messages) == 1


def test_the_rule_finds_what_it_is_for() -> None:
    names = {"on": "bool", "number": "int", "some": "list"}
    found = {}
    for text in (
        "{{ 1 if on else 2 }}",
        "{{ on | bool and true }}",
        "{{ number }} s",
        "{{ number / 2 }}",
        "{% for item in some %}{% endfor %}",
        "{{ some | virtual.datacenter.as_list | join }}",
    ):
        found[text] = [use.through for use in option_uses.uses_in("here", text, names)]
    assert list(found.values()) == [
        [""],
        ["bool"],
        ["output"],
        [""],
        [""],
        ["virtual.datacenter.as_list"],
    ]
