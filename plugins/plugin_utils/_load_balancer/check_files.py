# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of keys and certificates on the controller that the role ha_lb copies to nodes."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import Problems

# corosync refuses a shorter key, and reads no more of a longer one.
SHORTEST_KEY = 128
LONGEST_KEY = 4096


def check_files(found: Iterable[Mapping[str, Any]], authkey_path: str, problems: Problems) -> None:
    _ask(_key, authkey_path, "ha_lb_authkey_path", problems)
    for item in found:
        where = f"ha_lb_frontends, {item['name']}"
        _ask(_certificate, item["certificate_path"], f"certificate_path of {where}", problems)
        _ask(_authority, item["check"]["ca_path"], f"check.ca_path of {where}", problems)


def _ask(
    check: Callable[[str, str, Problems], None], path: str, option: str, problems: Problems
) -> None:
    path = os.path.expanduser(path)
    # Ansible looks for a relative path in several folders, which only its own tasks know.
    if os.path.isabs(path):
        check(path, option, problems)


def _key(path: str, option: str, problems: Problems) -> None:
    wanted = f"{option} is a file of {SHORTEST_KEY} to {LONGEST_KEY} random bytes"
    try:
        length = os.stat(path).st_size
    except OSError as error:
        problems.add(wanted, f"{path}: {error.strerror}", option)
        return
    if not SHORTEST_KEY <= length <= LONGEST_KEY:
        problems.add(wanted, f"{path} has {length}", option)


def _certificate(path: str, option: str, problems: Problems) -> None:
    wanted = f"{option} is a file in PEM form with a certificate and its key, without a passphrase"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # An empty passphrase keeps OpenSSL from asking the terminal.
        context.load_cert_chain(path, password="")
    except (OSError, ValueError) as error:
        problems.add(wanted, f"{path}: {_reason(error)}", option)


def _authority(path: str, option: str, problems: Problems) -> None:
    wanted = f"{option} is a file in PEM form with a certificate of an authority"
    try:
        text = Path(path).read_text(encoding="utf-8")
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (OSError, ValueError) as error:
        problems.add(wanted, f"{path}: {_reason(error)}", option)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
