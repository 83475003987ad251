# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module cri_info with programs that say what real ones have said."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.virtual.datacenter.plugins.modules import cri_info

RECORDED = Path(__file__).resolve().parents[1] / "module_utils" / "_kubernetes" / "recorded"
SOCKET = "/run/containerd/containerd.sock"
Ask = Callable[..., Any]


class Programs:
    """crictl and ctr below a folder; each answers with a recorded file, or fails with one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, name: str, answers: dict[str, str], fails: bool = False) -> None:
        stream, code = (" >&2", 1) if fails else ("", 0)
        cases = "\n".join(
            f'*" {word}"*) cat {RECORDED / file}{stream}; exit {code};;'
            for word, file in answers.items()
        )
        program = self.folder / name
        program.write_text(
            f'#!/bin/sh\necho "$@" >> {self.folder}/called\ncase "$*" in\n{cases}\nesac\nexit 9\n'
        )
        program.chmod(0o755)

    def crictl(self, version: str, **more: str) -> None:
        answers = {"info": f"containerd-{version}-info.txt"}
        self.put("crictl", {**answers, "version": "containerd-1.7.24-version.txt", **more})

    def called(self) -> list[str]:
        return (self.folder / "called").read_text().splitlines()


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    return Programs(tmp_path / "bin")


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    def call(ok: bool = True, **options: Any) -> Any:
        with patch_module_args({"_ansible_check_mode": True, **options}), pytest.raises(SystemExit):
            cri_info.main()
        result = json.loads(capsys.readouterr().out)
        assert bool(result.get("failed")) is not ok, result
        return result

    return call


@pytest.mark.parametrize(("version", "driver"), [("1.7.24", "systemd"), ("2.1.9", "cgroupfs")])
def test_a_runtime_that_is_ready(programs: Programs, ask: Ask, version: str, driver: str) -> None:
    programs.crictl(version)
    result = ask()
    assert (result["client"], result["ready"], result["changed"]) == ("crictl", True, False)
    assert (result["cgroup_driver"], result["network_ready"]) == (driver, False)
    assert result["problem"] == ""
    assert result["runtime"] == {
        "name": "containerd",
        "version": "1.7.24~ds1",
        "api_version": "v1",
    }
    assert result["conditions"][1]["reason"] == "NetworkPluginNotReady"
    assert "images" not in result and "pods" not in result


def test_every_question_names_the_socket_and_a_limit(programs: Programs, ask: Ask) -> None:
    programs.crictl("1.7.24")
    ask(endpoint="unix:///run/other.sock", timeout=7)
    for words in programs.called():
        assert words.startswith(
            "--runtime-endpoint=unix:///run/other.sock --image-endpoint=unix:///run/other.sock"
            " --timeout=7s "
        )


def test_images_and_pods(programs: Programs, ask: Ask) -> None:
    programs.crictl("1.7.24", images="containerd-1.7.24-images.txt", pods="crictl-1.36.0-pods.txt")
    result = ask(gather=["images", "pods"])
    (image,) = result["images"]
    assert (image["names"], image["size"]) == (["registry.k8s.io/pause:3.10.2"], 697074)
    assert image["id"].startswith("sha256:a07e4729")
    assert {pod["name"] for pod in result["pods"]} >= {"etcd-cp01", "kube-apiserver-cp01"}
    assert all(pod["namespace"] == "kube-system" and pod["ready"] for pod in result["pods"])


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("crictl-1.36.0-no-runtime.txt", f"dial unix {SOCKET}: connect: no such file"),
        ("containerd-1.7.24-info-broken.txt", "unknown service runtime.v1.RuntimeService"),
    ],
)
def test_a_runtime_that_does_not_answer(programs: Programs, ask: Ask, file: str, said: str) -> None:
    programs.put("crictl", {"info": file}, fails=True)
    result = ask()
    assert (result["ready"], result["cgroup_driver"]) == (False, "")
    assert result["problem"].startswith(f"unix://{SOCKET} does not answer: validate service")
    assert said in result["problem"]


def test_a_runtime_that_is_not_ready(programs: Programs, ask: Ask) -> None:
    document = json.loads((RECORDED / "containerd-1.7.24-info.txt").read_text())
    document["status"]["conditions"][0] |= {"status": False, "message": "no space is left"}
    changed = programs.folder / "info.txt"
    changed.write_text(json.dumps(document))
    programs.put("crictl", {"info": str(changed), "version": "containerd-1.7.24-version.txt"})
    result = ask()
    assert result["ready"] is False
    assert result["problem"].startswith("RuntimeReady: no space is left; NetworkReady: ")


@pytest.mark.parametrize(("version", "ready"), [("1.7.24-plugins", True), ("2.1.9-plugins", True)])
def test_without_crictl_ctr_is_asked(
    programs: Programs, ask: Ask, version: str, ready: bool
) -> None:
    programs.put("ctr", {"plugins ls": f"containerd-{version}.txt"})
    result = ask()
    assert (result["client"], result["ready"], result["cgroup_driver"]) == ("ctr", ready, "")
    assert result["network_ready"] is None
    assert programs.called() == [f"--address={SOCKET} --connect-timeout=10s plugins ls"]


def test_a_cri_plugin_that_refused_its_configuration(programs: Programs, ask: Ask) -> None:
    programs.put("ctr", {"plugins ls": "containerd-1.7.24-plugins-broken.txt"})
    result = ask()
    assert (result["ready"], result["problem"]) == (
        False,
        "containerd has not loaded its CRI plugin",
    )


def test_a_containerd_that_does_not_run(programs: Programs, ask: Ask) -> None:
    programs.put("ctr", {"plugins ls": "ctr-1.7.24-no-runtime.txt"}, fails=True)
    assert "context deadline exceeded" in ask()["problem"]


def test_neither_program(programs: Programs, ask: Ask) -> None:
    said = ask(ok=False, crictl="/srv/bin/crictl")["msg"]
    assert "wanted: the command /srv/bin/crictl (option crictl)" in said
    assert "found: neither" in said


def test_a_crictl_elsewhere(programs: Programs, ask: Ask, tmp_path: Path) -> None:
    programs.crictl("1.7.24")
    moved = (programs.folder / "crictl").rename(tmp_path / "crictl")
    assert ask(crictl=str(moved))["client"] == "crictl"


def test_it_waits_until_the_runtime_is_ready(programs: Programs, ask: Ask) -> None:
    programs.put("crictl", {"info": "crictl-1.36.0-no-runtime.txt"}, fails=True)
    assert ask(wait_seconds=1)["ready"] is False
    threading.Timer(0.3, programs.crictl, ("1.7.24",)).start()
    assert ask(wait_seconds=30)["ready"] is True


def test_a_client_that_hangs(programs: Programs, ask: Ask) -> None:
    program = programs.folder / "crictl"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    problem = ask(timeout=0)["problem"]
    assert "should end within 2 s" in problem
