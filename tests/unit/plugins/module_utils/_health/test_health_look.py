# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look reads what it is asked for."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._health import look

NOTHING = {
    "services": [],
    "paths": [],
    "certificates": [],
    "leases_path": None,
    "haproxy_socket": None,
}


def test_a_certificate_alone_asks_nothing_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "admin.crt"
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", "/dev/null")
    which = ("-x509", "-nodes", "-days", "30", "-subj", "/CN=a", "-out", str(file))
    subprocess.run(["openssl", "req", *key, *which], check=True, capture_output=True)
    monkeypatch.delattr(look.os, "getloadavg")
    found = look.look({**NOTHING, "machine": False, "certificates": [str(file)]})
    (certificate,) = found.pop("certificates")
    assert (certificate["path"], certificate["days_left"]) == (str(file), 29)
    assert set(found) == {"services", "file_systems", "leases", "servers", "problems"}
    assert not any(found.values())


def test_the_machine_is_looked_at_too() -> None:
    found = look.look({**NOTHING, "machine": True})
    assert {"system", "kernel", "booted", "memory", "failed_units"} <= set(found)
    assert found["memory"]["total_mb"] > 0
