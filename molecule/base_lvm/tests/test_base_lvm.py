# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The storage of a machine with a kernel of its own: as declared, grown, refused, taken back,
interrupted. Each test leaves the machine as the next one wants it.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import time
import typing as t
from pathlib import Path

import pytest
import testinfra
import yaml
from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[3]
SCENARIO = ROOT / "molecule" / "base_lvm"
NAME = "mol-" + os.environ["MOLECULE_SCENARIO_NAME"].replace("_", "-")
MACHINE = Path.home() / ".local/state/virtual.datacenter" / NAME / "disk01"
POWER = ["bash", str(ROOT / "roles/emulated_machine/files/power.sh")]
PORT = str(20000 + int(hashlib.md5(NAME.encode()).hexdigest()[:3], 16))
MIB = 1 << 20
GROUPS: list[dict[str, t.Any]] = yaml.safe_load((SCENARIO / "vars" / "storage.yml").read_text())[
    "base_lvm_volume_groups"
]
CHANGED = re.compile(r"^disk01\s+: ok=\d+\s+changed=(\d+)", re.M)
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))
# Tasks at whose beginning, or a moment later, a run is killed.
MOMENTS = (
    "Copy the content",
    "Compare the content",
    "Put the copy in place",
    "Make and grow volume groups",
    "Take volumes into use",
    "Stop the services",
    "Make and grow partitions",
    "Mount$",
    "Make file systems",
    "Make volumes",
    "Remove the notes",
    "Enter mounts into the copy",
)


@pytest.fixture(scope="module")
def disk01() -> Host:
    return testinfra.get_host(f"ssh://disk01?ssh_config={MACHINE}/ssh/config")


def command(groups: list[dict[str, t.Any]], **more: t.Any) -> list[str]:
    inventory = str(Path(os.environ["MOLECULE_INVENTORY_FILE"]).parent)
    variables = json.dumps({"base_lvm_volume_groups": groups, **more})
    return ["ansible-playbook", "-i", inventory, str(SCENARIO / "run.yml"), "-e", variables]


def environment() -> dict[str, str]:
    config = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "ansible.cfg"
    plain = {"ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"}
    return {**os.environ, **plain, "ANSIBLE_CONFIG": str(config)}


def attempt(argv: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, env=environment(), capture_output=True, text=True, timeout=300, check=False
    )


def run(groups: list[dict[str, t.Any]], **more: t.Any) -> str:
    """The role with these groups, or an entry point of it; the output of a run that succeeds."""
    done = attempt(command(groups, **more))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def changes(output: str) -> int:
    found = CHANGED.search(output)
    assert found, output
    return int(found.group(1))


def refused(groups: list[dict[str, t.Any]], disk01: Host, **more: t.Any) -> str:
    """The message of a run that must fail; nothing has changed on the machine."""
    before = state(disk01)
    done = attempt(command(groups, **more))
    assert done.returncode == 2, done.stdout + done.stderr
    assert state(disk01) == before
    # Molecule has failures written to the other stream.
    output = " ".join((done.stdout + done.stderr).split())
    print(output)
    return output


def state(disk01: Host) -> str:
    return str(
        disk01.check_output(
            "lsblk --bytes --output NAME,SIZE,FSTYPE,MOUNTPOINTS; lvs --noheadings -o"
            " lv_name,lv_size,lv_tags --units b; cat /etc/fstab; wipefs --no-act /dev/ubdd"
        )
    )


def volume(groups: list[dict[str, t.Any]], name: str) -> dict[str, t.Any]:
    return next(item for group in groups for item in group["volumes"] if item["name"] == name)


def changed(name: str, **options: t.Any) -> list[dict[str, t.Any]]:
    groups = copy.deepcopy(GROUPS)
    volume(groups, name).update(options)
    return groups


def sizes(disk01: Host, path: str) -> tuple[int, int]:
    """The volume and its file system, as the kernel has them."""
    source = disk01.check_output(f"findmnt --noheadings --output SOURCE {path}").strip()
    device = int(disk01.check_output(f"blockdev --getsize64 {source}"))
    blocks, block = disk01.check_output(f"stat --file-system --format '%b %S' {path}").split()
    return device, int(blocks) * int(block)


def power_cycle() -> None:
    subprocess.run([*POWER, "cut", str(MACHINE)], check=True)
    power_on()


