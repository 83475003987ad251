# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module kubeadm_info on a pretended machine, with pretended servers."""

from __future__ import annotations

import base64
import fcntl
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.virtual.datacenter.plugins.module_utils._kubernetes import (
    details,
    https,
    look,
    membership,
)
from ansible_collections.virtual.datacenter.plugins.modules import kubeadm_info

LABELS = {membership.CONTROL_PLANE_LABEL: ""}
NODE = {"metadata": {"name": "cp01", "labels": LABELS}, "spec": {"podCIDR": "10.244.0.0/24"}}
MEMBERS = {"members": [{"ID": "1", "name": "cp01", "peerURLs": ["https://10.70.2.11:2380"]}]}
ANSWERS = {
    "/readyz": (200, None),
    "/api/v1/nodes": (200, {"items": [NODE]}),
    "/api/v1/nodes/cp01": (200, NODE),
    "/v3/cluster/member/list": (200, MEMBERS),
    "/apis/apps/v1/namespaces/kube-system/deployments/coredns": (200, {}),
    "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy": (404, {}),
    "/version": (200, {"gitVersion": "v1.36.2"}),
}
MAPS = {
    kind: (f"{details.CONFIG_MAPS}/{name}", key) for kind, (name, key) in details.SETTINGS.items()
}
TOKEN = {
    "metadata": {"name": "bootstrap-token-abcdef"},
    "data": {"description": "dmlydHVhbC5kYXRhY2VudGVy"},
}
DEPLOYMENT: Any = {"spec": {"template": {"metadata": {"labels": {}}, "spec": {}}}}
DETAILS = {
    **{path: (200, {"data": {key: f"text of {kind}"}}) for kind, (path, key) in MAPS.items()},
    details.DNS: (200, DEPLOYMENT),
    details.TOKENS: (200, {"items": [TOKEN]}),
    f"{details.SECRETS}/{details.CERTIFICATES}": (404, {}),
}


