# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole inventory of a data center from a few options; pure functions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.library import netaddr
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import Problems

Variables = dict[str, Any]

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
HOST = re.compile(
    r"((?P<user>[A-Za-z_][A-Za-z0-9._-]*)@)?(?P<name>[A-Za-z0-9][A-Za-z0-9.-]*)(:(?P<port>[0-9]{1,5}))?"
)
PROVIDERS = ("lab", "virtualbox")
MACHINE_HOST = "workstation"
MOST_GATEWAYS = 2
# What the last number of an address is counted from, in each segment of 256 addresses.
FLOATING_IP, BEFORE_MACHINES, POOL_START, POOL_END = 10, 10, 200, 250
MOST = POOL_START - BEFORE_MACHINES - 1
WIDEST_PREFIX = 21

# What a segment reaches: the API, kubelets and the pods' network, and web pages of the user's own.
PAGES = ("edge:80", "edge:443")
SEGMENTS = {
    "edge": (1, ("control:6443", "server")),
    "control": (2, ("edge:6443", "worker:10250", "worker:8472/udp", "server")),
    "worker": (
        3,
        ("edge:6443", *PAGES, "control:6443", "control:10250", "control:8472/udp", "server"),
    ),
    "server": (4, PAGES),
}
SMALL: Variables = {"machine_cpus": 1, "machine_memory_mb": 512}
LARGE: Variables = {"machine_memory_mb": 2048}

CONNECTION: Variables = {
    "ansible_user": "{{ datacenter_admin_user | default('ops') }}",
    "ansible_ssh_common_args": "-F {{ datacenter_state_dir }}/ssh/config",
    # Connections of one data center are never taken for those of another.
    "ansible_control_path": "{{ datacenter_state_dir }}/ssh/%%n",
    "ansible_python_interpreter": "/usr/bin/python3",
}


@dataclass(frozen=True)
class Kind:
    """A kind of machines that is counted: its option, its group, and what its machines are like."""

    option: str
    group: str
    prefix: str
    segment: str
    variables: Variables


KINDS = (
    Kind("load_balancers", "load_balancer", "lb", "edge", SMALL),
    Kind("control_planes", "control_plane", "cp", "control", LARGE),
    Kind("workers", "worker", "worker", "worker", LARGE),
    Kind("servers", "server", "server", "server", SMALL),
)

COUNTED = ("gateways", *(kind.option for kind in KINDS))

# What the lab's machines need: no way leads out of it, and they share the kernel of their host.
LAB: dict[str, Variables] = {
    "all": {
        "datacenter_upstream_dns": ["10.0.2.3"],
        "datacenter_ntp_servers": [],
        "datacenter_virtualbox_folder": "{{ datacenter_state_dir }}/virtualbox/machines",
        "datacenter_virtualbox_environment": {
            "VBOX_USER_HOME": "{{ datacenter_state_dir }}/virtualbox/home",
            "VBOX_IPC_SOCKETID": "vdc-{{ datacenter_name }}",
        },
        "verify_probe_image": "virtual.datacenter/probe:1",
    },
    "machines": {
        "provider_lab_mounts": [
            {
                "source": "{{ datacenter_cache_dir }}"
                "/kubernetes-v{{ datacenter_kubernetes_version }}",
                "target": "/srv/kubernetes",
            }
        ]
    },
    "kubernetes": {
        "containerd_crictl": "/srv/kubernetes/bin/crictl",
        "containerd_restrict_oom_score_adj": True,
        "k8s_node_artifact_source": "archive",
        "k8s_node_archive_url": "file:///srv/kubernetes",
        "k8s_node_archive_link": True,
        "k8s_node_kubelet_config": {
            "failCgroupV1": False,
            # The file system is the host's: a share of it says nothing about the machine, and no
            # registry brings a removed image back.
            "evictionHard": {
                "memory.available": "100Mi",
                "nodefs.available": "500Mi",
                "nodefs.inodesFree": "20000",
                "imagefs.available": "500Mi",
                "imagefs.inodesFree": "20000",
            },
            "imageGCHighThresholdPercent": 100,
        },
        "k8s_control_plane_kubelet_config": {"failCgroupV1": False},
        "k8s_control_plane_kube_proxy_config": {"conntrack": {"maxPerCore": 0, "min": None}},
        "k8s_control_plane_ignored_preflight_errors": ["SystemVerification"],
        "k8s_worker_ignored_preflight_errors": ["SystemVerification"],
    },
}

