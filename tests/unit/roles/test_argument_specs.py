# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument specs are the single source of a role's interface; the defaults repeat them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = Path(__file__).resolve().parents[3] / "roles"


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def of_machine(role: str, entry: str) -> bool:
    """Whether an entry point describes machines of an inventory, whose defaults the plan has."""
    return (role, entry) == ("datacenter", "machine")


@pytest.mark.parametrize("role", sorted(path.name for path in ROLES.iterdir()))
def test_defaults_equal_the_spec(role: str) -> None:
    specs = load(ROLES / role / "meta" / "argument_specs.yml")["argument_specs"]
    defaults = load(ROLES / role / "defaults" / "main.yml") or {}
    wanted: dict[str, Any] = {}
    for entry_name, entry in specs.items():
        for name, option in entry.get("options", {}).items():
            if of_machine(role, entry_name):
                continue
            if not option.get("required"):
                assert "default" in option, f"{name} is neither required nor has a default"
                wanted[name] = option["default"]
    assert defaults == wanted


@pytest.mark.parametrize("role", sorted(path.name for path in ROLES.iterdir()))
def test_every_option_is_named_after_its_role_and_described(role: str) -> None:
    specs = load(ROLES / role / "meta" / "argument_specs.yml")["argument_specs"]
    for entry_name, entry in specs.items():
        assert entry["short_description"]
        for name, option in entry.get("options", {}).items():
            # What all providers share is named after the contract, see test_providers.py.
            shared = role.startswith("provider_") and name.startswith("provider_")
            prefix = "machine" if of_machine(role, entry_name) else role
            assert name.startswith(f"{prefix}_") or shared
            assert option["description"]


@pytest.mark.parametrize("role", sorted(path.name for path in ROLES.iterdir()))
def test_a_role_has_a_readme_and_galaxy_data(role: str) -> None:
    assert (ROLES / role / "README.md").read_text(encoding="utf-8").startswith(f"# {role}\n")
    assert load(ROLES / role / "meta" / "main.yml")["galaxy_info"]["license"] == "GPL-3.0-or-later"
