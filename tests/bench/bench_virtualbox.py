#!/usr/bin/env python3
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ratios of the VirtualBox modules to bare VBoxManage, side by side in one run.

Times of this machine mean little, so only ratios are printed: the median of ROUNDS (default 5).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tests" / "integration" / "virtualbox"))
import many_vms  # noqa: E402
from world import World, new_world  # noqa: E402

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
MODULE = "virtualbox_vm"
INVENTORY_VMS = 100
OURS, THEIRS = "virtual.datacenter.virtualbox", "community.general.virtualbox"
SEGMENTS = ("edge", "edge", "control", "control", "control", "worker", "worker", "worker", "worker")


def nic(number: int, network: str, host: int) -> dict:
    mac = f"02:00:00:00:{host:02x}:{number:02x}"
    return {"number": number, "type": "internal", "network": network, "mac": mac}


def machines() -> dict[str, list[dict]]:
    """Ten machines as the lab has them: a gateway on all segments, the others on one."""
    forward = {"name": "ssh", "host_port": 2222, "guest_port": 22}
    gateway = [
        {"number": 1, "type": "nat", "mac": "02:00:00:00:00:01", "port_forwards": [forward]},
        *(nic(number, name, 0) for number, name in enumerate(dict.fromkeys(SEGMENTS), 2)),
    ]
    others = {f"m{host}": [nic(1, name, host)] for host, name in enumerate(SEGMENTS, 1)}
    return {"m0": gateway, **others}


def options(world: World, name: str, nics: list[dict]) -> dict:
    return {
        "name": name,
        "folder": str(world.vms),
        "groups": ["/lab"],
        "managed_by": "lab",
        "clone_from": "base",
        "clone_snapshot": "base",
        "cpus": 2,
        "memory_mb": 512,
        "description": name,
        "nics": nics,
        "storage_attachments": [
            {"controller": "SATA", "port": 1, "type": "dvd", "medium": f"{world.folder}/seed.iso"}
        ],
        "serial_ports": [{"number": 1, "mode": "file", "path": f"/tmp/{name}.log"}],
    }


def script(world: World) -> str:
    """The same end state as a person would script it: as few calls as VBoxManage allows."""
    lines = ["set -e"]
    for name, nics in machines().items():
        words = ["--cpus 2 --memory 512", f"--description {name}"]
        words += [f"--uart1 0x3F8 4 --uart-mode1 file /tmp/{name}.log"]
        for card in nics:
            number, mac = card["number"], card["mac"].replace(":", "")
            kind = "nat" if card["type"] == "nat" else f"intnet --intnet{number} {card['network']}"
            words.append(f"--nic{number} {kind} --mac-address{number} {mac}")
            for _rule in card.get("port_forwards", []):
                words.append(f"--nat-pf{number} ssh,tcp,127.0.0.1,2222,,22")
        lines += [
            f"vbm clonevm base --name {name} --basefolder {world.vms} --groups /lab"
            " --snapshot base --mode machine --options link --register",
            f"vbm modifyvm {name} {' '.join(words)}",
            f"vbm storageattach {name} --storagectl SATA --port 1 --device 0 --type dvddrive"
            f" --medium {world.folder}/seed.iso",
            f"vbm setextradata {name} virtual.datacenter/managed-by lab",
        ]
    return f'vbm() {{ {world.program} "$@" >/dev/null 2>&1; }}\n' + "\n".join(lines) + "\n"


@contextlib.contextmanager
def stopwatch(into: list[float]):
    begin = time.perf_counter()
    yield
    into.append(time.perf_counter() - begin)


def prepare(world: World) -> None:
    """The base VM, and a service that is awake."""
    (world.folder / "seed.iso").write_bytes(bytes(102400))
    disk = str(world.vms / "base.vdi")
    world.run("virtualbox_medium", path=disk, size_mb=8)
    world.vm(
        "base",
        managed_by="lab",
        groups=["/lab"],
        nics=[],
        prune_nics=True,
        storage_controllers=[{"name": "SATA", "type": "sata", "port_count": 2}],
        storage_attachments=[{"controller": "SATA", "port": 0, "type": "hdd", "medium": disk}],
        snapshot="base",
    )


def remove_machines(world: World) -> None:
    for name in machines():
        world.run(MODULE, name=name, folder=str(world.vms), state="absent", delete_media=True)


def by_script(world: World, spent: list[float]) -> int:
    """How often it had to be begun anew: a bare script has no answer to a lock that lingers."""
    for attempt in range(5):
        begin = time.perf_counter()
        done = subprocess.run(
            ["bash", "-c", script(world)], env=world.environment, check=False, timeout=600
        )
        if done.returncode == 0:
            spent.append(time.perf_counter() - begin)
            return attempt
        remove_machines(world)
    raise RuntimeError("the script does not get through")


def by_module(world: World, spent: list[float], count: list[int]) -> None:
    processes = 0
    with stopwatch(spent):
        for name, nics in machines().items():
            processes += world.run(MODULE, **options(world, name, nics))["processes"]
    count.append(processes)


