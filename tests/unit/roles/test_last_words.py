# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last words of verify and of destroy, as the default callback of Ansible shows them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan import views

from inventories import Inventory

ROOT = Path(__file__).resolve().parents[3]
HOSTS = {
    "all": {
        "children": {
            "machine_hosts": {"hosts": {"host1": {"destroy_cache": {"stat": {"exists": True}}}}},
            "load_balancer": {
                "hosts": {"lb01": {"verify_holding": {"10.1.1.10": "lb02"}}, "lb02": {}}
            },
            "control_plane": {"hosts": {"cp01": {}}},
        },
        "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
    }
}


def machine(name: str, address: str | None, segment: str | None, role: str) -> dict[str, Any]:
    return {"name": name, "address": address, "segment": segment, "role": role}


MACHINES = (
    machine("gate01", None, None, "gateway"),
    machine("lb01", "10.1.1.11", "edge", "load_balancer"),
    machine("lb02", "10.1.1.12", "edge", "load_balancer"),
    machine("cp01", "10.1.2.11", "control", "control_plane"),
)
NODE = {
    "metadata": {"name": "cp01"},
    "status": {"nodeInfo": {"kubeletVersion": "v1", "containerRuntimeVersion": "containerd://2"}},
}
PLAN = {
    "name": "demo",
    "gateway": "gate01",
    "gateways": ["gate01"],
    "jump": "",
    "machines": {item["name"]: item for item in MACHINES},
    "floating_ips": {"api": {"address": "10.1.1.10", "fqdn": "api.dc.internal"}},
    "frontends": [
        {
            "name": "kubernetes_api",
            "floating_ip": "api",
            "bind_port": 6443,
            "backends": [{"name": "cp01", "address": "10.1.2.11", "port": 6443}],
        }
    ],
    "published_ports": [],
}


def last_words(folder: Path, playbook: str, *arguments: str, **variables: Any) -> str:
    """What the last task of a playbook writes; the variables are those that earlier tasks leave."""
    plays = yaml.safe_load((ROOT / "playbooks" / playbook).read_text(encoding="utf-8"))
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars": {**(plays[-1].get("vars") or {}), "datacenter_name": "demo", **variables},
        "tasks": [plays[-1]["tasks"][-1]],
    }
    (folder / "play.json").write_text(json.dumps([play]), encoding="utf-8")
    (folder / "hosts.json").write_text(json.dumps(HOSTS), encoding="utf-8")
    (folder / "ansible.cfg").write_text("[defaults]\n", encoding="utf-8")
    (folder / "templates").symlink_to(ROOT / "playbooks" / "templates")
    program = Path(sys.executable).with_name("ansible-playbook")
    files = ["-i", str(folder / "hosts.json"), str(folder / "play.json")]
    return subprocess.run(
        [str(program), *arguments, *files],
        cwd=folder,
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")},
            "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
            "ANSIBLE_NOCOLOR": "1",
            "PATH": str(folder / "bin"),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
        text=True,
        timeout=120,
    ).stdout


def summary(folder: Path, **more: Any) -> str:
    given = {
        "datacenter_plan": PLAN,
        "datacenter_state_dir": str(folder / "my state"),
        "datacenter_cache_dir": str(folder / "cache"),
        "datacenter_kubernetes_version": "1.2.3",
        "datacenter_kubeconfig_merge_into": "",
        "datacenter_api_server": "",
        "datacenter_api_port": 6443,
        "datacenter_second_gateway_port_step": 10000,
        "datacenter_clock": [{"layer": "machines", "began": 100.0}, {"layer": "x", "began": 110.5}],
        "verify_nodes_found": {"resources": [NODE]},
        "verify_control_planes": ["cp01"],
    }
    return last_words(folder, "verify.yml", **{**given, **more})


