# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the lab's network from the kernel and carries out a plan for it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import socket
from collections.abc import Sequence

from ansible_collections.virtual.datacenter.plugins.module_utils._core import command, processes
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._core.state import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._lab import (
    cgroups,
    folders,
    gateways,
    names,
    namespaces,
    network,
    services,
)


def check_bridge_names(bridges: Sequence[str]) -> str | None:
    """A sentence that says what is wrong, or None."""
    for bridge in bridges:
        if len(bridge) > names.INTERFACE_LENGTH or not bridge:
            return (
                f"The bridge name '{bridge}' must have 1 to {names.INTERFACE_LENGTH} characters:"
                " shorten the segment's name"
            )
        if bridge in (names.UPLINK_BRIDGE, names.UPLINK_INSIDE, "lo"):
            return f"The bridge name '{bridge}' is the lab's own: rename the segment"
    if len(set(bridges)) != len(bridges):
        return f"Bridge names must differ, found {', '.join(bridges)}"
    return None


def holder_of_port(port: int) -> str:
    """Who listens there, for the message."""
    inodes = set()
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError), open(path, encoding="utf-8") as file:
            for line in file.readlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(f"socket:[{fields[9]}]")
    for pid in processes.ids():
        if inodes.intersection(processes.opened(pid)):
            return f"process {pid} ({processes.read(pid, 'comm').strip()})"
    return "another process"


