# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recorded answers of a real VBoxManage, and a runner that plays a script."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import (
    Answer,
    Client,
)

FIXTURES = Path(__file__).resolve().parent / "fixtures"
VERSIONS = sorted({path.stem.rpartition("-")[2] for path in FIXTURES.glob("list_vms-*.txt")})
assert VERSIONS, f"no recorded answers in {FIXTURES}: run {FIXTURES}/record"


@pytest.fixture(params=VERSIONS)
def recorded(request):
    """Gives the recorded text of a name, for every recorded version."""

    def read(name: str) -> str:
        return (FIXTURES / f"{name}-{request.param}.txt").read_text(encoding="utf-8")

    return read


@pytest.fixture
def recorded_error(recorded):
    """Gives exit code and error text of a recorded failure."""

    def read(name: str) -> Answer:
        code, _newline, stderr = recorded(f"error_{name}").partition("\n")
        return Answer(int(code), "", stderr)

    return read


@dataclass
class Script:
    """A runner that expects exactly these calls, in this order."""

    steps: list = field(default_factory=list)
    pauses: list = field(default_factory=list)
    timeouts: list = field(default_factory=list)
    now: float = 0.0

    def expect(self, *argv: str, out: str = "", err: str = "", rc: int = 0, hang: bool = False):
        self.steps.append((list(argv), Answer(rc, out, err), hang))
        return self

    def __call__(self, argv, timeout):
        assert self.steps, f"a call too many: {argv}"
        expected, answer, hang = self.steps.pop(0)
        assert argv[0] == "VBoxManage"
        assert list(argv[1:]) == expected
        self.timeouts.append(timeout)
        if hang:
            raise subprocess.TimeoutExpired(argv, timeout)
        return answer

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def client(self, timeout: float = 120) -> Client:
        return Client(
            "VBoxManage",
            timeout,
            runner=self,
            question_runner=self,
            sleep=self.sleep,
            clock=lambda: self.now,
        )


@pytest.fixture
def script():
    """A script that has to be played to its end."""
    made = Script()
    yield made
    assert made.steps == [], "calls that were not made"
