# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A time limit for commands, by timeout(1): it ends what a command has started too.

AnsibleModule.run_command has none of its own.
"""

from __future__ import annotations

import time
import typing as t

# After it was asked to end, a command may put things in order for so long.
ENDING_SECONDS = 5
# How timeout(1) ends when the time was over: by itself, or killed with the group of the command.
ENDINGS = (124, 137, -9)

Answer = t.Tuple[int, str, str]


class ExpiredError(Exception):
    """A command did not end in its time; the text is for the user."""


def run(
    call: t.Callable[[list[str]], Answer], argv: t.Sequence[str], seconds: int, look_at: str
) -> Answer:
    """Have a command called with a time limit. Says what to look at when the time is over."""
    began = time.monotonic()
    answer = call(["timeout", f"--kill-after={ENDING_SECONDS}", str(seconds), *argv])
    # The command may have ended like this by itself.
    if answer[0] in ENDINGS and time.monotonic() - began >= seconds:
        raise ExpiredError(
            f"{' '.join(argv)[:200]} should end within {seconds} s, and did not: look at {look_at}."
        )
    return answer
