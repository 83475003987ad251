# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role verify merges a cluster into a user's kubeconfig, as the kubectl of the lab reads it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CACHE = Path(os.environ.get("VIRTUAL_DATACENTER_CACHE", Path.home() / ".cache/virtual.datacenter"))
MERGE = {
    "ansible.builtin.include_role": {
        "name": "virtual.datacenter.verify",
        "tasks_from": "kubeconfig",
    }
}
PREFLIGHT = {"ansible.builtin.include_tasks": f"{ROOT}/playbooks/tasks/controller.yml"}


class User:
    """A user with a kubeconfig, and a cluster beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "kube" / "config"
        (found,) = sorted(CACHE.glob("kubernetes-v*/bin/kubectl"))[-1:] or [None]
        assert found, "no kubectl in the cache, run: make host"
        self.program = str(found)
        self.cluster = folder / "admin.conf"
        self.kubectl("set-cluster", "kubernetes", "--server=https://127.0.0.1:1", at=self.cluster)
        self.kubectl("set-credentials", "kubernetes-admin", "--token=hunter2", at=self.cluster)

    def kubectl(self, *arguments: str, at: Path | None = None) -> str:
        return subprocess.run(
            [self.program, "config", f"--kubeconfig={at or self.file}", *arguments],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
        ).stdout

    def view(self) -> dict:
        return dict(json.loads(self.kubectl("view", "--raw", "--output=json")))

    def merge(self, *arguments: str, ok: bool = True, **more: object) -> str:
        options = {
            "verify_user_kubeconfig_path": str(self.file),
            "verify_kubeconfig_path": str(self.cluster),
            "verify_context_name": "demo",
            **more,
        }
        return self.run(MERGE, options, *arguments, ok=ok)

    def run(self, task: dict, options: dict, *arguments: str, ok: bool) -> str:
        play = [{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]
        (self.folder / "play.yml").write_text(json.dumps(play), encoding="utf-8")
        done = subprocess.run(
            [
                str(ROOT / ".venv/bin/ansible-playbook"),
                f"--extra-vars={json.dumps(options)}",
                "--diff",
                *arguments,
                str(self.folder / "play.yml"),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "ANSIBLE_NOCOLOR": "1",
                "VIRTUAL_DATACENTER_CACHE": str(self.folder),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            text=True,
            timeout=120,
        )
        assert (done.returncode == 0) == ok, done.stdout
        assert "hunter2" not in done.stdout
        return done.stdout


@pytest.fixture
def user(tmp_path: Path) -> User:
    return User(tmp_path)


def test_where_there_was_no_file(user: User) -> None:
    user.merge("--check")
    assert not user.file.exists()
    assert "changed=2" in user.merge()
    assert (user.file.stat().st_mode & 0o777, user.file.parent.stat().st_mode & 0o777) == (
        0o600,
        0o700,
    )
    assert user.kubectl("get-contexts", "--output=name").split() == ["demo"]
    assert user.view()["current-context"] == ""
    assert "changed=0" in user.merge()
    assert "changed=0" in user.merge("--check")
    assert "changed=1" in user.merge(verify_context_current="yes")
    assert user.kubectl("current-context").strip() == "demo"


def test_others_are_never_touched(user: User) -> None:
    user.file.parent.mkdir()
    user.kubectl("set-cluster", "work", "--server=https://work.example")
    user.kubectl("set-credentials", "me", "--username=me", "--password=x")
    user.kubectl("set-context", "work", "--cluster=work", "--user=me")
    user.kubectl("use-context", "work")
    before, text = user.view(), user.file.read_text(encoding="utf-8")
    link = user.folder / "link"
    link.symlink_to(user.file)
    assert "changed=1" in user.merge(verify_user_kubeconfig_path=str(link))
    assert link.is_symlink()
    (backup,) = user.file.parent.glob("config.*~")
    assert backup.read_text(encoding="utf-8") == text
    # kubectl keeps our mark when it writes the file itself.
    user.kubectl("set-context", "demo", "--namespace=mine")
    assert "changed=0" in user.merge()
    user.kubectl("set-cluster", "kubernetes", "--server=https://127.0.0.1:2", at=user.cluster)
    assert "changed=1" in user.merge()
    view = user.view()
    assert [item["context"].get("namespace") for item in view["contexts"]] == ["mine", None]
    assert view["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:2"
    user.kubectl("use-context", "demo")
    assert "changed=1" in user.merge(verify_context_state="absent")
    assert user.view() == {**before, "current-context": ""}
    assert "changed=0" in user.merge(verify_context_state="absent")


def test_an_entry_of_somebody_else_is_refused(user: User) -> None:
    user.file.parent.mkdir()
    user.kubectl("set-credentials", "demo", "--token=other")
    text = user.file.read_text(encoding="utf-8")
    for state in ("present", "absent"):
        words = " ".join(user.merge(ok=False, verify_context_state=state).split())
        assert f"in the kubeconfig {user.file} or not, and it has a user demo of somebody" in words
    assert user.file.read_text(encoding="utf-8") == text
    # Preflight says so before anything is made.
    options = {
        "datacenter_name": "demo",
        "datacenter_state_dir": str(user.folder / "state"),
        "datacenter_kubeconfig_merge_into": str(user.file),
    }
    words = " ".join(user.run(PREFLIGHT, options, ok=False).split())
    assert f"into the kubeconfig {user.file}, and it has a user demo of somebody else. " in words
    assert "change datacenter_kubeconfig_merge_into" in words
    user.run(PREFLIGHT, {**options, "datacenter_name": "other"}, ok=True)
