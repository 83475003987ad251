# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller that runs the role kubernetes_archive with a cache of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from served import ROOT, VERSION

PLAYBOOK = """
- name: Archive
  hosts: localhost
  gather_facts: false
  roles:
    - role: virtual.datacenter.kubernetes_archive
"""


class Controller:
    """A controller with an empty cache."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.link = folder / "kubernetes"
        (folder / "play.yml").write_text(PLAYBOOK, encoding="utf-8")

    def start(self, **options: Any) -> subprocess.Popen[str]:
        variables = {
            "kubernetes_archive_version": VERSION,
            "kubernetes_archive_cache_dir": str(self.folder / "cache"),
            "kubernetes_archive_path": str(self.link),
            **options,
        }
        return subprocess.Popen(
            [
                str(ROOT / ".venv/bin/ansible-playbook"),
                "--extra-vars",
                json.dumps(variables),
                str(self.folder / "play.yml"),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "ANSIBLE_NOCOLOR": "1",
                "PYTHONUNBUFFERED": "1",
                "VIRTUAL_DATACENTER_HEARTBEAT_SECONDS": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, ok: bool = True, **options: Any) -> str:
        with self.start(**options) as process:
            output, _ = process.communicate(timeout=300)
        assert (process.returncode == 0) is ok, output
        return output

    def makers(self) -> list[int]:
        """The processes that make an archive in this cache."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                argv = entry.read_bytes().decode().split("\0")
            except OSError:
                continue
            if f"--cache={self.folder}/cache" in argv and argv[2:3] == ["make"]:
                found.append(int(entry.parent.name))
        return found

    def check_sums(self) -> None:
        subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=self.link, check=True)
