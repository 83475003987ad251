# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a container runtime says of itself: the answers of crictl and of containerd's ctr."""

from __future__ import annotations

import json
import re
import typing as t


def parse_version(text: str) -> dict[str, str]:
    """C(crictl version): the runtime's name, its version, and that of its CRI."""
    said = dict(re.findall(r"^(\w+): +(\S+)", text, re.MULTILINE))
    return {
        "name": said.get("RuntimeName", ""),
        "version": said.get("RuntimeVersion", ""),
        "api_version": said.get("RuntimeApiVersion", ""),
    }


def parse_info(text: str) -> dict[str, t.Any]:
    """C(crictl info): its conditions, and who manages control groups as the running runtime has it.

    Only containerd tells the latter.
    """
    document = json.loads(text)
    conditions = [
        {"reason": "", "message": "", **entry}
        for entry in (document.get("status") or {}).get("conditions") or []
    ]
    status = {entry["type"]: bool(entry["status"]) for entry in conditions}
    return {
        "conditions": conditions,
        "ready": status.get("RuntimeReady", False),
        "network_ready": status.get("NetworkReady"),
        "cgroup_driver": _cgroup_driver(document.get("config") or {}),
    }


def _cgroup_driver(config: t.Mapping[str, t.Any]) -> str:
    containerd = config.get("containerd") or {}
    runtimes = containerd.get("runtimes") or {}
    default = runtimes.get(containerd.get("defaultRuntimeName")) or {}
    systemd = (default.get("options") or {}).get("SystemdCgroup")
    return "" if systemd is None else "systemd" if systemd else "cgroupfs"


def parse_images(text: str) -> list[dict[str, t.Any]]:
    """C(crictl images): one entry for each image."""
    return [
        {
            "id": image["id"],
            "names": image.get("repoTags") or [],
            "digests": image.get("repoDigests") or [],
            "size": int(image.get("size") or 0),
        }
        for image in json.loads(text).get("images") or []
    ]


def parse_pods(text: str) -> list[dict[str, str]]:
    """C(crictl pods): one entry for each sandbox of a pod."""
    return [
        {
            "id": pod["id"],
            "name": pod["metadata"]["name"],
            "namespace": pod["metadata"]["namespace"],
            "ready": pod["state"] == "SANDBOX_READY",
        }
        for pod in json.loads(text).get("items") or []
    ]


def complaint(text: str) -> str:
    """Why a client failed. crictl logs it last, and warnings before it that do not matter."""
    last = (text.strip().splitlines() or ["it said nothing"])[-1]
    logged = re.search(r'\bmsg="(.*)"$', last)
    return (logged.group(1).replace('\\"', '"') if logged else last)[:500]


def cri_plugin_is_loaded(text: str) -> bool:
    """C(ctr plugins ls): whether containerd has accepted the configuration of its CRI plugin."""
    rows = [line.split() for line in text.splitlines()]
    return any(row[:2] == ["io.containerd.grpc.v1", "cri"] and row[-1] == "ok" for row in rows)
