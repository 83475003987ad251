# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules lab_network and lab_machine on this host's kernel, in a data center of their own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / ".collections"))
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import host_reboot  # noqa: E402
from ansible_collections.virtual.datacenter.plugins.module_utils._core import (  # noqa: E402
    change,
    processes,
    state,
    wait,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError  # noqa: E402
from ansible_collections.virtual.datacenter.plugins.module_utils._lab import (  # noqa: E402
    cgroups,
    names,
    services,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._lab.network import Port  # noqa: E402
from ansible_collections.virtual.datacenter.plugins.module_utils._lab.network_host import LabNetwork  # noqa: E402
from ansible_collections.virtual.datacenter.plugins.modules import (  # noqa: E402
    lab_autostart,
    lab_fencing,
    lab_info,
    lab_machine,
    lab_network,
)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the lab needs root")

# Each worker has a data center of its own.
NAME = f"itlab{os.environ.get('PYTEST_XDIST_WORKER', '')}"
CACHE = Path(os.environ.get("VIRTUAL_DATACENTER_CACHE", Path.home() / ".cache/virtual.datacenter"))
MAC = "02:00:5e:00:53:01"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


SSH_PORT = free_port()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("lab") / "root")


@pytest.fixture(autouse=True)
def nothing_left(root: str) -> Iterator[None]:
    yield
    machine(root, name=None, all_machines=True, state="absent")
    network(root, state="absent")
    assert not left_overs()
    assert not Path(root).exists()


def left_overs() -> list[str]:
    found = [path.name for path in Path("/run/netns").glob(f"vdc-{NAME}*")]
    found += [str(pid) for pid in processes.in_cgroup("/" + cgroups.path(NAME))]
    return found + cgroups.left(cgroups.path(NAME))


def parameters(spec: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    return {**{name: option.get("default") for name, option in spec.items()}, **given}


def told(result: dict[str, Any]) -> dict[str, Any]:
    """The result with the texts of its actions only."""
    return {**result, "actions": [action["text"] for action in result["actions"]]}


def network(root: str, check_mode: bool = False, **given: Any) -> dict[str, Any]:
    given = {
        "datacenter": NAME,
        "root_dir": root,
        "bridges": ["br-edge", "br-control"],
        "ports": [{"name": "ssh", "host_port": SSH_PORT, "guest_port": 22}],
        **given,
    }
    task = lab_network.Task(parameters(lab_network.argument_spec(), given), check_mode)
    return told(change.run(task, lab_network.result, check_mode))


def machine(root: str, check_mode: bool = False, **given: Any) -> dict[str, Any]:
    given = {"datacenter": NAME, "root_dir": root, "name": "one", **given}
    task = lab_machine.make_task(parameters(lab_machine.argument_spec(), given), check_mode)
    return told(change.run(task, lab_machine.result, check_mode))


def lab(root: str) -> LabNetwork:
    return LabNetwork(root, NAME, ["br-edge", "br-control"], [Port("ssh", SSH_PORT, 22)])


def in_namespace(*command: str) -> None:
    subprocess.run(["ip", "-n", f"vdc-{NAME}", *command], check=True)


def test_check_mode_says_what_is_done_and_does_nothing(root: str) -> None:
    planned = network(root, check_mode=True)
    assert not left_overs()
    done = network(root)
    assert done["actions"] == planned["actions"]
    assert done["diff"] == planned["diff"]
    assert network(root)["actions"] == []


def test_an_interrupted_network_is_finished(root: str) -> None:
    steps = len(state.plan({}, lab(root).wanted()))
    for done in range(steps):
        half = lab(root)
        for action in state.plan({}, half.wanted())[:done]:
            half.apply(action)
        assert network(root)["changed"]
        assert network(root)["actions"] == []
        # Half a removal is finished too.
        for action in state.plan(half.read(), {})[:done]:
            half.apply(action)
        network(root, state="absent")
        assert not left_overs()


def damage_bridge(_root: str) -> None:
    in_namespace("link", "del", "br-edge")


def damage_bridge_options(_root: str) -> None:
    in_namespace("link", "set", "br-edge", "type", "bridge", "stp_state", "1")


def damage_cable(_root: str) -> None:
    in_namespace("link", "set", "uplink", "down")


def damage_cable_end(_root: str) -> None:
    in_namespace("link", "del", "uplink")


def damage_outside(_root: str) -> None:
    subprocess.run(["ip", "netns", "del", f"vdc-{NAME}-outside"], check=True)


def damage_dhcp(root: str) -> None:
    (pid,) = services.Dhcp(names.run_directory(root, NAME), NAME).found()
    os.kill(pid, signal.SIGKILL)
    processes.wait_gone([pid], 5)


def damage_ports(root: str) -> None:
    (pid,) = services.Ports(names.run_directory(root, NAME), NAME, []).found()
    os.kill(pid, signal.SIGKILL)
    processes.wait_gone([pid], 5)


@pytest.mark.parametrize(
    ("damage", "actions"),
    [
        (damage_bridge, [f"make bridge br-edge in the network of data center '{NAME}'"]),
        (damage_bridge_options, [f"repair bridge br-edge in the network of data center '{NAME}'"]),
        (damage_cable, [f"repair the cable between data center '{NAME}' and the world outside"]),
        (
            damage_cable_end,
            [
                f"lay the cable between data center '{NAME}' and the world outside",
                f"give the world outside of data center '{NAME}' its addresses",
            ],
        ),
        (
            damage_outside,
            [
                f"make the network namespace vdc-{NAME}-outside of data center '{NAME}'",
                f"repair the cable between data center '{NAME}' and the world outside",
                f"give the world outside of data center '{NAME}' its addresses",
                f"restart DHCP and DNS on the uplink of data center '{NAME}'",
            ],
        ),
        (damage_dhcp, [f"start DHCP and DNS on the uplink of data center '{NAME}'"]),
        (damage_ports, [f"publish ports of data center '{NAME}' on 127.0.0.1"]),
    ],
)
def test_only_the_damage_is_repaired(root: str, damage: Any, actions: list[str]) -> None:
    network(root)
    damage(root)
    assert network(root)["actions"] == actions
    assert network(root)["actions"] == []


def test_a_port_of_somebody_else_stops_everything(root: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(TaskError) as error:
            network(root, ports=[{"name": "web", "host_port": port, "guest_port": 80}])
    assert error.value.error_code == "PORT_IN_USE"
    assert str(port) in error.value.message
    assert f"process {os.getpid()}" in error.value.message
    assert not left_overs()


def test_nothing_leads_out(root: str) -> None:
    network(root)
    for space in (f"vdc-{NAME}", f"vdc-{NAME}-outside"):
        routes = subprocess.run(
            ["ip", "-n", space, "route", "show", "default"], capture_output=True, check=True
        )
        assert routes.stdout == b""


@pytest.fixture
def definition(tmp_path: Path) -> dict[str, Any]:
    images = sorted(CACHE.glob("lab-image-trixie-*/rootfs"), key=lambda path: path.stat().st_mtime)
    if not images:
        pytest.skip("the machine image is not made yet (make host)")
    seed = tmp_path / "seed"
    seed.mkdir()
    (seed / "user-data").write_text("#cloud-config\n", encoding="utf-8")
    (seed / "meta-data").write_text("instance-id: one\n", encoding="utf-8")
    return {
        "image": str(images[-1].parent),
        "seed_path": str(seed),
        "nics": [{"number": 1, "mac": MAC, "kind": "internal", "segment": "edge"}],
        "bridges": {"edge": "br-edge"},
    }


def inside(root: str, *command: str, name: str = "one") -> str:
    attach = machine(root, state="defined", name=name)["machine"]["attach"]
    clean = ["--clear-env", "-v", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "--"]
    return subprocess.run(
        [*attach, *clean, *command], check=True, capture_output=True, text=True
    ).stdout


def init_of(root: str) -> int:
    enter = ["nsenter", f"--net=/run/netns/vdc-{NAME}"]
    info = ["lxc-info", "-P", names.machines_directory(root, NAME), "-n", "one", "-p", "-H"]
    return int(subprocess.run([*enter, *info], check=True, capture_output=True).stdout)


def test_a_machine_from_nothing_to_nothing(root: str, definition: dict[str, Any]) -> None:
    assert machine(root, check_mode=True, **definition)["changed"]
    with pytest.raises(TaskError) as error:
        machine(root, **definition)
    assert error.value.error_code == "NETWORK_MISSING"
    network(root)
    assert machine(root, **definition)["actions"][-1] == "start machine 'one'"
    assert machine(root, **definition)["actions"] == []
    with pytest.raises(TaskError) as error:
        network(root, state="absent")
    assert error.value.error_code == "NETWORK_IN_USE"
    # Its NIC is on the bridge, with the planned MAC, and no address comes from the lab.
    assert MAC in inside(root, "cat", "/sys/class/net/eth0/address")
    links = subprocess.run(
        ["ip", "-n", f"vdc-{NAME}", "link", "show", "master", "br-edge"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "one.1@" in links.stdout
    assert inside(root, "cat", "/proc/sys/vm/overcommit_memory", "/proc/sys/kernel/panic") == (
        "1\n10\n"
    )
    there = lab_info.machines(root, NAME)
    assert {name: found["power"] for name, found in there.items()} == {"one": "running"}
    # A power cut loses nothing that was written.
    inside(root, "sh", "-c", "echo kept >/etc/kept; echo kept >/var/lib/etcd/kept; sync")
    assert machine(root, state="stopped", force=True)["actions"] == [
        "cut the power of machine 'one'"
    ]
    assert lab_info.machines(root, NAME)["one"]["power"] == "stopped"
    assert machine(root, state="started")["actions"] == ["start machine 'one'"]
    assert inside(root, "cat", "/etc/kept", "/var/lib/etcd/kept") == "kept\nkept\n"
    assert machine(root, state="absent")["changed"]
    assert machine(root, state="absent")["actions"] == []
    assert lab_info.machines(root, NAME) == {}


# Says to each caller in which machine it runs.
TELL = """
import socket, sys
server = socket.create_server(("", 8000))
while True:
    connection, _caller = server.accept()
    with connection:
        connection.sendall(sys.argv[1].encode())
"""


def told_by(port: int, deadline: float) -> str:
    """An empty answer is that of the forwarder: nobody listens behind it yet."""
    said = ""
    while not said:
        assert time.monotonic() < deadline
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            said = connection.makefile().read()
        time.sleep(0.2)
    return said


def test_two_gateways_have_an_address_and_a_port_each(
    root: str, definition: dict[str, Any]
) -> None:
    macs = {"one": MAC, "two": "02:00:5e:00:53:02"}
    gateways = [{"name": name, "mac": mac} for name, mac in macs.items()]
    ports = [{"name": "tell", "host_port": SSH_PORT, "guest_port": 8000, "machine": "one"}]
    network(root, ports=[{**ports[0], "machine": None}])
    assert network(root, gateways=gateways[:1], ports=ports)["actions"] == []
    ports.append({"name": "two", "host_port": free_port(), "guest_port": 8000, "machine": "two"})
    for name, mac in macs.items():
        nics = [{"number": 1, "mac": mac, "kind": "nat"}]
        machine(root, **{**definition, "nics": nics}, name=name)
    made = network(root, gateways=gateways, ports=ports)
    assert made["actions"] == [
        f"restart DHCP and DNS on the uplink of data center '{NAME}'",
        f"publish ports of data center '{NAME}' on 127.0.0.1 anew",
    ]
    wanted = {"one": "10.0.2.15", "two": "10.0.2.16"}
    assert made["network"]["gateway_addresses"] == wanted
    deadline = time.monotonic() + 240
    for name, address in wanted.items():
        while f" {address}/24" not in inside(root, "ip", "-4", "-o", "address", name=name):
            assert time.monotonic() < deadline, inside(root, "ip", "address", name=name)
            time.sleep(0.5)
        inside(root, "systemd-run", "--quiet", "python3", "-c", TELL, name, name=name)
    assert [told_by(port["host_port"], deadline) for port in ports] == ["one", "two"]
    assert network(root, gateways=gateways, ports=ports)["actions"] == []


def key(folder: Path) -> str:
    """A key pair of a test; its public half."""
    path = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path.with_suffix(".pub").read_text(encoding="utf-8")


def fencing(root: str, check_mode: bool = False, **given: Any) -> dict[str, Any]:
    given = {"datacenter": NAME, "root_dir": root, "machines": ["one"], **given}
    task = lab_fencing.Task(parameters(lab_fencing.argument_spec(), given), check_mode)
    return told(change.run(task, lab_fencing.result, check_mode))


def test_machines_switch_each_other_off_by_ssh_and_ask_for_nothing_else(
    root: str, definition: dict[str, Any], tmp_path: Path
) -> None:
    public_key = key(tmp_path)
    network(root)
    assert fencing(root, check_mode=True, public_key=public_key)["changed"]
    with pytest.raises(TaskError) as error:
        fencing(root, public_key=public_key)
    assert error.value.error_code == "NOT_DEFINED"
    machine(root, **definition)
    made = fencing(root, public_key=public_key)
    assert fencing(root, public_key=public_key)["actions"] == []
    hosts = tmp_path / "known_hosts"
    hosts.write_text(f"10.0.2.2 {made['fencing']['host_key']}\n", encoding="utf-8")

    def ask(request: str) -> tuple[int, str, str]:
        argv = ["nsenter", f"--net=/run/netns/vdc-{NAME}-outside", "ssh", "-F", "none", "-T"]
        argv += ["-i", str(tmp_path / "key"), "-o", "StrictHostKeyChecking=yes"]
        argv += ["-o", f"UserKnownHostsFile={hosts}", "-o", "LogLevel=ERROR", "root@10.0.2.2"]
        done = subprocess.run([*argv, request], capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    assert ask("list") == (0, "one\n", "")
    assert ask("status one") == (0, "on\n", "")
    for request in ("", "off two", "off one; touch /tmp/x", "sh", "off 'one'"):
        code, said, refused = ask(request)
        assert (code, said) == (1, "") and refused.startswith("This key allows list, and status")
    assert ask("status one")[1] == "on\n"
    first = init_of(root)
    assert ask("reboot one") == (0, "off\n", "")
    wait.until(lambda: ask("status one")[1] == "on\n", 60)
    assert init_of(root) != first
    # What somebody has stopped, or what was off, is not started.
    machine(root, state="stopped", force=True)
    assert ask("reboot one") == (0, "off\n", "")
    time.sleep(3)
    assert ask("status one") == (0, "off\n", "")
    assert ask("on one") == (0, "on\n", "")
    assert ask("off one") == (0, "off\n", "")
    log = Path(made["log"]).read_text(encoding="utf-8")
    assert log.count("reboot one: it is off, and is started again") == 1
    (tmp_path / "other").mkdir()
    assert fencing(root, public_key=key(tmp_path / "other"))["actions"] == [
        f"restart the server for fencing of data center '{NAME}'"
    ]
    assert "Permission denied" in ask("list")[2]
    assert fencing(root, state="absent", machines=[])["changed"]
    assert not fencing(root, state="absent", machines=[])["changed"]


def test_the_program_brings_back_what_a_reboot_of_the_host_took(
    root: str, definition: dict[str, Any], tmp_path: Path
) -> None:
    network(root)
    machines = ["two", "one"]
    for name, mac in (("one", MAC), ("two", "02:00:5e:00:53:02")):
        machine(root, **{**definition, "nics": [{**definition["nics"][0], "mac": mac}]}, name=name)
    given = {"datacenter": NAME, "root_dir": root, "bridges": ["br-edge", "br-control"]}
    given |= {"ports": [{"name": "ssh", "host_port": SSH_PORT, "guest_port": 22}]}
    given |= {"machines": machines, "timeout": 1}
    public_key = key(tmp_path)
    given |= {"fencing_machines": ["one"], "fencing_public_key": public_key}
    task = lab_autostart.Task(parameters(lab_autostart.argument_spec(), given))
    written = change.run(task, lab_autostart.result, False)
    assert written["changed"] and not change.run(task, lab_autostart.result, False)["changed"]

    def run(verb: str) -> list[str]:
        argv = ["/usr/bin/python3", written["program"], verb]
        done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120)
        return done.stdout.splitlines()

    host_reboot.cut(NAME, root)
    assert not left_overs()
    # The gateway first, which is not the first by name.
    assert run("start") == ["start power of two", "start power of one"]
    assert run("start") == []
    assert network(root)["actions"] == []
    assert fencing(root, public_key=public_key)["actions"] == []
    assert [machine(root, state="started", name=name)["actions"] for name in machines] == [[], []]
    # And it is the last one to go.
    assert run("stop") == ["stop power of one", "stop power of two"]
    absent = parameters(lab_autostart.argument_spec(), {**given, "state": "absent"})
    assert change.run(lab_autostart.Task(absent), lab_autostart.result, False)["changed"]


def test_a_machine_that_does_not_answer_shows_its_console(
    root: str, definition: dict[str, Any], tmp_path: Path
) -> None:
    network(root)
    machine(root, **definition)
    console = Path(names.machine_directory(root, NAME, "one")) / "console.log"
    deadline = time.monotonic() + 60
    while "systemd" not in (console.read_text(errors="replace") if console.exists() else ""):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    # Nobody listens at this address.
    reached = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    # The second machine answers.
    local = {"ansible_connection": "local"}
    hosts = {"here": local, "one": reached, "two": local}
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}), encoding="utf-8")
    options = {
        "provider_role": "provider_lab",
        "provider_machine": {"name": "one", "host": "here"},
        "provider_datacenter": NAME,
        "provider_lab_root_dir": root,
        "datacenter_ssh_timeout_seconds": 2,
    }
    tasks = [{"ansible.builtin.include_tasks": f"{ROOT}/playbooks/tasks/start.yml"}]
    play = [
        {"hosts": "one,two", "gather_facts": False, "any_errors_fatal": True, "tasks": tasks},
    ]
    (tmp_path / "play.yml").write_text(json.dumps(play), encoding="utf-8")
    command = [str(ROOT / ".venv/bin/ansible-playbook"), "-i", str(tmp_path / "hosts.json")]
    command += ["--extra-vars", json.dumps(options), str(tmp_path / "play.yml")]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
        check=False,
    )
    failure = done.stdout.partition("fatal: [one]: FAILED: ")[2].partition("PLAY RECAP")[0]
    said, _colon, last = failure.partition(f"Its console ({console} on here) said last:\n")
    assert "one is to answer SSH within 2 s of its start, and does not: " in said, done.stdout
    assert "Connection refused" in said
    assert "\x1b" not in last
    # Below them the screen names the task.
    lines = last.partition("\n    task: ")[0].strip().splitlines()
    assert 2 <= len(lines) <= 20
    text = console.read_text(errors="replace")
    assert any(max(line.split(), key=len) in text for line in lines)
    assert "fatal: [two]" not in done.stdout


def test_a_machine_without_its_monitor_is_started_again(
    root: str, definition: dict[str, Any]
) -> None:
    network(root)
    machine(root, **definition)
    before = init_of(root)
    monitors = processes.find(
        lambda pid: (
            processes.arguments(pid)[:1]
            == [f"[lxc monitor] {names.machines_directory(root, NAME)} one"]
        )
    )
    assert monitors
    for pid in monitors:
        os.kill(pid, signal.SIGKILL)
    assert machine(root, **definition)["actions"][-1] == "start machine 'one'"
    assert init_of(root) != before


def test_a_machine_of_a_network_that_is_gone_is_started_again(
    root: str, definition: dict[str, Any]
) -> None:
    network(root)
    machine(root, **definition)
    subprocess.run(["ip", "netns", "del", f"vdc-{NAME}"], check=True)
    network(root)
    assert machine(root, **definition)["actions"] == [
        "cut the power of machine 'one'",
        "start machine 'one'",
    ]
    assert machine(root, **definition)["actions"] == []


def test_a_new_definition_waits_for_the_next_start(root: str, definition: dict[str, Any]) -> None:
    network(root)
    machine(root, **definition)
    init = init_of(root)
    more = {
        **definition,
        "nics": [*definition["nics"], {"number": 2, "mac": "02:00:5e:00:53:02", "kind": "nat"}],
    }
    changed = machine(root, **more)
    assert changed["actions"] == ["change the definition of machine 'one'"]
    assert changed["machine"]["restart_required"]
    again = machine(root, **more)
    assert (again["actions"], again["machine"]["restart_required"]) == ([], True)
    assert init_of(root) == init
    cycled = machine(root, allow_power_cycle=True, force=True, **more)
    assert cycled["actions"] == ["cut the power of machine 'one'", "start machine 'one'"]
    assert not cycled["machine"]["restart_required"]
    assert "02:00:5e:00:53:02" in inside(root, "cat", "/sys/class/net/eth1/address")


BUSY = """
import resource, subprocess, time
began = time.monotonic()
busy = [subprocess.Popen(["timeout", "4", "sh", "-c", "while :; do :; done"]) for _ in range(2)]
for process in busy:
    process.wait()
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.monotonic() - began, used.ru_utime + used.ru_stime)
"""


def test_a_machine_gets_no_more_than_its_size(root: str, definition: dict[str, Any]) -> None:
    network(root)
    machine(root, cpus=1, memory_mb=192, processes=300, **definition)
    deadline = time.monotonic() + 120
    while "running" not in inside(root, "sh", "-c", "systemctl is-system-running; true"):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    hungry = "python3 -c \"b'x' * ({} << 20)\" 2>/dev/null && echo fits || echo killed"
    assert inside(root, "sh", "-c", hungry.format(64)).strip() == "fits"
    assert inside(root, "sh", "-c", hungry.format(400)).splitlines()[-1] == "killed"
    many = "import subprocess\ntry:\n    [subprocess.Popen(['sleep', '60']) for _ in range(400)]"
    many += "\nexcept BlockingIOError as error:\n    print('no more')"
    assert inside(root, "python3", "-c", many).strip() == "no more"
    # Two busy processes share one processor.
    wall, used = map(float, inside(root, "python3", "-c", BUSY).split())
    assert used < 1.3 * wall


def test_a_shutdown_is_clean(root: str, definition: dict[str, Any]) -> None:
    network(root)
    machine(root, **definition)
    deadline = time.monotonic() + 120
    while "running" not in inside(root, "sh", "-c", "systemctl is-system-running; true"):
        assert time.monotonic() < deadline
        time.sleep(0.5)
    # It ends by itself, long before the module would cut its power.
    patience = 300
    began = time.monotonic()
    assert machine(root, state="stopped", timeout=patience)["actions"] == [
        "shut machine 'one' down"
    ]
    assert time.monotonic() - began < patience
    assert machine(root, state="stopped")["actions"] == []
