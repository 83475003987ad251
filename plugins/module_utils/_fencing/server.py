# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH server that takes requests for fencing: its settings, its keys, and who logs in.

It is an sshd of our own. The one that the host may have, and the keys of its users, are never read.
"""

from __future__ import annotations

import contextlib
import os
import re

from ansible_collections.virtual.datacenter.plugins.module_utils._core import command

HOST_KEY = "host_key"
AUTHORIZED_KEYS = "authorized_keys"
CONFIG = "sshd_config"
PROGRAM = "fencing.pyz"
LOG = "fencing.log"
PROGRAM_WORDS = {
    "create program": "write the program that answers requests for fencing of '{name}'",
    "change program": "write the program that answers requests for fencing of '{name}' anew",
    "remove program": "remove the program that answers requests for fencing of '{name}'",
}
PUBLIC_KEY = re.compile(r"(ssh|ecdsa)-[a-z0-9-]+ [A-Za-z0-9+/]+=*( [^\n]*)?")


def check_public_key(public_key: str) -> str | None:
    """A sentence that says what is wrong with the key that is to log in, or None."""
    if PUBLIC_KEY.fullmatch(public_key.strip()):
        return None
    return "public_key is to be one line with a public key of ssh-keygen, such as ssh-ed25519"


def bare_key(public_key: str) -> str:
    """Kind and key, without the comment."""
    return " ".join(public_key.split()[:2])


def sshd_config(address: str, port: int, folder: str, *more: str) -> str:
    """The text of sshd_config; only the one key in authorized_keys of the folder can log in."""
    path = folder.replace("%", "%%")
    lines = (
        f"ListenAddress {address}",
        f"Port {port}",
        f'HostKey "{folder}/{HOST_KEY}"',
        f'AuthorizedKeysFile "{path}/{AUTHORIZED_KEYS}"',
        "AuthenticationMethods publickey",
        "PasswordAuthentication no",
        "DisableForwarding yes",
        "PermitUserRC no",
        "PermitTTY no",
        "UsePAM no",
        "UseDNS no",
        "PidFile none",
        "LoginGraceTime 20",
        *more,
    )
    return "\n".join(lines) + "\n"


def authorized_key(forced_command: str, public_key: str) -> str:
    """The line for the key: whatever it asks for, that command is run."""
    quoted = forced_command.replace('"', '\\"')
    return f'restrict,command="{quoted}" {bare_key(public_key)}\n'


def host_key(folder: str) -> str:
    """The public key that the server shows, empty before it is made."""
    try:
        with open(os.path.join(folder, f"{HOST_KEY}.pub"), encoding="utf-8") as file:
            return bare_key(file.read())
    except FileNotFoundError:
        return ""


def make_host_key(folder: str) -> None:
    """Once; ssh-keygen writes the public half last."""
    path = os.path.join(folder, HOST_KEY)
    if not host_key(folder):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        command.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path)


def reached(address: str, port: int, user: str, folder: str) -> dict[str, object]:
    """How a machine reaches the server."""
    return {"address": address, "port": port, "user": user, "host_key": host_key(folder)}
