# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A task while it runs, and how it is told in lines: what the callback progress writes."""

from __future__ import annotations

import dataclasses
import os
import time
import typing as t

from ansible.playbook.handler import Handler

LINE_LENGTH = 160
# What a failure shows first, and what says nothing that is not said elsewhere.
FIRST_KEYS = ("cmd", "rc", "stderr", "stdout")
LEFT_OUT = (
    "ansible_loop_var",
    "attempts",
    "changed",
    "changed_when_result",
    "delta",
    "end",
    "failed",
    "start",
    "stderr_lines",
    "stdout_lines",
    "unreachable",
)


@dataclasses.dataclass
class Running:
    """A task, from its beginning until its line is written."""

    task: t.Any
    title: str
    key: str
    began: float = dataclasses.field(default_factory=time.monotonic)
    since: float = dataclasses.field(default_factory=time.time)
    named: bool = False
    waits_for: dict[str, None] = dataclasses.field(default_factory=dict)
    hosts: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    messages: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    tries: dict[str, int] = dataclasses.field(default_factory=dict)
    said: str = ""
    told: str = ""

    @property
    def done(self) -> int:
        return sum(map(len, self.hosts.values()))


def some(names: t.Iterable[str], most: int = 4) -> str:
    """The first of the names, and how many there are beside them."""
    listed = sorted(names)
    more = [f"{len(listed) - most} more"] if len(listed) > most else []
    return ", ".join(listed[:most] + more)


def runs_on_some(task: t.Any) -> bool:
    """Handlers and what was included at run time may run on some hosts of the play only."""
    include = task.get_first_parent_include()
    while include is not None and include.statically_loaded:
        include = include.get_first_parent_include()
    return isinstance(task, Handler) or include is not None


def one_line(text: str) -> str:
    """The last line with something in it, without what would move the cursor."""
    lines = ("".join(filter(str.isprintable, line)).strip() for line in text.splitlines())
    return ([""] + [line for line in lines if line])[-1][:LINE_LENGTH]


def last_line(path: str, since: float) -> str:
    """The last line of a file that was written since then."""
    try:
        with open(path, "rb") as stream:
            status = os.fstat(stream.fileno())
            if status.st_mtime < since:
                return ""
            stream.seek(max(0, status.st_size - 4096))
            return one_line(stream.read(4096).decode(errors="replace"))
    except OSError:
        return ""


def of_state(state: str, hosts: list[str], of: int) -> str:
    """Hosts that nothing happened to are counted, the others named."""
    if state not in ("ok", "skipped"):
        return f"{state}: {', '.join(sorted(hosts))}"
    return f"{state}: {len(hosts)} of {of}" if of > 1 else state


def indented(key: str, text: str) -> list[str]:
    """Key and text as lines; a text of many lines stands below the key, whole."""
    lines = text.splitlines()
    if len(lines) < 2:
        return [f"    {key}: {text.rstrip()}"]
    return [f"    {key}:", *(f"        {line}" for line in lines)]
