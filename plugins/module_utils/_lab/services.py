# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's two own processes: the NAT engine's dnsmasq and the port forwarder.

Each carries a hash of its configuration in a file name of its argument list, so that what runs
tells by
itself with which configuration it runs; nothing is remembered that a killed run could leave wrong.
"""

from __future__ import annotations

import hashlib
import os
import select
import subprocess
import sys
from collections.abc import Sequence

from ansible_collections.virtual.datacenter.plugins.module_utils._core import (
    command,
    files,
    processes,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._lab import (
    forwarder,
    gateways,
    names,
    namespaces,
    network,
)

START_SECONDS = 20


def source_of_forwarder() -> str:
    loader = forwarder.__loader__
    return loader.get_source(forwarder.__name__)  # type: ignore[union-attr, no-any-return]


def fingerprint(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def digest(text: str) -> str:
    return fingerprint(text.encode())[:12]


class Service:
    """A process of ours: `arguments` (without the program) is what it is known by."""

    def __init__(self, directory: str, kind: str, network_name: str | None) -> None:
        self.directory = directory
        self.kind = kind
        self.network_name = network_name
        self.text = ""

    @property
    def file(self) -> str:
        raise NotImplementedError

    @property
    def arguments(self) -> list[str]:
        raise NotImplementedError

    def start(self) -> None:
        raise NotImplementedError

    def is_ours(self, pid: int) -> bool:
        raise NotImplementedError

    def describe(self) -> str:
        return " ".join(self.arguments)

    def found(self) -> list[int]:
        return processes.find(self.is_ours)

    def read(self) -> str | None:
        """What runs, in the words of describe()."""
        pids = self.found()
        if not pids:
            return None
        if len(pids) > 1:
            return f"{len(pids)} processes"
        if self.network_name is not None and processes.network_of(pids[0]) != namespaces.inode(
            self.network_name
        ):
            return "in a network that is gone"
        return " ".join(processes.arguments(pids[0])[1:])

    def stop(self) -> None:
        left = processes.end(self.found())
        if left:
            raise TaskError(
                f"The lab's {self.kind} (process {left}) does not end.", error_code="PROCESS_STUCK"
            )

    def restart(self) -> None:
        self.stop()
        files.write(self.file, self.text)
        self.start()


class Dhcp(Service):
    """DHCP and DNS of the NAT engine, inside the outside namespace."""

    def __init__(
        self, directory: str, datacenter: str, machines: Sequence[gateways.Gateway] = ()
    ) -> None:
        super().__init__(directory, "NAT engine", names.outside_namespace(datacenter))
        self.text = network.dnsmasq_config(directory, machines)

    @property
    def file(self) -> str:
        return os.path.join(self.directory, f"dnsmasq-{digest(self.text)}.conf")

    @property
    def arguments(self) -> list[str]:
        return [f"--conf-file={self.file}"]

    def is_ours(self, pid: int) -> bool:
        argv = processes.arguments(pid)
        return len(argv) == 2 and argv[1].startswith(f"--conf-file={self.directory}/dnsmasq-")

    def start(self) -> None:
        if self.network_name is None:
            raise RuntimeError("the network has no name")
        command.run(
            *namespaces.enter_command(self.network_name),
            "dnsmasq",
            *self.arguments,
            seconds=START_SECONDS,
        )


class Ports(Service):
    """Published ports, in this host's own network."""

    def __init__(
        self,
        directory: str,
        datacenter: str,
        ports: Sequence[network.Port],
        machines: Sequence[gateways.Gateway] = (),
    ) -> None:
        super().__init__(directory, "port forwarder", None)
        self.outside = names.namespace_path(names.outside_namespace(datacenter))
        self.ports = sorted(ports, key=lambda port: port.host_port)
        self.addresses = gateways.addresses(machines)
        self.text = source_of_forwarder()

    @property
    def file(self) -> str:
        return os.path.join(self.directory, f"forwarder-{digest(self.text)}.py")

    @property
    def arguments(self) -> list[str]:
        forwards = [port.forward(self.addresses) for port in self.ports]
        return ["-I", self.file, self.outside, *forwards]

    def is_ours(self, pid: int) -> bool:
        argv = processes.arguments(pid)
        return len(argv) > 2 and argv[2].startswith(f"{self.directory}/forwarder-")

    def published(self) -> set[int]:
        """Host ports that the running forwarder holds."""
        return {
            int(text.split(":")[0])
            for pid in self.found()
            for text in processes.arguments(pid)[4:]
            if text.split(":")[0].isdigit()
        }

    def start(self) -> None:
        log = os.path.join(self.directory, "forwarder.log")
        with open(log, "w", encoding="utf-8") as errors:
            process = subprocess.Popen(  # pylint: disable=ansible-bad-function
                [sys.executable, *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd="/",
                env=command.environment(),
                start_new_session=True,
            )
        if process.stdout is None:
            raise RuntimeError("the process has no output to read")
        ready, _write, _error = select.select([process.stdout], [], [], START_SECONDS)
        if ready and process.stdout.readline().strip() == b"ready":
            return
        process.kill()
        process.wait()
        with open(log, encoding="utf-8", errors="replace") as file:
            reason = (file.read().strip().splitlines() or ["no message"])[-1]
        raise TaskError(
            f"The port forwarder did not start: {reason}", error_code="FORWARDER_FAILED"
        )
