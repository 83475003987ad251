# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text and the page of status, of a data center that was recorded, and with hostile words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.virtual.datacenter.plugins.filter.checks import overview

ROOT = Path(__file__).resolve().parents[3]
RECORDED = ROOT / "tests/unit/plugins/plugin_utils/recorded/status-two-machines-off.json"
HOSTILE = '<script>alert("x")</script>\'&amp; {{ 7 * 7 }}'
VOID = {"meta", "br", "rect", "circle", "path"}


class Page(HTMLParser):
    """Which tags there are, whether each is closed, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.targets: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.targets += [str(value) for key, value in attrs if key in ("href", "src")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, f"{tag} is closed at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.texts.append(data.strip())


def told(folder: Path, page: dict[str, Any], **variables: Any) -> subprocess.CompletedProcess[str]:
    """Run the part of the role that tells, with this page."""
    tasks = yaml.safe_load((ROOT / "roles/status/tasks/tell.yml").read_text(encoding="utf-8"))
    names = [task["name"] for task in tasks]
    first = names.index("Tell | Judge what was seen") + 1
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {
            "status_json_path": str(folder / "status.json"),
            "status_html_path": str(folder / "status.html"),
            "status_fail_on": "never",
            # As what machines said, it is no template.
            "status_overview": "{{ lookup('ansible.builtin.file', page_path) | from_json }}",
            "page_path": str(folder / "page.json"),
            **variables,
        },
        "tasks": tasks[first:],
    }
    (folder / "page.json").write_text(json.dumps(page), encoding="utf-8")
    (folder / "templates").symlink_to(ROOT / "roles/status/templates")
    (folder / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    environment = {
        **os.environ,
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
        "ANSIBLE_STDOUT_CALLBACK": "default",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
    }
    return subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", folder / "play.yml"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def recorded() -> dict[str, Any]:
    return overview(json.loads(RECORDED.read_text(encoding="utf-8")))


def test_the_page_and_the_text(tmp_path: Path) -> None:
    page = recorded()
    run = told(tmp_path, page)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "changed=0" in run.stdout
    assert json.loads((tmp_path / "status.json").read_text(encoding="utf-8")) == page
    assert {
        (tmp_path / name).stat().st_mode & 0o777 for name in ("status.json", "status.html")
    } == {0o600}
    html = Page((tmp_path / "status.html").read_text(encoding="utf-8"))
    assert html.open == []
    # It can be sent to somebody: nothing is loaded from elsewhere.
    assert html.targets == []
    assert "script" not in html.tags
    for text in (run.stdout, "\n".join(html.texts)):
        for machine in page["machines"]:
            assert machine["name"] in text
        for check in page["checks"]:
            if check["state"] != "ok":
                assert check["sentence"] in text
        for hint in page["next"]:
            assert hint in text
    assert "\nData center lab: 4 failed, " in run.stdout
    assert "\nFAILED       lb01 is stopped.\n" in run.stdout


def test_words_of_machines_stay_words(tmp_path: Path) -> None:
    page = recorded()
    page["name"] = page["verdict"] = page["next"][0] = HOSTILE
    for machine in page["machines"]:
        machine.update(power=HOSTILE, system=HOSTILE, kernel=HOSTILE, services={HOSTILE: HOSTILE})
        for lease in machine["leases"]:
            lease.update(name=HOSTILE, mac=HOSTILE, address=HOSTILE)
    for check in page["checks"]:
        check.update(of=HOSTILE, sentence=HOSTILE, hint=HOSTILE)
    for certificate in page["certificates"]:
        certificate.update(of=HOSTILE, path=HOSTILE)
    run = told(tmp_path, page)
    assert run.returncode == 0, run.stdout + run.stderr
    html = Page((tmp_path / "status.html").read_text(encoding="utf-8"))
    assert html.open == []
    assert "script" not in html.tags
    text = "".join(html.texts)
    assert text.count(HOSTILE) > 100
    assert "49" not in text.split(HOSTILE)


@pytest.mark.parametrize(("wish", "code"), [("never", 0), ("failed", 2), ("warning", 2)])
def test_who_wants_a_failure_gets_one(tmp_path: Path, wish: str, code: int) -> None:
    run = told(tmp_path, recorded(), status_fail_on=wish)
    assert run.returncode == code, run.stdout + run.stderr
    assert ("The data center lab is to be well, and 4 failed, " in run.stdout) is bool(code)