def by_playbook(world: World, spent: list[float], changed: int) -> None:
    """One task for all ten, as ansible-playbook does it with ten forks."""
    with stopwatch(spent):
        process = world.start_playbook(
            f"--inventory={','.join(machines())},",
            "--forks=10",
            str(world.folder / "play.yml"),
        )
        output, _none = process.communicate()
    assert process.returncode == 0, output
    assert len(re.findall(rf"changed={changed}\b", output)) == len(machines()), output


def write_playbook(world: World) -> None:
    import yaml

    wanted = {name: options(world, name, nics) for name, nics in machines().items()}
    play = {
        "hosts": "all",
        "gather_facts": False,
        "connection": "local",
        "vars": {"wanted": wanted, "ansible_python_interpreter": sys.executable},
        "tasks": [
            {
                "name": "Define the VM",
                "virtual.datacenter.virtualbox_vm": "{{ wanted[inventory_hostname] }}",
            }
        ],
    }
    (world.folder / "play.yml").write_text(yaml.safe_dump([play]))


def tell(text: str, ratios: list[float], goal: float | None, processes: str = "") -> None:
    middle = statistics.median(ratios)
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    if goal is not None:
        spread += f"; goal {goal:.2f}, {'met' if middle <= goal else 'missed'}"
    print(f"{text}: {middle:.2f} ({spread}){processes}", flush=True)


def inventory(world: World, plugin: str, program: str) -> float:
    """Seconds that a plugin takes to read all VMs."""
    path = world.folder / "bench.virtualbox.yml"
    path.write_text(f"plugin: {plugin}\n")
    done = subprocess.run(
        [sys.executable, str(HERE / "inventory_time.py"), str(path)],
        env={
            **world.environment,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "PATH": f"{Path(program).parent}:{os.environ['PATH']}",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, hosts = done.stdout.split()
    assert int(hosts) == INVENTORY_VMS, done.stderr
    return float(seconds)


def calls_of(world: World, plugin: str) -> int:
    """How many processes of VBoxManage a plugin needs; not timed, for counting costs time."""
    folder, log = world.folder / "counting", world.folder / "calls"
    folder.mkdir(exist_ok=True)
    log.write_text("")
    wrapper = folder / "VBoxManage"
    wrapper.write_text(f'#!/bin/sh\necho >>{log}\nexec {world.program} "$@"\n')
    wrapper.chmod(0o755)
    inventory(world, plugin, str(wrapper))
    return len(log.read_text().splitlines())


def measure_inventory(world: World) -> None:
    world.vm("m", managed_by="lab", groups=["/lab"], memory_mb=64)
    many_vms.make_vms(world, "m", INVENTORY_VMS - 1)
    world.settle()
    times: dict[str, list[float]] = {OURS: [], THEIRS: []}
    counts = {plugin: calls_of(world, plugin) for plugin in times}
    for _number in range(ROUNDS):
        for plugin, spent in times.items():
            spent.append(inventory(world, plugin, world.program))
    tell(
        f"3. inventory of {INVENTORY_VMS} VMs / the one of community.general",
        [ours / theirs for ours, theirs in zip(times[OURS], times[THEIRS])],
        0.1,
        "; VBoxManage per VM: " + " / ".join(f"{n / INVENTORY_VMS:.2f}" for n in counts.values()),
    )


def main() -> None:
    for part in (measure, measure_inventory):
        folder = Path(tempfile.mkdtemp(prefix="bench-"))
        try:
            with new_world(folder) as world:
                part(world)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def measure(world: World) -> None:
    prepare(world)
    write_playbook(world)
    bare: list[float] = []
    modules: list[float] = []
    again: list[float] = []
    playbook: list[float] = []
    playbook_again: list[float] = []
    first_count: list[int] = []
    again_count: list[int] = []
    failures = 0
    for number in range(ROUNDS):
        failures += by_script(world, bare)
        remove_machines(world)
        by_module(world, modules, first_count)
        by_module(world, again, again_count)
        remove_machines(world)
        by_playbook(world, playbook, changed=1)
        by_playbook(world, playbook_again, changed=0)
        remove_machines(world)
        print(f"round {number + 1} of {ROUNDS} done", flush=True)
    print(f"the bare script failed {failures} time(s) and was begun anew")
    vms = len(machines())
    calls = script(world).count("\nvbm ")
    first_text = f"{statistics.median(first_count) / vms:.1f} / {calls / vms:.1f}"
    again_text = " / ".join(
        f"{statistics.median(count) / vms:.1f}" for count in (again_count, first_count)
    )
    tell(
        "1. ten VMs by the module / by a bare shell script",
        [ours / theirs for ours, theirs in zip(modules, bare)],
        1.25,
        f"; VBoxManage per VM: {first_text}",
    )
    tell(
        "   ten VMs by a whole playbook, ten forks / by the script",
        [ours / theirs for ours, theirs in zip(playbook, bare)],
        None,
        f"; VBoxManage per VM: {first_text}",
    )
    tell(
        "2. the same once more, nothing to do / the first run, by the module",
        [later / first for later, first in zip(again, modules)],
        0.35,
        f"; VBoxManage per VM: {again_text}",
    )
    tell(
        "   the same by the playbook",
        [later / first for later, first in zip(playbook_again, playbook)],
        None,
        f"; VBoxManage per VM: {again_text}",
    )


if __name__ == "__main__":
    main()
