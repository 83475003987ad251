# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image is what its manifest says, a linked clone carries it, it boots by BIOS and by EFI."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import testinfra
import yaml
from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / ".collections"))

from ansible_collections.virtual.datacenter.plugins.module_utils._image import claim, disk  # noqa: E402

NAME = "mol-base-image"
STATE = Path.home() / ".local/state/virtual.datacenter" / NAME
CONFIG = STATE / "ssh" / "config"
IMAGE = STATE / "image"
EMULATED = STATE / "emulated"
SAMPLE = ROOT / "inventories/virtualbox/group_vars/control_plane.yml"
MIB = 1024 * 1024
# On a busy machine; an idle one takes a minute or two.
BOOT_SECONDS = 1800
# The firmware of the machine that is logged in to; the other is seen to start the system.
# A boot to its end is most of what this scenario costs, and `make nightly` changes them over.
ENTERED = os.environ.get("BASE_IMAGE_FIRMWARE", "bios")
nightly = pytest.mark.skipif(ENTERED == "bios", reason="minutes on an emulated processor")
SEEN = {"bios": "efi", "efi": "bios"}[ENTERED]


@pytest.fixture(scope="session")
def manifest() -> dict[str, Any]:
    return dict(json.loads((IMAGE / "image.json").read_text(encoding="utf-8")))


def port(firmware: str) -> str:
    run = (EMULATED / firmware / "run.sh").read_text(encoding="utf-8")
    found = re.search(r"hostfwd=tcp:127\.0\.0\.1:(\d+)-:22", run)
    assert found
    return found[1]


def ssh(firmware: str, command: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            "ssh",
            "-F",
            str(CONFIG),
            "-o",
            "ControlPath=none",
            "-p",
            port(firmware),
            *options,
            "gate01",
            command,
        ],
        capture_output=True,
        text=True,
        timeout=BOOT_SECONDS,
        check=False,
    )


def console(firmware: str) -> str:
    said = (EMULATED / firmware / "console").read_text(encoding="utf-8", errors="replace")
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said)


@pytest.fixture(scope="session")
def firmware() -> str:
    """A machine that has booted, cloud-init done; how long that took is printed."""
    name = ENTERED
    until = time.monotonic() + BOOT_SECONDS
    while True:
        said = ssh(name, "cut -d ' ' -f 1 /proc/uptime", "-o", "ConnectTimeout=10")
        if said.returncode == 0:
            break
        assert time.monotonic() < until, f"{said.stderr}\n{console(name)[-3000:]}"
        time.sleep(2)
    script = (ROOT / "roles/cloud_init/files/wait.sh").read_text(encoding="utf-8")
    waited = ssh(name, f"sudo sh -s {BOOT_SECONDS} <<'WAIT'\n{script}\nWAIT")
    assert waited.returncode == 0, waited.stdout + waited.stderr
    assert waited.stdout == "cloud-init: done\n"
    print(f"{name}: SSH answered {said.stdout.strip()} s after the kernel began")
    return name


@pytest.fixture
def machine(firmware: str) -> Host:
    # Both machines have one name: with one control path each would get the other's connection.
    options = f"-o ControlMaster=auto -o ControlPersist=60 -o ControlPath={EMULATED}/{firmware}/ssh"
    return testinfra.get_host(
        f"ssh://gate01:{port(firmware)}?ssh_config={CONFIG}&controlpersist=0",
        sudo=True,
        ssh_extra_args=options,
    )


def test_the_manifest_tells_what_the_image_is(manifest: dict[str, Any]) -> None:
    assert manifest["image"]["sha256"] == disk.digest(str(IMAGE / "disk.img"), 6144 * MIB)
    packages = {row["name"]: row["version"] for row in manifest["packages"]}
    assert {"cloud-init", "openssh-server", "lvm2", "grub-pc-bin"} <= set(packages)
    assert all(packages.values())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", manifest["built"])
    found = disk.look(str(IMAGE / "disk.img"))
    assert found.claim == claim.Claim("complete", manifest["inputs"])


def test_a_linked_clone_carries_the_same_bytes(manifest: dict[str, Any]) -> None:
    clone = IMAGE / "clone.raw"
    assert clone.stat().st_size == 6144 * MIB
    assert disk.digest(str(clone), 6144 * MIB) == manifest["image"]["sha256"]


