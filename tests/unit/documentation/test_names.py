# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation names is there: playbooks, roles, plugins, targets of make, options."""

from __future__ import annotations

import re
from pathlib import Path

import documented
import pytest

ROOT = documented.ROOT
PAGES = [path for path in documented.files() if path.suffix == ".md"]
pages = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def content() -> set[str]:
    """The names of everything that the collection has."""
    found = {path.stem for path in (ROOT / "playbooks").glob("*.yml")}
    found |= {path.stem for path in (ROOT / "plugins").glob("[!_]*/*.py")}
    found |= {path.stem for path in (ROOT / "plugins" / "filter").glob("*.yml")}
    return found | set(documented.ROLES)


def words() -> set[str]:
    """Every word of the code: options, facts, tags, groups."""
    found: set[str] = set()
    for folder in ("roles", "playbooks", "plugins"):
        for suffix in ("yml", "py"):
            for path in (ROOT / folder).rglob(f"*.{suffix}"):
                found.update(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    return found


WORDS = words()


@pages
def test_playbooks_roles_and_plugins(page: Path) -> None:
    named = set(re.findall(r"\bvirtual\.datacenter\.([a-z]\w*)", page.read_text("utf-8")))
    assert named - content() == set()


@pages
def test_targets_of_make(page: Path) -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    named = set(re.findall(r"(?:`|^)make (\w+)", page.read_text("utf-8"), re.M))
    assert named - targets == set()


@pages
def test_options_and_facts(page: Path) -> None:
    """Names in backquotes that begin like those of a role are still in its code."""
    roles = "|".join(sorted(documented.ROLES, key=len, reverse=True))
    named = set(re.findall(rf"`((?:{roles}|machine)_\w+)`", page.read_text("utf-8")))
    assert named - WORDS == set()
