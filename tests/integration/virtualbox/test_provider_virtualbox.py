# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role provider_virtualbox through ansible-playbook: three machines of a small data center."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time

import fence_client
import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import journal
from world import ROOT

MACHINES = ("gate01", "lb01", "cp01")
# Another worker may just run a machine, which has its ports for itself.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
SSH_PORT, API_PORT = 12270 + 10 * WORKER, 16470 + 10 * WORKER


def published(ssh: int, api: int) -> list:
    return [
        {"name": "ssh", "host_port": ssh, "guest_port": 22},
        {"name": "api", "host_port": api, "guest_port": 6443},
    ]


def nic(number, kind, segment, mac):
    return {
        "number": number,
        "name": segment or "uplink",
        "kind": kind,
        "segment": segment,
        "mac": mac,
    }


PLAN = {
    "gate01": [
        nic(1, "nat", None, "02:5e:00:00:00:01"),
        nic(2, "internal", "edge", "02:5e:00:00:00:02"),
        nic(3, "internal", "control", "02:5e:00:00:00:03"),
    ],
    "lb01": [nic(1, "internal", "edge", "02:5e:00:00:01:01")],
    "cp01": [nic(1, "internal", "control", "02:5e:00:00:02:01")],
}

ADDRESSES = {"lb01": "10.10.0.11", "cp01": "10.10.1.11"}


def inventory(world, machines, reached) -> dict:
    """One VirtualBox host, this one, and the machines that live on it, reached by variables."""
    plan = {
        name: {
            "name": name,
            "fqdn": f"{name}.dc.internal",
            "segment": None,
            "address": ADDRESSES.get(name),
            "cpus": 2,
            "memory_mb": 64,
            "disks": [{"size_mb": 8}] if name == "lb01" else [],
            "host": "host1",
            "nics": nics,
        }
        for name, nics in machines.items()
    }
    gateways = [name for name, nics in machines.items() if nics[0]["kind"] == "nat"]
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "provider_datacenter": "lab",
        "provider_virtualbox_folder": str(world.vms),
        "provider_plan": {"gateways": gateways, "machines": "{{ plan }}"},
        "provider_machine": "{{ plan[inventory_hostname] }}",
        "provider_seed_path": f"{world.folder}/{{{{ inventory_hostname }}}}.iso",
        "provider_published_ports": published(SSH_PORT, API_PORT),
        "provider_virtualbox_base_size_mb": 64,
        "provider_virtualbox_driver_required": False,
        "plan": plan,
    }
    groups = {
        "machines": {"hosts": dict.fromkeys(machines, reached)},
        "hypervisors": {"hosts": {"host1": {}}},
    }
    return {"all": {"vars": variables, "children": groups}}


@pytest.fixture
def play(world):
    """Runs entry points of the role, tasks, or task files of the playbooks; gives how many tasks
    changed something, and the output."""

    def run(*steps, machines=None, reached=None, check=False, ok=True, skip=None, **more):
        machines = machines or PLAN
        for name in machines:
            (world.folder / f"{name}.iso").write_bytes(bytes(102400))
        role = "virtual.datacenter.provider_virtualbox"
        plays = [
            {
                "hosts": hosts,
                "gather_facts": False,
                "tasks": [
                    {"ansible.builtin.include_tasks": f"{ROOT}/playbooks/{entry}"}
                    if isinstance(entry, str) and entry.endswith(".yml")
                    else entry
                    if isinstance(entry, dict)
                    else {"ansible.builtin.include_role": {"name": role, "tasks_from": entry}}
                ],
            }
            for hosts, entry in steps
        ]
        (world.folder / "play.yml").write_text(json.dumps(plays))
        (world.folder / "inventory.json").write_text(
            json.dumps(inventory(world, machines, reached or {}))
        )
        process = world.start_playbook(
            "--inventory=inventory.json",
            f"--extra-vars={json.dumps(more)}",
            *(("--check", "--diff") if check else ()),
            *((f"--skip-tags={skip}",) if skip else ()),
            "play.yml",
            cwd=world.folder,
            ANSIBLE_FORKS="8",
        )
        output, _none = process.communicate(timeout=300)
        assert (process.returncode == 0) == ok, output
        changed = sum(int(number) for number in re.findall(r"\bchanged=(\d+)", output))
        return changed, output

    return run


ALL = (("hypervisors", "preflight"), ("hypervisors", "prepare"), ("machines", "define"))