def test_it_boots_by_the_other_firmware() -> None:
    """Up to the image's own systemd, before the tests that log in: then the processor is theirs."""
    until = time.monotonic() + BOOT_SECONDS
    # It gets an identity of its own, which the image does not have.
    while "Initializing machine ID from random generator" not in (said := console(SEEN)):
        assert time.monotonic() < until, said[-3000:]
        time.sleep(1)
    power = ROOT / "roles/emulated_machine/files/power.sh"
    subprocess.run(["bash", power, "cut", EMULATED / SEEN], check=True)
    assert "GRUB" in said
    assert bool(re.search(r"efi: EFI v[0-9.]+ by", said)) is (SEEN == "efi")
    assert re.search(r"Command line: .*root=/dev/mapper/system-root", said)
    assert re.search(r"EXT4-fs \(dm-\d+\): mounted filesystem", said)


def test_it_booted_by_its_own_loader(machine: Host, firmware: str) -> None:
    assert "GRUB" in console(firmware)
    assert machine.file("/sys/firmware/efi").exists is (firmware == "efi")
    assert "root=/dev/mapper/system-root" in machine.file("/proc/cmdline").content_string
    assert machine.check_output("systemctl list-units --state=failed --plain --no-legend") == ""


def test_the_host_key_is_certified(firmware: str) -> None:
    known = (STATE / "ssh/known_hosts").read_text(encoding="utf-8").splitlines()
    assert [line.split()[0] for line in known if line[0] != "#"] == ["@cert-authority"]
    said = ssh(firmware, "true", "-v", "-o", "StrictHostKeyChecking=yes")
    assert said.returncode == 0
    assert "Server host certificate: ssh-ed25519-cert-v01@openssh.com" in said.stderr


def test_volumes_are_as_declared(machine: Host, manifest: dict[str, Any]) -> None:
    for volume in manifest["image"]["volumes"]:
        source = machine.check_output(
            "findmnt --noheadings --output SOURCE,FSTYPE %s", volume["mount"]
        )
        assert source.split() == [f"/dev/mapper/system-{volume['name']}", "ext4"]
        size = machine.check_output(
            "lvs --noheadings --nosuffix --units m --options lv_size system/%s", volume["name"]
        )
        assert float(size) == volume["size_mb"]
    source = machine.check_output("findmnt --noheadings --output SOURCE /boot")
    assert re.match(r"^/dev/[a-z]+3$", source)
    assert machine.check_output("findmnt --noheadings --output FSTYPE /boot/efi") == "vfat"
    assert machine.check_output("swapon --noheadings") == ""
    assert machine.check_output("vgs --noheadings --options vg_name").split() == ["system"]
    for folder, mode in (("/tmp", 0o1777), ("/var/tmp", 0o1777), ("/", 0o755), ("/home", 0o755)):
        assert machine.file(folder).mode == mode, folder


def test_what_the_seed_says_holds(machine: Host) -> None:
    assert machine.check_output("hostname --fqdn") == "gate01.example.internal"
    assert "/run/cloud-init" in machine.check_output("ls -d /run/cloud-init")
    status = json.loads(machine.check_output("cloud-init status --format json"))
    assert (
        status["status"] == "done" and status["errors"] == [] and status["datasource"] == "nocloud"
    )
    shadow = dict(
        line.split(":")[:2] for line in machine.file("/etc/shadow").content_string.splitlines()
    )
    assert shadow["ops"].startswith("!") and all(value[0] in "!*" for value in shadow.values())
    keys = machine.check_output("ls /etc/ssh").split()
    assert {name for name in keys if name.startswith("ssh_host_")} == {
        "ssh_host_ed25519_key",
        "ssh_host_ed25519_key.pub",
        "ssh_host_ed25519_key-cert.pub",
    }


def test_nothing_takes_the_package_lock(machine: Host) -> None:
    for timer in ("apt-daily.timer", "apt-daily-upgrade.timer"):
        assert machine.service(timer).is_masked


def test_update_grub_writes_a_menu_that_boots(machine: Host) -> None:
    machine.check_output("update-grub 2>&1")
    menu = machine.file("/boot/grub/grub.cfg").content_string
    kernel = machine.check_output("uname -r")
    assert re.search(rf"linux\s+/vmlinuz-{re.escape(kernel)} root=/dev/mapper/system-root ro", menu)
    assert "console=ttyS0" in menu
    uuid = machine.check_output("findmnt --noheadings --output UUID /boot")
    assert f"search --no-floppy --fs-uuid --set=root {uuid}" in menu.replace("  ", " ")


