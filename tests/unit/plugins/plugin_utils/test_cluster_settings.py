# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a running cluster differs from the desired one, with recorded ConfigMaps."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.virtual.datacenter.plugins.plugin_utils import cluster_settings

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "roles"))
from test_kubernetes_templates import render

RECORDED = Path(__file__).parent / "recorded"
# What the recorded cluster was begun with.
INPUTS: dict[str, Any] = {
    "k8s_control_plane_version": "1.36.2",
    "k8s_control_plane_endpoint": "api.dc.internal:6443",
    "k8s_control_plane_members": [{"name": "cp01", "address": "10.70.2.11"}],
    "k8s_control_plane_cluster_name": "mol-k8s-control-plane",
    "k8s_control_plane_cert_sans": ["10.70.1.10", "localhost", "127.0.0.1"],
    "k8s_control_plane_kubelet_config": {"failCgroupV1": False},
    "k8s_control_plane_kube_proxy_config": {"conntrack": {"maxPerCore": 0, "min": None}},
    "k8s_control_plane_ignored_preflight_errors": ["SystemVerification"],
}


def recorded(name: str) -> str:
    return (RECORDED / f"kubeadm-1.36.2-{name}.txt").read_text(encoding="utf-8")


def differences(changed: dict[str, dict[str, Any]] | None = None, **inputs: Any) -> list[str]:
    """With C(changed), settings that the cluster runs with beside the recorded ones, by kind."""
    running = {kind: recorded(kind) for kind in cluster_settings.KINDS}
    for kind, settings in (changed or {}).items():
        running[kind] = yaml.safe_dump({**yaml.safe_load(running[kind]), **settings})
    desired = render("k8s_control_plane", "init.yml.j2", **{**INPUTS, **inputs})
    return cluster_settings.cluster_differences(running, desired, recorded("defaults"))


def test_a_cluster_of_the_same_inputs_has_none() -> None:
    assert differences() == []


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        (
            {"k8s_control_plane_apiserver_args": {"profiling": False, "v": 4}},
            [
                "ClusterConfiguration apiServer.extraArgs.profiling: none -> False",
                "ClusterConfiguration apiServer.extraArgs.v: none -> 4",
            ],
        ),
        (
            {"k8s_control_plane_etcd_args": {"quota-backend-bytes": 1}},
            ["ClusterConfiguration etcd.local.extraArgs.quota-backend-bytes: none -> 1"],
        ),
        (
            {"k8s_control_plane_cert_sans": ["10.70.1.10", "localhost"]},
            [
                "ClusterConfiguration apiServer.certSANs:"
                " ['10.70.1.10', 'localhost', '127.0.0.1'] -> ['10.70.1.10', 'localhost']"
            ],
        ),
        (
            {"k8s_control_plane_certificate_validity": "4380h"},
            ["ClusterConfiguration certificateValidityPeriod: 8760h0m0s -> 4380h"],
        ),
        (
            {"k8s_control_plane_kube_proxy_mode": "iptables"},
            ["KubeProxyConfiguration mode: nftables -> iptables"],
        ),
        (
            {"k8s_control_plane_kubelet_config": {"failCgroupV1": False, "seccompDefault": True}},
            ["KubeletConfiguration seccompDefault: none -> true"],
        ),
        # Taken back: the default is what the cluster must have then.
        (
            {"k8s_control_plane_kubelet_config": {}},
            ["KubeletConfiguration failCgroupV1: false -> none"],
        ),
        (
            {"k8s_control_plane_kube_proxy_config": {}},
            ["KubeProxyConfiguration conntrack.maxPerCore: 0 -> none"],
        ),
        (
            {"k8s_control_plane_dns_domain": "example.org"},
            ["ClusterConfiguration networking.dnsDomain: cluster.local -> example.org"],
        ),
    ],
)
def test_a_changed_input(inputs: dict[str, Any], found: list[str]) -> None:
    assert differences(**inputs) == found


def test_rules_for_who_may_ask() -> None:
    names = [
        text.split(": ")[0] for text in differences(k8s_control_plane_anonymous_health_only=True)
    ]
    assert names == [
        "ClusterConfiguration apiServer.extraArgs.authentication-config",
        "ClusterConfiguration apiServer.extraVolumes.authentication.hostPath",
        "ClusterConfiguration apiServer.extraVolumes.authentication.mountPath",
        "ClusterConfiguration apiServer.extraVolumes.authentication.pathType",
        "ClusterConfiguration apiServer.extraVolumes.authentication.readOnly",
    ]


@pytest.mark.parametrize(
    ("kind", "settings", "found"),
    [
        (
            "ClusterConfiguration",
            {"scheduler": {"extraArgs": [{"name": "v", "value": "4"}]}},
            ["ClusterConfiguration scheduler.extraArgs.v: 4 -> none"],
        ),
        (
            "KubeletConfiguration",
            {"maxPods": 200, "syncFrequency": "1m"},
            [
                "KubeletConfiguration maxPods: 200 -> none",
                "KubeletConfiguration syncFrequency: 1m -> 0s",
            ],
        ),
        (
            "KubeletConfiguration",
            {"failSwapOn": False, "rotateCertificates": False},
            [
                "KubeletConfiguration failSwapOn: false -> none",
                "KubeletConfiguration rotateCertificates: false -> true",
            ],
        ),
        (
            "KubeProxyConfiguration",
            {"bindAddress": "::"},
            ["KubeProxyConfiguration bindAddress: :: -> 0.0.0.0"],
        ),
    ],
)
def test_a_setting_that_is_not_wanted_any_more(
    kind: str, settings: dict[str, Any], found: list[str]
) -> None:
    assert differences({kind: settings}) == found


def test_the_same_in_other_words() -> None:
    assert (
        differences(
            {
                "ClusterConfiguration": {
                    "apiServer": {
                        "certSANs": ["localhost", "127.0.0.1", "10.70.1.10"],
                        "extraArgs": [{"name": "v", "value": "4"}],
                    }
                }
            },
            k8s_control_plane_apiserver_args={"v": 4},
            k8s_control_plane_certificate_validity="525600m",
        )
        == []
    )


def test_arguments_that_are_given_more_than_once() -> None:
    twice = [{"name": "service-account-issuer", "value": value} for value in ("a", "b")]
    found = differences({"ClusterConfiguration": {"apiServer": {"extraArgs": twice}}})
    assert any("apiServer.extraArgs" in text for text in found)


def test_a_cluster_that_does_not_tell_its_settings() -> None:
    desired = render("k8s_control_plane", "init.yml.j2", **INPUTS)
    found = cluster_settings.cluster_differences({}, desired, recorded("defaults"))
    assert found == [f"{kind}: the cluster does not tell it" for kind in cluster_settings.KINDS]
