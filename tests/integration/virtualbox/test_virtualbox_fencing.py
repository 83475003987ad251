# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VMs that run, an sshd on the loopback address, and who asks it for their power."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import time
import typing as t
from pathlib import Path

import pytest
from fence_client import free_port, key, serving, ssh
from world import ROOT

MODULE = "virtualbox_fencing"
MACHINES = ["lb01", "lb02", "lb03"]
MARK = "virtual.datacenter/stopping"


@pytest.fixture
def options(world, with_sshd):
    """What the module is told; a VM of the third machine is somebody else's."""
    return {
        "datacenter": "lab",
        # As the usual folder of VMs is named.
        "folder": str(world.folder / "VirtualBox VMs" / "lab-fencing"),
        "port": free_port(),
        "machines": MACHINES,
        "vm_prefix": "small-",
        "public_key": key(world.folder),
    }


@pytest.fixture
def made(world, options):
    """What the module has returned, while its server runs."""
    found = world.run(MODULE, **options)
    with serving(found["command"], options["port"]):
        yield found


@pytest.fixture
def ask(world, made):
    """A request as the agent makes it: the code, and what came back."""

    def request(text: str, name: str = "key") -> tuple[int, str, str]:
        reached = made["fencing"]
        more = ("-T", "root@127.0.0.1", text)
        done = ssh(world.folder, reached["port"], reached["host_key"], *more, name=name)
        return done.returncode, done.stdout, done.stderr

    return request


@pytest.fixture
def agent(world, made):
    """The code of the fence agent that load balancers run."""

    def run(action: str, plug: str = "") -> int:
        told = {
            "action": action,
            "plug": plug,
            "ip": "127.0.0.1",
            "ipport": made["fencing"]["port"],
            "username": made["fencing"]["user"],
            "identity_file": world.folder / "key",
            "known_hosts_file": world.folder / "known_hosts",
        }
        text = "".join(f"{name}={value}\n" for name, value in told.items())
        program = ["sh", str(ROOT / "roles/fence_agent/files/fence_virtual_datacenter.sh")]
        done = subprocess.run(program, input=text, text=True, timeout=90, check=False)
        return done.returncode

    return run


def machine(world, name: str, datacenter: str = "lab", state: str = "running") -> None:
    world.vm(f"small-{name}", memory_mb=16, managed_by=datacenter, state=state)


def state_of(world, name: str) -> str:
    # While it starts, VBoxManage may refuse to look.
    shown = world.vbox("showvminfo", f"small-{name}", "--machinereadable", ok=False)
    found = [line.split('"')[1] for line in shown.splitlines() if line.startswith("VMState=")]
    return found[0] if found else "starting"


def wait_for(test: t.Callable[[], t.Any]) -> t.Any:
    end = time.monotonic() + 60
    while not test():
        assert time.monotonic() < end
        time.sleep(0.2)
    return test()


