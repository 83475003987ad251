#!/usr/bin/python3
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fence agent that switches nothing: the test cuts the power itself."""

from __future__ import annotations

import sys

ACTIONS = ("on", "off", "reboot", "status", "monitor", "list", "metadata")
PARAMETERS = ("action", "plug", "password")
METADATA = f"""<?xml version="1.0"?>
<resource-agent name="fence_pretend" shortdesc="writes down what it is asked for">
<longdesc>writes down what it is asked for</longdesc>
<vendor-url></vendor-url>
<parameters>
{
    "".join(
        f'<parameter name="{p}"><content type="string"/><shortdesc lang="en">{p}</shortdesc>'
        "</parameter>"
        for p in PARAMETERS
    )
}
</parameters>
<actions>{"".join(f'<action name="{a}"/>' for a in ACTIONS)}</actions>
</resource-agent>"""

if "metadata" in sys.argv:
    print(METADATA)
    sys.exit(0)
given = dict(line.strip().split("=", 1) for line in sys.stdin if "=" in line)
action = given.get("action", "reboot")
if action == "metadata":
    print(METADATA)
    sys.exit(0)
if given.get("password") != "known to this test only":
    sys.exit(1)
if action in ("on", "off", "reboot"):
    with open("/var/log/fence_pretend.log", "a", encoding="utf-8") as log:
        log.write(f"{action} {given.get('plug')}\n")
sys.exit(0)
