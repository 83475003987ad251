# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One emulated machine for all nightly tests: a Debian with VirtualBox and its kernel driver."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import emulator  # noqa: E402
import machine  # noqa: E402

import playbooks  # noqa: E402

# Room for VMs: the file is sparse.
DISK_BYTES = 24 * 1024**3


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder with the machine's disk; making it takes minutes, once."""
    return emulator.built("build")


@pytest.fixture(scope="session")
def ssh(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running machine; gives the configuration of SSH that leads to it."""
    folder = tmp_path_factory.mktemp("nightly")
    port = machine.free_port()
    config = machine.way(built, folder, port, folder)
    log = folder / "console"
    room = folder / "room.img"
    with room.open("wb") as file:
        file.truncate(DISK_BYTES)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", room], check=True)
    drives = [f"file={built / 'root.ext4'},format=raw,snapshot=on", f"file={room},format=raw"]
    command = machine.command(built, drives, port, machine.have_key(folder), log, 4096)
    running = subprocess.Popen(command, env=emulator.environment(folder))
    try:
        seconds = machine.wait(config, running, log)
        print(f"nightly: the machine answers after {seconds:.0f} s")
        mount = "mkdir -p /srv/room && mount /dev/vdb /srv/room"
        subprocess.run(["ssh", "-F", config, "vboxhost", mount], check=True)
        yield config
    finally:
        subprocess.run(["ssh", "-F", config, "-O", "exit", "vboxhost"], check=False)
        running.kill()
        running.wait()
        room.unlink()


@pytest.fixture(scope="session")
def run(ssh: Path) -> Callable[[str], str]:
    """Runs a command on the machine."""

    def call(command: str) -> str:
        argv = ["ssh", "-F", str(ssh), "vboxhost", command]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=3600, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


@pytest.fixture(scope="session")
def vboxhost(ssh: Path, run: Callable[[str], str]) -> Path:
    """VirtualBox is set up and its driver loaded; gives the configuration of SSH."""
    assert playbooks.run(ssh, HERE / "host.yml")["changed"] > 0
    # An emulated processor promises no steady clock, so VirtualBox interprets each reading of it:
    # with some ten at each of 250 ticks a second a Linux in a VM hardly does anything else.
    run("VBoxManage setextradata global VBoxInternal/TM/TSCMode RealTSCOffset")
    return ssh
