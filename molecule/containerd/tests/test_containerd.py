# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runtime answers through CRI, and a container really runs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import testinfra
from testinfra.host import Host

NAME = "mol-" + os.environ["MOLECULE_SCENARIO_NAME"].replace("_", "-")
STATE = Path.home() / ".local/state/virtual.datacenter" / NAME
CONFIG = STATE / "ssh" / "config"


def machine(name: str) -> Host:
    return testinfra.get_host(f"ssh://{name}?ssh_config={CONFIG}", sudo=True)


CRICTL = "/srv/kubernetes/bin/crictl"


def test_cri_is_ready_and_configured() -> None:
    node = machine("runner1")
    assert node.service("containerd").is_running
    assert node.service("containerd").is_enabled
    info = json.loads(node.check_output(f"{CRICTL} info"))
    conditions = {row["type"]: row["status"] for row in info["status"]["conditions"]}
    assert conditions["RuntimeReady"] is True
    assert info["config"]["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is True
    assert info["config"]["sandboxImage"].startswith("registry.k8s.io/pause:")


def test_a_container_runs() -> None:
    node = machine("runner1")
    node.check_output("ctr -n k8s.io images import /srv/kubernetes/images/probe.tar")
    said = node.check_output(
        "ctr -n k8s.io run --rm docker.io/virtual.datacenter/probe:1 hello sh -c 'echo hello'"
        " || ctr -n k8s.io run --rm virtual.datacenter/probe:1 hello sh -c 'echo hello'"
    )
    assert said.strip().endswith("hello")


def test_a_mirror_is_asked_first() -> None:
    node = machine("runner1")
    hosts = node.file("/etc/containerd/certs.d/docker.io/hosts.toml").content_string
    assert "https://mirror.example.com" in hosts