class Machine:
    """Files below a folder, and servers that say what they are told to."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.answers: dict[str, Any] = dict(ANSWERS)
        self.asked: list[tuple[str, int, str]] = []

    def put(self, *paths: str, content: str = "") -> None:
        for path in paths:
            target = self.root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")

    def put_control_plane(self) -> None:
        self.put(look.ADMIN.key, look.ETCD.key, "/etc/kubernetes/kubelet.conf")
        self.put(*(f"/etc/kubernetes/manifests/{name}.yaml" for name in membership.STATIC_PODS))

    def server(self) -> type:
        machine = self

        class Server:
            def __init__(self, host: str, port: int, _identity: Any, _timeout: float) -> None:
                self.host, self.port = host, port

            def ask(self, path: str, body: Any = None) -> https.Answer:
                machine.asked.append((self.host, self.port, path))
                said = machine.answers[path]
                if isinstance(said, Exception):
                    raise said
                return https.Answer(said[0], said[1], "")

        return Server


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    root = tmp_path / "root"
    made = Machine(root)
    for name, value in list(vars(look).items()):
        if isinstance(value, str) and value.startswith(("/etc/", "/var/")):
            monkeypatch.setattr(look, name, f"{root}{value}")
        elif isinstance(value, https.Identity):
            moved = https.Identity(*(f"{root}{path}" for path in vars(value).values()))
            monkeypatch.setattr(look, name, moved)
    moved_paths = tuple(f"{root}{path}" for path in look.LEFTOVERS)
    monkeypatch.setattr(look, "LEFTOVERS", moved_paths)
    monkeypatch.setattr(look, "Server", made.server())

    def put(*paths: str, content: str = "") -> None:
        Machine.put(made, *(path.replace(str(root), "") for path in paths), content=content)

    monkeypatch.setattr(made, "put", put)
    return made


Ask = Callable[..., Any]


@pytest.fixture
def ask(machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Ask:
    def call(role: str = "control_plane", ok: bool = True, **options: Any) -> Any:
        arguments = {
            "role": role,
            "name": "cp01",
            "server": "10.70.2.11:6443",
            "mark": str(machine.root / "etc/kubernetes/kubeadm-in-progress"),
            "lock": str(tmp_path / "lock"),
            **options,
        }
        with patch_module_args(arguments), pytest.raises(SystemExit):
            kubeadm_info.main()
        result = json.loads(capsys.readouterr().out)
        assert bool(result.get("failed")) is not ok, result
        return result

    return call


def test_a_bare_machine_asks_nobody(machine: Machine, ask: Ask) -> None:
    for role in ("control_plane", "worker"):
        result = ask(role)
        assert (result["state"], result["healthy"], result["changed"]) == ("absent", False, False)
    assert machine.asked == []


def test_a_healthy_control_plane(machine: Machine, ask: Ask) -> None:
    machine.put_control_plane()
    result = ask()
    assert (result["state"], result["healthy"], result["gaps"]) == ("member", True, [])
    assert result["nodes"]["cp01"]["pod_cidr"] == "10.244.0.0/24"
    assert result["etcd_members"][0]["voter"] is True
    assert ("10.70.2.11", 6443, "/readyz") in machine.asked
    assert ("127.0.0.1", 2379, "/v3/cluster/member/list") in machine.asked


def test_an_init_that_was_killed_before_its_last_step(machine: Machine, ask: Ask) -> None:
    machine.put_control_plane()
    machine.put("/etc/kubernetes/kubeadm-in-progress", content="init\n")
    result = ask()
    assert (result["state"], result["mark"]) == ("interrupted", "init")
    assert result["gaps"] == ["no addons yet"]


def test_an_own_ca_alone_is_no_leftover(machine: Machine, ask: Ask) -> None:
    machine.put("/etc/kubernetes/pki/ca.crt", "/etc/kubernetes/pki/ca.key")
    assert ask()["state"] == "absent"
    machine.put("/etc/kubernetes/kubeadm-in-progress", content="init\n")
    assert ask()["state"] == "interrupted"


def test_a_control_plane_whose_servers_are_down(machine: Machine, ask: Ask) -> None:
    machine.put_control_plane()
    machine.answers = {path: https.UnreachableError("refused") for path in ANSWERS}
    result = ask()
    assert (result["state"], result["healthy"]) == ("member", False)
    assert result["problems"] == ["refused", "refused"]
    assert "its API server is not ready" in result["gaps"]


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ((200, NODE), "member"),
        ((404, {}), "foreign"),
        ((401, {}), "foreign"),
        ((500, {}), "unknown"),
        (https.UnreachableError("refused"), "unknown"),
        (https.UntrustedError("another authority"), "foreign"),
    ],
)
def test_a_worker(machine: Machine, ask: Ask, said: Any, state: str) -> None:
    machine.put(look.KUBELET_CERTIFICATE, "/etc/kubernetes/kubelet.conf")
    machine.answers["/api/v1/nodes/cp01"] = said
    result = ask("worker", server="api.dc.internal:6443")
    assert result["state"] == state
    assert machine.asked == [("api.dc.internal", 6443, "/api/v1/nodes/cp01")]


def test_a_running_kubeadm_is_waited_for(ask: Ask, tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "still holds" in ask(lock_timeout=0, ok=False)["msg"]
        threading.Timer(0.3, fcntl.flock, (held, fcntl.LOCK_UN)).start()
        began = time.monotonic()
        assert ask(lock_timeout=30)["state"] == "absent"
        assert time.monotonic() - began >= 0.3


def test_a_server_without_a_port(ask: Ask) -> None:
    assert "host:port" in ask(server="api.dc.internal", ok=False)["msg"]


def test_details_are_asked_for(machine: Machine, ask: Ask) -> None:
    machine.put_control_plane()
    machine.answers.update(DETAILS)
    assert ask()["details"] == {}
    told = ask(details=True)["details"]
    assert told["version"] == "1.36.2"
    assert told["settings"] == {kind: f"text of {kind}" for kind in details.SETTINGS}
    assert told["join_secrets"] == ["bootstrap-token-abcdef"]
    assert (told["dns_spread"], told["dns_nodes"]) == (False, ["cp01"])


def test_a_worker_is_told_the_version_only(machine: Machine, ask: Ask) -> None:
    machine.put(look.KUBELET_CERTIFICATE, "/etc/kubernetes/kubelet.conf")
    assert ask("worker", details=True)["details"] == {"version": "1.36.2"}


def test_it_waits_until_the_machine_is_healthy(machine: Machine, ask: Ask) -> None:
    machine.put_control_plane()
    machine.answers["/readyz"] = (500, None)
    threading.Timer(0.3, machine.answers.update, ({"/readyz": (200, None)},)).start()
    assert ask(wait_seconds=30)["healthy"] is True


def test_it_does_not_wait_for_what_cannot_be(machine: Machine, ask: Ask) -> None:
    assert ask(wait_seconds=600, give_up_states=["absent"])["state"] == "absent"
    machine.put_control_plane()
    machine.answers["/readyz"] = (500, None)
    assert ask(wait_seconds=1)["healthy"] is False


def test_an_init_that_was_cut_off_can_go_on(machine: Machine, ask: Ask) -> None:
    machine.put_control_plane()
    machine.put("/etc/kubernetes/kubeadm-in-progress", content="init\n")
    assert ask()["resumable"] is False
    machine.put("/var/lib/etcd/member/snap/db")
    assert ask()["resumable"] is True


def test_the_folder_of_the_lock_is_of_its_owner_only(ask: Ask, tmp_path: Path) -> None:
    ask(lock=str(tmp_path / "run" / "kubeadm.lock"))
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700


def test_the_administrator_asks_and_leaves_no_file(
    machine: Machine, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The certificate of the API server for kubelets may read nodes, and no other object."""
    machine.put_control_plane()
    machine.answers.update(DETAILS)
    parts = (base64.b64encode(text).decode() for text in (b"certificate", b"key"))
    users = "\n".join(
        f"    client-{word}-data: {part}" for word, part in zip(("certificate", "key"), parts)
    )
    machine.put(look.ADMIN_CONF, content=users)
    read: dict[str, str] = {}

    class Server(machine.server()):  # type: ignore[misc]
        def __init__(self, host: str, port: int, identity: Any, timeout: float) -> None:
            super().__init__(host, port, identity, timeout)
            self.file = Path(identity.key)

        def ask(self, path: str, body: Any = None) -> https.Answer:
            read[path] = self.file.read_text() if self.file.exists() else ""
            answer: https.Answer = super().ask(path, body)
            return answer

    monkeypatch.setattr(look, "Server", Server)
    ask(details=True)
    assert read[details.TOKENS] == read[MAPS["KubeletConfiguration"][0]] == "certificate\nkey"
    assert read["/api/v1/nodes"] == ""
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["lock"]