def test_a_data_center_is_defined_and_destroyed(world, play):
    world.vbox(
        "createvm", "--name", "precious", "--basefolder", str(world.folder / "own"), "--register"
    )
    foreseen, _output = play(*ALL, check=True)
    assert foreseen == 5
    assert world.names() == ['"precious"']

    changed, _output = play(*ALL)
    assert changed == 5
    assert world.names() == sorted(f'"{name}"' for name in (*MACHINES, "lab-base", "precious"))
    again, _output = play(*ALL)
    assert again == 0
    checked, _output = play(*ALL, check=True)
    assert checked == 0

    vms = {vm["name"]: vm for vm in world.run("virtualbox_vm_info", managed_by="lab")["vms"]}
    gate = vms["gate01"]
    assert (gate["cpus"], gate["memory_mb"], gate["groups"]) == (2, 64, ["/lab"])
    assert [(card["type"], card["network"]) for card in gate["nics"]] == (
        [("nat", None), ("internal", "lab-edge"), ("internal", "lab-control")]
    )
    rules = gate["nics"][0]["port_forwards"]
    assert [(rule["name"], rule["host_address"], rule["host_port"]) for rule in rules] == (
        [("api", "127.0.0.1", API_PORT), ("ssh", "127.0.0.1", SSH_PORT)]
    )
    assert [card["mac"] for card in vms["cp01"]["nics"]] == ["02:5e:00:00:02:01"]
    assert [vms[name]["address"] for name in MACHINES] == [None, "10.10.0.11", "10.10.1.11"]
    assert vms["lab-base"]["address"] is None
    seeds = [item["medium"] for item in vms["lb01"]["storage_attachments"] if item["type"] == "dvd"]
    assert seeds == [f"{world.folder}/lb01.iso"]
    assert vms["lab-base"]["nics"] == []

    # One machine has lost its definition to somebody's hands; only that one is repaired.
    world.vbox("modifyvm", "cp01", "--cpus", "1")
    repaired, _output = play(*ALL)
    assert repaired == 1

    foreseen, _output = play(("hypervisors", "destroy"), check=True)
    assert foreseen == 1 and len(world.names()) == 5
    changed, _output = play(("hypervisors", "destroy"))
    assert changed == 2
    assert world.names() == ['"precious"']
    assert os.listdir(world.vms) == []
    assert (world.folder / "lb01.iso").exists()
    again, _output = play(("hypervisors", "destroy"))
    assert again == 0


def test_a_vm_of_the_user_with_the_name_of_a_machine(world, play):
    world.vbox(
        "createvm", "--name", "cp01", "--basefolder", str(world.folder / "own"), "--register"
    )
    before = world.run("virtualbox_vm_info")["vms"]
    _changed, output = play(*ALL, ok=False)
    assert "was not made by this collection" in output
    play(("hypervisors", "destroy"))
    assert world.names() == ['"cp01"']
    assert world.run("virtualbox_vm_info")["vms"] == before


def test_each_of_two_gateways_has_its_ports(world, play):
    second = nic(1, "nat", None, "02:5e:00:00:05:01")
    machines = {"gate01": PLAN["gate01"], "gate02": [second]}
    one = published(SSH_PORT, API_PORT)
    two = [
        {"name": "ssh", "host_port": SSH_PORT, "guest_port": 22, "machine": "gate01"},
        {"name": "ssh-gate02", "host_port": API_PORT, "guest_port": 22, "machine": "gate02"},
    ]

    def ports() -> dict:
        cards = {
            vm["name"]: vm["nics"]
            for vm in world.run("virtualbox_vm_info", managed_by="lab")["vms"]
        }
        return {
            name: {rule["name"]: rule["host_port"] for rule in nics[0]["port_forwards"]}
            for name, nics in cards.items()
            if nics
        }

    play(*ALL, machines={"gate01": PLAN["gate01"]}, provider_published_ports=one)
    assert ports() == {"gate01": {"ssh": SSH_PORT, "api": API_PORT}}
    assert play(*ALL, machines=machines, provider_published_ports=two)[0] == 2
    assert ports() == {"gate01": {"ssh": SSH_PORT}, "gate02": {"ssh-gate02": API_PORT}}
    assert play(*ALL, machines=machines, provider_published_ports=two)[0] == 0


# A second data center with machines of the same names.
BESIDE = {
    "provider_datacenter": "small",
    "provider_virtualbox_vm_prefix": "small-",
    "provider_published_ports": published(SSH_PORT + 1, API_PORT + 1),
}


