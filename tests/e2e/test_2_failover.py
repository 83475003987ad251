# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine that holds the floating IP dies while a client asks the API ten times a second; then
the host of all machines is rebooted."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time

import datacenter
import host_reboot
import pytest


class Client:
    """Asks the API through the loopback port every 100 ms, and notes when it was answered."""

    def __init__(self) -> None:
        self.answers: list[tuple[float, bool]] = []
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def _ask(self, began: float) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            connection = http.client.HTTPSConnection(
                "127.0.0.1", datacenter.API_PORT, timeout=1.0, context=context
            )
            connection.request("GET", "/readyz")
            good = connection.getresponse().status == 200
            connection.close()
        except OSError:
            good = False
        except http.client.HTTPException:
            good = False
        self.answers.append((began, good))

    def _loop(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            asker = threading.Thread(target=self._ask, args=(began,), daemon=True)
            asker.start()
            self._threads.append(asker)
            self._stop.wait(max(0.0, 0.1 - (time.monotonic() - began)))

    def __enter__(self) -> Client:
        self._looper = threading.Thread(target=self._loop, daemon=True)
        self._looper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._looper.join()
        for thread in self._threads:
            thread.join(timeout=3)

    def steady(self) -> bool:
        """Whether the last twenty questions were all answered."""
        last = [good for _began, good in sorted(self.answers)[-20:]]
        return len(last) == 20 and all(last)

    def gap_seconds(self, since: float) -> float:
        """How long the API was away after a moment."""
        return datacenter.gap_seconds(item for item in self.answers if item[0] > since)


def holder() -> str | None:
    for machine in ("lb01", "lb02"):
        try:
            if "10.70.1.10" in datacenter.ssh(machine, "ip", "-4", "address", timeout=8):
                return machine
        except Exception:
            continue
    return None


def online(machine: str, count: int) -> bool:
    """Whether `machine` sees `count` members of the cluster online."""
    try:
        text = datacenter.ssh(machine, "sudo", "crm_mon", "-1", "--output-as=xml", timeout=10)
    except Exception:
        return False
    return text.count('online="true"') >= count


def assert_status_tells_it(dead: str, holder_now: str) -> None:
    """The page of status, while one load balancer is off."""
    run = datacenter.playbook("status", "-e", "status_fail_on=failed")
    print(f"\nstatus: {run.seconds:.0f} s")
    assert run.changed == {}
    assert run.code != 0
    assert f"\nFAILED       {dead} is stopped.\n" in run.output
    page = json.loads((datacenter.STATE / "status.json").read_text(encoding="utf-8"))
    assert page["state"] == "failed"
    machines = {machine["name"]: machine for machine in page["machines"]}
    assert [name for name, machine in machines.items() if not machine["answers"]] == [dead]
    assert [item["held_by"] for item in page["floating_ips"]] == [[holder_now]]
    assert sum(machine["node_ready"] is True for machine in machines.values()) == 5
    assert len(machines["gate01"]["leases"]) == 7
    assert machines["gate01"]["services"]["dnsmasq-gateway-firewall"] == "active"
    assert min(found["days_left"] for found in page["certificates"]) > 300
    assert f"virtual.datacenter.start with --limit={dead}." in page["next"][0]
    html = datacenter.STATE / "status.html"
    assert f"{dead} is stopped." in html.read_text(encoding="utf-8")
    assert html.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("finished")
def test_the_api_answers_through_the_other_load_balancer() -> None:
    dead = holder()
    assert dead is not None
    other = {"lb01": "lb02", "lb02": "lb01"}[dead]
    with Client() as client:
        datacenter.wait_for("the API answers before the power cut", client.steady, 60)
        cut = time.monotonic()
        datacenter.playbook("stop", "--limit", dead, "-e", "stop_power_cut=true").ok()
        datacenter.wait_for(f"{other} holds the floating IP", lambda: holder() == other, 60)
        datacenter.wait_for("the API answers through it", client.steady, 60)
    print(f"\ngap after a power cut of {dead}: {client.gap_seconds(cut):.1f} s")
    assert_status_tells_it(dead, other)


def api_answers() -> bool:
    """Whether one question of some seconds gets an answer."""
    with Client() as client:
        time.sleep(3)
    return any(good for _began, good in client.answers)


@pytest.mark.usefixtures("finished")
def test_start_brings_everything_back_after_a_reboot_of_the_host() -> None:
    """Machines, networks and processes of the lab are gone; one load balancer was off before."""
    host_reboot.cut(datacenter.NAME)
    assert not api_answers()
    back = datacenter.playbook("start").ok()
    print(f"\nback after {back.seconds:.0f} s")
    # At its end, not some time later.
    assert api_answers()
    for machine in ("lb01", "lb02"):
        datacenter.wait_for(
            f"{machine} is back in the cluster", lambda name=machine: online(name, 2), 120
        )
    datacenter.playbook("verify").unchanged()
