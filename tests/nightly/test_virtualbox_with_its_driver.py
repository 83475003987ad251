# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VirtualBox with its real kernel driver: what test machines without virtualisation cannot show.

An emulator runs a Debian whose processor can virtualise. Ansible reaches it by SSH, and the
modules make two VMs there that start on the default engine, take leases from a NAT network, read
their seeds and meet on an internal network. Everything is interpreted, so it takes minutes.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BOOT_SECONDS = 1800
VM_SECONDS = 1800
VMS = [
    {"name": "left", "mac": "02:5e:00:00:00:01", "address": "10.73.0.11", "peer": "10.73.0.12"},
    {"name": "right", "mac": "02:5e:00:00:00:02", "address": "10.73.0.12", "peer": "10.73.0.11"},
]


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder with emulator and disk; making it takes minutes, once."""
    done = subprocess.run([HERE / "build"], stdout=subprocess.PIPE, text=True, check=True)
    return Path(done.stdout.split()[-1])


def emulator(built: Path, port: int, key: str, log: Path) -> list[str]:
    """The command of the machine: Debian's own emulator by its own loader and libraries."""
    tree = built / "emulator"
    library = tree / "usr/lib/x86_64-linux-gnu"
    command = [str(tree / "lib64/ld-linux-x86-64.so.2"), "--library-path", str(library)]
    command += [str(tree / "usr/bin/qemu-system-x86_64")]
    for folder in ("qemu", "seabios"):
        command += ["-L", str(tree / "usr/share" / folder)]
    command += ["-accel", "tcg,thread=multi,tb-size=1024", "-cpu", "EPYC", "-smp", "2"]
    command += ["-m", "2048", "-nographic", "-nodefaults", "-no-reboot"]
    command += ["-serial", f"file:{log}", "-kernel", str(built / "vmlinuz")]
    command += ["-initrd", str(built / "initrd")]
    # systemd puts the key where sshd looks for it.
    credential = f"ssh.authorized_keys.root:{base64.b64encode(key.encode()).decode()}"
    options = "console=ttyS0 root=/dev/vda rw mitigations=off panic=1 quiet"
    command += ["-append", f"{options} systemd.set_credential_binary={credential}"]
    disk = f"file={built / 'root.ext4'},format=raw,if=virtio,cache=unsafe,snapshot=on"
    command += ["-drive", disk, "-device", "virtio-rng-pci", "-device", "virtio-net-pci,netdev=net"]
    # Nothing leaves it, and only loopback gets in.
    command += ["-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"]
    return command


