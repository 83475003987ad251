# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to an HTTP endpoint at a steady pace, and the gaps in its answers."""

from __future__ import annotations

import dataclasses
import datetime
import http.client
import ssl
import threading
import time
import typing as t
from urllib.parse import urlsplit

from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError

SHORTEST_INTERVAL_MS = 10


@dataclasses.dataclass(frozen=True)
class Answer:
    """One question: when it was asked, in seconds since 1970, and what was wrong, if anything."""

    asked: float
    problem: str = ""


class Endpoint:
    """Where the questions go."""

    def __init__(
        self,
        url: str,
        status: int,
        timeout_ms: int,
        ca_data: str | None,
        server_name: str | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise TaskError(
                f"wanted: an http or https URL, found: {url}. Change url.",
                error_code="INVALID_OPTION",
            )
        self.host, self.port = parts.hostname, parts.port
        self.path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.status = status
        self.timeout = timeout_ms / 1000
        self.name = server_name or self.host
        self.context: ssl.SSLContext | None = None
        if parts.scheme == "https":
            try:
                self.context = ssl.create_default_context(cadata=ca_data or None)
            except (ssl.SSLError, ValueError) as error:
                raise TaskError(
                    f"wanted: certificates as PEM text, found: {error}. Change ca_data.",
                    error_code="INVALID_OPTION",
                ) from error

    def ask(self) -> str:
        """What is wrong with the answer; empty if nothing is."""
        port = self.port or (443 if self.context else 80)
        connection = http.client.HTTPConnection(self.host, port, timeout=self.timeout)
        try:
            connection.connect()
            if self.context:
                # The certificate may be for another name than that of the way to it.
                connection.sock = self.context.wrap_socket(
                    connection.sock, server_hostname=self.name
                )
            connection.request("GET", self.path)
            found = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return str(error) or type(error).__name__
        finally:
            connection.close()
        return "" if found == self.status else f"HTTP status {found}"


def ask(question: t.Callable[[], str], interval_ms: int, duration_seconds: int) -> list[Answer]:
    """Ask at each interval, whether the question before was answered or not."""
    if interval_ms < SHORTEST_INTERVAL_MS or duration_seconds < 1:
        raise TaskError(
            f"wanted: at least {SHORTEST_INTERVAL_MS} ms between two questions, for at least 1 s;"
            f" found: {interval_ms} ms, for {duration_seconds} s."
            " Change interval_ms or duration_seconds.",
            error_code="INVALID_OPTION",
        )
    answers: list[Answer] = []
    threads = []
    began, now = time.monotonic(), time.time()

    def one(asked: float) -> None:
        answers.append(Answer(asked, question()))

    for number in range(duration_seconds * 1000 // interval_ms):
        due = number * interval_ms / 1000
        time.sleep(max(0.0, began + due - time.monotonic()))
        # As late as it really is on a busy machine.
        late = time.monotonic() - began
        threads.append(threading.Thread(target=one, args=(now + late,), daemon=True))
        threads[-1].start()
    for thread in threads:
        thread.join()
    return sorted(answers, key=lambda answer: answer.asked)


def iso(seconds: float) -> str:
    text = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat(
        timespec="milliseconds"
    )
    return text.replace("+00:00", "Z")


def summary(answers: list[Answer]) -> dict[str, t.Any]:
    """The answers in order, told by their gaps."""
    gaps: list[dict[str, t.Any]] = []
    lost: list[Answer] = []

    def end(again: float, ended: bool) -> None:
        gaps.append(
            {
                "began": iso(lost[0].asked),
                "length_ms": round((again - lost[0].asked) * 1000),
                "lost": len(lost),
                "error": lost[0].problem,
                "ended": ended,
            }
        )
        lost.clear()

    for answer in answers:
        if answer.problem:
            lost.append(answer)
        elif lost:
            end(answer.asked, True)
    if lost:
        end(lost[-1].asked, False)
    return {
        "questions": len(answers),
        "lost": sum(gap["lost"] for gap in gaps),
        "gaps": gaps,
        "longest_gap_ms": max((gap["length_ms"] for gap in gaps), default=0),
    }