def test_the_summary(tmp_path: Path) -> None:
    output = summary(tmp_path, datacenter_kubeconfig_merge_into="~/.kube/config")
    state = f"'{tmp_path}/my state"
    for line in (
        "Data center demo is verified.",
        "gate01       all routers      all        gateway",
        "lb01         10.1.1.11        edge       load_balancer",
        "Floating IP  10.1.1.10 (api.dc.internal), held by lb02",
        "Node         cp01         v1, containerd://2",
        f"Kubeconfig   {state}/kubernetes/admin.conf'",
        "Context      demo, in ~/.kube/config",
        f"HAProxy      ssh -F {state}/ssh/config' -N -L 8404:10.1.1.12:8404 lb02",
        "Layer        machines           10.5 s",
        f"export KUBECONFIG={state}/kubernetes/admin.conf'",
        # There is no kubectl, so the one that is fetched.
        "./kubectl get pods --all-namespaces",
        f"ssh -F {state}/ssh/config' cp01 'cat $(command -v kubectl)' >kubectl && chmod +x kubectl",
    ):
        assert f"\n{line}\n" in output, output


def test_the_summary_of_a_data_center_on_another_machine_says_how_kubectl_gets_there(
    tmp_path: Path,
) -> None:
    plan = {**PLAN, "jump": "ssh host1 -W %h:%p"}
    tunnel = f"ssh -F '{tmp_path}/my state/ssh/config' -S none -N -L 6443:10.1.1.10:6443 gate01"
    output = summary(tmp_path, datacenter_plan=plan)
    assert f"\nAPI          {tunnel}\n" in output
    assert f"\n{tunnel.replace(' -N', ' -f -N')}\n./kubectl get pods" in output


def test_the_summary_of_a_data_center_without_kubernetes(tmp_path: Path) -> None:
    web = {"floating_ip": "www", "bind_port": 80, "backends": [{"name": "server01"}]}
    plan = {
        **PLAN,
        "floating_ips": {"www": {"address": "10.1.1.10", "fqdn": "www.dc.internal"}},
        "frontends": [{"name": "web", **web}],
        "published_ports": [
            {"name": "web", "port": 8080, "to_address": "10.1.1.10", "to_port": 80}
        ],
        "machines": {**PLAN["machines"], "gate01": {**MACHINES[0], "host": "workstation"}},
    }
    output = summary(tmp_path, datacenter_plan=plan, verify_control_planes=[])
    for line in (
        "Floating IP  10.1.1.10 (www.dc.internal), held by lb02",
        "Frontend     web, port 80 of www.dc.internal to server01",
        "Port         8080 of 127.0.0.1 on workstation to 10.1.1.10:80, web",
        f"Next:\nssh -F '{tmp_path}/my state/ssh/config' lb01",
    ):
        assert f"\n{line}\n" in output, output
    assert "kube" not in output.lower()


TWO = {
    **PLAN,
    "gateways": ["gate01", "gate02"],
    "machines": {**PLAN["machines"], "gate02": machine("gate02", None, None, "gateway")},
}


def test_the_summary_says_what_leads_through_the_second_gateway(tmp_path: Path) -> None:
    web = {"name": "web", "port": 8080, "to_address": "10.1.1.10", "to_port": 80}
    gate01 = {**MACHINES[0], "host": "workstation"}
    plan = {**TWO, "published_ports": [web], "machines": {**TWO["machines"], "gate01": gate01}}
    output = summary(tmp_path, datacenter_plan=plan)
    for line in (
        "Port         8080 of 127.0.0.1 on workstation to 10.1.1.10:80, web",
        "Port         18080 of 127.0.0.1 leads there through gate02, the other through gate01",
        "API          as the kubeconfig has it through gate01; while that is off, kubectl takes",
        "             --server=https://127.0.0.1:16443, through gate02",
        f"SSH          ssh -F '{tmp_path}/my state/ssh/config' NAME",
        "             leads through gate01, and while that is off through gate02",
    ):
        assert f"\n{line}\n" in output, output


def test_the_tunnel_may_go_through_either_gateway(tmp_path: Path) -> None:
    output = summary(tmp_path, datacenter_plan={**TWO, "jump": "ssh host1 -W %h:%p"})
    assert ":10.1.1.10:6443 gate01\n" in output
    assert "as long as it runs, or with gate02 at its end\n" in output
    assert "--server" not in output


@pytest.mark.parametrize("jump", ["", "ssh host1 -W %h:%p"])
def test_the_summary_names_no_tunnel_where_there_is_a_way_without(
    tmp_path: Path, jump: str
) -> None:
    server = "https://host1.example.com:6443" if jump else ""
    plan = {**PLAN, "jump": jump}
    output = summary(tmp_path, datacenter_plan=plan, datacenter_api_server=server)
    assert "Data center demo is verified." in output
    assert " -N -L 6443" not in output


