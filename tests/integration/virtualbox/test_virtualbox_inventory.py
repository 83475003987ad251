# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin with real VMs, through ansible-inventory as users run it."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import many_vms
import pytest

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
PLUGIN = "virtual.datacenter.virtualbox"
GUEST_ADDRESS = "/VirtualBox/GuestInfo/Net/0/V4/IP"


def plain(value):
    """Without the marks that ansible-inventory puts on texts from outside."""
    if isinstance(value, dict):
        if set(value) == {"__ansible_unsafe"}:
            return value["__ansible_unsafe"]
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


@dataclass
class Inventory:
    """An inventory file of this plugin."""

    world: object
    folder: Path

    def run(self, program="ansible-inventory", *argv, plugin=PLUGIN, **options):
        path = self.folder / "test.virtualbox.yml"
        path.write_text(json.dumps({"plugin": plugin, **options}))
        environment = {
            **self.world.environment,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "PATH": f"{Path(self.world.program).parent}:{os.environ['PATH']}",
        }
        return subprocess.run(
            [str(BIN / program), "-i", str(path), *(argv or ("--list",))],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )

    def list(self, **options):
        done = self.run(**options)
        assert done.returncode == 0, done.stderr
        return plain(json.loads(done.stdout)), done.stderr

    def hosts(self, **options):
        return self.list(**options)[0]["_meta"].get("hostvars", {})

    def fail(self, **options):
        done = self.run(**options)
        assert done.returncode != 0, done.stdout
        return " ".join(done.stderr.split())


@pytest.fixture
def inventory(world, tmp_path):
    return Inventory(world, tmp_path)


def test_an_empty_world(inventory):
    assert inventory.hosts() == {}


def test_vms_become_hosts_and_groups(world, inventory):
    world.vm(
        "gate01",
        groups=["/lab/edge", "/b"],
        managed_by="lab",
        cpus=2,
        memory_mb=64,
        os_type="Debian_64",
        description="gate01.dc.internal",
        nics=[
            {
                "number": 1,
                "type": "nat",
                "port_forwards": [
                    {"name": "ssh", "protocol": "tcp", "host_port": 2270, "guest_port": 22}
                ],
            },
            {"number": 2, "type": "internal", "network": "lab-edge"},
        ],
    )
    world.vm("other")
    world.vbox("setextradata", "gate01", "virtual.datacenter/address", "10.10.0.1")
    found, _warnings = inventory.list()
    gate = found["_meta"]["hostvars"]["gate01"]
    [info] = world.run("virtualbox_vm_info", name="gate01")["vms"]
    shown = gate["virtualbox"]
    assert shown.pop("address") == gate["ansible_host"] == "10.10.0.1"
    assert shown.pop("guest_address") is None
    assert shown == {key: info[key] for key in shown}
    assert {"uuid", "state", "cpus", "memory_mb", "nics", "managed_by"} <= set(shown)
    assert found["lab"] == {"children": ["lab_edge"]}
    assert found["lab_edge"] == found["b"] == {"hosts": ["gate01"]}
    assert found["ungrouped"] == {"hosts": ["other"]}
    assert "ansible_host" not in found["_meta"]["hostvars"]["other"]

    assert list(inventory.hosts(managed_by="lab")) == ["gate01"]
    assert inventory.hosts(running_only=True) == {}
    named = inventory.hosts(hostnames=["description", "name"], host_prefix="vb-")
    assert sorted(named) == ["vb-gate01.dc.internal", "vb-other"]
    forwarded = inventory.hosts(addresses=["port_forward", "plan"])["gate01"]
    assert (forwarded["ansible_host"], forwarded["ansible_port"]) == ("127.0.0.1", 2270)


def test_constructed_variables_and_groups(world, inventory):
    world.vm("a", memory_mb=64)
    world.vm("b", memory_mb=128)
    found, _warnings = inventory.list(
        compose={"size": "virtualbox.memory_mb * 2", "ansible_user": "'debian'"},
        groups={"big": "virtualbox.memory_mb > 100"},
        keyed_groups=[{"key": "virtualbox.state", "prefix": "state"}],
        strict=True,
    )
    assert found["_meta"]["hostvars"]["b"]["size"] == 256
    assert found["_meta"]["hostvars"]["b"]["ansible_user"] == "debian"
    assert found["big"] == {"hosts": ["b"]}
    assert sorted(found["state_stopped"]["hosts"]) == ["a", "b"]
    assert "no_such" in inventory.fail(compose={"x": "no_such"}, strict=True)


