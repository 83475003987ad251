# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way from the controller to the loopback ports of the host that holds the machines."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.said import worked_out

LOCAL = ("local", "ansible.builtin.local")


def _first(variables: Mapping[str, Any], *names: str) -> str:
    """The first of these variables that is there, as text."""
    for name in names:
        value = worked_out(variables, name)
        if value not in (None, ""):
            return str(value)
    return ""


def jump_command(host: str, variables: Mapping[str, Any]) -> str:
    """A ProxyCommand of ssh_config(5) over a host, as Ansible connects to it by its variables.

    Empty if the host is the controller itself.
    """
    if _first(variables, "ansible_connection") in LOCAL:
        return ""
    words = ["ssh", "-o", "BatchMode=yes"]
    for option, names in {
        "-p": ("ansible_port", "ansible_ssh_port"),
        "-i": ("ansible_private_key_file", "ansible_ssh_private_key_file"),
        "-l": ("ansible_user", "ansible_ssh_user"),
    }.items():
        value = _first(variables, *names)
        words += [option, shlex.quote(value)] if value else []
    # Ansible wants these variables as arguments of ssh that are quoted for a shell.
    words += _first(variables, "ansible_ssh_common_args").split()
    words += _first(variables, "ansible_ssh_extra_args").split()
    target = shlex.quote(_first(variables, "ansible_host", "ansible_ssh_host") or host)
    # ssh_config(5) puts something in the place of each % of its own.
    return " ".join([*words, target]).replace("%", "%%") + " -W %h:%p"
