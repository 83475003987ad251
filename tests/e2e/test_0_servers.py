# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example of a web site: servers behind load balancers and two gateways, without Kubernetes."""

from __future__ import annotations

import itertools
import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import datacenter
import pytest

NAME = "e2e-web"
EXAMPLE = Path("ansible_collections/virtual/datacenter/examples/web")
STATE = datacenter.STATE.with_name(NAME)
PORT = 26488
# The ports through the second gateway are that much higher, datacenter_second_gateway_port_step.
STEP = 10000
ROUTER = "10.70.4.1"
PACKAGES = "packages.example.org"
FLOATING = "10.70.1.20"
FENCE_LOG = Path("/var/lib/virtual.datacenter") / NAME / "run/fencing/fencing.log"
NO_CLUSTER = "".join(
    f"add table inet cut; add chain inet cut {hook} {{ type filter hook {hook} priority 0; }};"
    f"add rule inet cut {hook} udp dport 5405 drop;"
    for hook in ("input", "output")
)
PROGRAMS = Path(__file__).with_name("programs")
OWN = (
    f"datacenter_name={NAME}",
    "datacenter_ssh_port=2291",
    "datacenter_api_port=6491",
    f"datacenter_package_cache_hosts={PACKAGES}",
)


def play(installed: Path, playbook: str | Path, *variables: str, limit: str = "") -> datacenter.Run:
    """A playbook on the example's inventory, with ports and a name of the tests' own."""
    argv = [str(datacenter.BIN / "ansible-playbook"), "-i", str(installed / "web.yml")]
    more = [word for variable in (*OWN, *variables) for word in ("-e", variable)]
    return datacenter.run(
        [*argv, str(playbook), *(["--limit", limit] if limit else []), *more],
        cwd=installed,
        env=datacenter.environment(installed),
    )


@pytest.fixture(scope="module")
def made(installed: Path) -> Iterator[datacenter.Run]:
    text = (installed / EXAMPLE / "datacenter.yml").read_text(encoding="utf-8")
    assert text.count("port: 8088") == 1
    inventory = text.replace("port: 8088", f"port: {PORT}")
    (installed / "web.yml").write_text(inventory, encoding="utf-8")
    gone = ("virtual.datacenter.destroy", f"destroy_confirm={NAME}", "destroy_state=true")
    play(installed, *gone)
    try:
        yield play(installed, installed / EXAMPLE / "site.yml").ok()
    finally:
        assert play(installed, *gone).code == 0
        assert not STATE.exists()


def asked(port: int = PORT) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return str(answer.read().decode()).strip()
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        return str(error)


def ssh(machine: str, *argv: str) -> str:
    return datacenter.ssh(machine, *argv, config=STATE / "ssh" / "config")


def test_a_data_center_of_servers_is_verified(made: datacenter.Run) -> None:
    print(f"\nsix machines without Kubernetes, with a page on two of them: {made.seconds:.0f} s")
    assert f"Data center {NAME} is verified." in made.output
    for line in (
        "server01     10.70.4.11       server     server",
        "Frontend     site, port 80 of www.dc.internal to server01, server02",
        f"Port         {PORT} of 127.0.0.1 on workstation to 10.70.1.20:80, site",
    ):
        assert line in made.output
    assert "kube" not in made.output.split("is verified.")[1].lower()


@pytest.mark.usefixtures("made")
def test_the_host_reaches_both_servers_through_the_floating_ip() -> None:
    assert {asked() for _ in range(6)} == {"This is server01.", "This is server02."}


@pytest.mark.usefixtures("made")
def test_the_death_of_a_server_is_not_seen_and_its_return_is() -> None:
    ssh("server01", "sudo", "systemctl", "stop", "page")
    try:
        answers = []
        for _ in range(30):
            answers.append(asked())
            time.sleep(0.1)
        assert set(answers) == {"This is server02."}, answers
    finally:
        ssh("server01", "sudo", "systemctl", "start", "page")
    datacenter.wait_for(
        "server01 is asked again", lambda: "This is server01." in {asked() for _ in range(6)}
    )