# The first disk beside that of the base medium, as Linux names it on VirtualBox's SATA controller.
DISK = {"path": "/dev/disk/by-path/pci-0000:00:0d.0-ata-3"}


def _room(disk_mb: int, *volumes: Variables) -> Variables:
    """Variables of a machine with one more disk, which joins the volume group of the base image."""
    group = {"name": "system", "devices": [DISK], "volumes": list(volumes)}
    return {"machine_disks": [{"size_mb": disk_mb}], "machine_volume_groups": [group]}


def _var(size: str) -> Variables:
    """The volume of container images and logs, mounted as the base image has it."""
    return {"name": "var", "size": size, "mount": "/var", "mount_options": "defaults"}


# Nothing else writes to the volume of etcd, which waits for its disk with every write. It is xfs,
# because a fresh ext4 holds lost+found, and kubeadm wants the folder to be empty.
ETCD: Variables = {
    "name": "etcd",
    "size": "3G",
    "filesystem": "xfs",
    "mount": "/var/lib/etcd",
    "mode": "0700",
}
VIRTUALBOX: dict[str, Variables] = {
    "control_plane": _room(16384, _var("12G"), ETCD),
    "worker": _room(20480, _var("20G")),
}
NEEDS = {"lab": LAB, "virtualbox": VIRTUALBOX}


@dataclass(frozen=True)
class Inventory:
    """Groups with their children and variables; hosts with their group and variables."""

    children: dict[str, tuple[str, ...]]
    groups: dict[str, Variables]
    hosts: dict[str, tuple[str, Variables]]

    def of_host(self, name: str) -> Variables:
        """All variables that this inventory gives a host."""
        group, own = self.hosts[name]
        above = [above for above, below in self.children.items() if group in below]
        chain = ["all", *(item for item in above if item != "all"), group]
        return {key: value for item in chain for key, value in self.groups[item].items()} | own


