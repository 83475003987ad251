# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role refuses a work folder that another user of the host has prepared."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
NOBODY = 65534
# On a file as disk. What follows the folder would install packages and take minutes.
PLAYBOOK = """
- name: An image in a folder
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Make the image, or a part of it
      ansible.builtin.include_role:
        name: virtual.datacenter.base_image
        tasks_from: "{{ part }}"
      vars:
        base_image_work_dir: "{{ folder }}/work"
        base_image_disk: "{{ folder }}/disk.raw"
        base_image_manifest_path: "{{ folder }}/disk.json"
"""


def run(folder: Path, part: str) -> subprocess.CompletedProcess[str]:
    (folder / "play.yml").write_text(PLAYBOOK, encoding="utf-8")
    return subprocess.run(
        [
            str(ROOT / ".venv/bin/ansible-playbook"),
            "--inventory",
            "localhost,",
            "--connection",
            "local",
            "--extra-vars",
            f"folder={folder} part={part}",
            str(folder / "play.yml"),
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("kind", ["folder", "link"])
@pytest.mark.parametrize("part", ["main", "work_folder"])
def test_a_folder_that_nobody_made_is_refused(tmp_path: Path, kind: str, part: str) -> None:
    """By the module, which looks at the disk first, and by the tasks, which fill the folder."""
    prepared = tmp_path / ("work" if kind == "folder" else "elsewhere")
    prepared.mkdir(mode=0o755)
    os.chown(prepared, NOBODY, NOBODY)
    if kind == "link":
        (tmp_path / "work").symlink_to(prepared)
    done = run(tmp_path, part)
    said = " ".join(done.stdout.split())
    assert done.returncode != 0, said
    assert f"The work folder {tmp_path}/work has to belong to" in said
    assert list(prepared.iterdir()) == []
    assert prepared.stat().st_uid == NOBODY
    assert not (tmp_path / "disk.raw").exists()
