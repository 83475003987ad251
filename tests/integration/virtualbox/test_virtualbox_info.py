# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real VirtualBox says of itself and its host."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import many_vms
import yaml

MODULE = "virtualbox_info"
PLUGINS = "ansible_collections.virtual.datacenter.plugins"


def test_version_and_host(world):
    found = world.run(MODULE)
    assert world.vbox("--version").splitlines()[-1] == found["version"]["full"]
    assert found["version"]["text"].startswith(f"{found['version']['major']}.")
    assert found["host"]["cpus"] == os.cpu_count()
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    assert abs(found["host"]["memory_mb"] - physical) <= physical // 100
    assert found["host"]["operating_system"] == os.uname().sysname
    assert found["default_machine_folder"] == str(world.vms)
    assert not found["changed"]
    assert not set(found) & {"vms", "hdds", "groups"}
    again = world.run(MODULE, check=True)
    for result in (found, again):
        for key in ("time", "memory_available_mb"):
            del result["host"][key]
    assert {key: again[key] for key in ("version", "host")} == {
        key: found[key] for key in ("version", "host")
    }


def test_everything_that_can_be_gathered_is_documented_and_returned(world):
    loaded = importlib.import_module(f"{PLUGINS}.modules.{MODULE}")
    options = yaml.safe_load(loaded.DOCUMENTATION)["options"]
    results = yaml.safe_load(loaded.RETURN)
    choices = set(options["gather"]["choices"]) - {"all"}
    found = world.run(MODULE, gather=["all"])
    assert choices <= set(found)
    assert choices | {"version", "host", "default_machine_folder"} <= set(results)
    for name in ("version", "host"):
        assert set(found[name]) == set(results[name]["sample"])


def test_vms_disks_and_groups(world):
    disk = world.run("virtualbox_medium", path=str(world.vms / "d.vdi"), size_mb=8)["medium"]
    vm = world.vm(
        groups=["/lab/x"],
        managed_by="lab",
        memory_mb=16,
        nics=[{"number": 1, "type": "internal", "network": "lab edge"}],
        storage_controllers=[{"name": "IDE", "type": "ide"}],
        storage_attachments=[
            {"controller": "IDE", "port": 0, "type": "hdd", "medium": disk["path"]}
        ],
    )
    live = world.vm("live", memory_mb=16)
    world.vbox("startvm", "live", "--type", "headless")
    wanted = ["vms", "running_vms", "hdds", "dvds", "groups", "internal_networks"]
    found = world.run(MODULE, gather=wanted)
    assert found["vms"] == [
        {
            "name": "live",
            "uuid": live["uuid"],
            "state": "running",
            "groups": ["/"],
            "managed_by": None,
            "description": live["description"],
            "address": None,
            "nics": live["nics"],
            "settings_file": live["settings_file"],
            "accessible": True,
            "missing_files": [],
        },
        {
            "name": "vm",
            "uuid": vm["uuid"],
            "state": "stopped",
            "groups": ["/lab/x"],
            "managed_by": "lab",
            "description": vm["description"],
            "address": None,
            "nics": vm["nics"],
            "settings_file": vm["settings_file"],
            "accessible": True,
            "missing_files": [],
        },
    ]
    assert found["running_vms"] == found["vms"][:1]
    assert [medium["path"] for medium in found["hdds"]] == [disk["path"]]
    assert found["hdds"][0]["size_mb"] == 8
    assert found["hdds"][0]["uuid"] == disk["uuid"]
    assert found["dvds"] == []
    assert {"/", "/lab/x"} <= set(found["groups"])
    assert "lab edge" in found["internal_networks"]


def test_networks_with_odd_names(world):
    odd = "x\nEnabled:      No"
    world.vbox(
        "natnetwork",
        "add",
        "--netname",
        odd,
        "--network",
        "10.9.0.0/24",
        "--enable",
        "--dhcp",
        "on",
        "--port-forward-4",
        "ssh:tcp:[]:1022:[10.9.0.5]:22",
    )
    world.vbox(
        "dhcpserver",
        "add",
        "--network=foo",
        "--server-ip=10.2.0.1",
        "--lower-ip=10.2.0.10",
        "--upper-ip=10.2.0.20",
        "--netmask=255.255.255.0",
        "--enable",
        "--set-opt=6",
        "10.2.0.1",
    )
    found = world.run(MODULE, gather=["nat_networks", "dhcp_servers", "bridged_interfaces"])
    [network] = found["nat_networks"]
    assert (network["name"], network["network"]) == (odd, "10.9.0.0/24")
    assert network["enabled"] and network["dhcp_enabled"]
    assert [rule["host_port"] for rule in network["port_forwards"]] == [1022]
    assert network == world.run("virtualbox_nat_network", name=odd)["nat_network"]
    server = next(server for server in found["dhcp_servers"] if server["network"] == "foo")
    assert server["enabled"] and server["lower_address"] == "10.2.0.10"
    assert [option["value"] for option in server["options"]] == ["10.2.0.1"]
    assert server == world.run("virtualbox_dhcp_server", network="foo")["dhcp_server"]
    assert {entry["name"] for entry in found["bridged_interfaces"]} <= set(
        os.listdir("/sys/class/net")
    )
    assert found["bridged_interfaces"]


def test_guest_systems(world):
    found = world.run(MODULE, gather=["os_types"])["os_types"]
    short = world.vbox("list", "ostypes")
    assert all(f"{entry['id']} -- {entry['description']}\n" in short for entry in found)
    assert len(found) == short.count("ID / Description")
    assert {entry["bits"] for entry in found} == {32, 64}


def test_an_inaccessible_vm_is_shown_as_such(world):
    vm = world.vm()
    many_vms.stop_service(world)
    Path(vm["settings_file"]).write_text("<nonsense")
    assert world.run(MODULE, gather=["vms"])["vms"] == [
        {
            "name": None,
            "uuid": vm["uuid"],
            "state": None,
            "groups": [],
            "managed_by": None,
            "description": None,
            "address": None,
            "nics": [],
            "settings_file": vm["settings_file"],
            "accessible": False,
            "missing_files": [],
        }
    ]


def test_a_wrapper_that_warns_before_every_answer(world, tmp_path):
    wrapper = tmp_path / "VBoxManage"
    wrapper.write_text(
        "#!/bin/sh\necho 'WARNING: The character device /dev/vboxdrv does not exist.'\n"
        f"printf '\\t Please install the package\\n\\n'\nexec {world.program} \"$@\"\n"
    )
    wrapper.chmod(0o755)
    world.vm()
    plain = world.run(MODULE, gather=["all"])
    warned = world.run(MODULE, gather=["all"], vboxmanage_path=str(wrapper))
    for result in (plain, warned):
        del result["invocation"], result["processes"]
        for key in ("time", "memory_available_mb"):
            del result["host"][key]
    assert warned == plain


def test_failures(world):
    assert world.fail(MODULE, vboxmanage_path="/nosuch")["error_code"] == "NO_VBOXMANAGE"
    many_vms.stop_service(world)
    (world.folder / "home" / "VirtualBox.xml").write_text("<nonsense")
    assert world.fail(MODULE, gather=["vms"])["msg"]
