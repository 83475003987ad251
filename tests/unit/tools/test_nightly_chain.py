# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the nightly chain says it is: `make nightly` carries the real one on."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
spec = importlib.util.spec_from_file_location("chain", ROOT / "tests/nightly/chain.py")
assert spec is not None and spec.loader is not None
chain = importlib.util.module_from_spec(spec)
sys.modules["chain"] = chain
spec.loader.exec_module(chain)
FIRST, SECOND = chain.LAYERS[:2]


@pytest.fixture
def report(tmp_path: Path) -> chain.Report:
    return chain.Report.read(tmp_path / "report.json")


def test_every_layer_has_a_playbook_and_all_layers_of_site_are_there() -> None:
    files = [layer.playbook for layer in chain.LAYERS]
    assert all((ROOT / file).is_file() for file in files)
    site = (ROOT / "playbooks/site.yml").read_text(encoding="utf-8")
    layers = [line.split()[-1] for line in site.splitlines() if "import_playbook" in line]
    done = [Path(file).name for file in files]
    # The chain brings its image.
    layers.remove("base_image.yml")
    assert [name for name in dict.fromkeys(done) if name in layers] == layers


def test_names_of_layers_are_unique() -> None:
    assert len({layer.name for layer in chain.LAYERS}) == len(chain.LAYERS)


def test_nothing_is_reached_before_the_first_run(report: chain.Report) -> None:
    assert report.next() == FIRST
    assert report.start == ""
    assert report.text().count("not reached") == len(chain.LAYERS)


def test_a_layer_that_was_reached_is_not_begun_again(report: chain.Report) -> None:
    report.ended(FIRST, 10.2, "abc", "now", "")
    assert report.kept("one", reached=True) == []
    report.write()
    again = chain.Report.read(report.path)
    assert again.next() == SECOND
    assert again.start == "one"
    assert again.rows[FIRST.name].seconds == 10.2
    assert json.loads(report.path.read_text())["layers"][FIRST.name]["commit"] == "abc"


def test_seconds_of_runs_add_up(report: chain.Report) -> None:
    report.ended(FIRST, 10, "abc", "now", "the budget")
    assert not report.rows[FIRST.name].reached
    report.ended(FIRST, 5, "abc", "now", "")
    assert (report.rows[FIRST.name].seconds, report.rows[FIRST.name].runs) == (15, 2)
    assert report.rows[FIRST.name].stopped_by == ""


def test_a_run_begins_at_the_latest_moment(report: chain.Report) -> None:
    report.kept("one", reached=True)
    assert report.kept("two", reached=False) == []
    assert report.start == "two"
    # The end of a layer replaces all that was before it.
    assert report.kept("three", reached=False) == ["two"]
    assert report.kept("four", reached=True) == ["one", "three"]
    assert (report.start, report.within) == ("four", "")


def test_after_a_second_failure_a_run_begins_at_the_end_of_a_layer(report: chain.Report) -> None:
    report.kept("one", reached=True)
    report.kept("two", reached=False, failed=True)
    assert report.within_failed
    assert report.dropped() == ["two"]
    assert (report.start, report.within_failed) == ("one", False)
    assert report.dropped() == []


def test_the_text_says_what_stopped_a_layer(report: chain.Report) -> None:
    report.ended(FIRST, 61, "abc", "now", "")
    report.ended(SECOND, 2, "abc", "now", "the budget was over")
    rows = report.text().splitlines()
    assert rows[1].split() == [FIRST.name, "reached", "61", "1"]
    assert rows[2].split()[:5] == [SECOND.name, "not", "reached", "2", "1"]
    assert rows[2].endswith("the budget was over")
    assert rows[3].endswith("no run has come to it")


def test_why_a_playbook_failed() -> None:
    said = "TASK [one] ***\nok: [a]\nTASK [two] *****\nfatal: [a]: FAILED! => no\nPLAY RECAP\n"
    assert chain.why(said) == "TASK [two]: fatal: [a]: FAILED! => no"
    assert chain.why("a traceback") == "a traceback"


def test_the_key_follows_what_makes_the_machine() -> None:
    assert chain.key("a", "b") == chain.key("a", "b") != chain.key("ab")


def test_the_machines_fit_on_their_host() -> None:
    inventory = chain.inventory(Path("/c/config"), Path("/c/state"))
    groups = inventory["all"]["children"]["machines"]["children"]
    rows = [row for group in groups.values() for row in group["hosts"].values()]
    assert len(rows) == 5
    assert sum(row["machine_memory_mb"] for row in rows) < 5000