@pytest.fixture(scope="session")
def ssh(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running machine; gives the configuration of SSH that leads to it."""
    folder = tmp_path_factory.mktemp("nightly")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    public = key.with_suffix(".pub").read_text(encoding="utf-8").strip()
    host_key = (built / "host_key.pub").read_text(encoding="utf-8").split()
    (folder / "known_hosts").write_text(f"vboxhost {' '.join(host_key[:2])}\n", encoding="utf-8")
    config = folder / "config"
    config.write_text(
        f"Host vboxhost\n  HostName 127.0.0.1\n  Port {port}\n  User root\n"
        f"  IdentityFile {key}\n  IdentitiesOnly yes\n  HostKeyAlias vboxhost\n"
        f"  UserKnownHostsFile {folder / 'known_hosts'}\n  StrictHostKeyChecking yes\n"
        "  ConnectTimeout 60\n",
        encoding="utf-8",
    )
    began = time.monotonic()
    log = folder / "console"
    environment = {
        **os.environ,
        "QEMU_MODULE_DIR": str(built / "emulator/usr/lib/x86_64-linux-gnu/qemu"),
        "TMPDIR": str(folder),
    }
    machine = subprocess.Popen(emulator(built, port, public, log), env=environment)
    try:
        while subprocess.run(["ssh", "-F", config, "vboxhost", "true"], check=False).returncode:
            shown = (
                log.read_text(encoding="utf-8", errors="replace")[-2000:] if log.exists() else ""
            )
            assert machine.poll() is None, f"the emulator has ended: {shown}"
            assert time.monotonic() - began < BOOT_SECONDS, f"no answer by SSH: {shown}"
            time.sleep(2)
        print(f"nightly: the machine answers after {time.monotonic() - began:.0f} s")
        yield config
    finally:
        subprocess.run(["ssh", "-F", config, "-O", "exit", "vboxhost"], check=False)
        machine.kill()
        machine.wait()


@pytest.fixture(scope="session")
def run(ssh: Path) -> Callable[[str], str]:
    """Runs a command on the machine."""

    def call(command: str) -> str:
        argv = ["ssh", "-F", str(ssh), "vboxhost", command]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


def playbook(ssh: Path) -> dict[str, int]:
    """Runs converge.yml; gives the counts of its recap."""
    inventory = ssh.with_name("inventory.json")
    variables = {
        "ansible_ssh_common_args": f"-F {ssh}",
        "ansible_python_interpreter": "/usr/bin/python3",
        "vms": VMS,
    }
    inventory.write_text(json.dumps({"all": {"hosts": {"vboxhost": variables}}}), encoding="utf-8")
    began = time.monotonic()
    done = subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"),
            "-i",
            inventory,
            HERE / "converge.yml",
        ],
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_TIMEOUT": "60",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout[-20000:])
    assert done.returncode == 0, done.stdout + done.stderr
    print(f"nightly: ansible-playbook took {time.monotonic() - began:.0f} s")
    recap = re.findall(r"(ok|changed|failed|skipped)=(\d+)", done.stdout)
    return {name: int(number) for name, number in recap}


@pytest.fixture(scope="session")
def converged(ssh: Path) -> float:
    """VirtualBox is set up and both VMs were started; gives the time of that."""
    assert playbook(ssh)["changed"] > 0
    return time.monotonic()


@pytest.fixture(scope="session")
def consoles(converged: float, run: Callable[[str], str]) -> dict[str, str]:
    """What the VMs said until both had met, or until the time was over."""
    end = converged + VM_SECONDS
    said = {}
    while time.monotonic() < end:
        said = {vm["name"]: run(f"cat /srv/consoles/{vm['name']}") for vm in VMS}
        if all("PACKETS" in text for text in said.values()):
            break
        time.sleep(10)
    print(f"nightly: both VMs had met {time.monotonic() - converged:.0f} s after their start")
    for name, text in said.items():
        print(f"--- {name}\n{text}")
    return said


def test_the_driver_is_loaded_and_has_the_processor_though_kvm_is_there(
    converged: float, run: Callable[[str], str]
) -> None:
    modules = run("cat /proc/modules").splitlines()
    names = {line.split()[0] for line in modules}
    assert {"vboxdrv", "vboxnetflt", "vboxnetadp", "kvm_amd"} <= names
    log = run("grep -h 'HM: HMR3Init' /srv/machines/left/Logs/VBox.log")
    assert "AMD-V" in log


@pytest.mark.parametrize("name", [vm["name"] for vm in VMS])
def test_a_vm_reads_its_seed(consoles: dict[str, str], name: str) -> None:
    assert f"SEED {name}-1 {name}" in consoles[name]


@pytest.mark.parametrize("name", [vm["name"] for vm in VMS])
def test_a_nat_network_gives_a_lease(consoles: dict[str, str], name: str) -> None:
    assert re.search(r"LEASE 10\.9\.0\.\d+/24 of 10\.9\.0\.\d+ router 10\.9\.0\.1", consoles[name])


@pytest.mark.parametrize("name", [vm["name"] for vm in VMS])
def test_packets_cross_an_internal_network(consoles: dict[str, str], name: str) -> None:
    found = re.search(r"PACKETS (\d+) packets transmitted, (\d+) packets received", consoles[name])
    assert found and int(found[2]) >= 4, consoles[name]


def test_a_host_only_interface_has_its_address(converged: float, run: Callable[[str], str]) -> None:
    assert "10.74.0.1/24" in run("ip -o -4 address show dev vboxnet0")


def test_again_nothing_changes(consoles: dict[str, str], ssh: Path) -> None:
    assert playbook(ssh)["changed"] == 0
