# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that takes patches, and remembers every command."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.client import (
    Answer,
    Client,
)

FIXTURES = Path(__file__).parent / "fixtures"
VERSIONS = ("2.1.5", "3.0.0")


def fixture(name: str) -> str:
    return (FIXTURES / name).read_text(encoding="utf-8")


class Cluster:
    """Stands for cibadmin, crm_diff and crm_verify; a patch is simply the new document."""

    def __init__(self, cib: str | None) -> None:
        self.cib = cib
        self.commands: list[str] = []
        self.verify: t.Callable[[str], Answer] = lambda xml: Answer(0, "", "")
        self.refuse_patches = 0
        self.ignore_patches = False
        self.client = Client(runner=self.run)

    def run(self, argv: t.Sequence[str], data: str = "") -> Answer:
        self.commands.append(" ".join(argv[:2]))
        assert "s3cr3t" not in " ".join(argv), "a password in argv"
        if argv[1] == "--query":
            if self.cib is None:
                return Answer(102, "", "Transport endpoint is not connected")
            return Answer(0, self.cib, "")
        if argv[0] == "crm_verify":
            assert data is not None
            return self.verify(data)
        if argv[0] == "crm_diff":
            old, new = (Path(argv[i]).read_text(encoding="utf-8") for i in (3, 5))
            assert Path(argv[3]).stat().st_mode & 0o77 == 0
            return Answer(int(old != new), new, "")
        assert argv[1] == "--patch"
        if self.refuse_patches:
            self.refuse_patches -= 1
            return Answer(76, "", "Update does not conform")
        if not self.ignore_patches:
            self.cib = data
        return Answer(0, "", "")

    def writes(self) -> int:
        return self.commands.count("cibadmin --patch")
