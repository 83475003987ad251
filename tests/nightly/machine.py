# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulated machine that VirtualBox runs on: how it is started, reached and ordered about."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import emulator

BOOT_SECONDS = 3600
NAME = "vboxhost"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def command(
    built: Path, drives: list[str], port: int, key: Path, log: Path, memory_mb: int
) -> list[str]:
    """Starts the machine; whoever has the key may log in."""
    argv = emulator.command()
    argv += ["-accel", "tcg,thread=multi,tb-size=1024", "-cpu", "EPYC", "-smp", "2"]
    argv += ["-m", str(memory_mb), "-serial", f"file:{log}", "-kernel", str(built / "vmlinuz")]
    argv += ["-initrd", str(built / "initrd")]
    options = "console=ttyS0 root=/dev/vda rw mitigations=off panic=1 quiet"
    # On a busy machine it starts slowly, and nothing in it hangs for that.
    options += " systemd.default_timeout_start_sec=1800 systemd.default_device_timeout_sec=1800"
    options += " systemd.service_watchdogs=no"
    # systemd puts the key where sshd looks for it.
    encoded = base64.b64encode(key.with_suffix(".pub").read_bytes().strip() + b"\n").decode()
    options += f" systemd.set_credential_binary=ssh.authorized_keys.root:{encoded}"
    argv += ["-append", options]
    for drive in drives:
        argv += ["-drive", f"{drive},if=virtio,cache=unsafe"]
    argv += ["-device", "virtio-rng-pci", "-device", "virtio-net-pci,netdev=net"]
    # Nothing leaves it, and only loopback gets in.
    return [*argv, "-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"]


def have_key(folder: Path) -> Path:
    """The key of who may log in."""
    key = folder / "key"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    return key


def way(built: Path, folder: Path, port: int, sockets: Path) -> Path:
    """The configuration of SSH that leads to the machine; sockets is a folder with a short name."""
    host_key = (built / "host_key.pub").read_text(encoding="utf-8").split()
    known = folder / "known_hosts"
    known.write_text(f"{NAME} {' '.join(host_key[:2])}\n", encoding="utf-8")
    config = folder / "config"
    config.write_text(
        f"Host {NAME}\n  HostName 127.0.0.1\n  Port {port}\n  User root\n"
        f"  IdentityFile {have_key(folder)}\n  IdentitiesOnly yes\n  HostKeyAlias {NAME}\n"
        f"  UserKnownHostsFile {known}\n  StrictHostKeyChecking yes\n"
        "  ConnectTimeout 120\n  ServerAliveInterval 30\n  ServerAliveCountMax 20\n"
        f"  ControlMaster auto\n  ControlPath {sockets}/%C\n  ControlPersist 600\n",
        encoding="utf-8",
    )
    return config


def wait(
    config: Path, machine: subprocess.Popen[bytes], log: Path, seconds: float = BOOT_SECONDS
) -> float:
    """Until the machine answers by SSH; gives the seconds that it took."""
    began = time.monotonic()
    while subprocess.run(["ssh", "-F", config, NAME, "true"], check=False).returncode:
        shown = log.read_text(encoding="utf-8", errors="replace")[-2000:] if log.exists() else ""
        assert machine.poll() is None, f"the emulator has ended: {shown}"
        if time.monotonic() - began > seconds:
            raise TimeoutError(f"no answer by SSH: {shown}")
        time.sleep(2)
    return time.monotonic() - began


def order(monitor: Path, *orders: tuple[str, dict[str, Any]], seconds: float = 600) -> list[Any]:
    """Gives orders to a running emulator by its monitor (QMP); gives what it answers."""
    answers = []
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(seconds)
        link.connect(str(monitor))
        stream = link.makefile("rw")
        stream.readline()
        for name, arguments in (("qmp_capabilities", {}), *orders):
            stream.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
            stream.flush()
            answer = json.loads(stream.readline())
            while "event" in answer:
                answer = json.loads(stream.readline())
            assert "return" in answer, answer
            answers.append(answer["return"])
    return answers[1:]