def test_the_files(world, options):
    made = world.change(MODULE, **options)
    folder = Path(options["folder"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in folder.glob("*[!b]")} == {0}
    assert made["fencing"]["address"] == "10.0.2.2" and made["fencing"]["user"] == "root"
    config = (folder / "sshd_config").read_text(encoding="utf-8").splitlines()
    assert {"ListenAddress 127.0.0.1", "UsePAM no", "AllowUsers root"} <= set(config)
    other = {**options, "public_key": key(world.folder, "other")}
    (action,) = world.change(MODULE, **other)["actions"]
    assert action["text"] == "let another key ask for fencing of 'lab'"
    # What somebody has put there stays.
    (folder / "notes").write_text("mine", encoding="utf-8")
    world.change(MODULE, datacenter="lab", folder=options["folder"], state="absent")
    assert [path.name for path in folder.iterdir()] == ["notes"]
    (folder / "notes").unlink()
    world.run(MODULE, **other)
    world.change(MODULE, datacenter="lab", folder=options["folder"], state="absent")
    assert not folder.exists()
    refused = world.fail(MODULE, **{**options, "public_key": "no key"})
    assert "ssh-keygen" in refused["msg"]


def test_a_host_without_sshd(world, options, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    program = "ansible_collections.virtual.datacenter.plugins.module_utils._core.command.FOLDERS"
    monkeypatch.setattr(program, "/nowhere")
    refused = world.fail(MODULE, **options, vboxmanage_path=world.program)
    assert refused["error_code"] == "SSHD_MISSING" and "openssh-server" in refused["msg"]


def test_machines_switch_each_other_off_by_ssh_and_ask_for_nothing_else(
    world, options, made, ask, agent
):
    machine(world, "lb01")
    machine(world, "lb02", state="present")
    machine(world, "lb03", datacenter="other")
    world.vm("lb01", memory_mb=16, state="running")
    assert ask("list") == (0, "lb01\nlb02\nlb03\n", "")
    assert ask("status lb01") == (0, "on\n", "") and ask("status lb02") == (0, "off\n", "")
    for request in (
        "",
        "off gate01",
        "off lb01; touch /tmp/x",
        "sh",
        "off 'lb01'",
        "off small-lb01",
    ):
        code, said, refused = ask(request)
        assert (code, said) == (1, "") and refused.startswith("This key allows list, and status")
    # By its name it would be one of them, and it is another data center's.
    for request in ("status lb03", "off lb03", "reboot lb03"):
        code, said, refused = ask(request)
        assert (code, said) == (1, "")
        assert refused == "There is no VM small-lb03 of the data center lab.\n"
    assert state_of(world, "lb03") == "running"
    way = ("-N", "-R", "0:127.0.0.1:22", "root@127.0.0.1")
    reached = made["fencing"]
    assert ssh(world.folder, reached["port"], reached["host_key"], *way).returncode == 255
    key(world.folder, "stranger")
    assert "Permission denied" in ask("list", name="stranger")[2]

    assert agent("monitor") == 0 and agent("status", "lb01") == 0 and agent("status", "lb02") == 2
    assert agent("reboot", "lb03") == 1 and state_of(world, "lb03") == "running"
    first = world.processes("VBoxHeadless")
    assert agent("reboot", "lb01") == 0
    wait_for(lambda: state_of(world, "lb01") == "running")
    assert world.processes("VBoxHeadless") != first and state_of(world, "lb03") == "running"
    # What was off is not started by a reboot.
    assert ask("reboot lb02") == (0, "off\n", "")
    assert ask("on lb02") == (0, "on\n", "") and state_of(world, "lb02") == "running"
    assert ask("off lb02") == (0, "off\n", "") and state_of(world, "lb02") == "poweroff"
    assert world.vbox("list", "runningvms").count("\n") == 3
    log = Path(made["log"]).read_text(encoding="utf-8")
    assert log.count(" 127.0.0.1: reboot lb01: it is off, and is started again\n") == 1
    assert log.count(" 127.0.0.1: reboot lb02: it is off\n") == 1
    world.same(MODULE, **options)
    # Who may log in is read at each login.
    world.run(MODULE, **{**options, "public_key": key(world.folder, "new")})
    assert "Permission denied" in ask("list")[2] and ask("list", name="new")[0] == 0


def test_a_vm_whose_process_hangs_goes_off_too(world, made, ask):
    machine(world, "lb01")
    (process,) = world.processes("VBoxHeadless")
    os.kill(process, signal.SIGSTOP)
    began = time.monotonic()
    assert ask("status lb01") == (0, "on\n", "")
    assert ask("reboot lb01") == (0, "off\n", "")
    # Pacemaker gives up after 60 s.
    assert time.monotonic() - began < 50
    assert process not in world.processes("VBoxHeadless")
    wait_for(lambda: state_of(world, "lb01") == "running")


def test_a_vm_that_is_being_stopped_stays_off(world, made, ask):
    machine(world, "lb01")
    stop = world.start(
        "virtualbox_vm", name="small-lb01", managed_by="lab", state="stopped", stop_timeout=60
    )
    wait_for(lambda: "Value: 1" in world.vbox("getextradata", "small-lb01", MARK))
    assert ask("reboot lb01") == (0, "off\n", "")
    assert world.finish(stop)["vm"]["state"] == "stopped"
    time.sleep(3)
    assert ask("status lb01") == (0, "off\n", "")
    assert "is started again" not in Path(made["log"]).read_text(encoding="utf-8")
    # Once it was started, a stop of before counts no more.
    machine(world, "lb01")
    assert "No value set" in world.vbox("getextradata", "small-lb01", MARK)
    assert ask("reboot lb01") == (0, "off\n", "")
    wait_for(lambda: state_of(world, "lb01") == "running")


def test_a_guest_reaches_the_loopback_address_where_it_may(world):
    """The boot loader of the network card asks 10.0.2.2 for a file.

    That one which may not does not reach it is no promise: VirtualBox forgets that it may not.
    """
    nics = [{"number": 1, "type": "nat", "localhost_reachable": True}]
    options = {"name": "vm", "folder": str(world.vms), "memory_mb": 64, "nics": nics}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(120)
        world.run("virtualbox_vm", **options, boot_order=["net"])
        # Older versions serve files without being told to.
        world.vbox("modifyvm", "vm", "--nat-enable-tftp1", "on", ok=False)
        file = f"tftp://10.0.2.2:{listener.getsockname()[1]}/x"
        world.vbox("modifyvm", "vm", "--nat-tftp-file1", file)
        world.run("virtualbox_vm", name="vm", state="running")
        try:
            assert listener.recv(2000).startswith(b"\x00\x01x\x00")
        finally:
            world.run("virtualbox_vm", name="vm", state="stopped", stop_timeout=0)
