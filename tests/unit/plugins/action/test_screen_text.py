# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text as it is on the screen of real runs, whatever callback shows them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
BIN = Path(sys.executable).parent
PLAY = r"""
- name: Says something
  hosts: a,b
  gather_facts: false
  vars:
    ansible_connection: local
  tasks:
    - name: Summary
      virtual.datacenter.screen_text:
        text: "{{ said }}"
      vars:
        said: |
          It's "there":

          export X='a b'; echo \\ {{ '{{' }} é
    - name: Says nothing
      virtual.datacenter.screen_text:
        lines: [a]
      ignore_errors: true
"""
SHOWN = "\n\nIt's \"there\":\n\nexport X='a b'; echo \\\\ {{ é\n\n"


@pytest.mark.parametrize("callback", ["default", "virtual.datacenter.progress"])
@pytest.mark.parametrize("options", [[], ["--check"]], ids=["run", "dry"])
def test_text_is_shown_once_and_as_it_is(tmp_path: Path, callback: str, options: list[str]) -> None:
    (tmp_path / "play.yml").write_text(PLAY, encoding="utf-8")
    (tmp_path / "ansible.cfg").write_text("[defaults]\n", encoding="utf-8")
    output = subprocess.run(
        [str(BIN / "ansible-playbook"), "-i", "a,b,", *options, "play.yml"],
        cwd=tmp_path,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
            "ANSIBLE_STDOUT_CALLBACK": callback,
            "ANSIBLE_NOCOLOR": "1",
            "VIRTUAL_DATACENTER_CACHE": str(tmp_path),
            "LC_ALL": "C.UTF-8",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
        text=True,
        timeout=120,
    ).stdout
    assert output.count(SHOWN) == 1, output
    assert "Wanted is text, and nothing else, found lines. Give the option text." in output
    assert ("[Summary] ok" in output) is False
