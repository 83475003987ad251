# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VMs that really run: a boot sector that prints on the serial port, without the kernel driver."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path

import pytest

MODULE = "virtualbox_vm"


@pytest.fixture
def machine(world, boot_disk):
    """The options of a VM that prints as long as it runs."""
    raw = world.folder / "boot.raw"
    raw.write_bytes(boot_disk)
    disk = str(world.vms / "boot.vdi")
    world.run("virtualbox_medium", path=disk, source_path=str(raw))
    return {
        "name": "vm",
        "folder": str(world.vms),
        "memory_mb": 16,
        "storage_controllers": [{"name": "IDE", "type": "ide"}],
        "storage_attachments": [
            {"controller": "IDE", "port": 0, "type": "hdd", "medium": disk},
            {"controller": "IDE", "port": 1, "type": "dvd"},
        ],
        "serial_ports": [{"number": 1, "mode": "file", "path": f"{world.vms}/vm/Logs/console.log"}],
    }


def printed(world) -> int:
    path = Path(f"{world.vms}/vm/Logs/console.log")
    return path.stat().st_size if path.exists() else 0


def wait_for_print(world, more_than: int = 0) -> int:
    end = time.monotonic() + 60
    while printed(world) <= more_than:
        assert time.monotonic() < end, "the machine prints nothing"
        time.sleep(0.2)
    return printed(world)


def test_a_life(world, machine):
    started = world.change(MODULE, **machine, state="running")
    assert [action["action"] for action in started["actions"]][-1] == "start"
    assert started["vm"]["state"] == "running"
    wait_for_print(world)
    assert Path(f"{world.vms}/vm/Logs/console.log").read_text().startswith("ALIVE ")

    world.same(MODULE, name="vm", state="running")
    world.same(MODULE, name="vm")

    # What needs the power off is refused, in check mode too, unless it is allowed.
    for check in (True, False):
        refused = world.fail(MODULE, check=check, name="vm", cpus=2)
        assert refused["error_code"] == "POWER_CYCLE_NEEDED"
        assert "allow_power_cycle" in refused["msg"] and "change cpus" in refused["msg"]
    cycled = world.change(MODULE, name="vm", cpus=2, allow_power_cycle=True, stop_timeout=0)
    assert [action["action"] for action in cycled["actions"]] == ["stop", "modify", "start"]
    assert cycled["vm"]["state"] == "running" and cycled["vm"]["cpus"] == 2
    wait_for_print(world)

    # What a running VM takes is done at once.
    seed = world.folder / "seed.iso"
    seed.write_bytes(bytes(102400))
    dvd = {"controller": "IDE", "port": 1, "type": "dvd", "medium": str(seed)}
    world.change(MODULE, name="vm", storage_attachments=[dvd])
    world.change(MODULE, name="vm", snapshot="live")

    # The guest does not listen to its power button, so the power is cut.
    stopped = world.change(MODULE, name="vm", state="stopped", stop_timeout=1)
    assert stopped["vm"]["state"] == "stopped"
    world.same(MODULE, name="vm", state="stopped")


def kinds(result):
    return [action["action"] for action in result["actions"]]


def test_paused_and_saved(world, machine):
    paused = world.change(MODULE, **machine, state="paused")
    assert kinds(paused)[-2:] == ["start", "pause"]
    assert paused["vm"]["state"] == "paused"
    world.same(MODULE, name="vm", state="paused")
    assert kinds(world.change(MODULE, name="vm", state="running")) == ["resume"]
    wait_for_print(world)

    assert kinds(world.change(MODULE, name="vm", state="saved")) == ["save"]
    assert kinds(world.change(MODULE, name="vm", state="paused")) == ["start", "pause"]
    assert kinds(world.change(MODULE, name="vm", state="saved")) == ["save"]
    for options in ({"cpus": 2}, {"state": "stopped"}):
        refused = world.fail(MODULE, name="vm", **options)
        assert "saved state" in refused["msg"] and "discard_saved_state" in refused["msg"]
    before = printed(world)
    world.change(MODULE, name="vm", state="running")
    wait_for_print(world, before)


