# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections that machines of one role open to those of another."""

from __future__ import annotations

from typing import NamedTuple

API_PORT, KUBELET_PORT, SSH_PORT = 6443, 10250, 22
NODE_PORTS = (API_PORT, KUBELET_PORT)
ETCD_PORTS = (2379, 2380)
VXLAN_PORT, PEERS_PORT = 8472, 8405
# One for each link.
COROSYNC_PORTS = (5405, 5406)


class Way(NamedTuple):
    """Connections that machines of one role open to those of another."""

    source: str
    target: str
    purpose: str
    protocol: str
    ports: tuple[int, ...]


WAYS = (
    Way("load_balancer", "control_plane", "load balancers pass the API on", "tcp", (API_PORT,)),
    Way("control_plane", "load_balancer", "control planes ask the floating IP", "tcp", (API_PORT,)),
    Way("worker", "load_balancer", "workers ask the floating IP", "tcp", (API_PORT,)),
    Way("control_plane", "worker", "the API asks kubelets", "tcp", (KUBELET_PORT,)),
    Way("control_plane", "worker", "pods ask pods of other nodes", "udp", (VXLAN_PORT,)),
    Way("worker", "control_plane", "pods ask the API and kubelets", "tcp", NODE_PORTS),
    Way("worker", "control_plane", "pods ask pods of other nodes", "udp", (VXLAN_PORT,)),
    Way("control_plane", "control_plane", "control planes share etcd", "tcp", ETCD_PORTS),
    Way("control_plane", "control_plane", "pods ask the API and kubelets", "tcp", NODE_PORTS),
    Way("control_plane", "control_plane", "pods ask pods of other nodes", "udp", (VXLAN_PORT,)),
    Way("worker", "worker", "pods ask kubelets", "tcp", (KUBELET_PORT,)),
    Way("worker", "worker", "pods ask pods of other nodes", "udp", (VXLAN_PORT,)),
)
