# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has for VMs, read from a tree of files as Linux shows them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.host import (
    capacity as host_capacity,
)

KERNEL = "6.12.48+deb13-amd64"
MODULES = f"lib/modules/{KERNEL}"
CPU = "processor\t: 0\nflags\t\t: fpu {}\n\nprocessor\t: 1\nflags\t\t: fpu {}\n"


@pytest.fixture
def host(tmp_path):
    """A root folder; calling it adds files, and gives what is read from all of them."""
    files = {
        "proc/meminfo": "MemTotal: 16384000 kB\nMemAvailable: 8192000 kB\nHugePages_Total: 0\n",
        "proc/cpuinfo": CPU.format("svm", "svm"),
        "proc/sys/kernel/osrelease": f"{KERNEL}\n",
        "sys/kernel/security/lockdown": "[none] integrity confidentiality\n",
    }

    def read(version="7.2.22", **more):
        for name, content in {**files, **more}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return host_capacity.read(str(tmp_path / "not" / "there"), version, tmp_path)

    return read


LOADED = {"sys/module/vboxdrv/version": "7.2.22_Debian r175245 (0x00380002)\n", "dev/vboxdrv": ""}
BUILT = {f"{MODULES}/updates/dkms/vboxdrv.ko.xz": ""}


def codes(capacity, version=None):
    return [problem.code for problem in host_capacity.problems(capacity, version)]


def test_a_host_that_can_run_vms(host):
    capacity = host(**LOADED, **BUILT, **{f"{MODULES}/build/Makefile": ""})
    assert codes(capacity) == []
    assert (capacity["memory_mb"], capacity["memory_available_mb"]) == (16000, 8000)
    assert (capacity["cpus"], capacity["x86"], capacity["hw_virtualization"]) == (2, True, "amd-v")
    assert capacity["kernel"] == KERNEL
    assert 0 < capacity["disk_free_mb"] <= capacity["disk_size_mb"]
    assert capacity["driver"] == {
        "loaded": True,
        "version": "7.2.22",
        "device": True,
        "built": True,
        "kernel_headers": True,
    }
    assert capacity["kvm"] == {"module": None, "enabled_at_load": None, "users": 0}
    assert not capacity["secure_boot"] and not capacity["module_signatures_enforced"]


def test_a_host_without_anything_under_proc_and_sys(tmp_path):
    capacity = host_capacity.read("/", None, tmp_path)
    assert (capacity["memory_mb"], capacity["cpus"], capacity["kernel"]) == (0, 0, "")
    assert codes(capacity) == []


