# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories that somebody may have meant: what preflight accepts, the programs accept too."""

from __future__ import annotations

import ipaddress
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml
from ansible.template import trust_as_template
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan import views
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.firewall_rules import (
    firewall_problems,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.host_firewall import (
    host_firewall_view,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from role_templar import role_templar

from inventories import ROOT, Inventory

# Words that programs read in their own way, and names that only look odd.
ODD = [
    "a",
    "x--y",
    "fwd",
    "drop",
    "accept",
    "set",
    "tag",
    "option",
    "known",
    "static",
    "ether",
    "ip",
]
LABEL = st.from_regex(r"\A[a-z]([a-z0-9-]{0,9}[a-z0-9])?\Z")
NAMES = st.sampled_from(ODD) | LABEL
SEGMENT_NAMES = NAMES | st.from_regex(r"\A[A-Za-z][A-Za-z0-9-]{0,11}\Z")
DOMAINS = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
SERVERS = st.ip_addresses().map(str) | st.ip_addresses(v=4).map(lambda ip: f"/corp.example/{ip}#53")
COUNTS = {"load_balancer": [1, 2, 3], "control_plane": [1, 3], "worker": [0, 1, 2, 3]}
FOLDERS = ["/srv/dc", "/srv/ü/dc", "/srv/a,b=c;d&e", "/srv/(x)[y]{z}", "/srv/~x!@+"]
PATH = os.environ["PATH"] + ":/usr/sbin"


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    """A data center with names, networks and numbers of its own."""
    inventory = Inventory()
    inventory.change({"remove": [host for host in inventory.hosts if host != "workstation"]})
    names = draw(st.lists(SEGMENT_NAMES, min_size=1, max_size=7, unique=True))
    segments, networks = [], []
    for number, name in enumerate(names):
        prefix = draw(st.integers(20, 27))
        network = ipaddress.ip_network((f"172.{16 + number}.0.0", prefix))
        segment: dict[str, Any] = {"name": name, "subnet": str(network), "reaches": names}
        if draw(st.booleans()):
            segment |= {"dhcp_start": str(network[20]), "dhcp_end": str(network[-2])}
        segments.append(segment)
        networks.append(network)
    hosts = iter(draw(st.lists(NAMES, min_size=12, max_size=12, unique=True)))
    home = draw(st.integers(0, len(names) - 1))
    add: dict[str, Any] = {"gateway": {next(hosts): {}}}
    address = 2
    for role, counts in COUNTS.items():
        place = home if role == "load_balancer" else draw(st.integers(0, len(names) - 1))
        add[role] = {}
        for _ in range(draw(st.sampled_from(counts))):
            add[role][next(hosts)] = {
                "machine_segment": names[place],
                "machine_address": str(networks[place][address]),
            }
            address += 1
    inventory.change(
        {
            "add": add,
            "all": {
                "datacenter_segments": segments,
                "datacenter_floating_ip": str(networks[home][draw(st.integers(2, 19))]),
                "datacenter_domain": draw(DOMAINS),
                "datacenter_admin_user": draw(NAMES),
                "datacenter_upstream_dns": draw(st.lists(SERVERS, max_size=3)),
                "datacenter_ssh_port": draw(st.integers(1, 65535)),
                "datacenter_state_dir": draw(st.sampled_from(FOLDERS)),
            },
        }
    )
    return inventory


def rendered(role: str, template: str, **given: Any) -> str:
    folder = ROOT / "roles" / role
    text = trust_as_template((folder / "templates" / template).read_text(encoding="utf-8"))
    return str(role_templar(folder, **given).template(text, overrides={"trim_blocks": True}))


def run(*argv: str) -> str:
    done = subprocess.run(
        argv,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": PATH},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def check_gateway(plan: dict[str, Any], options: dict[str, Any], folder: Path) -> None:
    view = views.gateway_view(plan)
    given = {
        "dnsmasq_gateway_name": plan["gateway"],
        "dnsmasq_gateway_domain": plan["domain"],
        "dnsmasq_gateway_uplink_interface": view["uplink_interface"],
        "dnsmasq_gateway_segments": view["segments"],
        "dnsmasq_gateway_hosts": view["hosts"],
        "dnsmasq_gateway_records": view["records"],
        "dnsmasq_gateway_upstream_dns": options["datacenter_upstream_dns"],
    }
    conf, rules = folder / "dnsmasq.conf", folder / "rules.nft"
    conf.write_text(rendered("dnsmasq_gateway", "dnsmasq.conf.j2", **given), encoding="utf-8")
    rules.write_text(
        rendered("dnsmasq_gateway", "dnsmasq-gateway.nft.j2", **given), encoding="utf-8"
    )
    run("dnsmasq", "--test", f"--conf-file={conf}")
    if os.geteuid() == 0:  # nft asks the kernel, which answers to root alone
        run("nft", "--check", "--file", str(rules))


def check_machine(plan: dict[str, Any], name: str, folder: Path) -> None:
    """nft accepts the rules of the machine's firewall, and the role what they are made of."""
    pages = {"ports": [8404, 0], "sources": ["172.16.0.0/12", "172.16.3.0/24"]}
    view = host_firewall_view(plan, name, pages)
    assert firewall_problems({**view, "trial_seconds": 60}) == []
    given = {f"host_firewall_{key}": value for key, value in view.items()}
    rules = folder / f"{name}.nft"
    rules.write_text(rendered("host_firewall", "rules.nft.j2", **given), encoding="utf-8")
    if os.geteuid() == 0:
        run("nft", "--check", "--file", str(rules))


def check_ssh(plan: dict[str, Any], options: dict[str, Any], folder: Path) -> None:
    config = folder / "config"
    given = {
        "trust_dir": options["datacenter_state_dir"],
        "trust_gateway": plan["gateway"],
        "trust_gateway_port": options["datacenter_ssh_port"],
        "trust_machines": views.members(plan),
        "trust_admin_user": options["datacenter_admin_user"],
    }
    config.write_text(rendered("trust", "config.j2", **given), encoding="utf-8")
    for machine in views.members(plan):
        lines = run("ssh", "-G", "-F", str(config), machine["name"]).splitlines()
        said = dict(line.partition(" ")[::2] for line in lines)
        assert said["hostname"] == (machine["address"] or "127.0.0.1")
        assert said["user"] == options["datacenter_admin_user"]
        assert said["controlpath"] == f"{options['datacenter_state_dir']}/ssh/{machine['name']}"


def check_seeds(plan: dict[str, Any]) -> None:
    for machine in plan["machines"].values():
        seed = yaml.safe_load(rendered("seed", "network-config.j2", seed_machine=machine))
        assert list(seed["ethernets"]) == [nic["name"] for nic in machine["nics"]]
        for nic in machine["nics"]:
            assert seed["ethernets"][nic["name"]]["set-name"] == nic["name"]


def test_what_is_accepted_is_accepted_by_the_programs() -> None:
    accepted: list[Inventory] = []

    @given(inventories())
    @settings(max_examples=40)
    def each(inventory: Inventory) -> None:
        found = inventory.check()
        if found["problems"]:
            return
        accepted.append(inventory)
        with tempfile.TemporaryDirectory() as folder:
            check_gateway(found["plan"], inventory.options, Path(folder))
            check_ssh(found["plan"], inventory.options, Path(folder))
            for name, machine in found["plan"]["machines"].items():
                if machine["role"] != "gateway":
                    check_machine(found["plan"], name, Path(folder))
        check_seeds(found["plan"])

    each()
    # The generator means well: if nearly all are refused, a check refuses what is right.
    assert len(accepted) >= 10
