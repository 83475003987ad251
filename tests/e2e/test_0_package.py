# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tarball is accepted by the programs that receive it: importer, image builder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import datacenter
import yaml


def command(*argv: str, cwd: Path, **environment: str) -> str:
    """What a program of the test environment prints, standard error included."""
    done = subprocess.run(
        [str(datacenter.BIN / argv[0]), *argv[1:]],
        cwd=cwd,
        env={
            **os.environ,
            "PATH": f"{datacenter.BIN}:{os.environ['PATH']}",
            "NO_COLOR": "1",
            **environment,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def test_the_importer_has_no_warning(installed: Path, tmp_path: Path) -> None:
    """Without its run of ansible-lint, which it ends after two minutes: `make lint` does that."""
    (tarball,) = installed.glob("virtual-datacenter-*.tar.gz")
    config = tmp_path / "importer.cfg"
    config.write_text("[galaxy-importer]\nrun_ansible_lint = False\n", encoding="utf-8")
    output = command(
        "python",
        "-m",
        "galaxy_importer.main",
        str(tarball),
        cwd=tmp_path,
        GALAXY_IMPORTER_CONFIG=str(config),
    )
    assert "Importer processing completed successfully" in output
    assert [line for line in output.splitlines() if line.startswith(("WARNING", "ERROR"))] == []


def test_an_execution_environment_can_be_built_from_it(installed: Path) -> None:
    found = yaml.safe_load(command("ansible-builder", "introspect", str(installed), cwd=installed))
    names = [line.split("#")[0].strip() for line in found["python"]]
    assert names == ["kubernetes", "netaddr", "passlib", "pycdlib"]
    assert [line.split()[0] for line in found["system"]] == ["openssh-client", "openssh-clients"]
