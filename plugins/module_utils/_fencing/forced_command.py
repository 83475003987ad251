# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forced command of the key that load balancers have: it answers one request.

It writes `on`, `off` or the names of the machines. What is refused or fails ends with 1 and a
sentence.
"""

from __future__ import annotations

import os
import sys
import time
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._fencing import request

ON = "on"
OFF = "off"


class Power(t.Protocol):
    """The power of the machines of one host, whatever they are."""

    def is_on(self, machine: str) -> bool:
        """Whether anything of the machine runs."""

    def is_to_stay_off(self, machine: str) -> bool:
        """Whether somebody has stopped the machine, or the machine has been off before."""

    def cut(self, machine: str) -> None:
        """Take the power from the machine; nothing of it runs afterwards."""

    def start(self, machine: str) -> None:
        """Start the machine."""


def answer(asked: request.Request, machines: t.Sequence[str], power: Power) -> tuple[str, str]:
    """What is written, and the machine that is to be started after that.

    Only a machine whose power was cut here comes back: one that was off already, or that somebody
    is stopping, stays off.
    """
    if asked.action == request.LIST:
        return "\n".join(machines), ""
    name = asked.machine
    if asked.action == "status":
        return ON if power.is_on(name) else OFF, ""
    if asked.action == "on":
        if not power.is_on(name):
            power.start(name)
        return ON, ""
    ran = power.is_on(name)
    if ran:
        power.cut(name)
    again = asked.action == "reboot" and ran and not power.is_to_stay_off(name)
    return OFF, name if again else ""


def in_the_background(log: str) -> bool:
    """Fork: true in a process that outlives the session of SSH, and writes to the log."""
    if os.fork():
        return False
    os.setsid()
    with open(os.devnull, encoding="utf-8") as nothing, open(log, "a", encoding="utf-8") as file:
        os.dup2(nothing.fileno(), 0)
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    return True


def note(log: str, text: str) -> None:
    """A line in the log, which tells whose power was cut, when, and from where that was asked."""
    asker = os.environ.get("SSH_CONNECTION", "").partition(" ")[0] or "this host"
    with open(log, "a", encoding="utf-8") as file:
        file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {asker}: {text}\n")


def main(machines: t.Sequence[str], power: Power, log: str) -> int:
    """Answer SSH_ORIGINAL_COMMAND."""
    try:
        asked = request.parse(os.environ.get("SSH_ORIGINAL_COMMAND", ""), machines)
        said, to_start = answer(asked, machines, power)
        if asked.action in ("on", "off", "reboot"):
            again = ", and is started again" if to_start else ""
            note(log, f"{asked.action} {asked.machine}: it is {said}{again}")
    except TaskError as error:
        note(log, str(error))
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{said}\n")
    sys.stdout.flush()
    # The asker takes over as soon as the machine is off.
    if to_start and in_the_background(log):
        try:
            power.start(to_start)
        except TaskError as error:
            note(log, str(error))
            return 1
    return 0
