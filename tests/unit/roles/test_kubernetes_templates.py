# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of the Kubernetes roles as Ansible renders them."""

from __future__ import annotations

import base64
import configparser
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import tomllib
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.virtual.datacenter.plugins.filter.as_list import as_list
from role_templar import trusted

ROLES = Path(__file__).resolve().parents[3] / "roles"


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}


def render(role: str, template: str, **given: Any) -> str:
    variables = {
        **load(ROLES / role / "defaults" / "main.yml"),
        **load(ROLES / role / "vars" / "main.yml"),
        "ansible_managed": "Ansible managed",
        "inventory_hostname": "cp01",
        **given,
    }
    text = (ROLES / role / "templates" / template).read_text(encoding="utf-8")
    templar = Templar(loader=DataLoader(), variables=trusted(variables))
    templar._engine.environment.filters["virtual.datacenter.as_list"] = as_list
    rendered = templar.template(trust_as_template(text))
    assert isinstance(rendered, str)
    return rendered


@pytest.mark.parametrize("version", ["1.6.20~ds1", "1.7.24"])
def test_containerd_1(version: str) -> None:
    text = render(
        "containerd",
        "config-v2.toml.j2",
        __containerd_version=version,
        __containerd_systemd_cgroup=True,
        containerd_restrict_oom_score_adj=True,
    )
    config = tomllib.loads(text)
    cri = config["plugins"]["io.containerd.grpc.v1.cri"]
    assert config["version"] == 2
    assert cri["sandbox_image"].startswith("registry.k8s.io/pause:")
    assert cri["restrict_oom_score_adj"] is True
    assert cri["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is True
    assert cri["cni"]["bin_dir"] == "/usr/lib/cni"


@pytest.mark.parametrize(("version", "key"), [("2.0.5", "bin_dir"), ("2.1.0~rc1", "bin_dirs")])
def test_containerd_2(version: str, key: str) -> None:
    text = render(
        "containerd",
        "config-v3.toml.j2",
        __containerd_version=version,
        __containerd_systemd_cgroup=False,
    )
    config = tomllib.loads(text)
    images, runtime = (
        config["plugins"][f"io.containerd.cri.v1.{name}"] for name in ("images", "runtime")
    )
    assert config["version"] == 3
    assert images["pinned_images"]["sandbox"].startswith("registry.k8s.io/pause:")
    assert runtime["containerd"]["runtimes"]["runc"]["options"]["SystemdCgroup"] is False
    assert set(runtime["cni"]) == {key, "conf_dir"}


def test_registry_mirrors() -> None:
    item = {
        "registry": "docker.io",
        "server": "https://registry-1.docker.io",
        "mirrors": [
            {"url": "https://one.example.com", "capabilities": ["pull"], "ca": "/etc/ca.crt"},
            {"url": "http://two.example.com:5000", "skip_verify": True},
        ],
    }
    hosts = tomllib.loads(render("containerd", "hosts.toml.j2", item=item))
    assert hosts["server"] == "https://registry-1.docker.io"
    assert hosts["host"] == {
        "https://one.example.com": {"capabilities": ["pull"], "ca": "/etc/ca.crt"},
        "http://two.example.com:5000": {"capabilities": ["pull", "resolve"], "skip_verify": True},
    }


def init(**given: Any) -> dict[str, Any]:
    text = render(
        "k8s_control_plane",
        "init.yml.j2",
        k8s_control_plane_endpoint="api.dc.internal:6443",
        k8s_control_plane_version="1.36.2",
        k8s_control_plane_members=[{"name": "cp01", "address": "10.70.2.11"}],
        **given,
    )
    documents = list(yaml.safe_load_all(text))
    # kubeadm rejects an empty document.
    assert all(documents)
    return {document["kind"]: document for document in documents}


def test_a_new_cluster() -> None:
    documents = init(
        k8s_control_plane_apiserver_args={"audit-log-maxage": 7, "profiling": False},
        k8s_control_plane_kube_proxy_config={"conntrack": {"maxPerCore": 0, "min": None}},
    )
    endpoint = documents["InitConfiguration"]["localAPIEndpoint"]
    assert endpoint == {"advertiseAddress": "10.70.2.11", "bindPort": 6443}
    cluster = documents["ClusterConfiguration"]
    assert cluster["apiVersion"] == "kubeadm.k8s.io/v1beta4"
    assert cluster["controlPlaneEndpoint"] == "api.dc.internal:6443"
    assert cluster["apiServer"]["certSANs"] == ["localhost", "127.0.0.1"]
    assert cluster["apiServer"]["extraArgs"] == [
        {"name": "audit-log-maxage", "value": "7"},
        {"name": "profiling", "value": "False"},
    ]
    assert "extraVolumes" not in cluster["apiServer"]
    proxy = documents["KubeProxyConfiguration"]
    assert proxy["mode"] == "nftables"
    assert proxy["conntrack"] == {"maxPerCore": 0, "min": None}


def test_the_token_of_an_init_is_over_at_once() -> None:
    assert init()["InitConfiguration"]["bootstrapTokens"][0]["ttl"] == "1s"


def test_anonymous_requests_for_health_only() -> None:
    server = init(k8s_control_plane_anonymous_health_only=True)["ClusterConfiguration"]["apiServer"]
    path = "/etc/kubernetes/authentication.yaml"
    assert server["extraArgs"] == [{"name": "authentication-config", "value": path}]
    assert server["extraVolumes"][0]["hostPath"] == path


@pytest.mark.parametrize("role", ["control_plane", "worker"])
def test_the_credentials_of_a_join(role: str) -> None:
    certificate = base64.b64encode(b"-----BEGIN CERTIFICATE-----\nAAAA").decode()
    given: dict[str, Any] = {
        "__kubeadm_secrets": {
            "stdout_lines": [
                "authorities QUJD=",
                f"ca {certificate}",
                "token abcdef.0123456789abcdef",
            ]
        },
        "kubeadm_role": role,
        "kubeadm_endpoint": "api.dc.internal:6443",
        "kubeadm_address": "10.70.2.11",
        "kubeadm_taints": [{"key": "a", "value": "", "effect": "NoSchedule"}],
    }
    discovery = yaml.safe_load(render("kubeadm", "discovery.conf.j2", **given))
    cluster = discovery["clusters"][0]["cluster"]
    assert cluster["server"] == "https://api.dc.internal:6443"
    assert cluster["certificate-authority-data"] == certificate
    assert certificate.startswith("LS0tLS1CRUdJTiB")
    assert discovery["users"][0]["user"]["token"] == "abcdef.0123456789abcdef"
    join = yaml.safe_load(render("kubeadm", "join.yml.j2", **given))
    assert join["discovery"] == {"file": {"kubeConfigPath": "/run/kubeadm/discovery.conf"}}
    common = ("discovery", "kubeletHealthCheck", "kubernetesAPICall", "tlsBootstrap")
    limits = dict.fromkeys(common, "300s")
    if role == "control_plane":
        assert join["controlPlane"]["localAPIEndpoint"]["advertiseAddress"] == "10.70.2.11"
        both = dict.fromkeys(("etcdAPICall", "controlPlaneComponentHealthCheck"), "300s")
        assert join["timeouts"] == limits | both
        # kubeadm's own taint of a control plane.
        assert "taints" not in join["nodeRegistration"]
    else:
        assert "controlPlane" not in join and join["timeouts"] == limits
        assert join["nodeRegistration"]["taints"] == given["kubeadm_taints"]


NODES = {
    "cp01": {"address": "10.70.2.11", "pod_cidr": "10.244.0.0/24"},
    "worker01": {"address": "10.70.3.11", "pod_cidr": "10.244.18.0/24"},
}


def test_the_pod_network() -> None:
    netdev = configparser.ConfigParser()
    netdev.read_string(render("k8s_network", "vxlan.netdev.j2", __k8s_network_nodes=NODES))
    assert netdev["NetDev"]["MACAddress"] == "0a:58:0a:f4:00:00"
    assert netdev["VXLAN"]["Local"] == "10.70.2.11"
    network = configparser.ConfigParser()
    network.read_string(render("k8s_network", "vxlan.network.j2", __k8s_network_nodes=NODES))
    assert network["Network"]["Address"] == "10.244.0.0/32"
    # The other node, and never the own range.
    assert dict(network["Route"]) == {
        "destination": "10.244.18.0/24",
        "gateway": "10.244.18.0",
        "gatewayonlink": "yes",
    }
    assert dict(network["BridgeFDB"]) == {
        "macaddress": "0a:58:0a:f4:12:00",
        "destination": "10.70.3.11",
    }
    assert network["Neighbor"]["LinkLayerAddress"] == "0a:58:0a:f4:12:00"
    bridge, portmap = json.loads(
        render("k8s_network", "pod-network.conflist.j2", __k8s_network_nodes=NODES)
    )["plugins"]
    assert bridge["ipam"]["ranges"] == [[{"subnet": "10.244.0.0/24"}]]
    assert (bridge["mtu"], portmap["type"]) == (1450, "portmap")


def test_the_program_of_the_pod_network_looks_for_the_own_devices() -> None:
    given = {"__k8s_network_self": NODES["cp01"]}
    program = render("k8s_network", "pod-network.sh.j2", **given)
    assert "'vxlan id 1 local 10.70.2.11 .*dstport 8472 '" in program
    assert r"' 10\.244\.0\.1/24 '" in program
    subprocess.run(["sh", "-n"], input=program, text=True, check=True)
