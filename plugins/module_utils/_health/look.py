# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a Linux machine how it is. What cannot be read is told, and the rest is read."""

from __future__ import annotations

import base64
import glob
import os
import re
import time
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core import command
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._haproxy import runtime
from ansible_collections.virtual.datacenter.plugins.module_utils._health import parse

DAY_SECONDS = 86400
ASK_SECONDS = 20
# In a kubeconfig.
CERTIFICATE_DATA = re.compile(r"client-certificate-data:\s*([A-Za-z0-9+/=]+)")


class Look:
    """One look at this machine, with the problems that it met."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def run(self, *argv: str, stdin: str = "") -> str:
        """What a command says. One that fails is a problem, and says nothing."""
        try:
            return command.run(*argv, seconds=ASK_SECONDS, stdin=stdin).stdout
        except TaskError as error:
            self.problems.append(str(error))
            return ""

    def file(self, path: str) -> str:
        """The text of a file; empty if it cannot be read, which is noted as a problem."""
        try:
            with open(path, encoding="utf-8", errors="replace") as stream:
                return stream.read()
        except OSError as error:
            self.problems.append(f"{path} cannot be read: {error.strerror}")
            return ""

    def machine(self) -> dict[str, t.Any]:
        """What is true of the machine as a whole."""
        return {
            "system": parse.os_release(self.file("/etc/os-release")),
            "kernel": os.uname().release,
            "booted": parse.boot_seconds(
                self.file("/proc/uptime"), self.file("/proc/1/stat"), os.sysconf("SC_CLK_TCK")
            ),
            "load": list(os.getloadavg()),
            "memory": parse.memory_mb(self.file("/proc/meminfo")),
            "addresses": parse.addresses(self.run("ip", "-json", "address", "show")),
            "failed_units": self.failed(),
            "clock_synchronized": self.clock_synchronized(),
            "reboot_required": os.path.exists("/run/reboot-required"),
        }

    def services(self, names: t.Sequence[str]) -> dict[str, str]:
        """The state of each unit as systemd words it, such as active or not-found."""
        if not names:
            return {}
        wanted = [name if "." in name else f"{name}.service" for name in names]
        text = self.run("systemctl", "show", "--property=Id,LoadState,ActiveState", *wanted)
        return {
            name: unit["ActiveState"] if unit["LoadState"] == "loaded" else unit["LoadState"]
            for name, unit in zip(names, parse.units(text))
            if unit
        }

    def failed(self) -> list[str]:
        listing = ("list-units", "--state=failed", "--plain", "--no-legend", "--no-pager")
        return parse.failed_units(self.run("systemctl", *listing))

    def file_systems(self, paths: t.Iterable[str]) -> list[dict[str, t.Any]]:
        """Size and use of the file systems below these paths, each once."""
        found: dict[int, dict[str, t.Any]] = {}
        for path in paths:
            try:
                device, room = os.stat(path).st_dev, os.statvfs(path)
            except OSError:
                continue
            size, free = room.f_blocks * room.f_frsize, room.f_bavail * room.f_frsize
            used = (room.f_blocks - room.f_bfree) * room.f_frsize
            found.setdefault(
                device,
                {
                    "path": path,
                    "size_mb": size // 2**20,
                    "free_mb": free // 2**20,
                    "used_percent": round(100 * used / (used + free)) if used + free else 0,
                },
            )
        return list(found.values())

    def clock_synchronized(self) -> bool | None:
        """Whether the clock follows another one, as chrony or systemd knows; None if none says."""
        if command.find("chronyc"):
            said = self.run("chronyc", "-c", "tracking").strip().rpartition(",")[2]
            return said != "Not synchronised" if said else None
        said = self.run("timedatectl", "show", "--property=NTPSynchronized", "--value").strip()
        return {"yes": True, "no": False}.get(said)

    def certificates(self, patterns: t.Iterable[str]) -> list[dict[str, t.Any]]:
        """Each certificate with its end; a kubeconfig counts by that of its user."""
        found = []
        for path in sorted({path for pattern in patterns for path in glob.glob(pattern)}):
            text = self.file(path)
            inside = CERTIFICATE_DATA.search(text)
            if inside:
                text = base64.b64decode(inside.group(1)).decode("ascii", "replace")
            if "BEGIN CERTIFICATE" not in text:
                continue
            ends = parse.end_date(self.run("openssl", "x509", "-noout", "-enddate", stdin=text))
            if ends is not None:
                left = int((ends - time.time()) // DAY_SECONDS)
                found.append({"path": path, "ends": ends, "days_left": left})
        return found

    def servers(self, path: str) -> list[dict[str, str]]:
        """The servers behind a haproxy, asked by its socket."""
        try:
            return parse.servers(runtime.ask(path, "show stat", ASK_SECONDS))
        except OSError as error:
            self.problems.append(f"haproxy does not answer at {path}: {error.strerror or error}")
            return []


def look(options: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Everything that module machine_health_info returns."""
    now = Look()
    result: dict[str, t.Any] = {
        "services": now.services(options["services"]),
        "file_systems": now.file_systems(options["paths"]),
        "certificates": now.certificates(options["certificates"]),
        "leases": parse.leases(now.file(options["leases_path"])) if options["leases_path"] else [],
        "servers": now.servers(options["haproxy_socket"]) if options["haproxy_socket"] else [],
    }
    if options["machine"]:
        result.update(now.machine())
    result["problems"] = now.problems
    return result
