# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces by name: does one exist, what is set inside, run something inside."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ansible_collections.virtual.datacenter.plugins.module_utils._core import command, files
from ansible_collections.virtual.datacenter.plugins.module_utils._lab import forwarder, names


def is_mounted(path: str, mountinfo: str) -> bool:
    """Whether the name stands for a namespace; after a reboot or a killed run it may be an
    empty file.
    """
    for line in mountinfo.splitlines():
        before, _separator, after = line.partition(" - ")
        if before.split()[4] == path and after.split()[0] == "nsfs":
            return True
    return False


def inode(name: str) -> int | None:
    """The namespace's number, None when there is none of that name."""
    path = names.namespace_path(name)
    if not is_mounted(path, files.mountinfo()):
        return None
    return os.stat(path).st_ino


@contextmanager
def entered(name: str) -> Iterator[None]:
    """This process inside the namespace; what is opened there stays there."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    inside = os.open(names.namespace_path(name), os.O_RDONLY | os.O_CLOEXEC)
    try:
        forwarder.enter(inside)
        try:
            yield
        finally:
            forwarder.enter(home)
    finally:
        os.close(inside)
        os.close(home)


def read_settings(name: str, settings: Mapping[str, str]) -> dict[str, str]:
    """Kernel settings of the namespace; those that this kernel does not have are left out."""
    found = {}
    with entered(name):
        for setting in settings:
            try:
                with open(f"/proc/sys/{setting}", encoding="utf-8") as file:
                    found[setting] = file.read().strip()
            except FileNotFoundError:
                continue
    return found


def write_settings(name: str, settings: Mapping[str, str]) -> None:
    with entered(name):
        for setting, value in settings.items():
            if os.path.exists(f"/proc/sys/{setting}"):
                with open(f"/proc/sys/{setting}", "w", encoding="utf-8") as file:
                    file.write(value)


def add(name: str) -> None:
    if inode(name) is None:
        path = names.namespace_path(name)
        if os.path.exists(path):
            os.unlink(path)
        command.run("ip", "netns", "add", name)
    command.run("ip", "-n", name, "link", "set", "lo", "up")


def delete(name: str) -> None:
    path = names.namespace_path(name)
    if inode(name) is not None:
        command.run("ip", "netns", "del", name)
    elif os.path.exists(path):
        os.unlink(path)


def enter_command(name: str) -> list[str]:
    return ["nsenter", f"--net={names.namespace_path(name)}"]