def test_a_saved_state_that_virtualbox_did_not_write_down(world, machine):
    world.run(MODULE, **machine, state="running")
    saved = world.run(MODULE, name="vm", state="saved")["vm"]
    # As the file is when the process of the VM has ended before the service came to it.
    file = Path(saved["settings_file"])
    file.write_text(re.sub(r' stateFile="[^"]*"', "", file.read_text()))
    assert [vm["state"] for vm in world.run("virtualbox_vm_info")["vms"]] == ["saved"]
    refused = world.fail(MODULE, name="vm", cpus=2)
    assert "discard_saved_state" in refused["msg"]
    world.same(MODULE, name="vm", state="saved")
    world.kill("VBoxSVC")
    world.settle()
    assert [vm["state"] for vm in world.run("virtualbox_vm_info")["vms"]] == ["saved"]
    assert "virtual.datacenter/saved" not in world.vbox("getextradata", "vm", "enumerate")


def test_a_saved_state_is_lost_only_when_told_so(world, machine):
    world.run(MODULE, **machine, state="running")
    world.run(MODULE, name="vm", state="saved")
    done = world.change(MODULE, name="vm", cpus=2, discard_saved_state=True)
    assert kinds(done) == ["discard", "modify"]
    assert done["vm"]["state"] == "stopped"
    world.run(MODULE, name="vm", state="running")
    world.run(MODULE, name="vm", state="saved")
    done = world.change(MODULE, name="vm", state="stopped", discard_saved_state=True)
    assert kinds(done) == ["discard"]


def test_a_paused_vm_stands_still_after_a_change_too(world, machine):
    world.run(MODULE, **machine, state="paused")
    done = world.change(MODULE, name="vm", cpus=2, allow_power_cycle=True, stop_timeout=0)
    assert kinds(done) == ["stop", "modify", "start", "pause"]
    assert done["vm"]["state"] == "paused"


def test_guest_properties_of_a_running_vm(world, machine):
    world.run(MODULE, **machine, guest_properties={"/lab/a": "off"}, state="running")
    done = world.change(MODULE, name="vm", guest_properties={"/lab/a": "a\nb", "/lab/b": "1"})
    assert kinds(done) == ["guest_property", "guest_property"]
    # VirtualBox adds its own when the VM starts.
    assert {"/lab/a": "a\nb", "/lab/b": "1"}.items() <= done["vm"]["guest_properties"].items()
    world.change(MODULE, name="vm", guest_properties={"/lab/b": ""})
    world.change(MODULE, name="vm", extra_data={"lab/a": "1"})


def test_waiting(world, machine):
    port = free_port()
    rule = {"name": "ssh", "host_port": port, "guest_port": 22}
    nics = [{"number": 1, "type": "nat", "port_forwards": [rule]}]
    wait = {"state": "running", "guest_property": "/lab/a", "guest_property_pattern": "^x"}
    world.run(MODULE, **machine, nics=nics, guest_properties={"/lab/a": "xy"}, state="running")
    world.same(MODULE, name="vm", wait=wait)
    # VirtualBox itself listens on the port, so a connection proves the rule; nobody speaks SSH.
    with socket.create_connection(("127.0.0.1", port), timeout=30):
        pass
    late = world.fail(MODULE, name="vm", wait={"port": port, "timeout_seconds": 1})
    assert late["error_code"] == "TIMEOUT" and "^SSH-" in late["msg"] and "running" in late["msg"]
    late = world.fail(
        MODULE, name="vm", wait={**wait, "guest_property": "/b", "timeout_seconds": 1}
    )
    assert "/b" in late["msg"]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_removal_of_a_running_vm(world, machine):
    world.run(MODULE, **machine, state="running")
    options = {"name": "vm", "folder": str(world.vms), "state": "absent", "delete_media": True}
    assert world.fail(MODULE, **options)["error_code"] == "POWER_CYCLE_NEEDED"
    assert world.run(MODULE, name="vm")["vm"]["state"] == "running"
    world.change(MODULE, **options, allow_power_cycle=True, stop_timeout=0)
    assert world.names() == []


def test_a_vm_that_died(world, machine):
    world.run(MODULE, **machine, state="running")
    world.kill("VBoxHeadless")
    end = time.monotonic() + 30
    while world.run(MODULE, name="vm")["vm"]["state"] != "stopped":
        assert time.monotonic() < end
    world.same(MODULE, name="vm", state="stopped")
    world.change(MODULE, name="vm", state="running", cpus=2)


def test_a_vm_that_cannot_start(world, machine):
    world.vbox("setextradata", "global", "VBoxInternal/HM/FallbackToIEM", "0")
    refused = world.fail(MODULE, **machine, state="running")
    assert "kernel driver" in refused["msg"]
    assert world.run(MODULE, name="vm")["vm"]["state"] == "stopped"