def router() -> str:
    """The gateway that has the routers' addresses, asked of both; keepalived moves one by one."""
    found = []
    for gateway in ("gate01", "gate02"):
        try:
            shown = ssh(gateway, "ip", "-4", "address", "show")
        except subprocess.CalledProcessError:
            continue
        if all(f" 10.70.{number}.1/" in shown for number in range(1, 5)):
            found.append(gateway)
    return " ".join(found)


@pytest.fixture
def origin(made: datacenter.Run) -> Iterator[str]:
    """The gateway that is the router has the machines' packages at the name of another host."""
    assert made.code == 0
    gateway = router()
    serve = "python3 -m http.server 80 --bind 127.0.0.1 --directory /srv/debs"
    ssh(gateway, f"echo 127.0.0.1 {PACKAGES} | sudo tee -a /etc/hosts")
    ssh(gateway, "sudo", "systemd-run", "--unit=origin", *serve.split())
    try:
        ssh(gateway, "curl -sf --retry 30 --retry-connrefused --retry-delay 1 127.0.0.1/Release")
        yield gateway
    finally:
        ssh(gateway, "sudo systemctl stop origin 2>/dev/null || true")
        ssh(gateway, f"sudo sed -i /{PACKAGES}/d /etc/hosts")


def test_the_gateway_keeps_packages(origin: str) -> None:
    text = f"deb [trusted=yes] http://{PACKAGES} ./"
    options = "-o Dir::Etc::sourcelist=/tmp/o.list -o Dir::Etc::sourceparts=/dev/null"
    for server in ("server01", "server02"):
        ssh(server, f"echo '{text}' >/tmp/o.list && sudo apt-get {options} update")
    ssh("server01", f"cd /tmp && apt-get {options} download jq")
    ssh(origin, "sudo", "systemctl", "stop", "origin")
    ssh("server02", f"cd /tmp && apt-get {options} download jq && dpkg --info jq_*.deb")
    # The cache is no way to what the firewall closes.
    curl = f"curl -s -o /dev/null -w '%{{http_code}}' -x http://{ROUTER}:3142"
    assert ssh("server01", f"{curl} http://{FLOATING}/pool/jq_1_amd64.deb").strip() == "403"
    for server in ("server01", "server02"):
        ssh(
            server,
            "sudo rm -rf /tmp/o.list /tmp/jq_*.deb /var/lib/apt/lists/* && sudo apt-get update",
        )


def other(gateway: str) -> str:
    return {"gate01": "gate02", "gate02": "gate01"}[gateway]


def name_of_the_stranger(server: str) -> str:
    argv = ("dig", "+short", "+time=1", "+tries=2", "stranger.dc.internal", f"@{server}")
    return ssh("server01", *argv).strip()


@pytest.fixture
def stranger(made: datacenter.Run) -> Iterator[str]:
    """A machine that the plan does not know, with an address of the pool."""
    assert made.code == 0
    unit = "/run/systemd/network/stranger.network"
    text = (
        "[Match]\nName=stranger\n[Network]\nDHCP=ipv4\nIPv6AcceptRA=no\n"
        "[DHCPv4]\nHostname=stranger\nUseGateway=no\nUseRoutes=no\nUseDNS=no\n"
    )
    ssh("server01", f"printf '{text}' | sudo tee {unit}")
    ssh("server01", "sudo ip link add link server name stranger type macvlan mode bridge")
    ssh("server01", "sudo networkctl reload && sudo networkctl up stranger")
    try:
        datacenter.wait_for("the stranger has a name", lambda: name_of_the_stranger(ROUTER) != "")
        yield name_of_the_stranger(ROUTER)
    finally:
        ssh("server01", f"sudo ip link del stranger; sudo rm {unit}; sudo networkctl reload")


