# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each worker has a VirtualBox of its own, each test an empty one."""

from __future__ import annotations

import os
import shutil
import time

import pytest
from fence_client import install_sshd, sshd_root
from world import new_world

# Prints on the first serial port for ever: a machine whose running can be seen from outside.
BOOT_SECTOR = bytes.fromhex(
    "31c08ed8"  # xor ax,ax; mov ds,ax
    "fbf4"  # again: sti; hlt: sleeps until the next tick of the clock, 18 times a second
    "be1d7c"  # mov si,text
    "ac"  # next: lodsb
    "84c0"  # test al,al
    "74f6"  # jz again
    "88c4"  # mov ah,al
    "bafd03"  # mov dx,3fd
    "ec"  # wait: in al,dx
    "a820"  # test al,20
    "74fb"  # jz wait
    "88e0"  # mov al,ah
    "baf803"  # mov dx,3f8
    "ee"  # out dx,al
    "ebe9"  # jmp next
)
TEXT = b"ALIVE "


@pytest.fixture
def boot_disk() -> bytes:
    """A raw disk of 2 MiB with that boot sector."""
    text = (0x7C00 + len(BOOT_SECTOR)).to_bytes(2, "little")
    code = BOOT_SECTOR.replace(bytes.fromhex("be1d7c"), b"\xbe" + text)
    sector = (code + TEXT + b"\0").ljust(510, b"\0") + b"\x55\xaa"
    return sector.ljust(2 * 1024 * 1024, b"\0")


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """The VirtualBox of this worker: tests of two workers never see each other."""
    with new_world(tmp_path_factory.mktemp("virtualbox")) as made:
        yield made


@pytest.fixture
def files_agree(world):
    """After the test, the settings files tell of each VM that is off what showvminfo tells."""
    yield
    world.compare_files()


@pytest.fixture(autouse=True)
def empty_world(world):
    """Every test begins with an empty world, whatever the one before has left."""
    world.settle()
    yield
    for program in ("VBoxHeadless", "VBoxSVC"):
        world.kill(program)
        while world.processes(program):
            time.sleep(0.05)
    for entry in world.folder.iterdir():
        if entry.name in ("home", "VirtualBox.xml"):
            continue
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    shutil.copy(world.folder / "VirtualBox.xml", world.folder / "home" / "VirtualBox.xml")


@pytest.fixture(scope="session")
def openssh(tmp_path_factory):
    return sshd_root(tmp_path_factory.mktemp("openssh"))


@pytest.fixture
def with_sshd(world, openssh, monkeypatch):
    """A host that has an sshd, for modules in this process and in others."""
    path = f"{install_sshd(openssh, world.folder)}:{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)
    monkeypatch.setitem(world.environment, "PATH", path)