class LabNetwork:
    """One data center's network on this host."""

    def __init__(
        self,
        root: str,
        datacenter: str,
        bridges: Sequence[str],
        ports: Sequence[network.Port],
        machines: Sequence[gateways.Gateway] = (),
    ) -> None:
        self.root = root
        self.datacenter = datacenter
        self.inside = names.namespace(datacenter)
        self.outside = names.outside_namespace(datacenter)
        self.bridges = list(bridges)
        self.directory = names.run_directory(root, datacenter)
        self.gateways = list(machines)
        self.dhcp = services.Dhcp(self.directory, datacenter, machines)
        self.ports = services.Ports(self.directory, datacenter, ports, machines)

    def wanted(self) -> dict[str, str]:
        return network.wanted_network(
            self.datacenter,
            self.bridges,
            self.directory,
            self.dhcp.describe(),
            self.ports.describe() if self.ports.ports else None,
        )

    def read(self) -> dict[str, str]:
        actual: dict[str, str] = {}
        if os.path.isdir(self.directory):
            actual[f"directory {self.directory}"] = "present"
        links: dict[str, dict[str, dict[str, object]]] = {self.inside: {}, self.outside: {}}
        for name in (self.inside, self.outside):
            if namespaces.inode(name) is None:
                if os.path.exists(names.namespace_path(name)):
                    actual[f"namespace {name}"] = "an empty file"
                continue
            links[name] = network.read_links(
                command.run("ip", "-n", name, "-j", "-d", "link", "show").stdout
            )
            settings = namespaces.read_settings(name, network.SETTINGS)
            good = all(network.SETTINGS[setting] == value for setting, value in settings.items())
            good = good and network.is_up(links[name]["lo"])
            actual[f"namespace {name}"] = network.ISOLATED if good else "not isolated"
        actual.update(network.bridges_of(links[self.inside]))
        cable = network.describe_cable(links[self.inside], links[self.outside])
        if cable is not None:
            actual["cable uplink"] = cable
        if links[self.outside]:
            addresses = network.read_addresses(
                command.run("ip", "-n", self.outside, "-j", "-4", "addr", "show").stdout
            )
            if names.UPLINK_OUTSIDE in links[self.outside]:
                actual["addresses outside"] = network.describe_addresses(addresses)
        for key, service in (("dhcp", self.dhcp), ("ports", self.ports)):
            running = service.read()
            if running is not None:
                actual[f"service {key}"] = running
        return actual

    def check_ports(self) -> None:
        """Fails when somebody else holds a port that is to be published."""
        mine = self.ports.published()
        for port in self.ports.ports:
            if port.host_port in mine:
                continue
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port.host_port))
                except OSError as error:
                    if error.errno != errno.EADDRINUSE:
                        raise
                    raise TaskError(
                        f"Port {port.host_port} of 127.0.0.1 (published port '{port.name}') is"
                        f" already used by {holder_of_port(port.host_port)}."
                        " Stop that process or choose another port.",
                        error_code="PORT_IN_USE",
                        port=port.host_port,
                    ) from error

    def check_unused(self) -> None:
        """Fails when machines are still attached."""
        running = processes.in_cgroup("/" + cgroups.path(self.datacenter))
        if running:
            raise TaskError(
                f"Machines of the data center {self.datacenter} still run on its network. "
                "Stop or remove them first (lab_machine with all_machines).",
                error_code="NETWORK_IN_USE",
            )

    def apply(self, action: Action) -> None:
        kind, _space, name = action.thing.partition(" ")
        method = getattr(self, f"_{'remove' if action.kind == 'remove' else 'make'}_{kind}")
        method(name)

    def _make_directory(self, path: str) -> None:
        folders.make_datacenter(self.root, self.datacenter)
        os.makedirs(path, mode=0o700, exist_ok=True)

    def _remove_directory(self, path: str) -> None:
        shutil.rmtree(path)
        folders.remove_empty(self.root, self.datacenter)

    def _make_namespace(self, name: str) -> None:
        if not os.path.isdir("/proc/sys/net/bridge"):
            # Loaded later by a machine, it would filter on the bridges of all namespaces.
            command.run("modprobe", "br_netfilter", check=False)
        namespaces.add(name)
        namespaces.write_settings(name, network.SETTINGS)

    def _remove_namespace(self, name: str) -> None:
        inode = namespaces.inode(name)
        if inode is not None:
            processes.end(processes.in_network(inode), polite_seconds=1)
        namespaces.delete(name)

    def _make_bridge(self, name: str) -> None:
        links = network.read_links(
            command.run("ip", "-n", self.inside, "-j", "link", "show").stdout
        )
        if name in links:
            # The kernel takes no forward delay of 0 while the spanning tree protocol is on.
            self._set_bridge(name, "stp_state", "0")
            self._set_bridge(name, *network.BRIDGE_OPTIONS)
        else:
            options = ["type", "bridge", *network.BRIDGE_OPTIONS]
            command.run("ip", "-n", self.inside, "link", "add", "name", name, *options)
        command.run("ip", "-n", self.inside, "link", "set", "dev", name, "up")

    def _set_bridge(self, name: str, *options: str) -> None:
        command.run("ip", "-n", self.inside, "link", "set", "dev", name, "type", "bridge", *options)

    def _remove_bridge(self, name: str) -> None:
        if namespaces.inode(self.inside) is not None:
            command.run("ip", "-n", self.inside, "link", "del", "dev", name)

    def _cable_ends(self) -> tuple[tuple[str, str], tuple[str, str]]:
        return (self.inside, names.UPLINK_INSIDE), (self.outside, names.UPLINK_OUTSIDE)

    def _make_cable(self, _name: str) -> None:
        ends = self._cable_ends()
        there = [
            command.run("ip", "-n", space, "link", "show", "dev", end, check=False).rc == 0
            for space, end in ends
        ]
        if there != [True, True]:
            self._remove_cable("")
            (near_space, near), (far_space, far) = ends
            command.run(
                "ip",
                "-n",
                near_space,
                "link",
                "add",
                near,
                "type",
                "veth",
                "peer",
                "name",
                far,
                "netns",
                far_space,
            )
        command.run(
            "ip",
            "-n",
            self.inside,
            "link",
            "set",
            "dev",
            names.UPLINK_INSIDE,
            "master",
            names.UPLINK_BRIDGE,
            "up",
        )
        command.run("ip", "-n", self.outside, "link", "set", "dev", names.UPLINK_OUTSIDE, "up")
        # A new cable has no addresses, whatever was read from the one before.
        self._make_addresses("")

    def _remove_cable(self, _name: str) -> None:
        for space, end in self._cable_ends():
            command.run("ip", "-n", space, "link", "del", "dev", end, check=False)

    def _make_addresses(self, _name: str) -> None:
        for interface, addresses in (
            (names.UPLINK_OUTSIDE, network.OUTSIDE_ADDRESSES),
            ("lo", network.OUTSIDE_LOOPBACK),
        ):
            command.run(
                "ip", "-n", self.outside, "-4", "addr", "flush", "dev", interface, "scope", "global"
            )
            for address in addresses.split():
                command.run("ip", "-n", self.outside, "addr", "add", address, "dev", interface)

    def _remove_addresses(self, _name: str) -> None:
        """They go with their namespace."""

    def _make_service(self, name: str) -> None:
        (self.dhcp if name == "dhcp" else self.ports).restart()

    def _remove_service(self, name: str) -> None:
        (self.dhcp if name == "dhcp" else self.ports).stop()

    def result(self) -> dict[str, object]:
        """What the module returns about the network."""
        return {
            "datacenter": self.datacenter,
            "namespace": self.inside,
            "outside_namespace": self.outside,
            "bridges": [names.UPLINK_BRIDGE, *self.bridges],
            "uplink_bridge": names.UPLINK_BRIDGE,
            "gateway_address": network.GATEWAY,
            "gateway_addresses": gateways.addresses(self.gateways),
            "resolver_address": network.RESOLVER,
            "internet_address": network.INTERNET_HOST,
            "ports": {port.name: port.host_port for port in self.ports.ports},
        }
