# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modprobe finds in a machine: the host's module tree, or one that names what is built
into the kernel.
"""

from __future__ import annotations

import gzip
import os
import platform
import re
import tempfile

from ansible_collections.virtual.datacenter.plugins.module_utils._core import command

HOST_TREE = "/lib/modules"
FOLDER = ".modules"
# What roles and container tools load by name, and the kernel option that tells whether it is built
# in.
BUILT_IN = {
    "BRIDGE": "kernel/net/bridge/bridge.ko",
    "BRIDGE_NETFILTER": "kernel/net/bridge/br_netfilter.ko",
    "IP_SET": "kernel/net/netfilter/ipset/ip_set.ko",
    "IP_VS": "kernel/net/netfilter/ipvs/ip_vs.ko",
    "MACVLAN": "kernel/drivers/net/macvlan.ko",
    "NF_CONNTRACK": "kernel/net/netfilter/nf_conntrack.ko",
    "NF_NAT": "kernel/net/netfilter/nf_nat.ko",
    "NF_TABLES": "kernel/net/netfilter/nf_tables.ko",
    "OVERLAY_FS": "kernel/fs/overlayfs/overlay.ko",
    "TUN": "kernel/drivers/net/tun.ko",
    "VETH": "kernel/drivers/net/veth.ko",
    "VXLAN": "kernel/drivers/net/vxlan/vxlan.ko",
}


def built_in(kernel_config: str) -> list[str]:
    """Module files that this kernel has inside."""
    options = set(re.findall(r"^CONFIG_(\w+)=y$", kernel_config, re.MULTILINE))
    return [path for option, path in BUILT_IN.items() if option in options]


def kernel_config(release: str) -> str:
    try:
        with gzip.open("/proc/config.gz", "rt", encoding="utf-8") as file:
            return file.read()
    except OSError:
        pass
    try:
        with open(f"/boot/config-{release}", encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def tree(root: str) -> str:
    """The folder to mount at /lib/modules; for a kernel without a tree it lies below the lab's
    folder.
    """
    release = platform.release()
    if os.path.exists(os.path.join(HOST_TREE, release, "modules.dep")):
        return HOST_TREE
    return os.path.join(root, FOLDER, release, "lib", "modules")


def make_tree(path: str) -> None:
    """Make the tree if it is one of ours; several machines may do this at the same time."""
    if path == HOST_TREE or os.path.isdir(path):
        return
    release = platform.release()
    top = os.path.dirname(os.path.dirname(path))
    os.makedirs(os.path.dirname(top), mode=0o755, exist_ok=True)
    new = tempfile.mkdtemp(dir=os.path.dirname(top), prefix=".new-")
    os.chmod(new, 0o755)
    directory = os.path.join(new, "lib", "modules", release)
    os.makedirs(directory)
    for name, lines in (
        ("builtin", built_in(kernel_config(release))),
        ("order", []),
        ("builtin.modinfo", []),
    ):
        with open(os.path.join(directory, f"modules.{name}"), "w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
    command.run("depmod", "-b", new, release)
    try:
        os.rename(new, top)
    except OSError:
        # Somebody else was faster.
        command.run("rm", "--recursive", "--force", new)
