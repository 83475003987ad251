# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The finished data center of the end-to-end tests, made once and destroyed at the end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import datacenter
import interrupt


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection, built and installed as a user does it."""
    folder = tmp_path_factory.mktemp("installed")
    galaxy = str(datacenter.BIN / "ansible-galaxy")
    config = folder / "ansible.cfg"
    config.write_text("[defaults]\n", encoding="utf-8")
    environment = {**datacenter.environment(), "ANSIBLE_CONFIG": str(config)}
    subprocess.run(
        [galaxy, "collection", "build", "--output-path", str(folder)],
        cwd=datacenter.ROOT,
        env=environment,
        check=True,
    )
    (tarball,) = folder.glob("virtual-datacenter-*.tar.gz")
    subprocess.run(
        [galaxy, "collection", "install", str(tarball), "--offline", "-p", str(folder)],
        cwd=folder,
        env=environment,
        check=True,
    )
    return folder


@pytest.fixture(scope="session")
def killed_and_run_again(installed: Path) -> Iterator[datacenter.Run]:
    """The checkout's run is killed while control planes join; the installed collection goes on.

    `make chaos` kills in every layer.
    """
    datacenter.destroy()
    try:
        interrupt.kill_in_layer("control plane", 25)
        yield datacenter.installed_site(installed)
    finally:
        datacenter.destroy()


@pytest.fixture(scope="session")
def finished(killed_and_run_again: datacenter.Run) -> datacenter.Run:
    return killed_and_run_again.ok()