@pytest.mark.parametrize("place", ["bin", "cache/kubernetes-v1.2.3/bin"])
def test_a_kubectl_that_is_there_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / place / "kubectl").write_text("", encoding="utf-8")
    output = summary(tmp_path)
    wanted = "kubectl" if place == "bin" else str(tmp_path / place / "kubectl")
    assert f"\n{wanted} get pods --all-namespaces\n" in output, output
    assert "has no kubectl" not in output
    assert "Context " not in output


def foreseen(folder: Path, *gateways: str) -> str:
    """What a dry run says before anything has been made."""
    inventory = Inventory()
    inventory.change({"remove": ["gate01"]})
    inventory.change({"add": {"gateway": {name: {} for name in gateways}}})
    checked = inventory.check()
    assert checked["problems"] == []
    plan = checked["plan"]
    return last_words(
        folder,
        "preflight.yml",
        "--check",
        datacenter_plan=plan,
        datacenter_state_dir="/nowhere",
        datacenter_segments=inventory.options["datacenter_segments"],
        datacenter_kubernetes_version="1.2.3",
        datacenter_pod_subnet="10.244.0.0/16",
        datacenter_service_subnet="10.96.0.0/16",
        provider_published_ports=views.host_ports(plan, 2222, 6443, 10000),
    )


def test_a_dry_run_names_the_ports_of_the_gateway(tmp_path: Path) -> None:
    output = foreseen(tmp_path, "gate01")
    assert "\nPort         2222 of workstation to SSH of gate01\n" in output
    assert "\nPort         6443 of workstation to api\n" in output
    assert "Router" not in output and "through" not in output


def test_a_dry_run_names_what_two_gateways_share_and_what_each_has(tmp_path: Path) -> None:
    output = foreseen(tmp_path, "gate01", "gate02")
    router = "10.70.1.1, of one gateway at a time: gate01 (10.70.1.2), gate02 (10.70.1.3)"
    for line in (
        f"Router       edge         {router}",
        "Port         2222 of workstation to SSH of gate01",
        "Port         6443 of workstation to api, through gate01",
        "Port         12222 of workstation to SSH of gate02",
        "Port         16443 of workstation to api, through gate02",
    ):
        assert f"\n{line}\n" in output, output


def left(folder: Path, *arguments: str, found: tuple[str, ...] = (), **more: Any) -> str:
    given = {
        "machine_hosts": "machine_hosts",
        "datacenter_state_dir": "/state/demo",
        "datacenter_cache_dir": "/cache",
        "datacenter_base_medium": "",
        "destroy_left": {"files": [{"path": f"/state/demo/{name}"} for name in found]},
    }
    output = last_words(folder, "destroy.yml", *arguments, **{**given, **more})
    return " ".join(output.split())


def test_destroy_says_what_it_leaves(tmp_path: Path) -> None:
    words = left(tmp_path, found=("ssh", "secrets"), datacenter_base_medium="/images/debian.vdi")
    assert "Data center demo is destroyed." in words
    assert "- /state/demo keys, seeds, secrets and kubeconfig, for a next data center" in words
    assert "run this again with -e destroy_state=true" in words
    assert "- /cache on host1 images and programs that are slow to make" in words
    assert "- /images/debian.vdi the disk image that you gave" in words


def test_destroy_with_the_state_folder(tmp_path: Path) -> None:
    words = left(tmp_path, destroy_state="true")
    assert "What is left, and why: - " in words
    assert "/state/demo" not in words and "destroy_state" not in words


def test_destroy_does_not_take_what_is_not_ours(tmp_path: Path) -> None:
    words = left(tmp_path, found=("notes.txt", "virtualbox"), destroy_state=True)
    assert "- /state/demo notes.txt, virtualbox: in there is something that this" in words


def test_a_dry_run_does_not_say_that_it_destroyed(tmp_path: Path) -> None:
    words = left(tmp_path, "--check", found=("ssh",), destroy_state=True)
    assert "This was a dry run: nothing was removed. What would be left, and why: - " in words
    assert "/state/demo" not in words
    assert "is destroyed" not in words
