# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scripts around kubeadm, run with a kubeadm that leaves what the real one leaves."""

from __future__ import annotations

import base64
import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from test_kubernetes_templates import render

SIGNS = ["etc/kubernetes/kubelet.conf", "etc/kubernetes/manifests/kube-apiserver.yaml"]
DATA = "var/lib/etcd/member/wal/0.wal"
MARK = "etc/kubernetes/kubeadm-in-progress"


class Machine:
    """A machine below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("etc/kubernetes", "var/log", "run", "bin", "var/lib/etcd"):
            (root / folder).mkdir(parents=True)
        self.kubeadm("exit 0")

    def kubeadm(self, does: str) -> None:
        program = self.root / "bin" / "kubeadm"
        program.write_text(f'#!/bin/sh\necho "$@" >> {self.root}/called\n{does}\n')
        program.chmod(0o755)

    def put(self, *names: str, content: str = "x") -> None:
        for name in names:
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    def called(self) -> bool:
        return (self.root / "called").exists()

    def there(self, name: str) -> bool:
        return (self.root / name).exists()

    def start(self, script: str) -> subprocess.Popen[str]:
        for folder in ("/etc/", "/var/", "/run/"):
            script = script.replace(folder, f"{self.root}{folder}")
        return subprocess.Popen(
            ["/bin/sh", "-c", script],
            env={**os.environ, "PATH": f"{self.root}/bin:{os.environ['PATH']}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, script: str, stdin: str = "") -> tuple[int, str]:
        with self.start(script) as process:
            output, _ = process.communicate(stdin, timeout=30)
            return process.returncode, output


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "root")


def script(step: str, command: str = "kubeadm go") -> str:
    return render(
        "kubeadm",
        "kubeadm.sh.j2",
        kubeadm_role="control_plane",
        __kubeadm_step=step,
        __kubeadm_commands={step: command},
    )


MADE = "mkdir -p {root}/etc/kubernetes/manifests; touch {root}/" + " {root}/".join(SIGNS)


def test_the_second_of_two_runs_finds_a_cluster(machine: Machine) -> None:
    """It waited for the lock with the answer "nothing is there" of before."""
    machine.kubeadm("sleep 1\n" + MADE.format(root=machine.root))
    with machine.start(script("init")) as first, machine.start(script("init")) as second:
        codes = sorted([first.wait(30), second.wait(30)])
    assert codes == [0, 3]
    assert (machine.root / "called").read_text() == "go\n"
    assert not machine.there(MARK)


@pytest.mark.parametrize("step", ["init", "join"])
@pytest.mark.parametrize("sign", [*SIGNS, DATA])
def test_what_another_run_made_is_not_touched(machine: Machine, step: str, sign: str) -> None:
    machine.put(sign)
    assert machine.run(script(step))[0] == 3
    assert not machine.called()
    assert not machine.there(MARK)


def test_an_init_that_fails_leaves_word_of_it(machine: Machine) -> None:
    machine.kubeadm("echo no; exit 1")
    code, output = machine.run(script("init"))
    assert (code, "no" in output) == (1, True)
    assert (machine.root / MARK).read_text() == "init-failed\n"


def test_the_end_of_an_init_needs_its_mark(machine: Machine) -> None:
    machine.put(*SIGNS, DATA)
    assert machine.run(script("resume"))[0] == 3
    machine.put(MARK, content="init\n")
    assert machine.run(script("resume"))[0] == 0
    assert machine.called() and not machine.there(MARK)


def lines(*texts: str) -> str:
    return "".join(base64.b64encode(text.encode()).decode() + "\n" for text in texts)


@pytest.mark.parametrize("code", [0, 1])
def test_credentials_stay_as_long_as_kubeadm_runs(machine: Machine, code: int) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("etcd/ca.key")
        entry.size = 3
        archive.addfile(entry, io.BytesIO(b"key"))
    stdin = lines("discovery", "join") + base64.b64encode(buffer.getvalue()).decode() + "\n"
    folder = machine.root / "run" / "kubeadm"
    machine.kubeadm(
        f"stat -c %a {folder}; cat {folder}/discovery.conf {folder}/join.yml; exit {code}"
    )
    assert machine.run(script("join"), stdin)[0] == code
    log = (machine.root / "var/log/kubeadm-join.log").read_text()
    assert log.splitlines() == ["700", "discoveryjoin"]
    assert not folder.exists()
    assert (machine.root / "etc/kubernetes/pki/etcd/ca.key").read_bytes() == b"key"
    assert machine.there(MARK) is (code == 1)


def worker() -> str:
    return render("kubeadm", "kubeadm.sh.j2", kubeadm_role="worker", __kubeadm_step="join")


def test_a_worker_that_another_run_joined_is_not_touched(machine: Machine) -> None:
    machine.put(SIGNS[0])
    assert machine.run(worker(), lines("a", "b"))[0] == 3
    assert not machine.called() and not machine.there(MARK)


@pytest.mark.parametrize("step", ["init", "resume"])
def test_the_steps_of_init_take_the_file_that_they_are_given(machine: Machine, step: str) -> None:
    machine.put(MARK)
    given = {"__kubeadm_step": step, "kubeadm_init_file": "/etc/kubernetes/init.yaml"}
    assert machine.run(render("kubeadm", "kubeadm.sh.j2", **given))[0] == 0
    words = (machine.root / "called").read_text()
    assert words.startswith(
        f"init --config {machine.root}/etc/kubernetes/init.yaml --skip-token-print"
    )
    assert ("--skip-phases" in words) is (step == "resume")


def test_a_worker_joins(machine: Machine) -> None:
    assert machine.run(worker(), lines("a", "b"))[0] == 0
    assert machine.called() and not machine.there(MARK)
    assert not machine.there("run/kubeadm")


def test_a_reset_moves_the_data_of_etcd_aside(machine: Machine) -> None:
    reset = render("kubeadm", "reset.sh.j2")
    machine.put(DATA, content="all that is left")
    # Another run has made it a member.
    assert machine.run(reset)[0] == 3
    assert machine.there(DATA) and not machine.called()
    machine.put(MARK, content="join\n")
    code, output = machine.run(reset)
    assert code == 0
    (aside,) = (machine.root / "var/lib").glob("etcd.*Z")
    assert aside.name in output
    assert (aside / "member/wal/0.wal").read_text() == "all that is left"
    assert list((machine.root / "var/lib/etcd").iterdir()) == []


def test_the_lock_is_in_a_folder_of_root(machine: Machine) -> None:
    machine.run(script("init"))
    folder = machine.root / "run/virtual.datacenter"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "kubeadm.lock").exists()
