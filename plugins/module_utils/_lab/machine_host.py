# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads one LXC machine from this host and carries out a plan for it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping

from ansible_collections.virtual.datacenter.plugins.module_utils._core import (
    command,
    files,
    processes,
    wait,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._core.state import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._lab import (
    cgroups,
    folders,
    lxc,
    machine,
    modules,
    names,
    namespaces,
    seed,
)

# lxc-start looks the bridges up in /sys/class/net: it gets a /sys that belongs to the network
# namespace, with the
# host's control groups kept. Arguments: a folder to park them in, then the command.
INSIDE_SCRIPT = """set -e
mount --rbind /sys/fs/cgroup "$0"
mount -t sysfs sysfs /sys
mount --rbind "$0" /sys/fs/cgroup
umount -l "$0"
exec "$@"
"""
APT_STAMP = "var/lib/apt/periodic/update-success-stamp"
STOPPED_MARK = "stopped"
SETTLE_SECONDS = 30
START_SECONDS = 60


def read_text(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None


def mounts_below(directory: str, mountinfo: str) -> list[str]:
    """Mount points in the folder, the deepest first."""
    points = [files.unescape(line.split()[4]) for line in mountinfo.splitlines()]
    return sorted(
        (point for point in points if (point + "/").startswith(directory + "/")), reverse=True
    )


class LabMachine:
    """One machine of one data center on this host."""

    def __init__(self, root: str, datacenter: str, name: str, timeout: int) -> None:
        self.root = root
        self.datacenter = datacenter
        self.name = name
        self.timeout = timeout
        self.network = names.namespace(datacenter)
        self.lxc_path = names.machines_directory(root, datacenter)
        self.directory = names.machine_directory(root, datacenter, name)
        self.group = cgroups.path(datacenter, name)

    def file(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def folders(self) -> dict[str, int]:
        data = {f"data/{name}": mode for name, mode in lxc.DATA_DIRECTORIES.items()}
        return {"upper": 0o755, "seed": 0o700, "settings": 0o755, "data": 0o755, **data}

    def _lxc(self, command: str, *arguments: str) -> list[str]:
        # LXC's control socket is known in the network namespace only.
        return [
            *namespaces.enter_command(self.network),
            command,
            "-P",
            self.lxc_path,
            "-n",
            self.name,
            *arguments,
        ]

    def _lxc_state(self) -> str:
        if not os.path.exists(self.file("config")) or namespaces.inode(self.network) is None:
            return "STOPPED"
        return lxc.parse_state(command.run(*self._lxc("lxc-info", "-s", "-H"), check=False).stdout)

    def _processes(self) -> list[int]:
        return processes.in_cgroup("/" + self.group)

    def _power(self) -> str:
        """What LXC says, once it and the machine's processes agree."""
        power = ""

        def settled() -> bool:
            nonlocal power
            lxc_state, alive = self._lxc_state(), self._processes()
            power = machine.power_of(lxc_state, bool(alive))
            if lxc_state in machine.CHANGING_STATES or power != machine.LEFT_OVER:
                return lxc_state not in machine.CHANGING_STATES
            # LXC says stopped before the machine's last processes have ended.
            return bool(processes.wait_gone(alive, 1)) and self._lxc_state() == "STOPPED"

        wait.until(settled, SETTLE_SECONDS)
        return power

    def read(self) -> machine.Actual:
        definition: dict[str, str] = {}
        if os.path.isdir(self.directory):
            complete = all(os.path.isdir(self.file(name)) for name in self.folders()) and all(
                read_text(lxc.fake_setting_file(self.directory, setting)) is not None
                for setting in lxc.FAKE_SETTINGS
            )
            definition[f"directory {self.directory}"] = "complete" if complete else "incomplete"
            config = self.config()
            if config is not None:
                definition[machine.CONFIG] = config
            if os.path.isdir(self.file("seed")):
                digests = seed.digests(seed.read_directory(self.file("seed")))
                definition.update({f"seed {name}": digest for name, digest in digests.items()})
        return machine.Actual(definition, self._power(), read_text(self.file("config.started")))

    def config(self) -> str | None:
        return read_text(self.file("config"))

    def lower(self, image: str, must_exist: bool) -> str:
        """The image's root below the machine: the one it was made from, if it was made already."""
        config = self.config()
        used = (
            lxc.lower_of(config)
            if config is not None and os.path.isdir(self.file("upper"))
            else None
        )
        lower = used or os.path.join(image, "rootfs")
        if must_exist and not os.path.isdir(lower):
            way_out = (
                "It went after the machine was made: remove the machine (state absent)."
                if used
                else "Make it first."
            )
            raise TaskError(
                f"The machine image {lower} of {self.name} does not exist. {way_out}",
                error_code="IMAGE_MISSING",
            )
        return lower

    def image_mounts(self, lower: str) -> list[lxc.Mount]:
        """The packages that belong to the image, whose lists the root file system carries."""
        debs = os.path.join(os.path.dirname(lower), "debs")
        return [lxc.Mount(debs, "/srv/debs")] if os.path.isdir(debs) else []

    def check_network(self) -> None:
        if namespaces.inode(self.network) is None:
            raise TaskError(
                f"The network of {self.datacenter} does not exist: make it first (lab_network).",
                error_code="NETWORK_MISSING",
            )

    def apply(
        self, action: Action, wanted: Mapping[str, str], seed_files: Mapping[str, bytes]
    ) -> None:
        kind = action.thing.partition(" ")[0]
        if kind == machine.POWER:
            self._note_stopped(action.kind != "start")
            {"start": self.start, "stop": self._stop, "kill": self.cut_power}[action.kind]()
        elif kind == machine.CONFIG:
            files.write(self.file("config"), wanted[machine.CONFIG])
        elif kind == "seed":
            seed.write(self.file("seed"), seed_files)
        elif action.kind == "remove":
            self._remove_directory()
        else:
            self._make_directory()

    def _make_directory(self) -> None:
        folders.make_datacenter(self.root, self.datacenter)
        os.makedirs(self.lxc_path, mode=0o700, exist_ok=True)
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        for name, mode in self.folders().items():
            os.makedirs(self.file(name), exist_ok=True)
            os.chmod(self.file(name), mode)
        for setting, text in lxc.FAKE_SETTINGS.items():
            files.write(lxc.fake_setting_file(self.directory, setting), text)

    def _note_stopped(self, stopped: bool) -> None:
        """Tell fencing, which starts what it has cut off, of a machine that is to be off."""
        with contextlib.suppress(FileNotFoundError):
            if stopped:
                files.write(self.file(STOPPED_MARK), "")
            else:
                os.unlink(self.file(STOPPED_MARK))

    def is_stopped_on_purpose(self) -> bool:
        return os.path.exists(self.file(STOPPED_MARK))

    def start(self) -> None:
        self.check_network()
        cgroups.remove(self.group)
        self._touch_apt_stamp()
        config, log = self.config(), self.file("lxc.log")
        files.write(self.file("config.started"), config or "")
        files.write(log, "")
        modules.make_tree(lxc.modules_of(config or "") or modules.HOST_TREE)
        parking = os.path.join(names.run_directory(self.root, self.datacenter), "cgroup")
        os.makedirs(parking, exist_ok=True)
        start = ["lxc-start", "-P", self.lxc_path, "-n", self.name, "-o", log, "-l", "WARN"]
        inside = [
            "unshare",
            "--mount",
            "--propagation",
            "slave",
            "bash",
            "-c",
            INSIDE_SCRIPT,
            parking,
        ]
        try:
            command.run(
                *namespaces.enter_command(self.network), *inside, *start, seconds=START_SECONDS
            )
        except TaskError as error:
            lines = [line for line in (read_text(log) or "").splitlines() if " ERROR " in line]
            reason = lines[0].rpartition(" - ")[2] if lines else error.message
            raise TaskError(
                f"The machine {self.name} did not start: {reason}",
                error_code="START_FAILED",
                log=lines[:20],
            ) from error
        cgroups.give_realtime(self.group, lxc.realtime_percent_of(config or ""))

    def _touch_apt_stamp(self) -> None:
        """The image's package lists are those of its own repository: they are never out of date."""
        stamp = self.file(f"upper/{APT_STAMP}")
        os.makedirs(os.path.dirname(stamp), mode=0o755, exist_ok=True)
        with open(stamp, "a", encoding="utf-8"):
            os.utime(stamp)

    def _stop(self) -> None:
        command.run(
            *self._lxc("lxc-stop", "-t", str(self.timeout)), seconds=self.timeout + 30, check=False
        )
        self.cut_power()

    def cut_power(self) -> None:
        if self._lxc_state() != "STOPPED":
            command.run(*self._lxc("lxc-stop", "-k"), seconds=30, check=False)
        left = processes.wait_gone(self._processes(), 1)
        # The processes of a machine whose monitor died: its init first of all, which takes the
        # others with it.
        left = processes.end(left or self._processes(), polite_seconds=0)
        if left:
            raise TaskError(
                f"Processes {left} of the machine {self.name} do not end.",
                error_code="PROCESS_STUCK",
            )
        cgroups.remove(self.group)

    def _remove_directory(self) -> None:
        for point in mounts_below(self.directory, files.mountinfo()):
            command.run("umount", "--lazy", point)
        command.run(
            "rm", "--recursive", "--force", "--one-file-system", self.directory, seconds=300
        )
        cgroups.remove(self.group)


def known_machines(root: str, datacenter: str) -> list[str]:
    """Every machine of the data center of which anything is left: a folder, a process or a
    control group.
    """
    found = set()
    with contextlib.suppress(OSError):
        found.update(os.listdir(names.machines_directory(root, datacenter)))
    for directory in cgroups.left(cgroups.path(datacenter)):
        with contextlib.suppress(OSError):
            found.update(entry.name for entry in os.scandir(directory) if entry.is_dir())
    return sorted(found)


def remove_empty_groups(datacenter: str) -> None:
    """What is left of the control groups once the last machine is gone."""
    cgroups.remove(cgroups.path(datacenter))
    for hierarchy in cgroups.hierarchies():
        with contextlib.suppress(OSError):
            os.rmdir(os.path.join(hierarchy, cgroups.OURS))
