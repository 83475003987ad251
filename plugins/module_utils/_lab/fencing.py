# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH server that plays the one of a hypervisor's host: it takes requests for fencing.

It is the sshd of the machines' own image, in a mount namespace of its own and in the network
outside. Its only key has a forced command, which is run by this host's Python among this host's
files.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Sequence

from ansible_collections.virtual.datacenter.plugins.module_utils._core import (
    command,
    files,
    processes,
    program,
    state,
    wait,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._fencing import server
from ansible_collections.virtual.datacenter.plugins.module_utils._lab import (
    lxc,
    machine_host,
    names,
    namespaces,
    network,
    power,
    services,
)

PORT = 22
USER = "root"
PYTHON = "/usr/bin/python3"
START_SECONDS = 20
WORDS = {
    **server.PROGRAM_WORDS,
    "create service fencing": "let machines of data center '{name}' fence each other",
    "change service fencing": "restart the server for fencing of data center '{name}'",
    "remove service fencing": "let no machine of data center '{name}' fence another any more",
}
# Arguments: the folder of its files, the root file system of an image. Its own process stays among
# the host's files: by it the forced command finds the way back. sshd ends with it.
SERVER_SCRIPT = f"""#!/bin/sh
set -eu
export SELF=$$
unshare --mount --propagation slave sh -c '
  set -eu
  mount -t tmpfs -o mode=755 tmpfs "$2/run"
  mkdir "$2/run/sshd" "$2/run/fencing"
  cp "$1/host_key" "$1/sshd_config" "$2/run/fencing/"
  printf "restrict,command=\\"nsenter --mount=/proc/%s/ns/mnt -- {PYTHON} -I %s\\" %s\\n" \\
    "$SELF" "$1/fencing.pyz" "$(cat "$1/key.pub")" >"$2/run/fencing/authorized_keys"
  mount --rbind /proc "$2/proc"
  mount --rbind /dev "$2/dev"
  exec setpriv --pdeathsig KILL chroot "$2" /usr/sbin/sshd -D -e -f /run/fencing/sshd_config
' "$0" "$1" "$2" &
trap 'kill $!' TERM INT
wait $! || true
"""
SERVER_CONFIG = server.sshd_config(
    network.ROUTER, PORT, "/run/fencing", "PermitRootLogin forced-commands-only"
)


class Server(services.Service):
    """The process, and its files in a folder of their own."""

    def __init__(self, directory: str, datacenter: str, image_root: str, public_key: str) -> None:
        super().__init__(directory, "server for fencing", names.outside_namespace(datacenter))
        self.text = SERVER_SCRIPT
        self.folder = os.path.join(directory, "fencing")
        self.image_root = image_root
        self.public_key = server.bare_key(public_key)

    @property
    def file(self) -> str:
        # What it has read at its start: another key is another server.
        read_once = "".join((self.text, SERVER_CONFIG, self.public_key))
        return os.path.join(self.directory, f"fencing-{services.digest(read_once)}.sh")

    @property
    def arguments(self) -> list[str]:
        return [self.file, self.folder, self.image_root]

    def is_ours(self, pid: int) -> bool:
        argv = processes.arguments(pid)
        return len(argv) == 4 and argv[1].startswith(f"{self.directory}/fencing-")

    def listens(self) -> bool:
        """Whether something takes connections at its address."""
        if self.network_name is None or namespaces.inode(self.network_name) is None:
            return False
        argv = ["ss", "--no-header", "--listening", "--tcp", "--numeric"]
        found = command.run(*namespaces.enter_command(self.network_name), *argv).stdout
        return f"{network.ROUTER}:{PORT} " in found

    def start(self) -> None:
        if self.network_name is None or namespaces.inode(self.network_name) is None:
            raise TaskError(
                "The network outside does not exist: make it first (lab_network).",
                error_code="NETWORK_MISSING",
            )
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        server.make_host_key(self.folder)
        files.write(os.path.join(self.folder, "key.pub"), f"{self.public_key}\n")
        files.write(os.path.join(self.folder, "sshd_config"), SERVER_CONFIG)
        log = os.path.join(self.folder, "sshd.log")
        argv = [*namespaces.enter_command(self.network_name), "sh", *self.arguments]
        with open(log, "w", encoding="utf-8") as errors:
            process = subprocess.Popen(  # pylint: disable=ansible-bad-function,consider-using-with
                argv,
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                cwd="/",
                env=command.environment(),
                start_new_session=True,
            )
        wait.until(lambda: process.poll() is not None or self.listens(), START_SECONDS, 0.1)
        if process.poll() is None and self.listens():
            return
        process.kill()
        with open(log, encoding="utf-8", errors="replace") as file:
            reason = (file.read().strip().splitlines() or ["no message"])[-1]
        raise TaskError(
            f"The server for fencing did not start: {reason}", error_code="FENCING_FAILED"
        )


def image_root(root: str, datacenter: str, machines: Sequence[str], must_be_defined: bool) -> str:
    """The root file system of the image that the first of the machines was made from."""
    for name in machines:
        config = machine_host.LabMachine(root, datacenter, name, timeout=0).config()
        found = lxc.lower_of(config or "")
        if found:
            return found
    if must_be_defined:
        raise TaskError(
            f"None of the machines {', '.join(machines)} of {datacenter} is defined: define them"
            " first (lab_machine).",
            error_code="NOT_DEFINED",
        )
    return ""


def check(machines: Sequence[str], public_key: str) -> str | None:
    """A sentence that says what is wrong with what a module was given, or None."""
    for name in machines:
        problem = names.check_name("The machine's name", name)
        if problem:
            return problem
    return server.check_public_key(public_key)


class Fencing:
    """The program that answers requests, and the server that runs it."""

    def __init__(
        self,
        root: str,
        datacenter: str,
        machines: Sequence[str],
        public_key: str,
        must_be_defined: bool = True,
    ) -> None:
        directory = names.run_directory(root, datacenter)
        image = image_root(root, datacenter, machines, must_be_defined)
        self.server = Server(directory, datacenter, image, public_key)
        self.path = os.path.join(self.server.folder, server.PROGRAM)
        self.log = os.path.join(self.server.folder, server.LOG)
        settings = {
            "root_dir": root,
            "datacenter": datacenter,
            "machines": list(machines),
            "log": self.log,
        }
        self.program = program.build(power.__name__, "entry.main(settings)", settings)

    def read(self) -> dict[str, str]:
        actual = {}
        with contextlib.suppress(FileNotFoundError), open(self.path, "rb") as file:
            actual[f"program {self.path}"] = services.fingerprint(file.read())
        running = self.server.read()
        if running is not None:
            actual["service fencing"] = running if self.server.listens() else "does not listen"
        return actual

    def wanted(self) -> dict[str, str]:
        return {
            f"program {self.path}": services.fingerprint(self.program),
            "service fencing": self.server.describe(),
        }

    def apply(self, action: state.Action) -> None:
        if action.thing.startswith("program "):
            if action.kind == "remove":
                os.unlink(self.path)
            else:
                os.makedirs(self.server.folder, mode=0o700, exist_ok=True)
                files.write(self.path, self.program, mode=0o600)
        elif action.kind == "remove":
            self.server.stop()
        else:
            self.server.restart()

    def make(self) -> None:
        """All that is missing."""
        for action in state.plan(self.read(), self.wanted()):
            self.apply(action)

    def result(self) -> dict[str, object]:
        """What the module returns."""
        reached = server.reached(network.ROUTER, PORT, USER, self.server.folder)
        return {"fencing": reached, "log": self.log}
