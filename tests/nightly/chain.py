# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain of layers on VirtualBox: what it consists of, how far it is, and what is told of it.

Everything here is interpreted twice, so the whole chain takes longer than a night. A run does as
many layers as its budget of seconds holds and keeps the emulated machine, with its memory, as it
is then; the next run goes on from there.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

NAME = "nightly-chain"
# The address of the emulated machine that VMs reach through VirtualBox's NAT.
SERVER = "10.99.0.1"
FIRST_MACHINES = "localhost:machine_hosts:gateway:load_balancer"


@dataclass(frozen=True)
class Layer:
    """A step that ends in a snapshot: a playbook, for some of the machines or for all."""

    name: str
    playbook: str
    limit: str = ""


# The gateway and the load balancers alone at first: VMs that boot share two interpreted processors.
LAYERS = (
    Layer("host", "tests/nightly/chain_host.yml"),
    Layer("preflight", "playbooks/preflight.yml"),
    Layer("machines", "playbooks/machines.yml"),
    Layer("gateway", "playbooks/gateway.yml", FIRST_MACHINES),
    Layer("base", "playbooks/base.yml", FIRST_MACHINES),
    Layer("load balancer", "playbooks/load_balancer.yml"),
    Layer("archive", "tests/nightly/chain_archive.yml"),
    Layer("gateway, nodes", "playbooks/gateway.yml"),
    Layer("base, nodes", "playbooks/base.yml"),
    Layer("runtime", "playbooks/runtime.yml"),
    Layer("control plane", "playbooks/control_plane.yml"),
    Layer("workers", "playbooks/workers.yml"),
    Layer("verify", "playbooks/verify.yml"),
    Layer("site again", "playbooks/site.yml"),
)

# The image of the machines. What roles would install is in it: here that takes a night of its own.
IMAGE: dict[str, Any] = {
    "base_image_packages": [
        *("bind9-dnsutils", "ca-certificates", "chrony", "cloud-init", "curl", "dbus"),
        *("dosfstools", "e2fsprogs", "fdisk", "grub-efi-amd64-bin", "grub-pc-bin"),
        *("grub2-common", "initramfs-tools", "iproute2", "iputils-ping", "kmod"),
        *("linux-image-cloud-amd64", "lvm2", "netbase", "nftables", "openssh-server", "procps"),
        *("python3", "python3-apt", "sudo", "systemd", "systemd-resolved", "systemd-sysv"),
        *("udev", "zstd"),
        *("conntrack", "containerd", "containernetworking-plugins", "corosync", "dnsmasq"),
        *("ethtool", "haproxy", "iptables", "pacemaker", "pacemaker-cli-utils"),
        *("python3-debian", "resource-agents", "runc", "socat"),
    ],
    "base_image_optional_packages": [],
    # Each character on a console costs milliseconds here, each order of a tick one, and the self
    # tests of algorithms minutes.
    "base_image_kernel_options": "console=ttyS0 quiet systemd.show_status=no mitigations=off"
    " highres=off nohz=off tsc=reliable cryptomgr.notests nokaslr audit=0 apparmor=0"
    " rcupdate.rcu_cpu_stall_suppress=1 watchdog_thresh=60",
    "base_image_boot_size_mb": 256,
    "base_image_volumes": [
        {"name": "root", "mount": "/", "size_mb": 512},
        {"name": "usr", "mount": "/usr", "size_mb": 2048},
        {"name": "var", "mount": "/var", "size_mb": 4096},
    ],
    "base_image_disk_size_mb": 7168,
}