def test_two_data_centers_side_by_side(world, play):
    play(*ALL)
    first = world.run("virtualbox_vm_info", managed_by="lab")["vms"]
    _changed, output = play(("hypervisors", "preflight"), ok=False, provider_datacenter="small")
    words = " ".join(output.split())
    assert "there is a VM cp01 that belongs to the data center lab" in words
    assert f"Port {SSH_PORT} of host1 is to lead to the ssh port of the gateway, and the" in words
    assert "the data center lab publishes it (VM gate01)" in words

    assert play(*ALL, **BESIDE)[0] == 5
    assert play(*ALL, **BESIDE)[0] == 0
    assert play(*ALL)[0] == 0
    second = {vm["name"]: vm for vm in world.run("virtualbox_vm_info", managed_by="small")["vms"]}
    assert set(second) == {"small-base", *(f"small-{name}" for name in MACHINES)}
    gate = second["small-gate01"]
    assert [card["network"] for card in gate["nics"]] == [None, "small-edge", "small-control"]
    assert gate["settings_file"] == f"{world.vms}/small/small-gate01/small-gate01.vbox"
    assert gate["serial_ports"][0]["path"] == f"{world.vms}/small/small-gate01/Logs/console.log"

    # The other one is in the middle of a creation.
    note = {"what": "create", "name": "lb09", "uuid": "u", "managed_by": "lab"}
    half = world.vms / "lab" / "lb09"
    half.mkdir()
    notes = journal.Journal(str(world.vms), "lb09")
    notes.begin({**note, "folder": str(half), "new_folder": True})
    assert play(("hypervisors", "destroy"), **BESIDE)[0] == 2
    assert world.run("virtualbox_vm_info", managed_by="small")["vms"] == []
    assert world.run("virtualbox_vm_info", managed_by="lab")["vms"] == first
    assert half.exists() and notes.read()["name"] == "lb09"


def test_machines_that_left_the_inventory(world, play):
    play(*ALL)
    fewer = {name: nics for name, nics in PLAN.items() if name != "cp01"}
    preflight = ("hypervisors", "preflight")
    _changed, output = play(preflight, machines=fewer, ok=False)
    words = " ".join(output.split())
    assert "Machines of lab on host1 are in the inventory, and these are not: cp01." in words
    for allowed in ({"check": True}, {"provider_allow_leftovers": "true"}):
        _changed, output = play(preflight, machines=fewer, **allowed)
        assert "WARNING: Machines of lab on host1" in " ".join(output.split())

    _changed, output = play(preflight, ok=False, provider_virtualbox_vm_prefix="new-")
    words = " ".join(output.split())
    assert "in VirtualBox on host1, and there are cp01, gate01, lb01. No VM is renamed" in words

    only = {"machines": fewer, "provider_leftovers_only": "true"}
    destroy = ("hypervisors", "destroy")
    assert play(destroy, check=True, **only)[0] == 1
    assert '"cp01"' in world.names()
    assert play(destroy, **only)[0] == 1
    assert world.names() == ['"gate01"', '"lab-base"', '"lb01"']
    assert not (world.vms / "lab" / "cp01").exists()
    assert play(destroy, **only)[0] == 0
    assert "WARNING" not in play(preflight, machines=fewer)[1]


def test_preflight_names_all_that_is_wrong_at_once(world, play):
    world.vbox(
        "createvm", "--name", "cp01", "--basefolder", str(world.folder / "foreign"), "--register"
    )
    image = world.folder / "image.vdi"
    image.write_text("<!DOCTYPE html>", encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = {
            "provider_virtualbox_base_medium_path": str(image),
            "provider_disk_space_mb": 10**9,
            "provider_published_ports": published(port, API_PORT),
        }
        _changed, output = play(("hypervisors", "preflight"), ok=False, **options)
        never = {**options, "provider_virtualbox_check_ports": False}
        _changed, unasked = play(("hypervisors", "preflight"), ok=False, **never)
    words = " ".join(output.split())
    assert "of free disk for" in words
    assert "is no disk image that VirtualBox opens: it begins with 3c 21 44 4f" in words
    assert "there is a VM cp01 that was not made by this collection" in words
    assert f"Port {port} of host1 is to lead to the ssh port of the gateway" in words
    assert f"Port {API_PORT}" not in words
    assert f"Port {port}" not in unasked


@pytest.mark.parametrize("format_name", ["VDI", "VMDK", "VHD"])
def test_preflight_knows_the_images_of_virtualbox(world, play, format_name):
    image = world.folder / f"image.{format_name.lower()}"
    world.vbox("createmedium", "--filename", str(image), "--size", "4", "--format", format_name)
    play(("hypervisors", "preflight"), provider_virtualbox_base_medium_path=str(image))


def autostart(world, verb) -> tuple[int, str]:
    """How the program of the unit ended, and what the power of the machine solo is then."""
    program = str(world.vms / "lab-autostart.sh")
    path = f"{os.path.dirname(world.program)}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", program, verb], env={**world.environment, "PATH": path}, check=False, timeout=120
    )
    shown = world.vbox("showvminfo", "solo", "--machinereadable")
    return done.returncode, re.search(r'^VMState="(.*)"$', shown, re.M)[1]


