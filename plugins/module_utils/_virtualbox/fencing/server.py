# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the SSH server that takes requests for fencing on a VirtualBox host.

It runs as the user whose VMs they are, needs no rights of root, and listens on the host's loopback
address only, where the NAT engine of a VM can let the VM reach it. Whoever runs it is told how.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import shlex
import sys
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core import (
    command,
    files,
    program,
    state,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._fencing import server
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import instance
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.fencing import power

# Where a VM that may reach the host's loopback address finds it.
REACHED = "10.0.2.2"
LISTENS = "127.0.0.1"
PYTHON = "/usr/bin/python3"
WORDS = {
    "create folder": "make the folder of the server for fencing of '{name}'",
    "remove folder": "remove the folder of the server for fencing of '{name}', and its log",
    **server.PROGRAM_WORDS,
    "create host_key": "make the host key of the server for fencing of '{name}'",
    "remove host_key": "remove the host key of the server for fencing of '{name}'",
    "create key": "let one key ask for fencing of '{name}'",
    "change key": "let another key ask for fencing of '{name}'",
    "remove key": "let no key ask for fencing of '{name}' any more",
    "create settings": "write the settings of the server for fencing of '{name}'",
    "change settings": "change the settings of the server for fencing of '{name}'",
    "remove settings": "remove the settings of the server for fencing of '{name}'",
}


class Server:
    """What lies in its folder; nothing else there is touched."""

    def __init__(self, folder: str, port: int, public_key: str) -> None:
        self.folder = folder
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.port = port
        self.public_key = public_key
        self.program = b""
        self.files = {
            "program": server.PROGRAM,
            "key": server.AUTHORIZED_KEYS,
            "settings": server.CONFIG,
        }

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    @property
    def log(self) -> str:
        return self.path(server.LOG)

    def build(self, settings: dict[str, t.Any]) -> None:
        """The program, with what it is to know."""
        named = {name: os.environ[name] for name in instance.VARIABLES if name in os.environ}
        settings = {
            **settings,
            "environment": {**named, **settings["environment"]},
            "log": self.log,
        }
        self.program = program.build(power.__name__, "entry.main(settings)", settings)

    def _contents(self) -> dict[str, bytes]:
        python = PYTHON if os.access(PYTHON, os.X_OK) else sys.executable
        forced = " ".join((shlex.quote(python), "-I", shlex.quote(self.path(server.PROGRAM))))
        # Whoever can write in the folder above has the VMs already, so it may be a group's.
        more = (f"AllowUsers {self.user}", "PermitRootLogin forced-commands-only", "StrictModes no")
        config = server.sshd_config(LISTENS, self.port, self.folder, *more)
        return {
            "program": self.program,
            "key": server.authorized_key(forced, self.public_key).encode(),
            "settings": config.encode(),
        }

    def wanted(self) -> dict[str, str]:
        contents = {name: shown(name, text) for name, text in self._contents().items()}
        return {"folder": self.folder, "host_key": "ed25519", **contents}

    def read(self) -> dict[str, str]:
        found = {}
        if os.path.isdir(self.folder):
            found["folder"] = self.folder
        if os.path.exists(self.path(server.HOST_KEY)) and server.host_key(self.folder):
            found["host_key"] = "ed25519"
        for name, file in self.files.items():
            with contextlib.suppress(FileNotFoundError), open(self.path(file), "rb") as stream:
                found[name] = shown(name, stream.read())
        return found

    def apply(self, action: state.Action) -> None:
        thing = action.thing
        if action.kind == "remove":
            self._remove(thing)
        elif thing == "folder":
            os.makedirs(self.folder, mode=0o700)
        elif thing == "host_key":
            server.make_host_key(self.folder)
        else:
            files.write(self.path(self.files[thing]), self._contents()[thing], mode=0o600)

    def _remove(self, thing: str) -> None:
        if thing == "folder":
            self._unlink(server.LOG)
            os.rmdir(self.folder)
        elif thing == "host_key":
            self._unlink(f"{server.HOST_KEY}.pub")
            self._unlink(server.HOST_KEY)
        else:
            self._unlink(self.files[thing])

    def _unlink(self, name: str) -> None:
        for path in (self.path(name), *files.partials(self.path(name))):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def holds_more(self) -> bool:
        """Whether the folder holds files that this server did not write."""
        ours = {*self.files.values(), server.HOST_KEY, f"{server.HOST_KEY}.pub", server.LOG}
        names = os.listdir(self.folder) if os.path.isdir(self.folder) else ()
        return any(name not in ours and not name.endswith(".new") for name in names)

    def result(self) -> dict[str, t.Any]:
        """How it is run, and how a machine reaches it."""
        return {
            "fencing": server.reached(REACHED, self.port, self.user, self.folder),
            "log": self.log,
            "command": [sshd(), "-D", "-e", "-f", self.path(server.CONFIG)],
        }


def shown(name: str, content: bytes) -> str:
    """A file as a diff shows it: the program is too long, and no text."""
    return hashlib.sha256(content).hexdigest() if name == "program" else content.decode()


def sshd() -> str:
    """The program, which the host has for logins already, or not."""
    found = command.find("sshd")
    if found is None:
        raise TaskError(
            "There is no sshd on this host: install OpenSSH's server (Debian's openssh-server).",
            error_code="SSHD_MISSING",
        )
    return found
