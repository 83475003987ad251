# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two VirtualBox hosts with a real, pinned VirtualBox, and on each its own VMs and seeds."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host

NAME = "mol-" + os.environ["MOLECULE_SCENARIO_NAME"].replace("_", "-")
CONFIG = Path.home() / ".local/state/virtual.datacenter" / NAME / "ssh" / "config"
REPOSITORY = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "repository"
# Not the command: while there is no driver it prints a warning before every answer.
VBOXMANAGE = "/usr/lib/virtualbox/VBoxManage"
FOLDER = "/home/ops/machines"
VMS = {"vbox01": ["vm01"], "vbox02": ["vm02", "vm03"]}
HOSTS = sorted(VMS)


def machine(name: str, sudo: bool = True) -> Host:
    return testinfra.get_host(f"ssh://{name}?ssh_config={CONFIG}", sudo=sudo)


def vboxmanage(host: Host, arguments: str) -> str:
    """What VBoxManage answers; it is asked again where its service was just going to sleep."""
    for _attempt in range(5):
        asked = host.run(f"{VBOXMANAGE} {arguments}")
        if "Failed to create the VirtualBox object" not in asked.stderr:
            break
        time.sleep(0.5)
    assert asked.rc == 0, asked.stderr
    return str(asked.stdout)


def capacity(name: str) -> dict:
    return json.loads(machine(name).file("/root/capacity.json").content_string)


@pytest.mark.parametrize("name", HOSTS)
def test_one_version_is_installed_and_stays(name: str) -> None:
    host = machine(name)
    assert host.package("virtualbox").version.startswith("7.2.22-")
    assert "virtualbox" in host.check_output("apt-mark showhold").splitlines()
    policy = host.check_output("apt-cache policy virtualbox")
    assert "file:/srv/virtualbox ./" in policy
    # Of the pin, not of a source: those are 500.
    assert re.search(r"7\.2\.22-\S+ 1001\n", policy)
    assert machine(name, sudo=False).check_output(f"{VBOXMANAGE} --version").startswith("7.2.22")


def test_the_driver_is_made_only_where_it_is_wanted() -> None:
    assert machine("vbox01").package("virtualbox-dkms").is_installed
    assert not machine("vbox02").package("virtualbox-dkms").is_installed
    assert not capacity("vbox01")["driver"]["built"]


def test_apt_trusts_one_key_for_it() -> None:
    host = machine("vbox02")
    keyring = host.file("/etc/apt/keyrings/virtualbox.asc").content_string
    assert keyring == (REPOSITORY / "key.asc").read_text(encoding="utf-8")
    sources = host.file("/etc/apt/sources.list.d/virtualbox.sources").content_string
    assert "Signed-By: /etc/apt/keyrings/virtualbox.asc\n" in sources
    assert "Trusted" not in sources


@pytest.mark.parametrize("name", HOSTS)
def test_users_and_ranges(name: str) -> None:
    host = machine(name)
    assert "vboxusers" in host.user("ops").groups
    lines = host.file("/etc/vbox/networks.conf").content_string.splitlines()
    assert [line for line in lines if not line.startswith("#")] == [
        "* 192.168.56.0/21",
        "* 10.70.64.0/18",
    ]
    assert not host.file("/etc/modprobe.d/virtualbox_host-kvm.conf").exists


@pytest.mark.parametrize("name", HOSTS)
def test_what_the_host_has_is_a_fact(name: str) -> None:
    found = capacity(name)
    assert found["virtualbox_version"] == "7.2.22"
    assert found["machine_folder"] == FOLDER
    assert found["cpus"] == int(machine(name).check_output("grep -c ^processor /proc/cpuinfo"))
    assert found["kernel"] == machine(name).check_output("uname -r")
    assert found["driver"]["loaded"] is False and found["running_vms"] == 0


@pytest.mark.parametrize("name", HOSTS)
def test_vms_media_and_seeds_are_on_their_host(name: str) -> None:
    host = machine(name, sudo=False)
    listed = re.findall(r'^"(.*)" \{', vboxmanage(host, "list vms"), re.M)
    assert sorted(listed) == ["inner-base", *VMS[name]]
    assert host.file(f"{FOLDER}/inner-base.vdi").exists
    seeds = host.check_output(f"ls {FOLDER}/seeds").split()
    assert seeds == [f"{vm}.iso" for vm in VMS[name]]
    for vm in VMS[name]:
        shown = vboxmanage(host, f"showvminfo {vm} --machinereadable")
        assert f'="{FOLDER}/seeds/{vm}.iso"' in shown
        assert 'intnet1="inner-inner"' in shown
        image = host.file(f"{FOLDER}/seeds/{vm}.iso").content
        assert b"cidata" in image[0x8028:0x8048].lower()
        assert f"fqdn: {vm}.dc.internal".encode() in image


def test_the_unit_starts_the_vms_with_the_host_the_gateway_first() -> None:
    host = machine("vbox02")
    unit = host.service("virtual-datacenter-inner")
    assert unit.is_enabled
    shown = host.check_output("systemctl cat virtual-datacenter-inner")
    assert "\nUser=ops\n" in shown and f'RequiresMountsFor="{FOLDER}"\n' in shown
    verified = host.run("systemd-analyze verify virtual-datacenter-inner.service")
    assert "virtual-datacenter" not in verified.stderr
    # Here none can start: it is tried three times, and that keeps no other one from it.
    told = host.check_output("journalctl --unit=virtual-datacenter-inner --output=cat")
    order = re.findall(r"The virtual machine '(vm\d+)' has terminated", told)
    assert order[:6] == ["vm03"] * 3 + ["vm02"] * 3, told


def test_units_of_others_stay_and_one_of_ours_is_gone() -> None:
    host = machine("vbox01")
    # It has been run with start, and its removal did not run it with stop.
    assert host.file("/run/converge-autostart").exists and host.file("/start").exists
    assert not host.file("/stop").exists
    assert host.check_output("ls /etc/systemd/system").count("virtual-datacenter-") == 1
    wanted = host.check_output("ls /etc/systemd/system/multi-user.target.wants")
    assert "virtual-datacenter-gone" not in wanted
    own = host.file("/etc/systemd/system/virtual-datacenter-inner.service").content_string
    assert own == "[Unit]\nDescription=Somebody else's\n"
