# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job, from nothing to verified, and what a second look at it must not change."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import datacenter
import pytest


def test_a_run_after_one_that_was_killed_ends_with_a_verified_cluster(
    finished: datacenter.Run,
) -> None:
    assert f"Data center {datacenter.NAME} is verified." in finished.output
    for layer in range(9):
        assert f"Layer {layer} of 8" in finished.output


@pytest.mark.usefixtures("finished")
def test_check_mode_on_the_finished_data_center_changes_nothing() -> None:
    run = datacenter.playbook("site", "--check").unchanged()
    print(f"\ncheck mode: {run.seconds:.0f} s")


@pytest.mark.usefixtures("finished")
def test_the_kubeconfig_works_from_this_machine() -> None:
    kubectl = Path.home() / ".cache" / "virtual.datacenter"
    kubectl = Path(os.environ.get("VIRTUAL_DATACENTER_CACHE", kubectl)) / "kubernetes-v1.36.2"
    nodes = json.loads(
        subprocess.run(
            [
                str(kubectl / "bin" / "kubectl"),
                "--kubeconfig",
                str(datacenter.KUBECONFIG),
                "get",
                "nodes",
                "--output=json",
            ],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
    )
    assert len(nodes["items"]) == 5


@pytest.mark.usefixtures("finished")
def test_only_the_gateway_has_a_way_out() -> None:
    """The host outside of the uplink answers the gateway's machines, and nobody else is there."""
    assert "10.0.2.15" in datacenter.ssh("gate01", "ip", "-4", "address")
    for machine in ("lb01", "cp01", "worker01"):
        addresses = datacenter.ssh(machine, "ip", "-json", "-4", "route", "show", "default")
        routers = [route["gateway"] for route in json.loads(addresses)]
        assert len(routers) == 1
        assert routers[0].startswith("10.70.")
        datacenter.ssh(machine, "ping", "-c", "1", "-W", "3", "10.0.2.2")


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


@pytest.mark.usefixtures("finished")
def test_a_run_of_the_installed_collection_changes_nothing(installed: Path) -> None:
    inventory = installed / "ansible_collections" / "virtual" / "datacenter" / "inventories" / "lab"
    run = datacenter.run(
        datacenter.command("virtual.datacenter.site", inventory=inventory),
        cwd=installed,
        env={**datacenter.environment(), "ANSIBLE_COLLECTIONS_PATH": str(installed)},
    )
    run.unchanged()
    assert "is verified" in run.output
    print(f"\nrun on a finished data center: {run.seconds:.0f} s")


@pytest.mark.usefixtures("finished")
def test_a_run_by_ansible_runner_changes_nothing(installed: Path, tmp_path: Path) -> None:
    private = tmp_path / "runner"
    shutil.copytree(
        installed / "ansible_collections" / "virtual" / "datacenter" / "examples" / "runner",
        private,
        symlinks=False,
    )
    run = datacenter.run(
        [
            str(datacenter.BIN / "ansible-runner"),
            "run",
            str(private),
            "-p",
            "virtual.datacenter.site",
            "--ident",
            "e2e",
            "--cmdline",
            " ".join(datacenter.extra_vars()),
        ],
        cwd=installed,
        env={
            **datacenter.environment(),
            "ANSIBLE_COLLECTIONS_PATH": str(installed),
            "PATH": f"{datacenter.BIN}:{os.environ['PATH']}",
        },
    )
    run.unchanged()
    assert (private / "artifacts" / "e2e" / "status").read_text(encoding="utf-8") == "successful"
