# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real sshd on the loopback address, and who asks it as the fence agent does."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import time
import typing as t
from pathlib import Path

import pytest

# sshd as root wants a user and a folder of its own, which only a host with its package has.
SSHD = """#!/bin/sh
export LD_LIBRARY_PATH={libraries}
exec unshare --mount --propagation private sh -c '
  mount --bind "$0" /etc/passwd && mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec "$@"
' {passwd} {program} {options} "$@"
"""
# Programs of its own that a newer sshd runs.
PARTS = {"SshdSessionPath": "sshd-session", "SshdAuthPath": "sshd-auth"}


def sshd_root(folder: Path) -> Path:
    """Where an sshd is: this machine, or a folder with that of Debian and what it needs besides."""
    if Path("/usr/sbin/sshd").exists():
        return Path("/")
    apt = ["apt-get", "--option", "Debug::NoLocking=true", "--no-install-recommends"]
    wanted = subprocess.run(
        [*apt, "--yes", "--print-uris", "install", "openssh-server"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    names = re.findall(r"^'[^']+' ([^_ ]+)_", wanted, re.M)
    subprocess.run(["apt-get", "download", *names], cwd=folder, check=True, capture_output=True)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "--extract", str(package), str(folder)], check=True)
    return folder


def install_sshd(root: Path, folder: Path) -> str:
    """Make this machine, for whoever has that folder in PATH, a host with an sshd."""
    passwd = folder / "passwd"
    user = "sshd:x:9999:65534::/run/sshd:/usr/sbin/nologin\n"
    passwd.write_text(Path("/etc/passwd").read_text(encoding="utf-8") + user, encoding="utf-8")
    libraries = [*root.glob("usr/lib/*-linux-gnu"), *root.glob("lib/*-linux-gnu")]
    parts = {option: root / "usr/lib/openssh" / name for option, name in PARTS.items()}
    program = folder / "bin" / "sshd"
    program.parent.mkdir()
    text = SSHD.format(
        libraries=":".join(map(str, libraries)),
        passwd=passwd,
        program=root / "usr/sbin/sshd",
        options=" ".join(f"-o {name}={path}" for name, path in parts.items() if path.exists()),
    )
    program.write_text(text, encoding="utf-8")
    program.chmod(0o755)
    return str(program.parent)


def key(folder: Path, name: str = "key") -> str:
    """A key pair of a test; its public half."""
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path.with_suffix(".pub").read_text(encoding="utf-8")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@contextlib.contextmanager
def serving(command: t.Sequence[str], port: int) -> t.Iterator[None]:
    """Run the server as its unit does."""
    environment = {"PATH": os.environ["PATH"]}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        for _attempt in range(100):
            assert process.poll() is None
            with socket.socket() as link:
                if link.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        else:
            pytest.fail("the server takes no connections")
        yield
    finally:
        process.terminate()
        process.wait(timeout=10)


def ssh(folder: Path, port: int, host_key: str, *more: str, name: str = "key") -> t.Any:
    """A login with a key of the folder, at a server that is known before."""
    known = folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {host_key}\n", encoding="utf-8")
    argv = ["ssh", "-F", "none", "-p", str(port), "-i", f"{folder}/{name}"]
    for option in (
        "IdentitiesOnly=yes",
        "StrictHostKeyChecking=yes",
        "BatchMode=yes",
        f"UserKnownHostsFile={known}",
        "LogLevel=ERROR",
        "ExitOnForwardFailure=yes",
    ):
        argv += ["-o", option]
    argv += more
    return subprocess.run(argv, capture_output=True, text=True, timeout=90, check=False)