def is_count(value: Any) -> bool:
    """Whether a value of an option says how many, as a number or as its digits."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return False
    return str(value).isascii() and str(value).isdigit() and int(value) <= MOST


def _network(value: Any, problems: Problems) -> None:
    network = problems.network(value, "network")
    if network is not None and network.prefixlen > WIDEST_PREFIX:
        problems.add(
            f"The network of a data center has room for eight segments of 256 addresses, so its"
            f" prefix is at most {WIDEST_PREFIX}",
            f"found {network}",
            "network",
        )


def option_problems(given: Mapping[str, Any], known: Iterable[str]) -> list[str]:
    """What is wrong with the options of a file, one sentence each."""
    problems = Problems()
    known = sorted(known)
    for option in map(str, given):
        if option not in known:
            near = difflib.get_close_matches(option, known, 1)
            problems.add(
                f"The options are {', '.join(known)}",
                f"found {option}",
                f"{option} to {near[0]}" if near else f"or remove {option}",
            )
    name = given.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        problems.add(
            "The name of a data center is 1 to 31 lower-case letters, digits and hyphens and begins"
            " with a letter",
            "none is given" if name is None else f"found {name!r}",
            "name",
        )
    if given.get("provider", PROVIDERS[0]) not in PROVIDERS:
        problems.add(
            f"The provider of machines is {' or '.join(PROVIDERS)}",
            f"found {given['provider']!r}",
            "provider",
        )
    host = given.get("host", "")
    if host != "" and (not isinstance(host, str) or not HOST.fullmatch(host)):
        problems.add(
            "The host of the machines, where it is another machine, is NAME, USER@NAME or"
            " USER@NAME:PORT of its SSH",
            f"found {host!r}",
            "host",
        )
    for kind in KINDS:
        if not is_count(given.get(kind.option, 0)):
            problems.add(
                f"How many machines of a kind there are is a whole number from 0 to {MOST}",
                f"found {given[kind.option]!r}",
                kind.option,
            )
    gateways = given.get("gateways", 1)
    if not is_count(gateways) or not 1 <= int(gateways) <= MOST_GATEWAYS:
        problems.add("A data center has one or two gateways", f"found {gateways!r}", "gateways")
    if not isinstance(given.get("vars", {}), Mapping):
        problems.add("Variables are given by name", f"found {given['vars']!r}", "vars")
    if "network" in given:
        _network(given["network"], problems)
    return problems.messages


def _segment(network: Any, name: str) -> Variables:
    number, reaches = SEGMENTS[name]
    begin = 256 * number
    return {
        "name": name,
        "subnet": f"{network[begin]}/24",
        "dhcp_start": str(network[begin + POOL_START]),
        "dhcp_end": str(network[begin + POOL_END]),
        "reaches": list(reaches),
    }


def _host(text: str) -> Variables:
    """How Ansible connects to the host of the machines, which is the controller without a text."""
    match = HOST.fullmatch(text)
    if match is None:
        return {
            "ansible_connection": "local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        }
    found: Variables = {
        "ansible_connection": "ssh",
        "ansible_host": match["name"],
        "ansible_user": match["user"],
        "ansible_port": int(match["port"]) if match["port"] else None,
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    return {key: value for key, value in found.items() if value is not None}


def make(
    name: str,
    provider: str,
    counts: Mapping[str, int],
    network: str,
    variables: Variables,
    host: str = "",
) -> Inventory:
    """The inventory of a data center. Only the addresses are variables of hosts: what is given to a
    group can be overridden by each file of group_vars.
    """
    net = netaddr.IPNetwork(network, version=4)
    everywhere: Variables = {
        "datacenter_name": name,
        "datacenter_provider": provider,
        "datacenter_segments": [_segment(net, segment) for segment in SEGMENTS],
        "datacenter_state_dir": "{{ lookup('ansible.builtin.env', 'HOME') }}"
        "/.local/state/virtual.datacenter/{{ datacenter_name }}",
        # Modules go through the connection; none is laid on the machine as a file first.
        "ansible_pipelining": True,
    }
    if counts["control_planes"]:
        number = 256 * SEGMENTS["edge"][0] + FLOATING_IP
        everywhere["datacenter_floating_ip"] = str(net[number])
    groups: dict[str, Variables] = {
        "all": everywhere,
        "machine_hosts": _host(host),
        "machines": CONNECTION,
        "kubernetes": {},
        "gateway": SMALL,
    }
    hosts: dict[str, tuple[str, Variables]] = {
        MACHINE_HOST: ("machine_hosts", {}),
        **{f"gate{n:02}": ("gateway", {}) for n in range(1, counts.get("gateways", 1) + 1)},
    }
    for kind in KINDS:
        groups[kind.group] = {"machine_segment": kind.segment, **kind.variables}
        begin = 256 * SEGMENTS[kind.segment][0] + BEFORE_MACHINES
        for number in range(1, counts[kind.option] + 1):
            address = {"machine_address": str(net[begin + number])}
            hosts[f"{kind.prefix}{number:02}"] = (kind.group, address)
    for group, more in NEEDS[provider].items():
        groups[group] = {**groups[group], **more}
    groups["all"] = {**groups["all"], **variables}
    return Inventory(
        children={
            "all": ("machine_hosts", "machines", "kubernetes"),
            "machines": ("gateway", *(kind.group for kind in KINDS)),
            "kubernetes": ("control_plane", "worker"),
        },
        groups=groups,
        hosts=hosts,
    )
