# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the lab names things; whatever carries one of these names is ours and may be removed."""

from __future__ import annotations

import hashlib
import os
import re

NAME_PATTERN = re.compile(r"^[a-z][a-z0-9-]{0,31}$")
INTERFACE_LENGTH = 15
OUTSIDE = "outside"
UPLINK_BRIDGE = "br-uplink"
UPLINK_INSIDE = "uplink"
UPLINK_OUTSIDE = "nat0"


def check_name(what: str, name: str) -> str | None:
    """A sentence that says what is wrong with the name, or None."""
    if not NAME_PATTERN.match(name):
        return (
            f"{what} '{name}' must be 1 to 32 lower case letters, digits or hyphens"
            " and start with a letter"
        )
    if name.endswith(f"-{OUTSIDE}"):
        return f"{what} '{name}' must not end in -{OUTSIDE}: the lab names its outside network so"
    return None


def namespace(datacenter: str) -> str:
    return f"vdc-{datacenter}"


def outside_namespace(datacenter: str) -> str:
    return f"vdc-{datacenter}-{OUTSIDE}"


def namespace_path(name: str) -> str:
    return f"/run/netns/{name}"


def container(datacenter: str, machine: str) -> str:
    # Dots cannot occur in either name, so no data center's name is the beginning of another's
    # containers.
    return f"vdc.{datacenter}.{machine}"


def host_interface(machine: str, number: int) -> str:
    """Name of the cable's end at the bridge; the namespace belongs to one data center, so it
    needs no prefix.
    """
    name = f"{machine}.{number}"
    if len(name) <= INTERFACE_LENGTH:
        return name
    digest = hashlib.sha256(machine.encode()).hexdigest()[:5]
    suffix = f"~{digest}.{number}"
    return machine[: INTERFACE_LENGTH - len(suffix)] + suffix


def datacenter_directory(root: str, datacenter: str) -> str:
    return os.path.join(root, datacenter)


def machines_directory(root: str, datacenter: str) -> str:
    return os.path.join(root, datacenter, "machines")


def machine_directory(root: str, datacenter: str, machine: str) -> str:
    return os.path.join(root, datacenter, "machines", machine)


def run_directory(root: str, datacenter: str) -> str:
    """Where the pid files, logs and configuration of the lab's own processes lie."""
    return os.path.join(root, datacenter, "run")
