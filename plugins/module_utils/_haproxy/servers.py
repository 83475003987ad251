# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Drains a server behind a running haproxy, or makes it ready again."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.virtual.datacenter.plugins.module_utils._core import change, files, wait
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._haproxy import runtime

ASK_SECONDS = 10
POLL_SECONDS = 0.5
HEADER = 2
# Bits of srv_admin_state that an operator sets.
MAINTENANCE, DRAIN = 0x01, 0x08
WORDS = {"drained": "drain", "ready": "ready"}


@dataclass(frozen=True)
class Server:
    """A line of `show servers state`."""

    backend: str
    name: str
    admin: int
    line: str

    @property
    def set_aside(self) -> bool:
        return bool(self.admin & (MAINTENANCE | DRAIN))

    def is_as(self, state: str) -> bool:
        return bool(self.admin & DRAIN) if state == "drained" else not self.set_aside


@dataclass(frozen=True)
class Plan:
    before: tuple[Server, ...]
    actions: tuple[change.Action, ...]

    @property
    def after(self) -> tuple[Server, ...]:
        return self.before


class Socket:
    """A socket of a haproxy, which may not run."""

    def __init__(self, path: str) -> None:
        self.path = path

    def ask(self, command: str) -> str | None:
        """What haproxy answers; None if none runs."""
        try:
            return runtime.ask(self.path, command, ASK_SECONDS)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except OSError as error:
            raise TaskError(
                f"haproxy does not answer at {self.path}: {error.strerror or error}",
                error_code="NOT_ANSWERED",
            ) from error


def parse_states(text: str) -> tuple[list[str], list[Server]]:
    """The header of `show servers state`, and its servers."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < HEADER or lines[0] != "1":
        raise TaskError(
            f"haproxy's states of servers have the format 1: found {text[:80]!r}",
            error_code="UNKNOWN_FORMAT",
        )
    names = lines[1].lstrip("# ").split()
    found = []
    for line in lines[HEADER:]:
        row = dict(zip(names, line.split()))
        admin = int(row["srv_admin_state"])
        found.append(Server(row["be_name"], row["srv_name"], admin, line))
    return lines[:HEADER], found


def parse_sessions(text: str) -> dict[tuple[str, str], int]:
    """How many sessions each server has now, of `show stat`."""
    return {
        (row["pxname"], row["svname"]): int(row["scur"] or 0) + int(row["qcur"] or 0)
        for row in runtime.server_rows(text)
    }


class Task(change.Task):
    """One server, in all backends or in those that are named."""

    def __init__(self, options: t.Mapping[str, t.Any]) -> None:
        self.options = options
        self.socket = Socket(options["socket"])
        self.running = True
        self.sessions = 0

    def states(self) -> tuple[list[str], list[Server]]:
        text = self.socket.ask("show servers state")
        self.running = text is not None
        return ([], []) if text is None else parse_states(text)

    def chosen(self, servers: t.Iterable[Server]) -> list[Server]:
        name, backends = self.options["server"], self.options["backends"]
        found = [s for s in servers if s.name == name and (not backends or s.backend in backends)]
        missing = set(backends) - {server.backend for server in found}
        if self.running and (missing or not found):
            where = f"in {', '.join(sorted(missing))}" if missing else "in any backend"
            there = ", ".join(sorted({f"{s.backend}/{s.name}" for s in servers})) or "none"
            raise TaskError(
                f"The server {name} is wanted {where}, found {there}",
                hint="change server or backends",
                error_code="NOT_FOUND",
            )
        return found

    def plan(self) -> Plan:
        servers = tuple(self.chosen(self.states()[1]))
        word = WORDS[self.options["state"]]
        actions = tuple(
            change.Action(word, f"set server {server.backend}/{server.name} state {word}")
            for server in servers
            if not server.is_as(self.options["state"])
        )
        return Plan(servers, actions)

    def carry_out(self, plan: Plan) -> None:
        for action in plan.actions:
            said = (self.socket.ask(action.text) or "").strip()
            if said:
                raise TaskError(f"haproxy refused '{action.text}': {said}", error_code="REFUSED")

    def settle(self) -> None:
        """Write down what is set aside, for the next start, and wait for sessions to end."""
        header, servers = self.states()
        if not self.running:
            return
        self._keep(header, servers)
        if self.options["state"] == "drained":
            names = {(server.backend, server.name) for server in self.chosen(servers)}
            wait.until(lambda: self._idle(names), self.options["wait_seconds"], POLL_SECONDS)

    def _idle(self, names: t.Container[tuple[str, str]]) -> bool:
        counts = parse_sessions(self.socket.ask("show stat") or "")
        self.sessions = sum(count for name, count in counts.items() if name in names)
        return self.sessions == 0

    def _keep(self, header: list[str], servers: t.Iterable[Server]) -> None:
        path = self.options["state_path"]
        aside = [server for server in servers if server.set_aside]
        if not path or _written(path) == {(s.backend, s.name, s.admin) for s in aside}:
            return
        lines = [*header, *(server.line for server in aside)]
        files.write(path, "".join(f"{line}\n" for line in lines))


def _written(path: str) -> set[tuple[str, str, int]] | None:
    """What the file sets aside; None if it cannot be read as such."""
    try:
        with open(path, encoding="utf-8") as file:
            servers = parse_states(file.read())[1]
    except (OSError, TaskError):
        return None
    return {(server.backend, server.name, server.admin) for server in servers}


def result(task: Task, outcome: change.Outcome) -> change.Result:
    return {
        "running": task.running,
        "sessions": task.sessions,
        "backends": [server.backend for server in outcome.before],
    }