def power_on() -> None:
    subprocess.run([*POWER, "start", str(MACHINE), PORT], check=True)
    subprocess.run([*POWER, "wait", str(MACHINE), PORT], check=True)


def test_the_machine_is_as_declared(disk01: Host) -> None:
    etcd, app = disk01.mount_point("/var/lib/etcd"), disk01.mount_point("/var/lib/app")
    assert (etcd.filesystem, app.filesystem) == ("xfs", "ext4")
    assert "noatime" in app.options
    assert disk01.file("/var/lib/etcd").mode == 0o700
    assert sizes(disk01, "/var/lib/etcd")[0] == 304 * MIB
    # 20 % of the extents of a disk of 900 MiB, rounded down.
    assert sizes(disk01, "/var/lib/app")[0] == (896 // 4 * 20 // 100) * 4 * MIB
    assert "/dev/data/app" in disk01.file("/etc/fstab").content_string
    assert disk01.check_output("lvs --noheadings -o lv_tags data").strip() == ""


def test_the_folder_moved_with_all_it_had(disk01: Host) -> None:
    app = "/var/lib/app"
    assert disk01.file(app).mode == 0o751
    private = disk01.file(f"{app}/private")
    assert (private.uid, private.gid, private.mode) == (1234, 4321, 0o640)
    assert disk01.file(f"{app}/link").linked_to == f"{app}/deep/er"
    inodes = disk01.check_output(f"stat -c %i {app}/hard-link {app}/deep/er/random").split()
    assert inodes[0] == inodes[1]
    assert int(disk01.check_output(f"stat -c %b {app}/sparse")) == 0
    assert disk01.file(f"{app}/pipe").is_pipe
    assert disk01.check_output(f"stat -c %y {app}/old").startswith("2020-01-02 03:04:05")
    read = f'import os; print(os.getxattr("{app}/old", "user.kept"))'
    assert "yes" in disk01.check_output(f"python3 -c '{read}'")
    # What was copied is what lay there: the old content is still beneath the mount.
    beneath = f"unshare --mount sh -c 'umount --lazy {app} && sha256sum {app}/deep/er/random'"
    there = disk01.check_output(f"sha256sum {app}/deep/er/random")
    assert disk01.check_output(beneath) == there


def test_services_are_as_they_were(disk01: Host) -> None:
    assert disk01.service("app@app").is_running
    assert not disk01.service("app@other").is_running
    opened = disk01.check_output(
        "readlink /proc/$(systemctl show --value -p MainPID app@app)/fd/3; findmnt -no SOURCE -T"
        " /var/lib/app/log"
    )
    assert "/dev/mapper/data-app" in opened


def test_check_mode_on_the_finished_machine(disk01: Host) -> None:
    before = state(disk01)
    done = attempt([*command(changed("app", size="30%")), "--check"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "grow volume data/app from 176M to 268M" in done.stdout
    assert changes(done.stdout) == 1
    assert state(disk01) == before


def test_growth_under_a_writer(disk01: Host) -> None:
    """Both volumes and, with a second disk, their group grow while files on them are written."""
    paths = ("/var/lib/etcd", "/var/lib/app")
    put = f"cat > /root/writer.py <<'END'\n{(SCENARIO / 'files/writer.py').read_text()}END"
    disk01.check_output(put)
    kept = {
        path: disk01.check_output(
            f"head -c 1000000 /dev/urandom > {path}/kept; sha256sum {path}/kept"
        )
        for path in paths
    }
    for number, path in enumerate(paths):
        disk01.check_output(
            f"systemd-run --quiet --unit writer{number} python3 /root/writer.py {path}/written"
            f" /run/written{number}"
        )
    groups = changed("app", size="40%")
    groups[0]["devices"].append({"path": "/dev/ubdc"})
    volume(groups, "etcd")["size"] = "500M"
    began = time.monotonic()
    output = run(groups)
    print(f"growth of a group and two volumes: {time.monotonic() - began:.0f} s")
    # One task for the group, one for both volumes.
    assert changes(output) == 2
    for number, path in enumerate(paths):
        disk01.check_output(f"systemctl stop writer{number}")
        writes, longest, digest = disk01.check_output(f"cat /run/written{number}").split()
        print(f"{path}: {writes} synced writes meanwhile, the longest {longest} s")
        assert int(writes) > 10
        assert disk01.check_output(f"sha256sum {path}/written").startswith(digest)
        assert disk01.check_output(f"sha256sum {path}/kept") == kept[path]
    assert sizes(disk01, "/var/lib/etcd")[0] == 500 * MIB
    device, filesystem = sizes(disk01, "/var/lib/app")
    assert device == ((896 + 396) // 4 * 40 // 100) * 4 * MIB
    assert filesystem > device * 0.9
    assert sizes(disk01, "/var/lib/etcd")[1] > 400 * MIB
    GROUPS[:] = groups
    assert changes(run(GROUPS)) == 0


def test_what_lies_on_a_disk_is_not_overwritten(disk01: Host) -> None:
    foreign = [{"name": "foreign", "devices": [{"path": "/dev/ubdd"}], "volumes": []}]
    message = refused(foreign, disk01)
    assert "/dev/ubdd is wanted for volume group foreign and holds ext4" in message
    assert "wipe_foreign_signature" in message
    foreign[0]["devices"][0]["wipe_foreign_signature"] = True
    run(foreign)
    assert "foreign" in disk01.check_output("vgs --noheadings -o vg_name")
    disk01.check_output("vgremove --yes foreign && pvremove --yes /dev/ubdd")


def test_several_mistakes_make_one_message(disk01: Host) -> None:
    groups = changed("app", size="200M")
    volume(groups, "etcd")["size"] = "200M"
    groups.append({"name": "gone", "devices": [{"path": "/dev/ubdz"}], "volumes": []})
    message = refused(groups, disk01)
    assert "Volume data/app is 516M and 200M is wanted: shrinking is refused" in message
    assert "Volume data/etcd is 500M and 200M is wanted: shrinking is refused" in message
    assert "there is no device /dev/ubdz" in message
    message = refused(changed("app", size="2G"), disk01)
    assert "free and" in message
    assert "(app " in message


def test_shrinking_as_told(disk01: Host) -> None:
    groups = changed("app", size="300M", allow_shrink=True)
    assert "umount /var/lib/app" in refused(groups, disk01)
    disk01.check_output("systemctl stop app@app && umount /var/lib/app")
    run(groups)
    device, filesystem = sizes(disk01, "/var/lib/app")
    assert device == 300 * MIB
    assert 250 * MIB < filesystem <= device
    disk01.check_output("systemctl start app@app")
    GROUPS[:] = groups
    assert changes(run(GROUPS)) == 0


def test_a_snapshot_and_the_way_back(disk01: Host) -> None:
    volumes = [{"group": "data", "volume": "app", "services": ["app@app"]}]
    volumes.append({"group": "data", "volume": "etcd", "size": "64M"})
    for path in ("/var/lib/app", "/var/lib/etcd"):
        disk01.check_output(f"echo good > {path}/version")
    run(GROUPS, entry="snapshot", base_lvm_snapshot_volumes=volumes)
    for path in ("/var/lib/app", "/var/lib/etcd"):
        disk01.check_output(f"echo bad > {path}/version; rm {path}/kept")
    assert changes(run(GROUPS, entry="snapshot", base_lvm_snapshot_volumes=volumes)) == 0
    assert changes(run(GROUPS)) == 0
    began = time.monotonic()
    run(GROUPS, entry="merge", base_lvm_snapshot_volumes=volumes)
    print(f"two volumes back to their snapshots: {time.monotonic() - began:.0f} s")
    for path in ("/var/lib/app", "/var/lib/etcd"):
        assert disk01.file(f"{path}/version").content_string == "good\n"
        assert disk01.file(f"{path}/kept").exists
    assert disk01.service("app@app").is_running
    assert "before" not in disk01.check_output("lvs -a")
    message = refused(GROUPS, disk01, entry="merge", base_lvm_snapshot_volumes=volumes)
    assert "There is no snapshot data/app_before" in message


def test_a_snapshot_that_is_given_up(disk01: Host) -> None:
    volumes = [{"group": "data", "volume": "etcd", "size": "16M"}]
    run(GROUPS, entry="snapshot", base_lvm_snapshot_volumes=volumes)
    disk01.check_output("echo newer > /var/lib/etcd/version")
    run(GROUPS, entry="drop_snapshot", base_lvm_snapshot_volumes=volumes)
    assert disk01.file("/var/lib/etcd/version").content_string == "newer\n"
    assert "before" not in disk01.check_output("lvs -a")


def test_a_disk_that_grew_while_the_machine_was_off(disk01: Host) -> None:
    """As a VirtualBox medium does; with it a power cut, a group that misses a device, and a
    volume that goes back to its snapshot at the next start.
    """
    etcd = [{"group": "data", "volume": "etcd", "size": "32M"}]
    run(GROUPS, entry="snapshot", base_lvm_snapshot_volumes=etcd)
    disk01.check_output("echo bad > /var/lib/etcd/version; sync")
    more = {"base_lvm_snapshot_volumes": etcd, "base_lvm_merge_at_restart": True}
    run(GROUPS, entry="merge", **more)
    assert disk01.file("/var/lib/etcd/version").content_string == "bad\n"
    assert "is being merged" in refused(GROUPS, disk01)
    subprocess.run([*POWER, "cut", str(MACHINE)], check=True)
    os.truncate(MACHINE / "disk-data.img", 1200 * MIB)
    (MACHINE / "disk-more.img").rename(MACHINE / "away.img")
    os.truncate(os.open(MACHINE / "disk-more.img", os.O_CREAT | os.O_RDWR), 16 * MIB)
    power_on()
    message = refused(GROUPS, disk01)
    assert "Volume group data misses 1 device(s)" in message
    assert "vgreduce --removemissing data" in message
    subprocess.run([*POWER, "cut", str(MACHINE)], check=True)
    (MACHINE / "away.img").rename(MACHINE / "disk-more.img")
    power_on()
    end = time.monotonic() + 60
    while "before" in disk01.check_output("lvs -a") and time.monotonic() < end:
        time.sleep(1)
    assert disk01.file("/var/lib/etcd/version").content_string == "newer\n"
    groups = changed("app", size="600M")
    run(groups)
    parts = disk01.check_output("lsblk --bytes --noheadings --output SIZE /dev/ubdb1")
    assert int(parts.split()[0]) >= 1197 * MIB
    assert sizes(disk01, "/var/lib/app")[0] == 600 * MIB
    assert disk01.file("/var/lib/app/kept").exists
    GROUPS[:] = groups
    assert changes(run(GROUPS)) == 0


def kill_at(task: str, seconds: float, groups: list[dict[str, t.Any]]) -> bool:
    """Kill a run at the beginning of a task, or a while later; whether the task came at all."""
    pattern = re.compile(
        rf"TASK \[virtual\.datacenter\.base_lvm : {task.replace('$', '')}"
        + (r"\]" if task.endswith("$") else "")
    )
    process = subprocess.Popen(
        command(groups),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    came = False
    for line in process.stdout or ():
        if pattern.search(line):
            came = True
            time.sleep(seconds)
            break
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return came


@pytest.mark.parametrize("number", range(ROUNDS))
def test_an_interrupted_run_is_finished_by_the_next(disk01: Host, number: int) -> None:
    chance = random.Random(number)
    task, seconds = MOMENTS[number % len(MOMENTS)], chance.uniform(0, 1.5)
    # Each moment comes with and without it.
    cut = (number + number // len(MOMENTS)) % 3 == 0
    groups = [
        {
            "name": "round",
            "devices": [{"path": "/dev/ubde", "partition": 1}],
            "volumes": [
                {
                    "name": "app",
                    "size": "rest",
                    "filesystem": "ext4",
                    "mount": "/var/lib/round",
                    "services": ["app@round"],
                    "remove_old_content": True,
                }
            ],
        }
    ]
    disk01.check_output(f"cat <<'END' | sh -s\n{(SCENARIO / 'files/reset.sh').read_text()}END")
    assert kill_at(task, seconds, groups), f"the task {task} never came"
    if cut:
        power_cycle()
    print(f"killed {seconds:.1f} s after '{task}'{', power cut' if cut else ''}")
    run(groups)
    assert disk01.mount_point("/var/lib/round").exists
    disk01.check_output("cd /var/lib/round && sha256sum --check --quiet /root/round.sums")
    # A power cut stops services that are not enabled; what a run stopped, the next run starts.
    assert cut or disk01.service("app@round").is_running
    beneath = "unshare --mount sh -c 'umount --lazy /var/lib/round && ls -A /var/lib/round'"
    assert disk01.check_output(beneath) == ""
    assert disk01.check_output("lvs --noheadings -o lv_tags round").strip() == ""
    assert changes(run(groups)) == 0
