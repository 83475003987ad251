# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that DNS, Kubernetes, systemd, cloud-init, a file or a user of a machine can bear."""

from __future__ import annotations

import re

from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.problems import (
    Problems,
    shown,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan.said import Said

DATACENTER = re.compile(r"[a-z][a-z0-9-]{0,30}\Z")
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
SEGMENT = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,11}\Z")
USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")
VM_PREFIX = re.compile(r"([a-z][a-z0-9-]{0,31})?\Z")
VERSION = re.compile(r"[0-9]+[.][0-9]+[.][0-9]+\Z")

LONGEST_FQDN = 253
YAML_WORDS = "yes no on off true false null y n"
# Words that mean something else where the name of a machine is written.
RESERVED = {
    "localhost": "every machine itself",
    "ip6-localhost": "every machine itself",
    "broadcasthost": "every machine itself",
    "api": "the floating IP",
    "ignore": "a word of dnsmasq",
    "infinite": "a word of dnsmasq",
    **dict.fromkeys(YAML_WORDS.split(), "a word of YAML"),
    "config": "a file beside the connections of SSH",
    "machines": "a file beside the connections of SSH",
    "all": "a group of Ansible",
    "ungrouped": "a group of Ansible",
    "wpad": "a proxy that clients look for by themselves",
}
# What the kernel, Kubernetes' network or sysctl calls an interface.
INTERFACES = {"lo", "all", "default", "cni0", "pods0", "kube-ipvs0", "docker0"}
KERNEL_INTERFACE = re.compile(r"(eth|ens|enp|eno|wlan|veth|bond|tun|tap|dummy)[0-9]")
# Domains with a meaning of their own.
SPECIAL_DOMAINS = {
    "cluster.local": "the domain of Kubernetes' Services",
    "localhost": "every machine itself",
    "arpa": "the domain of reverse names",
    "invalid": "the domain of names that do not exist",
    "onion": "the domain of Tor",
}
# Users of Debian and of what the layers install.
SYSTEM_USERS = """
    root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody
    sshd messagebus _apt _chrony dnsmasq hacluster haproxy etcd containerd sudo adm staff
    systemd-network systemd-resolve systemd-timesync polkitd tss uuidd
"""


def check_datacenter(said: Said, problems: Problems) -> None:
    name = said.options.get("datacenter_name")
    if said.right("datacenter_name") and not DATACENTER.match(name or ""):
        problems.add(
            "A data center's name is 1 to 31 lower-case letters, digits and hyphens and begins with"
            " a letter",
            f"found '{name}'",
            "datacenter_name",
        )
    user = said.options.get("datacenter_admin_user")
    if not said.right("datacenter_admin_user"):
        return
    if not USER.match(user or ""):
        problems.add(
            "The administrator's name is 1 to 32 lower-case letters, digits, hyphens and"
            " underscores and begins with a letter",
            f"found {shown(user)}",
            "datacenter_admin_user",
        )
    elif user in YAML_WORDS.split():
        problems.add(
            "The administrator's name is a name everywhere",
            f"{user} is a word of YAML",
            "datacenter_admin_user",
        )
    elif user in SYSTEM_USERS.split():
        problems.add(
            "The administrator is a user of his own, with key login",
            f"{user} is a user that Debian has already",
            "datacenter_admin_user",
        )


def check_domain(said: Said, problems: Problems) -> None:
    if not said.right("datacenter_domain"):
        return
    domain = said.options["datacenter_domain"]
    where = "datacenter_domain"
    labels = domain.split(".")
    if not all(LABEL.match(label) for label in labels) or not labels[-1][0].isalpha():
        problems.add(
            "The domain is labels of lower-case letters, digits and hyphens with dots between, such"
            " as dc.internal",
            f"found {shown(domain)}",
            where,
        )
        return
    for special, meaning in SPECIAL_DOMAINS.items():
        if domain == special or domain.endswith(f".{special}"):
            problems.add("The domain is the data center's own", f"{special} is {meaning}", where)
    names = [machine["name"] for machine in said.machines] or ["api"]
    longest = max(names, key=len)
    if len(longest) + 1 + len(domain) > LONGEST_FQDN:
        problems.add(
            f"The name of a machine with its domain has at most {LONGEST_FQDN} characters",
            f"that of {shown(longest)} has {len(longest) + 1 + len(domain)}",
            where,
        )


def _machine(name: str, said: Said) -> tuple[str, str] | None:
    """What a machine's name has to be, and what was found instead; None if the name is good."""
    if not LABEL.match(name) or not name[0].isalpha():
        lower = name.lower()
        hint = f", lower case would do: {lower}" if name != lower and LABEL.match(lower) else ""
        return (
            "A machine's name is 1 to 63 lower-case letters, digits and hyphens, begins with a"
            " letter and does not end with a hyphen",
            f"found {shown(name)}{hint}",
        )
    if name in RESERVED:
        return "A machine's name means nothing else", f"{name} is {RESERVED[name]}"
    if name in said.groups:
        return "A machine's name is not the name of a group", f"{name} is both"
    if name in said.machine_hosts:
        return "A machine is not the host that holds machines", f"{name} is both"
    shared = [f"{said.options.get('datacenter_name')}-{end}" for end in ("base", "image-builder")]
    vm = f"{said.options.get('datacenter_virtualbox_vm_prefix', '')}{name}"
    if said.of_virtualbox() and vm in shared:
        return "A machine's name is its own in VirtualBox", f"{vm} is what all are cloned from"
    return None


def check_machines(said: Said, problems: Problems) -> None:
    for machine in said.machines:
        name = machine["name"]
        found = _machine(name, said)
        if found:
            problems.add(*found, f"the name of the host {shown(name)} in the inventory")


def check_segments(said: Said, problems: Problems) -> None:
    if not said.right("datacenter_segments"):
        return
    for segment in said.options["datacenter_segments"]:
        name = segment["name"]
        usual = 0 < len(name) <= 12 and name.replace("-", "").isalnum()
        if usual and not SEGMENT.match(name):
            problems.add(
                "A segment's name begins with a letter and is written in ASCII",
                f"found {shown(name)}",
                "datacenter_segments",
            )
        elif name in INTERFACES or KERNEL_INTERFACE.match(name):
            problems.add(
                "A segment's name is not one that interfaces have already (it names interfaces)",
                f"found {shown(name)}",
                "datacenter_segments",
            )


def check_version(said: Said, problems: Problems) -> None:
    version = said.options.get("datacenter_kubernetes_version")
    if said.right("datacenter_kubernetes_version") and not VERSION.match(version or ""):
        problems.add(
            "The version of Kubernetes is wanted as major.minor.patch, such as 1.36.2",
            f"found {shown(version)}",
            "datacenter_kubernetes_version",
        )


def check_vm_prefix(said: Said, problems: Problems) -> None:
    prefix = said.options.get("datacenter_virtualbox_vm_prefix")
    if said.right("datacenter_virtualbox_vm_prefix") and not VM_PREFIX.match(prefix or ""):
        problems.add(
            "Names of VMs begin with up to 32 lower-case letters, digits and hyphens, the first a"
            " letter, such as small-",
            f"found {shown(prefix)}",
            "datacenter_virtualbox_vm_prefix",
        )


def check_names(said: Said, problems: Problems) -> None:
    check_datacenter(said, problems)
    check_vm_prefix(said, problems)
    check_domain(said, problems)
    check_machines(said, problems)
    check_segments(said, problems)
    check_version(said, problems)