def measured(answers: list[tuple[float, bool]]) -> tuple[int, float]:
    """How many questions were lost, and the seconds from the first of them to an answer."""
    assert all(good for _began, good in answers[-20:]), "it does not answer again"
    return sum(not good for _began, good in answers), datacenter.gap_seconds(answers)


def test_the_power_cut_of_a_gateway_is_hardly_seen(
    made: datacenter.Run, installed: Path, stranger: str
) -> None:
    cut = router()
    kept = other(cut)
    assert asked(PORT + STEP).startswith("This is server0"), "through the second gateway"
    datacenter.wait_for(
        "the other gateway knows the lease",
        lambda: (
            name_of_the_stranger({"gate01": "10.70.4.3", "gate02": "10.70.4.2"}[cut]) == stranger
        ),
    )
    program = (PROGRAMS / "ask_the_page.py").read_text(encoding="utf-8")
    subprocess.run(
        ["ssh", "-F", str(STATE / "ssh" / "config"), "server01", "cat >ask.py; rm -f /tmp/asked"],
        input=program,
        text=True,
        check=True,
    )
    asking = f"python3 ask.py 25 10.70.1.20 {ROUTER} server02.dc.internal /tmp/asked"
    ssh("server01", f"nohup {asking} >/dev/null 2>&1 </dev/null & sleep 2")
    play(installed, "virtual.datacenter.stop", "stop_power_cut=true", limit=cut).ok()
    try:
        datacenter.wait_for("the other gateway is the router", lambda: router() == kept)
        datacenter.wait_for("the questions end", lambda: "asked" in ssh("server01", "ls", "/tmp"))
        found = json.loads(ssh("server01", "cat", "/tmp/asked"))
        stream = found.pop("stream")
        assert len(stream) > 50
        assert all(good for _began, good in stream), "a connection between segments goes on"
        longest = max(later[0] - began[0] for began, later in itertools.pairwise(stream))
        print(f"\na connection that was open: longest wait {longest:.2f} s")
        for what, answers in found.items():
            lost, gap = measured([tuple(answer) for answer in answers])
            print(f"\n{what}: {lost} of 20 questions a second lost, gap {gap:.2f} s, {cut} cut off")
        # The lease, its name, and its renewal outlive the one who lent it.
        assert name_of_the_stranger(ROUTER) == stranger
        ssh("server01", "sudo", "networkctl", "renew", "stranger")
        assert stranger in ssh("server01", "ip", "-4", "address", "show", "stranger")
        page = play(installed, "virtual.datacenter.status", "status_fail_on=failed")
        assert page.code != 0
        assert f"{cut} is stopped." in page.output
    finally:
        play(installed, "virtual.datacenter.start", limit=cut).ok()
    assert router() == kept, "who returns takes nothing back"
    page = play(installed, "virtual.datacenter.status", "status_fail_on=failed").ok()
    assert f"The router of all segments is {kept}." in " ".join(page.output.split())


@pytest.mark.usefixtures("made")
def test_a_gateway_whose_dnsmasq_hangs_is_left() -> None:
    left = router()
    ssh(left, "sudo", "systemctl", "kill", "--signal=STOP", "dnsmasq")
    try:
        datacenter.wait_for("the other gateway is the router", lambda: router() == other(left))
    finally:
        ssh(left, "sudo", "systemctl", "kill", "--signal=CONT", "dnsmasq")
    datacenter.wait_for(
        "the one lends, the other does not",
        lambda: (
            "standby" in ssh(left, "sudo", "nft", "list", "tables")
            and "standby" not in ssh(other(left), "sudo", "nft", "list", "tables")
        ),
    )


def on_load_balancer(machine: str, *argv: str) -> str:
    """What a command prints there; nothing if the machine does not answer."""
    try:
        return ssh(machine, *argv)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return ""


def holders() -> list[str]:
    """The load balancers that have the floating IP, asked of both."""
    shown = {
        name: on_load_balancer(name, "ip", "-4", "address", "show") for name in ("lb01", "lb02")
    }
    return [name for name, text in shown.items() if f" {FLOATING}/" in text]


