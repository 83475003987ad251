#!/usr/bin/python3
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fence agent for machines of the lab: the other one resets itself, without a word to anybody."""

from __future__ import annotations

import subprocess
import sys
import time

ACTIONS = ("off", "reboot", "status", "monitor", "list", "metadata")
PARAMETERS = ("action", "plug")
SECONDS = 50
BROKEN, TIMEOUT = 255, 124
# A machine that is gone says no word more, and need not close its connections.
OPTIONS = [
    "-oBatchMode=yes",
    "-oConnectTimeout=10",
    "-oServerAliveInterval=1",
    "-oServerAliveCountMax=4",
]
# The first pause lets the word out, the second one ends with the machine only.
ORDER = "echo taken; sleep 1; systemctl reboot --force --force; sleep 60"


def tag(name: str, kind: str) -> str:
    described = '<content type="string"/>' if kind == "parameter" else ""
    return f'<{kind} name="{name}">{described}</{kind}>'


METADATA = f"""<?xml version="1.0"?>
<resource-agent name="fence_over_ssh" shortdesc="resets a machine of the lab">
<longdesc>resets a machine of the lab</longdesc>
<vendor-url></vendor-url>
<parameters>{"".join(tag(name, "parameter") for name in PARAMETERS)}</parameters>
<actions>{"".join(tag(name, "action") for name in ACTIONS)}</actions>
</resource-agent>"""


def ask(node: str, command: str) -> tuple[int, str]:
    """How the command ended on the node, and what it said."""
    argv = ["ssh", *OPTIONS, f"root@{node}", command]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=15, check=False)
    except subprocess.TimeoutExpired:
        return TIMEOUT, ""
    return done.returncode, done.stdout.strip()


def reset(node: str) -> bool:
    """A node that took the order and broke off is gone; one that stays silent is not known to be.

    The answer comes before the node is back: a node that hears in the cluster that it was fenced
    would leave it again.
    """
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if ask(node, ORDER) == (BROKEN, "taken"):
            return True
        time.sleep(0.2)
    return False


def main() -> int:
    given = dict(line.strip().split("=", 1) for line in sys.stdin if "=" in line)
    action, node = given.get("action", "reboot"), given.get("plug", "")
    if "metadata" in (action, *sys.argv):
        print(METADATA)
        return 0
    if action in ("off", "reboot"):
        return 0 if reset(node) else 1
    if action in ("monitor", "status"):
        return ask(node, "true")[0]
    return 0 if action == "list" else 1


if __name__ == "__main__":
    sys.exit(main())
