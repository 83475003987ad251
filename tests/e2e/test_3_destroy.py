# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Destroying removes everything of ours, and nothing else."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import datacenter
import pytest

VBOXMANAGE = "/opt/virtual.datacenter/virtualbox/bin/VBoxManage"
CACHE = Path(os.environ.get("VIRTUAL_DATACENTER_CACHE", Path.home() / ".cache/virtual.datacenter"))
BRIDGE = "vdc-foreign0"
NAMESPACE = "vdc-foreign"
MACHINE = "foreign-vm"


def world() -> dict[str, str]:
    """The lab's own VirtualBox world."""
    home = datacenter.STATE / "virtualbox" / "home"
    return {
        **datacenter.environment(),
        "VBOX_USER_HOME": str(home),
        "VBOX_IPC_SOCKETID": f"vdc-{datacenter.NAME}",
    }


def vboxmanage(*arguments: str) -> str:
    """What VBoxManage answers; it is asked again where its service was just going to sleep."""
    for _attempt in range(5):
        asked = subprocess.run(
            [VBOXMANAGE, *arguments], env=world(), capture_output=True, text=True, check=False
        )
        if "Failed to create the VirtualBox object" not in asked.stderr:
            break
        time.sleep(0.5)
    assert asked.returncode == 0, asked.stderr
    return asked.stdout


def output(*argv: str) -> str:
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[None]:
    """A VM in the very same VirtualBox world, a bridge and a namespace that somebody else made."""
    vboxmanage("createvm", "--name", MACHINE, "--basefolder", str(tmp_path), "--register")
    output("ip", "link", "add", BRIDGE, "type", "bridge")
    output("ip", "netns", "add", NAMESPACE)
    yield
    output("ip", "netns", "del", NAMESPACE)
    output("ip", "link", "del", BRIDGE)
    vboxmanage("unregistervm", MACHINE, "--delete")


def ours() -> list[str]:
    """Every trace of the data center on this machine, but its state folder."""
    name = datacenter.NAME
    traces = [
        line.split()[0]
        for line in output("ip", "netns", "list").splitlines()
        if line.split()[0] in (f"vdc-{name}", f"vdc-{name}-outside")
    ]
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    traces += [line for line in mounts if f"/virtual.datacenter/{name}" in line]
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"/var/lib/virtual.datacenter/{name}" in words:
            traces.append(words)
    folder = Path("/var/lib/virtual.datacenter") / name
    traces += [str(path) for path in [folder] if path.exists()]
    return traces


def said_to_be_left(run: datacenter.Run) -> dict[str, str]:
    """The last words of destroy: what is left, and why."""
    items = run.output.split("What is left, and why:\n- ", 1)[1].split("\n\n", 1)[0]
    said = [item.split("\n", 1) for item in items.split("\n- ")]
    return {what.split(" on ")[0]: " ".join(why.split()) for what, why in said}


@pytest.mark.usefixtures("finished", "foreign")
def test_destroy_removes_ours_and_nothing_else() -> None:
    assert ours()
    refused = datacenter.playbook("destroy")
    assert refused.code != 0
    assert f"-e destroy_confirm={datacenter.NAME}" in " ".join(refused.output.split())
    assert refused.changed == {}
    run = datacenter.destroy(state=False).ok()
    assert run.changed
    assert ours() == []
    kept = said_to_be_left(run)
    assert {str(path) for path in (datacenter.STATE, CACHE)} <= set(kept)
    assert "-e destroy_state=true" in kept[str(datacenter.STATE)]
    assert all(Path(path).exists() for path in kept if path.startswith("/"))
    # The keys are kept for a next time; a dry run knows that the machines are not there.
    assert datacenter.SSH_CONFIG.exists()
    dry = datacenter.playbook("site", "--check").unchanged()
    assert f"Nothing of {datacenter.NAME} has been made yet" in " ".join(dry.output.split())
    run = datacenter.destroy().ok()
    assert run.changed
    # The folder is left for what is not ours in it, and only for that.
    assert "virtualbox: in there is something" in said_to_be_left(run)[str(datacenter.STATE)]
    assert [path.name for path in datacenter.STATE.iterdir()] == ["virtualbox"]
    assert CACHE.exists()
    machines = vboxmanage("list", "vms").splitlines()
    assert [line.split('"')[1] for line in machines] == [MACHINE]
    disks = vboxmanage("list", "hdds")
    assert "UUID" not in disks
    assert BRIDGE in output("ip", "link", "show", BRIDGE)
    assert NAMESPACE in output("ip", "netns", "list")
    assert not datacenter.SSH_CONFIG.exists()
    datacenter.destroy().unchanged()
