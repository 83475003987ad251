# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One emulated machine for all nightly tests: a Debian with VirtualBox and its kernel driver."""

from __future__ import annotations

import base64
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import emulator  # noqa: E402

import playbooks  # noqa: E402

BOOT_SECONDS = 1800
# Room for VMs: the file is sparse.
DISK_BYTES = 24 * 1024**3


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder with the machine's disk; making it takes minutes, once."""
    return emulator.built("build")


def machine_command(built: Path, room: Path, port: int, key: str, log: Path) -> list[str]:
    """The command of the machine that VirtualBox runs on."""
    command = emulator.command()
    command += ["-accel", "tcg,thread=multi,tb-size=1024", "-cpu", "EPYC", "-smp", "2"]
    command += ["-m", "4096", "-serial", f"file:{log}", "-kernel", str(built / "vmlinuz")]
    command += ["-initrd", str(built / "initrd")]
    options = "console=ttyS0 root=/dev/vda rw mitigations=off panic=1 quiet"
    # systemd puts the key where sshd looks for it.
    encoded = base64.b64encode(f"{key}\n".encode()).decode()
    options += f" systemd.set_credential_binary=ssh.authorized_keys.root:{encoded}"
    command += ["-append", options]
    disk = f"file={built / 'root.ext4'},format=raw,if=virtio,cache=unsafe,snapshot=on"
    command += ["-drive", disk, "-drive", f"file={room},format=raw,if=virtio,cache=unsafe"]
    command += ["-device", "virtio-rng-pci", "-device", "virtio-net-pci,netdev=net"]
    # Nothing leaves it, and only loopback gets in.
    command += ["-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"]
    return command


@pytest.fixture(scope="session")
def ssh(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running machine; gives the configuration of SSH that leads to it."""
    folder = tmp_path_factory.mktemp("nightly")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    public = key.with_suffix(".pub").read_text(encoding="utf-8").strip()
    host_key = (built / "host_key.pub").read_text(encoding="utf-8").split()
    (folder / "known_hosts").write_text(f"vboxhost {' '.join(host_key[:2])}\n", encoding="utf-8")
    config = folder / "config"
    config.write_text(
        f"Host vboxhost\n  HostName 127.0.0.1\n  Port {port}\n  User root\n"
        f"  IdentityFile {key}\n  IdentitiesOnly yes\n  HostKeyAlias vboxhost\n"
        f"  UserKnownHostsFile {folder / 'known_hosts'}\n  StrictHostKeyChecking yes\n"
        "  ConnectTimeout 60\n  ServerAliveInterval 30\n  ServerAliveCountMax 20\n"
        f"  ControlMaster auto\n  ControlPath {folder}/%C\n  ControlPersist 600\n",
        encoding="utf-8",
    )
    began = time.monotonic()
    log = folder / "console"
    room = folder / "room.img"
    with room.open("wb") as file:
        file.truncate(DISK_BYTES)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", room], check=True)
    environment = emulator.environment(folder)
    machine = subprocess.Popen(machine_command(built, room, port, public, log), env=environment)
    try:
        while subprocess.run(["ssh", "-F", config, "vboxhost", "true"], check=False).returncode:
            shown = (
                log.read_text(encoding="utf-8", errors="replace")[-2000:] if log.exists() else ""
            )
            assert machine.poll() is None, f"the emulator has ended: {shown}"
            assert time.monotonic() - began < BOOT_SECONDS, f"no answer by SSH: {shown}"
            time.sleep(2)
        print(f"nightly: the machine answers after {time.monotonic() - began:.0f} s")
        mount = "mkdir -p /srv/room && mount /dev/vdb /srv/room"
        subprocess.run(["ssh", "-F", config, "vboxhost", mount], check=True)
        yield config
    finally:
        subprocess.run(["ssh", "-F", config, "-O", "exit", "vboxhost"], check=False)
        machine.kill()
        machine.wait()
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
