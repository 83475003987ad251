# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job, from nothing to verified, and what a second look at it must not change."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import datacenter
import pytest
import yaml

DEFAULTS = datacenter.ROOT / "roles" / "datacenter" / "defaults" / "main.yml"


def kubectl() -> str:
    """The lab's own, of the version of the cluster."""
    cache = Path.home() / ".cache" / "virtual.datacenter"
    version = yaml.safe_load(DEFAULTS.read_text(encoding="utf-8"))["datacenter_kubernetes_version"]
    cache = Path(os.environ.get("VIRTUAL_DATACENTER_CACHE", cache)) / f"kubernetes-v{version}"
    return str(cache / "bin" / "kubectl")


def test_the_installed_collection_ends_what_a_killed_run_of_the_checkout_began(
    finished: datacenter.Run,
) -> None:
    assert f"Data center {datacenter.NAME} is verified." in finished.output
    for layer in datacenter.LAYERS:
        assert f"PLAY [Layer {layer} | " in finished.output


def test_the_first_run_is_never_silent_for_long(finished: datacenter.Run) -> None:
    print(f"\nlongest silence of {finished.seconds:.0f} s: {finished.silence:.0f} s")
    assert finished.silence < 30
    assert f"\nData center {datacenter.NAME} is verified.\n\nmachine " in finished.output


@pytest.mark.usefixtures("finished")
def test_the_load_balancers_hold_the_api_to_the_certificate_of_the_cluster() -> None:
    """The API answers through them (it is verified), so its certificate has passed."""
    for name in ("lb01", "lb02"):
        config = datacenter.ssh(name, "sudo cat /etc/haproxy/haproxy.cfg")
        assert config.count("check-ssl verify required ca-file") == 1
        assert "check-sni kubernetes" in config


@pytest.mark.usefixtures("finished")
def test_a_dry_run_foresees_a_machine_that_was_added(tmp_path: Path) -> None:
    more = tmp_path / "more.yml"
    worker = {"worker": {"hosts": {"worker03": {"machine_address": "10.70.3.13"}}}}
    more.write_text(yaml.safe_dump(worker), encoding="utf-8")
    run = datacenter.playbook("site", "--check", "-i", str(more)).ok()
    print(f"\ndry run with a worker more: {run.seconds:.0f} s")
    assert "worker03" in run.changed
    assert not (datacenter.STATE / "ssh" / "machines" / "worker03").exists()
    assert not (datacenter.STATE / "seeds" / "worker03.iso").exists()


@pytest.mark.usefixtures("finished")
def test_the_kubeconfig_works_from_this_machine() -> None:
    nodes = json.loads(
        subprocess.run(
            [
                kubectl(),
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
def test_the_summary_can_be_copied_and_its_context_used(installed: Path, tmp_path: Path) -> None:
    """Without our screen, as an installed collection has it at first."""
    mine = tmp_path / "kube" / "config"
    merge = ["-e", f"datacenter_kubeconfig_merge_into={mine}"]
    inventory = installed / "ansible_collections/virtual/datacenter/inventories/lab"
    argv = datacenter.command("virtual.datacenter.verify", *merge, inventory=inventory)
    plain = {**datacenter.environment(installed), "ANSIBLE_CONFIG": str(installed / "ansible.cfg")}
    run = datacenter.run(argv, cwd=installed, env=plain).ok()
    assert run.changed == {"localhost": 2}
    state = datacenter.STATE
    for line in (
        f"Kubeconfig   {state}/kubernetes/admin.conf",
        f"Context      {datacenter.NAME}, in {mine}",
        f"SSH          ssh -F {state}/ssh/config NAME",
        f"             cat {state}/secrets/haproxy_stats_password",
        f"Next:\nexport KUBECONFIG={state}/kubernetes/admin.conf",
    ):
        assert f"\n{line}\n" in run.output, run.output[-4000:]
    assert re.search(r"^\S*kubectl get pods --all-namespaces$", run.output, re.M)
    context = ["--kubeconfig", str(mine), "--context", datacenter.NAME]
    ready = subprocess.run(
        [kubectl(), *context, "get", "--raw", "/readyz"], check=True, stdout=subprocess.PIPE
    )
    assert ready.stdout == b"ok"
    # The page of haproxy is where the summary says.
    tunnel = re.search(r"^HAProxy +ssh -F \S+ -N -L (\d+):([\d.]+):\d+ (\S+)$", run.output, re.M)
    assert tunnel, run.output[-4000:]
    page = datacenter.ssh(tunnel[3], "curl", "-sS", "-m", "10", f"http://{tunnel[2]}:{tunnel[1]}/")
    assert "401" in page or "Unauthorized" in page
    datacenter.run(argv, cwd=installed, env=plain).unchanged()


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


@pytest.mark.usefixtures("finished")
def test_a_run_of_the_installed_collection_by_ansible_runner_changes_nothing(
    installed: Path, tmp_path: Path
) -> None:
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
            **datacenter.environment(installed),
            "PATH": f"{datacenter.BIN}:{os.environ['PATH']}",
        },
    )
    run.unchanged()
    assert f"Data center {datacenter.NAME} is verified." in run.output
    print(f"\nrun on a finished data center: {run.seconds:.0f} s")
    assert (private / "artifacts" / "e2e" / "status").read_text(encoding="utf-8") == "successful"
