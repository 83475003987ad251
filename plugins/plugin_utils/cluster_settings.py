# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the settings of a running cluster differ from the desired ones."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

Flat = dict[str, Any]

KINDS = ("ClusterConfiguration", "KubeletConfiguration", "KubeProxyConfiguration")
# Not settings: names of formats, and the version, which is compared by itself.
IGNORED = {"apiVersion", "kind", "kubernetesVersion"}
# Lists in which the order says nothing.
SETS = {"apiServer.certSANs"}
# What kubeadm finds out on the machine, where nothing is desired.
DETECTED = {
    "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
    "resolvConf": "/run/systemd/resolve/resolv.conf",
}
UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:h|ms|m|s|us|ns))+")


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting with its path; lists of named entries are settings by name."""
    if isinstance(value, list) and value and all(_named(entry) for entry in value):
        names = [str(entry["name"]) for entry in value]
        if len(set(names)) == len(names):
            value = {
                name: {key: content for key, content in entry.items() if key != "name"}
                for name, entry in zip(names, value)
            }
            # An argument has nothing but a value.
            value = {
                name: entry["value"] if set(entry) == {"value"} else entry
                for name, entry in value.items()
            }
    if isinstance(value, Mapping) and value:
        for key, content in value.items():
            yield from _leaves(content, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def _named(entry: Any) -> bool:
    return isinstance(entry, Mapping) and "name" in entry


def _settings(document: Mapping[str, Any]) -> Flat:
    return {
        path: value for path, value in _leaves(document) if path.split(".", 1)[0] not in IGNORED
    }


def _seconds(text: str) -> float:
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|ns)", text)
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def _equal(path: str, one: Any, other: Any) -> bool:
    if path in SETS and isinstance(one, list) and isinstance(other, list):
        return set(map(str, one)) == set(map(str, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if _empty(one) and _empty(other):
        return True
    first, second = str(one), str(other)
    if DURATION.fullmatch(first) and DURATION.fullmatch(second):
        return abs(_seconds(first) - _seconds(second)) < 1e-9
    return one == other or first == second


def _empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _derived(kind: str, cluster: Mapping[str, Any]) -> Flat:
    """What kubeadm takes from the settings of the cluster into those of the kubelet."""
    if kind != "KubeletConfiguration":
        return {}
    network = cluster["networking"]
    services = ipaddress.ip_network(str(network["serviceSubnet"]).split(",", maxsplit=1)[0])
    return {**DETECTED, "clusterDomain": network["dnsDomain"], "clusterDNS": [str(services[10])]}


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if _empty(value) else str(value)


def _documents(text: str) -> dict[str, Any]:
    return {document["kind"]: document for document in yaml.safe_load_all(text) if document}


def cluster_differences(running: Mapping[str, str], desired: str, defaults: str) -> list[str]:
    """One text for every setting, C(setting: running value -> desired value).

    C(running) has the documents of the cluster by kind, C(desired) those that a new one would begin
    with, C(defaults) those of C(kubeadm config print init-defaults), all as YAML. A setting that is
    not desired any more counts as well: the cluster must then have the default.
    """
    wanted, given = _documents(desired), _documents(defaults)
    found: list[str] = []
    for kind in KINDS:
        if kind not in running:
            found.append(f"{kind}: the cluster does not tell it")
            continue
        actual = _settings(yaml.safe_load(running[kind]))
        asked, default = _settings(wanted[kind]), _settings(given[kind])
        derived = _derived(kind, wanted["ClusterConfiguration"])
        for path in sorted({*actual, *asked}):
            now, then = actual.get(path), asked.get(path, default.get(path))
            if _equal(path, now, then) or (
                path not in asked and path in derived and _equal(path, now, derived[path])
            ):
                continue
            found.append(f"{kind} {path}: {_shown(now)} -> {_shown(then)}")
    return found
