# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many VMs within a second: copies of one settings file, written while no service runs."""

from __future__ import annotations

import re
import time
import uuid
from pathlib import Path
from xml.sax.saxutils import quoteattr

ENTRY = re.compile(r'<MachineEntry uuid="\{([^}]*)\}" src="([^"]*)"/>')


def stop_service(world) -> None:
    """End the service of a world; it would write its own settings over ours."""
    world.kill("VBoxSVC")
    while world.processes("VBoxSVC"):
        time.sleep(0.02)


def make_vms(world, template: str, count: int) -> list[str]:
    """Register copies of a VM; their names, which are the template's with a number."""
    path = world.vbox("showvminfo", template, "--machinereadable")
    path = Path(re.findall(r'^CfgFile="(.*)"$', path, re.M)[0])
    stop_service(world)
    text = path.read_text(encoding="utf-8")
    old_uuid = re.findall(r'<Machine uuid="\{([^}]*)\}"', text)[0]
    settings = Path(world.environment["VBOX_USER_HOME"]) / "VirtualBox.xml"
    entries, names = [], []
    for number in range(count):
        name, new_uuid = f"{template}-{number:04}", str(uuid.uuid4())
        made = text.replace(old_uuid, new_uuid).replace(
            f"name={quoteattr(template)}", f"name={quoteattr(name)}", 1
        )
        copy = path.parent.parent / name / f"{name}.vbox"
        copy.parent.mkdir(parents=True)
        copy.write_text(made, encoding="utf-8")
        entries.append(f'<MachineEntry uuid="{{{new_uuid}}}" src={quoteattr(str(copy))}/>')
        names.append(name)
    all_settings = settings.read_text(encoding="utf-8")
    last = list(ENTRY.finditer(all_settings))[-1].end()
    settings.write_text(
        all_settings[:last] + "".join(entries) + all_settings[last:], encoding="utf-8"
    )
    return names
