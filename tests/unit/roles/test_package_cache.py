# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cache of packages, and the machines that ask it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.template import trust_as_template
from role_templar import role_templar

ROLES = Path(__file__).resolve().parents[3] / "roles"
HOSTS = ["deb.example.org", "security.example.org"]


def rendered(role: str, template: str, **given: Any) -> str:
    text = (ROLES / role / "templates" / template).read_text(encoding="utf-8")
    return str(role_templar(ROLES / role, **given).template(trust_as_template(text)))


def test_the_cache_asks_these_hosts_and_no_others() -> None:
    lines = rendered("package_cache", "acng.conf.j2", package_cache_hosts=HOSTS).splitlines()
    assert "ForceManaged: 1" in lines
    assert [line for line in lines if line.startswith("Remap")] == [
        f"Remap-{host}: http://{host} ; http://{host}" for host in HOSTS
    ]


def test_apt_asks_the_cache_for_these_hosts_and_no_others() -> None:
    url = "http://192.0.2.1:3142"
    said = rendered(
        "base",
        "package-cache.conf.j2",
        base_package_cache_url=url,
        base_package_cache_hosts=HOSTS,
    )
    assert [line for line in said.splitlines() if not line.startswith("//")] == [
        f'Acquire::http::Proxy::{host} "{url}";' for host in HOSTS
    ]


def test_apt_asks_no_cache_where_there_is_none() -> None:
    for given in ({}, {"base_package_cache_hosts": HOSTS}):
        said = rendered("base", "package-cache.conf.j2", **given)
        assert "Acquire" not in said
        assert "straight" in said