def test_a_debian_host_by_its_name(host):
    names = {"etc/os-release": 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n'}
    assert host(**LOADED, **names)["system"] == "Debian GNU/Linux 13 (trixie)"


@pytest.mark.parametrize("version", ["7.2.22", None])
def test_macos_is_no_linux_without_a_driver(tmp_path, monkeypatch, version):
    monkeypatch.setattr(host_capacity.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(host_capacity.platform, "mac_ver", lambda: ("15.1", ("", "", ""), "x86_64"))
    capacity = host_capacity.read("/", version, tmp_path)
    assert (capacity["system"], capacity["kernel"]) == ("macOS 15.1", "")
    assert codes(capacity) == []


@pytest.mark.parametrize("version", ["7.2.22", None])
def test_wsl_is_named_and_nobody_is_sent_for_headers(host, version):
    files = {
        "etc/os-release": 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n',
        "proc/sys/kernel/osrelease": "6.6.87.2-microsoft-standard-WSL2\n",
    }
    (problem,) = host_capacity.problems(host(version=version, **files))
    assert problem.code == "WSL"
    assert "Debian GNU/Linux 13 (trixie) in WSL on Windows" in problem.text


def test_vms_of_all_front_ends_are_counted(host):
    names = ("VBoxHeadless", "VirtualBoxVM", "VBoxSVC", "bash")
    comms = {f"proc/{number}/comm": f"{name}\n" for number, name in enumerate(names, 100)}
    assert host(**comms)["running_vms"] == 2


@pytest.mark.parametrize(
    ("flag", "technique", "found"),
    [("vmx", "vt-x", []), ("svm", "amd-v", []), ("aes", None, ["NO_HW_VIRTUALIZATION"])],
)
def test_hardware_virtualisation(host, flag, technique, found):
    capacity = host(**LOADED, **{"proc/cpuinfo": CPU.format(flag, flag)})
    assert capacity["hw_virtualization"] == technique
    assert codes(capacity) == found


def test_other_processors_have_other_ways(host):
    arm = {"proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd\n"}
    assert codes(host(**LOADED, **arm)) == []


HOLDS, ENABLE = ["KVM_HOLDS_PROCESSOR"], ["KVM_NOT_ENABLED"]


@pytest.mark.parametrize(
    ("kernel", "version", "at_load", "users", "found"),
    [
        # Before 6.12 a VM of KVM takes the processor, not the module.
        ("6.1.0-40-amd64", "7.2.22", None, 0, []),
        ("6.11.2", "7.0.20", None, 0, []),
        ("6.1.0-40-amd64", "7.2.22", None, 2, ["KVM_IN_USE"]),
        # From 6.12 on the module takes it, unless it was told not to.
        ("6.12.48+deb13-amd64", "7.2.22", "Y", 0, HOLDS),
        ("6.12.48+deb13-amd64", "7.2.22", "N", 0, []),
        ("6.12.48+deb13-amd64", "7.2.22", "N", 1, ["KVM_IN_USE"]),
        ("6.14.0-24-generic", "7.1.12", "Y", 0, HOLDS),
        # From 6.16 on newer VirtualBox asks KVM.
        ("6.16.7", "7.2.0", "Y", 0, HOLDS),
        ("6.16.7", "7.1.12", "Y", 0, HOLDS),
        ("6.16.7", "7.2.2", "Y", 0, []),
        ("6.17.0", "7.2.22", "Y", 3, []),
        ("7.1.0", "7.2.22", "N", 0, []),
        ("7.1.0", "8.0.0", "Y", 0, []),
        # And three of its releases only what KVM has turned on.
        ("7.1.0", "7.2.10", "N", 0, ENABLE),
        ("6.17.0-35-generic", "7.2.12", "N", 0, ENABLE),
        ("7.1.0", "7.2.10", "Y", 0, []),
        ("7.1.0", "7.2.14", "N", 0, []),
        # A VirtualBox that is not there yet and not named counts as an old one.
        ("6.17.0", None, "Y", 0, HOLDS),
    ],
)
@pytest.mark.parametrize("module", ["kvm_intel", "kvm_amd"])
def test_who_holds_the_processor(host, module, kernel, version, at_load, users, found):
    files = {"proc/sys/kernel/osrelease": kernel, f"sys/module/{module}/refcnt": f"{users}\n"}
    if at_load:
        files["sys/module/kvm/parameters/enable_virt_at_load"] = f"{at_load}\n"
    capacity = host(version=None, **files)
    assert capacity["kvm"]["module"] == module
    assert codes(capacity, version) == found


def test_the_conflict_is_named_as_virtualbox_names_it(host):
    texts = []
    for module in ("kvm_amd", "kvm_intel"):
        files = {
            f"sys/module/{module}/refcnt": "0\n",
            "sys/module/kvm/parameters/enable_virt_at_load": "Y\n",
        }
        texts += [problem.text for problem in host_capacity.problems(host(**LOADED, **files))]
    assert "VERR_SVM_IN_USE" in texts[0] and "kvm.enable_virt_at_load=0" in texts[0]
    # The second one found first wins; both modules at once do not exist.
    assert "VERR_VMX_IN_VMX_ROOT_MODE" in texts[1] and "unload kvm_intel" in texts[1]


SIGNED_ONLY = {"sys/module/module/parameters/sig_enforce": "Y\n"}
LOCKED = {"sys/kernel/security/lockdown": "none [integrity] confidentiality\n"}
SECURE = {host_capacity.SECURE_BOOT: b"\x06\x00\x00\x00\x01"}
INSECURE = {host_capacity.SECURE_BOOT: b"\x06\x00\x00\x00\x00"}


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, ["DRIVER_NOT_BUILT"]),
        (BUILT, ["DRIVER_NOT_LOADED"]),
        ({f"{MODULES}/misc/vboxdrv.ko": ""}, ["DRIVER_NOT_LOADED"]),
        ({**BUILT, **INSECURE}, ["DRIVER_NOT_LOADED"]),
        ({**BUILT, **SECURE}, ["DRIVER_NOT_SIGNED"]),
        ({**BUILT, **SIGNED_ONLY}, ["DRIVER_NOT_SIGNED"]),
        ({**BUILT, **LOCKED}, ["DRIVER_NOT_SIGNED"]),
        ({**LOADED, **SECURE, **LOCKED}, []),
        ({"sys/module/vboxdrv/version": "7.2.20_Debian r1 (0x1)\n"}, ["DRIVER_VERSION"]),
        ({"sys/module/vboxdrv/version": "7.2.2 r1 (0x1)\n"}, ["DRIVER_VERSION"]),
    ],
)
def test_the_driver(host, files, found):
    assert codes(host(**files)) == found


def test_a_driver_is_missed_only_where_virtualbox_is(host):
    assert codes(host(version=None)) == []


def test_missing_headers_are_named(host):
    without = host_capacity.problems(host())[0].text
    built = host_capacity.problems(host(**{f"{MODULES}/build/Makefile": ""}))[0].text
    assert "linux-headers" in without and KERNEL in without
    assert "dkms autoinstall" in built


def test_this_host_has_something():
    """The real files of the machine that runs the tests."""
    capacity = host_capacity.read("/", None)
    assert capacity["memory_mb"] > capacity["memory_available_mb"] > 0
    assert capacity["cpus"] > 0
    assert capacity["kernel"] == Path("/proc/sys/kernel/osrelease").read_text().strip()