def test_an_image_and_the_power(world, play, boot_disk):
    image = world.folder / "image.raw"
    image.write_bytes(boot_disk)
    # Without the kernel driver only NAT works, so this machine has no internal network.
    solo = {"solo": [nic(1, "nat", None, "02:5e:00:00:03:01")]}
    options = {"provider_virtualbox_base_medium_path": str(image)}
    nowhere = {"provider_virtualbox_base_medium_path": "/nonexistent"}
    play(("hypervisors", "preflight"), ok=False, machines=solo, **nowhere)
    full = {**options, "provider_disk_space_mb": 10**9}
    assert "of free disk" in play(("hypervisors", "preflight"), ok=False, machines=solo, **full)[1]
    assert play(*ALL, ("machines", "start"), machines=solo, **options)[0] == 4
    assert play(*ALL, ("machines", "start"), machines=solo, **options)[0] == 0
    console = world.vms / "lab" / "solo" / "Logs" / "console.log"
    end = time.monotonic() + 60
    while not console.exists() or not console.read_bytes().startswith(b"ALIVE"):
        assert time.monotonic() < end, "the machine prints nothing"
        time.sleep(0.2)
    runs = {"ansible.builtin.assert": {"that": "provider_power == {'solo': 'running'}"}}
    play(("hypervisors", "power"), ("hypervisors", runs), machines=solo)
    renamed = {"solo": {"name": "solo", "host": "host1", "fqdn": "solo.other.example"}}
    _changed, output = play(
        ("hypervisors", "preflight"),
        machines=solo,
        ok=False,
        **options,
        provider_plan={"gateways": ["solo"], "machines": renamed},
    )
    words = " ".join(output.split())
    assert "as solo.dc.internal, and is planned as solo.other.example." in words
    force = {"provider_power_cut": True}
    assert play(("machines", "stop"), machines=solo, **force)[0] == 1
    assert play(("machines", "stop"), machines=solo, **force)[0] == 0
    # As systemd would at a start and a shutdown of the host.
    boot = {"provider_autostart": True, "provider_stop_timeout_seconds": 1, "skip": "autostart"}
    assert play(("hypervisors", "autostart"), machines=solo, **boot)[0] == 1
    assert play(("hypervisors", "autostart"), machines=solo, **boot)[0] == 0
    for verb, power in (("stop", "poweroff"), ("start", "running"), ("start", "running")):
        assert autostart(world, verb) == (0, power)
    # It does not go down in its time, and keeps what it has.
    assert autostart(world, "stop") == (0, "saved")
    play(("machines", "start"), machines=solo)
    assert play(("hypervisors", "destroy"), machines=solo)[0] == 3
    assert os.listdir(world.vms) == []
    # What is not defined is no failure to stop, and one to start.
    assert play(("machines", "stop"), machines=solo)[0] == 0
    assert "define it first" in play(("machines", "start"), machines=solo, ok=False)[1]


def assert_fencing(that: str) -> tuple:
    return "hypervisors", {"ansible.builtin.assert": {"that": f"provider_fencing{that}"}}