def inventory(ssh_config: Path, state: Path) -> dict[str, Any]:
    """One gateway, two load balancers, one control plane and one worker on the emulated machine."""

    def machine(segment: str, address: str, memory_mb: int) -> dict[str, Any]:
        found = {"machine_segment": segment, "machine_address": address}
        return {**found, "machine_cpus": 1, "machine_memory_mb": memory_mb}

    host = {
        "ansible_connection": "ssh",
        "ansible_ssh_common_args": f"-F {ssh_config}",
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    machines = {
        "gateway": {"gate01": {"machine_cpus": 1, "machine_memory_mb": 512}},
        "load_balancer": {
            "lb01": machine("edge", "10.70.1.11", 512),
            "lb02": machine("edge", "10.70.1.12", 512),
        },
        "control_plane": {"cp01": machine("control", "10.70.2.11", 1792)},
        "worker": {"worker01": machine("worker", "10.70.3.11", 1024)},
    }
    options = {
        "datacenter_name": NAME,
        "datacenter_provider": "virtualbox",
        "datacenter_floating_ip": "10.70.1.10",
        "datacenter_state_dir": str(state),
        "datacenter_virtualbox_folder": "/srv/machines",
        "datacenter_base_medium": "/srv/base.vdi",
        "datacenter_patience": 60,
        # Nobody answers there: the emulated machine has no way out.
        "datacenter_upstream_dns": [SERVER],
        "datacenter_ntp_servers": [],
        # What notices a failure is not made longer by datacenter_patience.
        "ha_lb_token_ms": 60000,
        "ha_lb_consensus_ms": 72000,
        "ha_lb_floating_ip_monitor_seconds": 120,
        "ha_lb_haproxy_monitor_seconds": 120,
        "ha_lb_failure_timeout_seconds": 600,
        "ha_lb_connect_timeout_seconds": 60,
        "ha_lb_check_interval_ms": 60000,
        "ha_lb_check_fast_interval_ms": 30000,
        "ha_lb_check_down_interval_ms": 30000,
        "ha_lb_check_timeout_ms": 60000,
        "k8s_control_plane_etcd_args": {
            "heartbeat-interval": "5000",
            "election-timeout": "50000",
        },
        "k8s_node_artifact_source": "archive",
        "k8s_node_archive_url": f"http://{SERVER}",
        "containerd_crictl": "/usr/local/bin/crictl",
        "k8s_control_plane_ignored_preflight_errors": ["NumCPU", "Mem"],
        "k8s_worker_ignored_preflight_errors": ["Mem"],
        "verify_probe_image": "virtual.datacenter/probe:1",
    }
    return {
        "all": {
            "vars": options,
            "children": {
                "machine_hosts": {"hosts": {"vboxhost": host}},
                "machines": {"children": {name: {"hosts": row} for name, row in machines.items()}},
                "kubernetes": {"children": {"control_plane": {}, "worker": {}}},
            },
        }
    }


def key(*parts: Any) -> str:
    """The key of what all that makes."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


@dataclass
class Row:
    """What is known of one layer."""

    reached: bool = False
    # In all runs that had to do with it.
    seconds: float = 0.0
    runs: int = 0
    stopped_by: str = ""
    commit: str = ""
    when: str = ""


@dataclass
class Report:
    """How far the chain is. One file, written after each change, is the memory of it."""

    path: Path
    # Snapshots: of the end of the last layer that was reached, and of a later moment.
    reached: str = ""
    within: str = ""
    # The state in the second one is of a failure: nothing is tried on it but once.
    within_failed: bool = False
    rows: dict[str, Row] = field(default_factory=lambda: {layer.name: Row() for layer in LAYERS})
    runs: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Report:
        report = cls(path)
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            report.reached, report.within = found["reached"], found["within"]
            report.within_failed, report.runs = found["within_failed"], found["runs"]
            report.rows.update({name: Row(**row) for name, row in found["layers"].items()})
        return report

    def write(self) -> None:
        found = {name: getattr(self, name) for name in ("reached", "within", "within_failed")}
        found |= {"runs": self.runs}
        found |= {"layers": {name: asdict(row) for name, row in self.rows.items()}}
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        new.replace(self.path)
        self.path.with_suffix(".txt").write_text(self.text(), encoding="utf-8")

    @property
    def start(self) -> str:
        """The snapshot that a run begins with; empty where there is none yet."""
        return self.within or self.reached

    def next(self) -> Layer | None:
        return next((layer for layer in LAYERS if not self.rows[layer.name].reached), None)

    def ended(self, layer: Layer, seconds: float, commit: str, when: str, stopped_by: str) -> Row:
        """A run of a layer has ended: reached, unless something stopped it."""
        row = self.rows[layer.name]
        row.reached, row.stopped_by = not stopped_by, stopped_by
        row.seconds, row.runs = round(row.seconds + seconds, 1), row.runs + 1
        row.commit, row.when = commit, when
        return row

    def kept(self, snapshot: str, *, reached: bool, failed: bool = False) -> list[str]:
        """A snapshot was made; gives those that nobody needs any more."""
        old = {self.within, self.reached} if reached else {self.within}
        if reached:
            self.reached, self.within = snapshot, ""
        else:
            self.within = snapshot
        self.within_failed = failed
        return sorted(old - {"", snapshot, self.reached, self.within})

    def dropped(self) -> list[str]:
        """The later moment leads nowhere: the next run begins at the end of the last layer."""
        old, self.within, self.within_failed = self.within, "", False
        return [old] if old else []

    def text(self) -> str:
        lines = [f"{'layer':<16}{'':<13}{'seconds':>8} {'runs':>4}  what stopped it"]
        for layer in LAYERS:
            row = self.rows[layer.name]
            state = "reached" if row.reached else "not reached"
            said = row.stopped_by if row.runs else "no run has come to it"
            lines.append(
                f"{layer.name:<16}{state:<13}{row.seconds:>8.0f} {row.runs:>4}  {said}".rstrip()
            )
        total = sum(row.seconds for row in self.rows.values())
        lines.append(f"{'together':<29}{total:>8.0f} {len(self.runs):>4}")
        return "\n".join(lines) + "\n"


def why(said: str) -> str:
    """The line of a playbook's output that says what failed."""
    lines = [line for line in said.splitlines() if "fatal:" in line or "ERROR" in line]
    task = [line for line in said.splitlines() if line.startswith("TASK [")]
    where = task[-1].strip(" *") + ": " if task else ""
    return (where + (lines[-1] if lines else said.strip()[-300:])).replace("\n", " ")[:600]
