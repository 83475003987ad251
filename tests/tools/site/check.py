#!/usr/bin/env python3
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells what is wrong with a built documentation site. usage: check.py FOLDER

Links inside of the site lead somewhere, nothing is loaded from elsewhere, and each module, plugin
and role has a page that the start page leads to.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[3]
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
# What links of these kinds name is looked at by people, not loaded by the page.
NOT_LOADED = {"canonical", "next", "prev", "index", "search", "author", "help", "copyright"}


class Page(HTMLParser):
    """The places of a page, and what it leads to and loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.places: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places.update(given[name] for name in ("id", "name") if name in given)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif LOADED.get(tag) in given and given.get("rel", "") not in NOT_LOADED:
            self.loaded.append(given[LOADED[tag]])


def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}


def target(page: Path, link: str) -> Path:
    path = unquote(urlsplit(link).path)
    return (page.parent / path).resolve() if path else page


def link_problems(site: Path) -> list[str]:
    """Links that lead nowhere, and what is loaded from outside."""
    found = pages(site)
    problems = []
    for path, page in found.items():
        name = path.relative_to(site)
        for link in [*page.links, *page.loaded]:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.loaded and parts.scheme != "data":
                    problems.append(f"{name} loads {link} from outside")
                continue
            where, place = target(path, link), unquote(parts.fragment)
            if not where.exists():
                problems.append(f"{name} leads to {link}, and there is no such file")
            elif place and where in found and place not in found[where].places:
                problems.append(f"{name} leads to {link}, and there is no such place")
    return problems


def wanted_pages() -> list[str]:
    """The pages of all modules, plugins and roles of this collection."""
    names = [f"{path.stem}_module" for path in (ROOT / "plugins/modules").glob("*.py")]
    names += [f"{path.stem}_filter" for path in (ROOT / "plugins/filter").glob("*.yml")]
    for kind in ("callback", "inventory"):
        names += [f"{path.stem}_{kind}" for path in (ROOT / "plugins" / kind).glob("*.py")]
    names += [f"{path.name}_role" for path in (ROOT / "roles").iterdir()]
    found = [f"collections/{name}.html" for name in names]
    return sorted(
        [*found, *(f"roles/{path.name}/README.html" for path in (ROOT / "roles").iterdir())]
    )


def reached(site: Path) -> set[Path]:
    """The pages that one comes to from the start page."""
    found = pages(site)
    seen: set[Path] = set()
    todo = [site / "index.html"]
    while todo:
        path = todo.pop()
        if path in seen or path not in found:
            continue
        seen.add(path)
        links = [link for link in found[path].links if not urlsplit(link).scheme]
        todo += [target(path, link) for link in links]
    return seen


def page_problems(site: Path, wanted: list[str]) -> list[str]:
    there = reached(site)
    return [
        f"the start page does not lead to {name}" for name in wanted if site / name not in there
    ]


def main() -> int:
    site = Path(sys.argv[1]).resolve()
    problems = [*link_problems(site), *page_problems(site, wanted_pages())]
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
