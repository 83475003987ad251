# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a documentation site is found; `make docs` looks at the real one."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
spec = importlib.util.spec_from_file_location("site_check", ROOT / "tests/tools/site/check.py")
assert spec is not None and spec.loader is not None
check = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "roles").mkdir()
    (tmp_path / "a b.css").write_text("", encoding="utf-8")
    (tmp_path / "index.html").write_text(
        '<link rel="stylesheet" href="a%20b.css"><link rel="canonical" href="https://example.com/">'
        '<p id="here"><a href="roles/one.html#begin">one</a> <a href="#here">here</a>'
        '<a href="https://example.com/">elsewhere</a> <img src="data:image/png;base64,AA">',
        encoding="utf-8",
    )
    (tmp_path / "roles" / "one.html").write_text(
        '<h1 id="begin">One</h1><a href="../index.html">back</a>', encoding="utf-8"
    )
    (tmp_path / "roles" / "two.html").write_text("<h1>Two</h1>", encoding="utf-8")
    return tmp_path


def test_nothing_is_wrong_with_links_that_lead_somewhere(site: Path) -> None:
    assert check.link_problems(site) == []


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ('<a href="gone.html">', "leads to gone.html, and there is no such file"),
        (
            '<a href="roles/one.html#end">',
            "leads to roles/one.html#end, and there is no such place",
        ),
        ('<a href="#nowhere">', "leads to #nowhere, and there is no such place"),
        ('<img src="gone.png">', "leads to gone.png, and there is no such file"),
        ('<script src="https://example.com/a.js"></script>', "loads https://example.com/a.js from"),
        ('<link rel="stylesheet" href="//example.com/a.css">', "loads //example.com/a.css from"),
    ],
)
def test_what_is_wrong_is_named(site: Path, more: str, wrong: str) -> None:
    with (site / "index.html").open("a", encoding="utf-8") as page:
        page.write(more)
    (problem,) = check.link_problems(site)
    assert problem.startswith("index.html ")
    assert wrong in problem


def test_a_page_that_nobody_comes_to_is_no_page(site: Path) -> None:
    wanted = ["roles/one.html", "roles/two.html", "roles/three.html"]
    assert check.page_problems(site, wanted) == [
        "the start page does not lead to roles/two.html",
        "the start page does not lead to roles/three.html",
    ]


def test_every_module_plugin_and_role_is_to_have_a_page() -> None:
    wanted = set(check.wanted_pages())
    for name in ("virtualbox_vm_module", "as_list_filter", "progress_callback", "ha_lb_role"):
        assert f"collections/{name}.html" in wanted
    assert "collections/datacenter_inventory.html" in wanted
    assert "roles/ha_lb/README.html" in wanted
