# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""LXC's words: a machine's configuration file, and what lxc-info answers."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.virtual.datacenter.plugins.module_utils._lab import cgroups, names
from ansible_collections.virtual.datacenter.plugins.module_utils._lab.limits import Limits

# These folders are written by the kernel's overlay driver or by databases: they may not lie on the
# machine's overlay.
DATA_DIRECTORIES = {"containerd": 0o711, "etcd": 0o700, "kubelet": 0o755}
# Machine-wide kernel settings that the kubelet insists on; the machine sees plain files instead of
# the host's.
FAKE_SETTINGS = {
    "vm/overcommit_memory": "1\n",
    "kernel/panic": "10\n",
    "kernel/panic_on_oops": "1\n",
}
# chronyd in a machine must not turn the host's clock.
DROPPED_CAPABILITIES = "sys_time"
LOWER = re.compile(r"^lxc\.rootfs\.path = overlay:([^:]+):", re.MULTILINE)
# LXC itself would give it to the machine's group and not to those above it, and fail.
REALTIME = "# realtime_percent = "
MODULES = re.compile(r"^lxc\.mount\.entry = (\S+) usr/lib/modules ", re.MULTILINE)


@dataclass(frozen=True)
class Nic:
    number: int
    mac: str
    bridge: str


@dataclass(frozen=True)
class Mount:
    source: str
    target: str
    read_only: bool = True


@dataclass(frozen=True)
class Definition:
    """Everything that makes one machine's configuration."""

    datacenter: str
    name: str
    root: str
    lower: str
    nics: Sequence[Nic]
    mounts: Sequence[Mount]
    modules: str
    cgroup_mode: str
    limits: Limits
    realtime_percent: int = 0

    @property
    def directory(self) -> str:
        return names.machine_directory(self.root, self.datacenter, self.name)


def _entry(source: str, target: str, options: str) -> str:
    return f"lxc.mount.entry = {_octal(source)} {_octal(target.strip('/'))} none {options} 0 0"


def _octal(path: str) -> str:
    return path.replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011")


def fake_setting_file(directory: str, setting: str) -> str:
    return os.path.join(directory, "settings", setting.replace("/", "."))


def render(machine: Definition) -> str:
    directory = machine.directory
    init, auto = "/sbin/init", "proc:mixed sys:mixed"
    if machine.cgroup_mode == "v1":
        auto += " cgroup:rw:force"
        init += " SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 systemd.unified_cgroup_hierarchy=0"
    lines = [
        f"# Machine {machine.name} of the data center {machine.datacenter}, written by lab_machine",
        f"lxc.uts.name = {machine.name}",
        f"lxc.rootfs.path = overlay:{machine.lower}:{directory}/upper",
        f"lxc.init.cmd = {init}",
        "lxc.signal.halt = SIGRTMIN+3",
        "lxc.tty.max = 0",
        "lxc.pty.max = 1024",
        "lxc.environment = container=lxc",
        "lxc.apparmor.profile = unconfined",
        f"lxc.cap.drop = {DROPPED_CAPABILITIES}",
        f"lxc.cgroup.dir = {cgroups.path(machine.datacenter, machine.name)}",
        *machine.limits.lines(),
        *([f"{REALTIME}{machine.realtime_percent}"] if machine.realtime_percent else []),
        # With a writable /sys systemd-networkd would wait for ever for a udev that does not run
        # here.
        f"lxc.mount.auto = {auto}",
        f"lxc.console.logfile = {directory}/console.log",
        _entry("/dev/net/tun", "dev/net/tun", "bind,optional,create=file"),
        _entry("/dev/kmsg", "dev/kmsg", "bind,optional,create=file"),
        _entry(machine.modules, "usr/lib/modules", "bind,ro,create=dir"),
        _entry(f"{directory}/seed", "var/lib/cloud/seed/nocloud", "bind,ro,create=dir"),
    ]
    if machine.cgroup_mode == "v2":
        # LXC would copy the host's arrangement, which may be version 1 beside version 2.
        lines.append(
            "lxc.mount.entry = cgroup2 sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime 0 0"
        )
    lines.extend(
        _entry(f"{directory}/data/{name}", f"var/lib/{name}", "bind,create=dir")
        for name in sorted(DATA_DIRECTORIES)
    )
    lines.extend(
        _entry(fake_setting_file(directory, setting), f"proc/sys/{setting}", "bind")
        for setting in sorted(FAKE_SETTINGS)
    )
    lines.extend(
        _entry(
            mount.source,
            mount.target,
            "bind,ro,create=dir" if mount.read_only else "bind,create=dir",
        )
        for mount in machine.mounts
    )
    for nic in sorted(machine.nics, key=lambda nic: nic.number):
        prefix = f"lxc.net.{nic.number - 1}"
        lines += [
            f"{prefix}.type = veth",
            f"{prefix}.link = {nic.bridge}",
            f"{prefix}.flags = up",
            # As in a virtual machine: the kernel's name first, the planned one by cloud-init.
            f"{prefix}.name = eth{nic.number - 1}",
            f"{prefix}.hwaddr = {nic.mac}",
            f"{prefix}.veth.pair = {names.host_interface(machine.name, nic.number)}",
        ]
    return "".join(line + "\n" for line in lines)


def lower_of(config: str) -> str | None:
    """The image that a machine was made from: it stays with it, as a clone stays with its base."""
    found = LOWER.search(config)
    return found.group(1) if found else None


def modules_of(config: str) -> str | None:
    found = MODULES.search(config)
    return found.group(1) if found else None


def realtime_percent_of(config: str) -> int:
    """The share of each processor for real-time threads, at most."""
    lines = [line for line in config.splitlines() if line.startswith(REALTIME)]
    return int(lines[0][len(REALTIME) :]) if lines else 0


def parse_state(output: str) -> str:
    """`lxc-info -s -H` as one upper case word; a container that LXC does not know is stopped."""
    for line in output.splitlines():
        word = line.rpartition(":")[2].strip()
        if word.isupper():
            return word
    return "STOPPED"
