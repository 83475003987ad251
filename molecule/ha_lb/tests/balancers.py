# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests and benchmarks of the load balancers share: the machines, the cluster, a client."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import ssl
import subprocess
import threading
import time
import typing as t
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host

ROOT = Path(__file__).resolve().parents[3]
NAME = "mol-" + os.environ["MOLECULE_SCENARIO_NAME"].replace("_", "-")
STATE = Path.home() / ".local/state/virtual.datacenter" / NAME
FLOATING_IP = "10.70.1.10"
WEB_IP = "10.70.1.15"
# A loopback port of this machine that the gateway leads to port 6443 of the floating IP.
API_PORT = 25000 + int(hashlib.md5(NAME.encode()).hexdigest()[:3], 16)
ADDRESSES = {"balancer1": "10.70.1.11", "balancer2": "10.70.1.12"}
NODES = tuple(ADDRESSES)


def machine(name: str) -> Host:
    return testinfra.get_host(f"ssh://{name}?ssh_config={STATE}/ssh/config", sudo=True)


def playbook(path: Path, *options: str, fails: bool = False) -> str:
    """Run a playbook on the scenario's machines as Molecule does; its output."""
    inventory = str(Path(os.environ["MOLECULE_INVENTORY_FILE"]).parent)
    argv = ["ansible-playbook", "-i", inventory, str(path), *options]
    config = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "ansible.cfg"
    plain = {"ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"}
    env = {**os.environ, **plain, "ANSIBLE_CONFIG": str(config)}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=600, check=False)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr if fails else done.stdout


def converge() -> str:
    return playbook(ROOT / "molecule" / "ha_lb" / "converge.yml")


def ask(path: str = "/", timeout: float = 5) -> tuple[int, str]:
    """Ask through gateway, floating IP and haproxy."""
    context = ssl._create_unverified_context()
    connection = http.client.HTTPSConnection(
        "127.0.0.1", API_PORT, timeout=timeout, context=context
    )
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode().strip()
    finally:
        connection.close()


def answers() -> set[str]:
    """Which servers answer six questions; fewer where one is not answered."""
    found = set()
    for _ in range(6):
        with contextlib.suppress(OSError, http.client.HTTPException):
            found.add(ask()[1])
    return found


def wait_for(what: str, condition: t.Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.5)
    print(*map(what_it_did, NODES), sep="\n")
    shown = "dc,nodes,resources,failcounts,failures,attributes,fencing-failed,fencing-pending"
    seen = machine(NODES[0]).run(f"crm_mon -1 --include=none,{shown}").stdout
    pytest.fail(f"{what}: not within {seconds:.0f} s\n{seen}")


def what_it_did(name: str) -> str:
    """The last lines of a node's log, which pytest shows where a test failed."""
    units = "--unit pacemaker --unit corosync --unit haproxy --unit attrd"
    said = machine(name).run(f"journalctl --boot --lines 100 --no-pager {units}").stdout
    return f"{name}:\n{said}"


def holders(names: t.Iterable[str] = NODES) -> list[str]:
    command = f"ip -o -4 address show to {FLOATING_IP}"
    return [name for name in names if machine(name).check_output(command)]


QUESTION = """
import http.client, json, ssl, sys
url, cookie = sys.argv[1:]
scheme, host = url.split("://")
context = ssl._create_unverified_context()
connection = (
    http.client.HTTPSConnection(host, timeout=10, context=context)
    if scheme == "https" else http.client.HTTPConnection(host, timeout=10)
)
connection.request("GET", "/readyz?a=1", headers={"Cookie": cookie} if cookie else {})
answer = connection.getresponse()
print(json.dumps([answer.status, dict(answer.getheaders()), answer.read().decode().strip()]))
"""


def asked_by(name: str, url: str, cookie: str = "") -> tuple[int, dict[str, str], str]:
    """What a machine is answered: status, headers, text."""
    said = machine(name).check_output("python3 -c %s %s %s", QUESTION, url, cookie)
    status, headers, text = json.loads(said)
    return status, headers, text


def crm_mon(name: str = "balancer1") -> ET.Element:
    return ET.fromstring(machine(name).run("crm_mon -1 --inactive --output-as=xml").stdout)


def runs_on(resource: str, now: ET.Element | None = None) -> set[str]:
    state = crm_mon() if now is None else now
    found = state.findall(f".//resource[@id='{resource}'][@role='Started']/node")
    return {element.get("name", "") for element in found}


def settled(seen_from: str = "balancer1") -> bool:
    now = crm_mon(seen_from)
    online = [n for n in now.findall("nodes/node") if n.get("online") == "true"]
    return (
        len(online) == 2
        and runs_on("ha_lb_haproxy", now) == set(NODES)
        and all(len(runs_on(f"ha_lb_address_{name}", now)) == 1 for name in ("api", "web"))
        and not now.findall("failures/failure")
    )


class Client:
    """Asks the API through the floating IP twenty times a second, and keeps which were answered."""

    def __init__(self, patience: float = 0.9) -> None:
        self.patience = patience
        self.threads: list[threading.Thread] = []
        self.answers: list[tuple[float, bool]] = []
        self.losses: list[str] = []
        self.stop = threading.Event()

    def one(self, began: float) -> None:
        try:
            said = str(ask("/health", self.patience)[0])
        except (OSError, http.client.HTTPException) as error:
            said = repr(error)
        if said != "200":
            self.losses.append(said)
        self.answers.append((began, said == "200"))

    def loop(self) -> None:
        while not self.stop.wait(0.05):
            thread = threading.Thread(target=self.one, args=(time.monotonic(),), daemon=True)
            self.threads.append(thread)
            thread.start()

    def __enter__(self) -> Client:
        threading.Thread(target=self.loop, daemon=True).start()
        time.sleep(1)
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(2)
        self.stop.set()
        time.sleep(0.1)
        for thread in self.threads:
            thread.join()

    def steady(self) -> bool:
        """Whether the last twenty questions were all answered."""
        last = [good for _began, good in sorted(self.answers)[-20:]]
        return len(last) == 20 and all(last)

    def gap(self) -> float:
        """The longest time from a question without an answer to the next one that has one."""
        longest, since = 0.0, 0.0
        for began, good in sorted(self.answers):
            if good and since:
                longest, since = max(longest, began - since), 0.0
            elif not good and not since:
                since = began
        assert not since, "nobody answers any more"
        return longest