def test_running_vms_and_what_their_guests_tell(world, inventory):
    for name in ("stopped", "live", "planned"):
        world.vm(name, memory_mb=16)
        world.vbox("guestproperty", "set", name, "/Test/Text", "x\n/Foo = 'y")
    world.vbox("guestproperty", "set", "stopped", GUEST_ADDRESS, "10.1.0.1")
    for name in ("live", "planned"):
        world.vbox("startvm", name, "--type", "headless")
        world.vbox("guestproperty", "set", name, GUEST_ADDRESS, "10.1.0.2")
    world.run("virtualbox_vm", name="planned", address="10.1.0.3")
    hosts = inventory.hosts()
    states = {name: host["virtualbox"]["state"] for name, host in hosts.items()}
    assert states == {"stopped": "stopped", "live": "running", "planned": "running"}
    addresses = {name: host.get("ansible_host") for name, host in hosts.items()}
    assert addresses == {"stopped": None, "live": "10.1.0.2", "planned": "10.1.0.3"}
    assert sorted(inventory.hosts(running_only=True)) == ["live", "planned"]

    hosts = inventory.hosts(guest_properties=True, addresses=["guest", "plan"])
    assert hosts["planned"]["ansible_host"] == "10.1.0.2"
    for host in hosts.values():
        assert host["virtualbox"]["guest_properties"]["/Test/Text"] == "x\n/Foo = 'y"
    assert "/VirtualBox/HostInfo/VBoxVer" in hosts["live"]["virtualbox"]["guest_properties"]

    # A guest may write what ssh would take for an option.
    world.vbox("guestproperty", "set", "live", GUEST_ADDRESS, "-oProxyCommand=id")
    assert "ansible_host" not in inventory.hosts()["live"]

    world.vbox("controlvm", "live", "pause")
    world.vbox("controlvm", "planned", "savestate")
    states = {name: host["virtualbox"]["state"] for name, host in inventory.hosts().items()}
    assert states == {"stopped": "stopped", "live": "running", "planned": "saved"}


def test_two_vms_of_one_name_are_two_hosts(world, inventory):
    uuids = []
    for group in ("/a", "/b"):
        out = world.vbox("createvm", "--name", "twin", "--groups", group, "--register")
        uuids += [line.split()[-1] for line in out.splitlines() if line.startswith("UUID:")]
    found, warnings = inventory.list()
    assert sorted(found["_meta"]["hostvars"]) == sorted(f"twin-{uuid}" for uuid in uuids)
    assert found["a"] == {"hosts": [f"twin-{uuids[0]}"]}
    assert "another VM would be the host 'twin' too" in " ".join(warnings.split())


HOSTILE = [
    "{{ 1 + 1 }}",
    'say "x" {y}\nnext',
    "-oProxyCommand=id",
    "<inaccessible>",
    "tab\tx",
    "a:b",
]


