# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every provider keeps the contract of docs/providers.md: entry points, variables, their types."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
PROVIDERS = sorted(path for path in (ROOT / "roles").glob("provider_*"))
names = pytest.mark.parametrize("role", PROVIDERS, ids=lambda role: role.name)


def rows(heading: str) -> dict[str, str]:
    """First and last cell of each row of the table below a heading of the page."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    cells = [line.strip("| ").split(" | ") for line in section.splitlines() if "|" in line]
    return {row[0].strip("`"): row[-1] for row in cells if row[0].startswith("`")}


ENTRY_POINTS = sorted(rows("Entry points"))
VARIABLES = {name: sorted(entries.split(", ")) for name, entries in rows("Variables").items()}


def specs(role: Path) -> dict[str, Any]:
    text = (role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    return {
        name: entry["options"] for name, entry in yaml.safe_load(text)["argument_specs"].items()
    }


def shared(role: Path) -> dict[str, dict[str, Any]]:
    """Variable to its specification for each entry point, without those of the provider alone."""
    found: dict[str, dict[str, Any]] = {}
    for entry, options in specs(role).items():
        for name, option in options.items():
            if not name.startswith(f"{role.name}_"):
                found.setdefault(name, {})[entry] = option
    return found


def test_the_page_names_the_providers() -> None:
    assert [path.name for path in PROVIDERS] == sorted(
        re.findall(r"^\| `(provider_\w+)` \| a ", PAGE, re.M)
    )
    datacenter = yaml.safe_load((ROOT / "roles/datacenter/meta/argument_specs.yml").read_text())
    choices = [
        entry["options"]["datacenter_provider"]["choices"]
        for entry in datacenter["argument_specs"].values()
        if "datacenter_provider" in entry.get("options", {})
    ]
    wanted = sorted(path.name.removeprefix("provider_") for path in PROVIDERS)
    assert choices and all(sorted(choice) == wanted for choice in choices)


@names
def test_a_provider_has_the_entry_points(role: Path) -> None:
    assert set(ENTRY_POINTS) <= set(specs(role))
    for entry in specs(role):
        assert (role / "tasks" / f"{entry}.yml").is_file()


@names
def test_a_provider_takes_the_variables_of_the_contract_and_no_others(role: Path) -> None:
    assert {name: sorted(entries) for name, entries in shared(role).items()} == VARIABLES


@names
def test_a_provider_gives_the_variables_the_same_meaning(role: Path) -> None:
    assert shared(role) == shared(PROVIDERS[0])


@names
def test_what_runs_once_for_each_machine_is_delegated_to_its_host(role: Path) -> None:
    for entry in ("define", "start", "stop", "console"):
        tasks = yaml.safe_load((role / "tasks" / f"{entry}.yml").read_text(encoding="utf-8"))
        places = {
            (task | task.get("ansible.builtin.include_tasks", {}).get("apply", {}))["delegate_to"]
            for task in tasks
        }
        assert places == {"{{ provider_machine.host }}"}
    for entry in ("preflight", "host", "prepare", "autostart", "destroy"):
        tasks = yaml.safe_load((role / "tasks" / f"{entry}.yml").read_text(encoding="utf-8"))
        assert not any("delegate_to" in task for task in tasks)


def test_nothing_else_names_a_provider_of_its_own() -> None:
    """The chain of playbooks takes the provider from datacenter_provider."""
    chain = yaml.safe_load((ROOT / "playbooks/site.yml").read_text(encoding="utf-8"))
    names = [play["ansible.builtin.import_playbook"] for play in chain]
    # It is of VirtualBox by what it does, and runs where the provider's preflight asks for it.
    names.remove("base_image.yml")
    files = [ROOT / "playbooks" / name for name in names]
    files += [ROOT / "playbooks" / f"{name}.yml" for name in ("start", "stop", "destroy")]
    for file in files:
        assert not re.search(r"provider_(lab|virtualbox)\b", file.read_text(encoding="utf-8")), file