def test_load_balancers_fence_each_other(world, play, with_sshd):
    # Without the kernel driver only NAT works, so all have a card on it.
    machines = {
        name: [nic(1, "nat", None, f"02:5e:00:00:05:0{number}")]
        for number, name in enumerate(("gate01", "lb01", "lb02"))
    }
    port = fence_client.free_port()
    options = {
        "provider_fencing_machines": ["lb01", "lb02"],
        "provider_fencing_public_key": fence_client.key(world.folder),
        "provider_virtualbox_fencing_port": str(port),
        "provider_virtualbox_vm_prefix": "small-",
        "machines": machines,
        # This machine was not booted by systemd: the test is what runs the server.
        "skip": "autostart",
    }
    fencing, able = ("hypervisors", "fencing"), {"__provider_virtualbox_fencing_hindrances": []}

    def reachable(name: str) -> bool:
        shown = world.vbox("showvminfo", f"small-{name}", "--machinereadable")
        return 'localhostReachable="1"' in shown

    # A host that cannot, says why.
    _changed, output = play(*ALL, fencing, assert_fencing(" == {}"), **options)
    words = " ".join(output.split())
    assert "do not fence each other: systemd did not boot it, and it has no /usr/sbin/sshd" in words
    # One that has become able: a gateway that runs is left alone until it is off. VirtualBox keeps
    # in mind that it is not to reach its host for 5 s, or as long as it runs.
    for name in machines:
        world.vbox("modifyvm", f"small-{name}", "--nat-localhostreachable1", "off")
        world.vbox("startvm", f"small-{name}", "--type", "headless")
    assert play(*ALL, **options, **able)[0] == 0
    changed, output = play(fencing, assert_fencing(" == {}"), **options, **able)
    assert (
        changed == 1 and "playbook virtual.datacenter.stop with --limit=gate01:lb01:lb02" in output
    )
    force = {"provider_power_cut": True}
    play(("machines", "stop"), **options, **force)
    assert play(*ALL, check=True, **options, **able)[0] == 3
    assert play(*ALL, **options, **able)[0] == 3
    assert reachable("gate01")
    play(("machines", "start"), **options)
    assert play(fencing, assert_fencing(f".port == {port}"), **options, **able)[0] == 0
    assert play(fencing, check=True, **options, **able)[0] == 0

    folder = world.vms / "lab-fencing"
    host_key = (folder / "host_key.pub").read_text(encoding="utf-8")

    def ask(request: str) -> str:
        more = ("-T", "root@127.0.0.1", request)
        done = fence_client.ssh(world.folder, port, host_key, *more)
        return done.stdout + done.stderr

    with fence_client.serving(["sshd", "-D", "-e", "-f", f"{folder}/sshd_config"], port):
        # The server is no other program that has its port.
        play(("hypervisors", "preflight"), **options)
        assert ask("list") == "lb01\nlb02\n" and ask("status lb02") == "on\n"
        assert ask("off gate01").startswith("This key allows list, and status")
        assert ask("off lb02") == "off\n" and ask("on lb02") == "on\n"
    with socket.create_server(("127.0.0.1", port)):
        (folder / "sshd_config").write_text("Port 1\n", encoding="utf-8")
        _changed, output = play(("hypervisors", "preflight"), ok=False, **options)
        assert f"Port {port} of host1 is to take requests for fencing" in " ".join(output.split())
    off = {**options, "provider_virtualbox_fencing_port": 0}
    assert play(fencing, assert_fencing(" == {}"), **off)[0] == 1
    assert play(fencing, **off)[0] == 0 and not folder.exists()
    assert play(fencing, **options, **able)[0] == 1
    play(("hypervisors", "destroy"), **options)
    assert os.listdir(world.vms) == []


def test_a_machine_that_does_not_answer_shows_its_console(world, play, boot_disk):
    image = world.folder / "image.raw"
    image.write_bytes(boot_disk)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = {
        "provider_virtualbox_base_medium_path": str(image),
        "provider_published_ports": [{"name": "ssh", "host_port": port, "guest_port": 22}],
        "provider_role": "provider_virtualbox",
        "datacenter_ssh_timeout_seconds": "8",
    }
    solo = {"solo": [nic(1, "nat", None, "02:5e:00:00:04:01")]}
    play(*ALL, ("machines", "start"), machines=solo, **options)
    # Its host is still reached as before.
    ssh = {
        "ansible_connection": "ssh",
        "ansible_host": "127.0.0.1",
        "ansible_port": port,
        "ansible_ssh_common_args": "-F none -o ConnectTimeout=3 -o BatchMode=yes",
    }
    wait = ("machines", "tasks/start.yml")
    _changed, output = play(wait, machines=solo, reached=ssh, ok=False, **options)
    words = " ".join(output.split())
    assert "solo is to answer SSH within 8 s of its start, and does not: " in words
    console = world.vms / "lab" / "solo" / "Logs" / "console.log"
    assert f"Its console ({console} on host1) said last: ALIVE ALIVE" in words
    assert "change datacenter_ssh_timeout_seconds" in words
    console.unlink()
    _changed, output = play(wait, machines=solo, reached=ssh, ok=False, **options)
    assert f"Its console ({console} on host1) says nothing." in " ".join(output.split())
    play(("hypervisors", "destroy"), machines=solo)