def test_hostile_names_and_texts(world, inventory):
    for number, name in enumerate(HOSTILE):
        uuid = f"11111111-1111-4111-8111-00000000000{number}"
        world.vbox("createvm", "--uuid", uuid, "--register", f"--name={name}")
        world.vbox("modifyvm", uuid, "--description", "{{ lookup('pipe', 'id') }}")
    # Its line in the list of running VMs contains the line of a VM that does not run.
    uuid = "11111111-1111-4111-8111-0000000000ff"
    name = 'x" {11111111-1111-4111-8111-000000000000}\n"y'
    world.vbox("createvm", "--uuid", uuid, "--register", "--name", name)
    world.vbox("modifyvm", uuid, "--memory", "16")
    world.vbox("startvm", uuid, "--type", "headless")
    found, warnings = inventory.list()
    hosts = found["_meta"]["hostvars"]
    states = {host["virtualbox"]["name"]: host["virtualbox"]["state"] for host in hosts.values()}
    assert states == {**dict.fromkeys(HOSTILE, "stopped"), name: "running"}
    assert {"{{ 1 + 1 }}", "<inaccessible>", "a:b"} <= set(hosts)
    assert not any("\n" in host or host.startswith("-") for host in hosts)
    assert "cannot be a host of this name" in " ".join(warnings.split())
    message = json.dumps({"msg": "is {{ inventory_hostname }} {{ virtualbox.description }}"})
    done = inventory.run(
        "ansible", "all", "-m", "ansible.builtin.debug", "-a", message, addresses=[]
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is {{ 1 + 1 }} {{ lookup('pipe', 'id') }}" in done.stdout
    assert "uid=" not in done.stdout


def test_a_group_never_takes_the_variables_of_a_host(world, inventory):
    world.vm("lab", groups=["/lab"])
    world.vm("other", groups=["/lab"])
    found, _warnings = inventory.list()
    assert found["virtualbox_lab"] == {"hosts": ["lab", "other"]}
    assert found["_meta"]["hostvars"]["other"]["virtualbox"]["name"] == "other"
    message = inventory.fail(keyed_groups=[{"key": "'lab'", "prefix": "", "separator": ""}])
    assert "make groups with the names of VMs: lab" in message


def test_groups_with_odd_names(world, inventory):
    world.vm("a", groups=["/my lab/x-1", "/all"])
    world.vm("b", groups=["/my_lab"])
    found, warnings = inventory.list()
    assert found["my_lab"] == {"children": ["my_lab_x_1"], "hosts": ["b"]}
    assert found["virtualbox_all"] == {"hosts": ["a"]}
    assert "'/my lab', '/my_lab' are the same Ansible group my_lab" in " ".join(warnings.split())


def test_inaccessible_vms_are_told_and_left_out(world, inventory):
    world.vm("whole")
    broken = world.vm("broken")
    many_vms.stop_service(world)
    Path(broken["settings_file"]).write_text("<nonsense")
    found, warnings = inventory.list()
    assert list(found["_meta"]["hostvars"]) == ["whole"]
    text = " ".join(warnings.split())
    assert f"the VM {broken['uuid']} is inaccessible and left out" in text
    assert "is not valid" in text


def test_a_failure_is_an_error_and_never_an_empty_inventory(world, inventory):
    world.vm()
    assert "/nosuch was not found" in inventory.fail(vboxmanage_path="/nosuch")
    assert "there is no option manged_by" in inventory.fail(manged_by="lab")
    assert "hostnames" in inventory.fail(hostnames=["nosuch"])
    many_vms.stop_service(world)
    (world.folder / "home" / "VirtualBox.xml").write_text("<nonsense")
    assert "VirtualBox" in inventory.fail()


def test_the_cache(world, inventory, tmp_path):
    options = {
        "cache": True,
        "cache_plugin": "ansible.builtin.jsonfile",
        "cache_connection": str(tmp_path / "cache"),
    }
    world.vm("{{ a }}", groups=["/lab"])
    first, _warnings = inventory.list(**options)
    world.vm("b", groups=["/lab"], managed_by="lab")
    assert inventory.list(**options)[0] == first
    assert list(first["_meta"]["hostvars"]) == ["{{ a }}"]
    assert list(inventory.hosts(**options, managed_by="lab")) == ["b"]
    fresh = inventory.run("ansible-inventory", "--list", "--flush-cache", **options)
    assert sorted(json.loads(fresh.stdout)["_meta"]["hostvars"]) == ["b", "{{ a }}"]


def test_many_vms_cost_one_call(world, inventory):
    world.vm("m", groups=["/lab"], nics=[{"number": 1, "type": "nat"}])
    expected = ["m", *many_vms.make_vms(world, "m", 99)]
    log = world.folder / "calls.log"
    counter = world.folder / "VBoxManage"
    counter.write_text(f'#!/bin/sh\necho "$*" >>{log}\nexec {world.program} "$@"\n')
    counter.chmod(0o755)
    found, _warnings = inventory.list(vboxmanage_path=str(counter))
    assert sorted(found["_meta"]["hostvars"]) == sorted(expected)
    # A call that stalls is made a second time.
    assert set(log.read_text().splitlines()) == {"list runningvms"}


@pytest.mark.skipif(
    importlib.util.find_spec("ansible_collections.community.general.plugins.inventory.virtualbox")
    is None,
    reason="this community.general has no virtualbox inventory",
)
def test_the_same_world_as_community_general_sees_it(world, inventory):
    world.vm("a", cpus=2, memory_mb=64, groups=["/lab/x", "/g"], os_type="Debian_64")
    world.vm("b", memory_mb=16)
    world.vbox("startvm", "b", "--type", "headless")
    world.vbox("guestproperty", "set", "b", GUEST_ADDRESS, "10.1.0.2")
    ours, _warnings = inventory.list()
    theirs, _warnings = inventory.list(
        plugin="community.general.virtualbox", enable_advanced_group_parsing=True
    )
    hosts = ours["_meta"]["hostvars"]
    others = theirs["_meta"]["hostvars"]
    assert set(hosts) == set(others) == {"a", "b"}
    for name, other in others.items():
        mine = hosts[name]["virtualbox"]
        assert mine["uuid"] == other["vbox_UUID"]
        assert mine["cpus"] == int(other["vbox_Number_of_CPUs"])
        assert f"{mine['memory_mb']}MB" == other["vbox_Memory_size"]
        assert other["vbox_State"].startswith(
            {"stopped": "powered off"}.get(mine["state"], mine["state"])
        )
        assert hosts[name].get("ansible_host") == other.get("ansible_host")
    assert ours["lab_x"]["hosts"] == theirs["x"]["hosts"] == ["a"]
    assert ours["g"] == theirs["g"] == {"hosts": ["a"]}
