# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our load balancers before a judge of others, crmsh's crash test.

It finds the cluster as the role ha_lb leaves it; its configuration is ours.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "e2e"))
import datacenter
from judged import Judged

MADE = Judged(Path(__file__).with_name("datacenter.yml"), "chaos-cluster", 2383, 6583)
AGENT = Path(__file__).with_name("fence_over_ssh.py")
NODES = ("lb01", "lb02")
KEY = "/root/.ssh/id_ed25519"
ADDRESSES = ("ha_lb_address_www", "ha_lb_address_shop")


def write(name: str, path: str, text: str, mode: str = "0600") -> None:
    command = f"install -D -m {mode} /dev/null {path} && printf '%%s' %s >{path}"
    MADE.machine(name).check_output(command, text)


def trust_each_other() -> None:
    """Root of each node is reached by the other one, which fences it."""
    keys = ""
    for name in NODES:
        known = (MADE.state / "ssh" / "known_hosts").read_text(encoding="utf-8")
        write(name, "/root/.ssh/known_hosts", known)
        machine = MADE.machine(name)
        machine.check_output(f"test -e {KEY} || ssh-keygen -q -t ed25519 -N '' -f {KEY}")
        keys += machine.check_output(f"cat {KEY}.pub") + "\n"
    for name in NODES:
        write(name, "/root/.ssh/authorized_keys", keys)


@pytest.fixture(scope="module", autouse=True)
def made() -> Iterator[None]:
    MADE.destroy()
    try:
        for layer in ("machines", "gateway", "base"):
            MADE.play(layer).ok()
        trust_each_other()
        for name in NODES:
            write(name, "/usr/sbin/fence_over_ssh", AGENT.read_text(encoding="utf-8"), "0755")
            install = "apt-get install -y -q --no-install-recommends crmsh psmisc"
            MADE.machine(name).check_output(install)
        MADE.play("load_balancer").ok()
        yield
    finally:
        MADE.destroy()


@pytest.fixture(autouse=True)
def well() -> None:
    """Every judge finds a whole cluster."""
    datacenter.wait_for("the cluster is well", whole, 180)


def says(name: str, command: str) -> str:
    """What it answers; nothing while the machine is gone."""
    try:
        return MADE.machine(name).run(command).stdout
    except RuntimeError:
        return ""


def whole() -> bool:
    said = says(NODES[0], "crm_mon --one-shot --inactive --output-as=xml")
    started = re.findall(r'<resource id="(\w+)".* role="Started"', said)
    wanted = ["ha_lb_haproxy"] * 2 + [*ADDRESSES, *(f"ha_lb_fence_{name}" for name in NODES)]
    return sorted(started) == sorted(wanted) and "<failure " not in said


def configuration() -> str:
    """What the role wrote, without what changes by itself."""
    said = MADE.machine(NODES[0]).check_output("cibadmin --query --xpath //configuration")
    return re.sub(r"<nvpair [^>]*name=\"last-lrm-refresh\"[^>]*/>", "", said)


REPORT = "/var/lib/crmsh/crash_test/crash_test.json"
# What crmsh expects: "restarted", or for corosync also that the node is fenced.
CRASHES = {"corosync": True, "pacemakerd": False}


@pytest.mark.parametrize("process", CRASHES)
@pytest.mark.parametrize("node", NODES)
def test_crash_test_of_crmsh(node: str, process: str) -> None:
    before, booted = configuration(), boot(node)
    # By systemd: the node, and whoever is logged in there, may be gone in the middle of it.
    asked = f"crm cluster crash_test --kill-{process} --force"
    MADE.machine(node).check_output(f"rm -f {REPORT}; systemd-run --quiet --unit=crash {asked}")
    ended = "systemctl is-active crash"
    datacenter.wait_for(
        "it ended", lambda: says(node, ended).strip() in ("inactive", "failed"), 120
    )
    datacenter.wait_for("the cluster is well", whole, 180)
    (report,) = json.loads(says(node, f"cat {REPORT}"))
    said = "\n".join(report["Messages"])
    fenced = boot(node) != booted
    print(f"\n{node}, {report['Description']}: {'fenced' if fenced else 'restarted'}")
    assert f"killall -9 {process}" in said
    assert "ERROR:" not in said
    assert CRASHES[process] if fenced else re.search(rf"{process}.* is restarted", said), said
    assert configuration() == before


def boot(node: str) -> str:
    """When the first process of the node began."""
    return MADE.machine(node).check_output("cut -d ' ' -f 22 /proc/1/stat")