def fence_log() -> list[str]:
    return FENCE_LOG.read_text(encoding="utf-8").splitlines() if FENCE_LOG.exists() else []


def are_members(asked: str) -> bool:
    return "Online: [ lb01 lb02 ]" in on_load_balancer(asked, "sudo", "crm_mon", "-1")


def test_a_load_balancer_that_does_not_see_the_other_is_killed_and_comes_back(
    made: datacenter.Run, installed: Path
) -> None:
    assert made.code == 0
    (holder,) = holders()
    other = {"lb01": "lb02", "lb02": "lb01"}[holder]
    began = ssh(other, "stat", "-c", "%Y", "/proc/1")
    noted = len(fence_log())
    seen = []

    def is_killed() -> bool:
        seen.append(holders())
        return len(fence_log()) > noted

    # Both still reach the gateways, and so the host.
    ssh(other, f"printf '{NO_CLUSTER}' | sudo nft -f -")
    cut = time.monotonic()
    datacenter.wait_for("one of them is killed", is_killed)
    print(f"\nkilled {time.monotonic() - cut:.1f} s after the cut")
    assert fence_log()[noted:][0].endswith(f" reboot {other}: it is off, and is started again")
    datacenter.wait_for("they are one cluster again", lambda: are_members(other), 180)
    seen.append(holders())
    assert seen[-1] == [holder]
    # None is a question that got no answer.
    assert set(map(tuple, seen)) <= {(holder,), ()}, "never two, and never the other one"
    assert int(ssh(other, "stat", "-c", "%Y", "/proc/1")) > int(began)
    assert len(fence_log()) == noted + 1
    page = play(installed, "virtual.datacenter.status", "status_fail_on=failed").ok()
    fenced = "The load balancers fence each other by ha_lb_fence_lb01, ha_lb_fence_lb02."
    assert fenced in " ".join(page.output.split())


# test_2_failover cuts the power of a fenced load balancer too.
@pytest.mark.nightly
def test_a_load_balancer_that_somebody_stops_stays_off(
    made: datacenter.Run, installed: Path
) -> None:
    assert made.code == 0
    (holder,) = holders()
    other = {"lb01": "lb02", "lb02": "lb01"}[holder]
    noted = len(fence_log())
    play(installed, "virtual.datacenter.stop", limit=other).ok()
    datacenter.wait_for("the holder keeps it", lambda: holders() == [holder])
    play(installed, "virtual.datacenter.start", limit=other).ok()
    datacenter.wait_for("they are one cluster again", lambda: are_members(other), 180)
    assert fence_log()[noted:] == [], "who leaves in good order is not fenced"
    play(installed, "virtual.datacenter.stop", "stop_power_cut=true", limit=holder).ok()
    try:
        datacenter.wait_for("the other one holds the address", lambda: holders() == [other])
        page = play(installed, "virtual.datacenter.status", "status_fail_on=failed")
        assert f"{holder} is stopped." in page.output
    finally:
        play(installed, "virtual.datacenter.start", limit=holder).ok()
    datacenter.wait_for("they are one cluster again", lambda: are_members(other), 180)
    assert fence_log()[noted:] == []


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("machine", ["gate01", "server01"])
def test_ipv6_is_of_the_link_alone_and_not_forwarded(machine: str) -> None:
    assert ssh(machine, "ip", "-6", "-oneline", "address", "show", "scope", "global") == ""
    assert ssh(machine, "ip", "-6", "route", "show", "default") == ""
    assert ssh(machine, "cat", "/proc/sys/net/ipv6/conf/all/forwarding") == "0\n"


def test_a_second_run_changes_nothing_and_names_nothing_that_is_not_there(
    made: datacenter.Run, installed: Path
) -> None:
    again = play(installed, installed / EXAMPLE / "site.yml").unchanged()
    print(f"\nagain: {again.seconds:.0f} s")
    assert "Could not match" not in again.output