def play(name: str, *more: str) -> subprocess.CompletedProcess[str]:
    """A playbook of this scenario."""
    folder = Path(__file__).parents[1]
    argv = [ROOT / ".venv/bin/ansible-playbook", "-i", folder / "hosts.yml", *more, folder / name]
    return subprocess.run(argv, capture_output=True, text=True, check=False, env=environment())


@nightly
def test_var_grows_while_it_is_written_to_and_etcd_gets_a_volume(
    machine: Host, firmware: str
) -> None:
    began = machine.check_output("cat /proc/sys/kernel/random/boot_id")
    writer = "while date >>/var/tmp/beat && sync /var/tmp/beat; do sleep 0.5; done"
    machine.check_output("systemd-run --unit=beat sh -c %s", writer)
    done = play("room.yml", "-e", f"firmware={firmware}")
    assert done.returncode == 0, done.stdout + done.stderr
    # The image mounts /var as the data wants it, so that fstab stays as it is.
    assert "grow volume system/var from 1.5G to 12G" in done.stdout
    assert re.search(r"changed: \[.*system/var", done.stdout)
    assert "enter /var into fstab" not in done.stdout
    size = int(machine.check_output("findmnt --noheadings --bytes --output SIZE /var"))
    assert 11 * 1024 * MIB < size < 12 * 1024 * MIB
    etcd = machine.check_output("findmnt --noheadings --output SOURCE,FSTYPE /var/lib/etcd")
    assert etcd.split() == ["/dev/mapper/system-etcd", "xfs"]
    assert machine.file("/var/lib/etcd").mode == 0o700
    assert machine.check_output("ls -A /var/lib/etcd") == ""
    assert machine.check_output("vgs --noheadings --options pv_count system").strip() == "2"
    assert machine.service("beat").is_running
    assert machine.check_output("cat /proc/sys/kernel/random/boot_id") == began
    assert machine.check_output("systemctl list-units --state=failed --plain --no-legend") == ""


@nightly
def test_one_changed_line_is_all_that_is_done(machine: Host, firmware: str, tmp_path: Path) -> None:
    """After the test above."""
    sample = yaml.safe_load(SAMPLE.read_text(encoding="utf-8"))
    sample["machine_volume_groups"][0]["volumes"][0]["size"] = "14G"
    changed = tmp_path / "control_plane.json"
    changed.write_text(json.dumps(sample), encoding="utf-8")
    done = play("room.yml", "-e", f"firmware={firmware}", "-e", f"@{changed}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "msg:\n    - grow volume system/var from 12G to 14G\n\n" in done.stdout
    size = int(machine.check_output("findmnt --noheadings --bytes --output SIZE /var"))
    assert 13 * 1024 * MIB < size < 14 * 1024 * MIB


def test_it_starts_in_virtualbox() -> None:
    """As far as the kernel's start: where each step is emulated, unpacking it takes minutes."""
    log = IMAGE / "loader.log"
    done = play("boot.yml")
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        began = time.monotonic()
        while "Booting `Debian" not in (said := log.read_text(encoding="utf-8", errors="replace")):
            assert time.monotonic() - began < BOOT_SECONDS, said[-2000:]
            time.sleep(1)
        print(f"VirtualBox: GRUB loads the kernel after {time.monotonic() - began:.0f} s")
    finally:
        done = play("boot.yml", "-e", "power=stopped")
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_disk_with_data_is_refused_and_stays(tmp_path: Path) -> None:
    other = tmp_path / "other.img"
    with open(other, "wb") as file:
        file.truncate(6144 * MIB)
        file.seek(3_000_000_000)
        file.write(b"precious")
    began = time.monotonic()
    done = play("again.yml", "-e", f"base_image_disk={other} base_image_manifest_path={other}.json")
    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).split())
    assert "holds data, the first of it at byte 3000000000" in said
    assert "erase_disk" in said
    assert time.monotonic() - began < 120
    assert disk.look(str(other)).content_at == 3_000_000_000


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
        "ANSIBLE_FORCE_COLOR": "0",
        "ANSIBLE_NOCOLOR": "1",
        "MOLECULE_SCENARIO_NAME": "base_image",
    }
