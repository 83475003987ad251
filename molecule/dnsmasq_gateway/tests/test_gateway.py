# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway as the machines behind it and the world outside see it."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import testinfra
from testinfra.host import Host

NAME = "mol-" + os.environ["MOLECULE_SCENARIO_NAME"].replace("_", "-")
CONFIG = Path.home() / ".local/state/virtual.datacenter" / NAME / "ssh" / "config"
# As in molecule/shared/group_vars/all.yml.
API_PORT = 25000 + int(hashlib.md5(NAME.encode()).hexdigest()[:3], 16)
OUTSIDE = ["nsenter", f"--net=/run/netns/vdc-{NAME}-outside"]
GATEWAY_OUTSIDE = "10.0.2.15"
OUTSIDE_ROUTER = "10.0.2.2"
INTERNET = "198.51.100.10"
# One line per connection: who asks, then what it sends comes back.
LISTENER = f"""
import socket
server = socket.create_server(("{INTERNET}", 8080))
print("ready", flush=True)
while True:
    connection, address = server.accept()
    print(address[0], flush=True)
    while data := connection.recv(100):
        connection.sendall(data)
    connection.close()
"""


def machine(name: str) -> Host:
    return testinfra.get_host(f"ssh://{name}?ssh_config={CONFIG}", sudo=True)


@pytest.fixture(scope="module")
def gateway() -> Host:
    return machine("router1")


@pytest.fixture(scope="module")
def desk1() -> Host:
    return machine("desk1")


@pytest.fixture(scope="module")
def server1() -> Host:
    return machine("server1")


@pytest.fixture
def internet() -> Iterator[subprocess.Popen[str]]:
    """A server behind the uplink that says who it sees."""
    process = subprocess.Popen(
        [*OUTSIDE, sys.executable, "-c", LISTENER], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.wait()


def addresses(host: Host, interface: str) -> list[dict[str, object]]:
    links = json.loads(host.check_output(f"ip -j -4 addr show dev {interface}"))
    return [entry for link in links for entry in link["addr_info"]]


def connects(host: Host, address: str, port: int) -> bool:
    script = f"timeout 3 bash -c '</dev/tcp/{address}/{port}'"
    return host.run(script).rc == 0


def lease_of(gateway: Host, name: str) -> str:
    for line in gateway.check_output("cat /var/lib/misc/dnsmasq.leases").splitlines():
        fields = line.split()
        if fields[3] == name:
            return fields[2]
    return ""


@pytest.mark.parametrize("service", ["dnsmasq", "dnsmasq-gateway-firewall"])
def test_services_run_and_come_back(gateway: Host, service: str) -> None:
    assert gateway.service(service).is_running
    assert gateway.service(service).is_enabled


@pytest.mark.parametrize(
    ("name", "interface", "address"),
    [("desk1", "edge", "10.70.1.11"), ("server1", "control", "10.70.2.11")],
)
def test_known_machines_get_their_address_by_dhcp(name: str, interface: str, address: str) -> None:
    host = machine(name)
    (found,) = addresses(host, interface)
    assert found["local"] == address
    lease = host.check_output("cat /run/systemd/netif/leases/*")
    assert f"ADDRESS={address}" in lease
    router = address.rsplit(".", 1)[0] + ".1"
    assert f"default via {router}" in host.check_output("ip -4 route show default")
    assert f"DNS={router}" in host.check_output("cat /run/systemd/netif/leases/*"), "resolver"


@pytest.mark.parametrize(("name", "interface"), [("desk1", "edge"), ("server1", "control")])
def test_an_address_of_a_known_machine_does_not_expire(name: str, interface: str) -> None:
    """So that it outlives any time without a gateway."""
    shown = machine(name).check_output(f"ip -4 address show dev {interface}")
    assert "valid_lft forever" in shown


def test_contents_of_files_are_not_in_the_journal(gateway: Host) -> None:
    """The journal says which files the module was invoked for, and not what they hold."""
    journal = gateway.check_output("journalctl --boot --no-pager --output cat")
    assert "Invoked for /etc/dnsmasq.conf /etc/dnsmasq-gateway.nft" in journal
    for held in ("dhcp-ignore-clid", "policy drop", "localise-queries"):
        assert held in gateway.check_output("cat /etc/dnsmasq.conf /etc/dnsmasq-gateway.nft")
        assert held not in journal


def test_an_unknown_machine_gets_an_address_of_the_pool(gateway: Host) -> None:
    address = ""
    deadline = time.monotonic() + 60
    while not address and time.monotonic() < deadline:
        address = lease_of(gateway, "guest1")
        time.sleep(0 if address else 0.5)
    pool = range(
        int(ipaddress.IPv4Address("10.70.1.200")), int(ipaddress.IPv4Address("10.70.1.250")) + 1
    )
    assert int(ipaddress.IPv4Address(address)) in pool
    assert gateway.check_output("dig +short guest1.example.internal @127.0.0.1") == address


def test_a_lease_and_its_names_outlive_a_restart(gateway: Host) -> None:
    address = lease_of(gateway, "guest1")
    gateway.check_output("systemctl restart dnsmasq")
    assert lease_of(gateway, "guest1") == address
    assert gateway.check_output("dig +short guest1.example.internal @127.0.0.1") == address
    reverse = gateway.check_output(f"dig +short -x {address} @127.0.0.1")
    assert reverse == "guest1.example.internal."


def test_the_address_of_an_unknown_machine_does(gateway: Host) -> None:
    leases = gateway.check_output("cat /var/lib/misc/dnsmasq.leases").splitlines()
    expiry = {line.split()[3]: int(line.split()[0]) for line in leases}
    assert (expiry["desk1"], expiry["server1"]) == (0, 0)
    assert expiry["guest1"] > 0


@pytest.mark.parametrize(
    ("asking", "server"),
    [("desk1", "10.70.1.1"), ("server1", "10.70.2.1"), ("router1", "127.0.0.1")],
)
@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("desk1.example.internal", "10.70.1.11"),
        ("server1.example.internal", "10.70.2.11"),
        ("api.example.internal", "10.70.1.10"),
        ("mirror.example.internal", "10.70.2.99"),
    ],
)
def test_names_forward_and_reverse(asking: str, server: str, name: str, address: str) -> None:
    host = machine(asking)
    assert host.check_output(f"dig +short {name} @{server}") == address
    assert host.check_output(f"dig +short -x {address} @{server}") == f"{name}."


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("shop.apps.example.internal", "10.70.1.20"),
        ("www.example.internal", "desk1.example.internal.\n10.70.1.11"),
        ("way-in.example.internal", "router1.example.internal.\n10.70.2.1"),
        ("SRV _http._tcp.example.internal", "1 5 8080 mirror.example.internal."),
        ("TXT note.example.internal", '"a,b; c"'),
    ],
)
def test_further_records(server1: Host, question: str, answer: str) -> None:
    assert server1.check_output(f"dig +short {question} @10.70.2.1") == answer


def test_the_gateway_is_known_by_the_address_of_ones_own_segment(
    desk1: Host, server1: Host
) -> None:
    assert desk1.check_output("dig +short router1.example.internal") == "10.70.1.1"
    assert server1.check_output("dig +short router1.example.internal") == "10.70.2.1"


def test_other_names_are_asked_upstream(server1: Host) -> None:
    assert server1.check_output("dig +short upstream.test") == INTERNET


def test_local_names_and_addresses_are_not(server1: Host) -> None:
    log = Path(f"/var/lib/virtual.datacenter/{NAME}/run/dnsmasq.log")
    for question in ("nobody.example.internal", "-x 10.70.2.77"):
        assert "NXDOMAIN" in server1.check_output(f"dig {question} @10.70.2.1")
    asked = log.read_text(encoding="utf-8")
    assert "upstream.test" in asked
    assert "nobody" not in asked
    assert "77.2.0.192" not in asked


def test_machines_leave_with_the_address_of_the_gateway(
    server1: Host, internet: subprocess.Popen[str]
) -> None:
    assert connects(server1, INTERNET, 8080)
    assert internet.stdout is not None
    assert internet.stdout.readline().strip() == GATEWAY_OUTSIDE


def test_a_connection_survives_new_rules(
    server1: Host, gateway: Host, internet: subprocess.Popen[str]
) -> None:
    ready = "/run/connection-is-open"
    gateway_file = "/etc/dnsmasq-gateway.nft"
    script = (
        f"exec 3<>/dev/tcp/{INTERNET}/8080; echo before >&3; read -r line <&3; touch {ready};"
        f" while [ -e {ready} ]; do sleep 0.1; done; echo after >&3; read -r line <&3; echo $line"
    )
    command = ["sudo", "timeout", "60", "bash", "-c", f"'{script}'"]
    argv = ["ssh", "-F", str(CONFIG), "server1", *command]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as client:
        deadline = time.monotonic() + 30
        while not server1.file(ready).exists and time.monotonic() < deadline:
            time.sleep(0.2)
        gateway.check_output("systemctl reload dnsmasq-gateway-firewall")
        assert gateway.file(gateway_file).exists
        server1.check_output(f"rm {ready}")
        output, _errors = client.communicate(timeout=60)
    assert output.strip() == "after"


def test_segments_reach_what_they_may(desk1: Host) -> None:
    assert connects(desk1, "10.70.2.11", 22)


def test_segments_do_not_reach_the_rest(server1: Host, gateway: Host) -> None:
    count = "nft -j list chain inet dnsmasq_gateway forward"

    def dropped() -> int:
        rules = json.loads(gateway.check_output(count))["nftables"]
        comment = "between segments that do not reach each other"
        (rule,) = (item["rule"] for item in rules if item.get("rule", {}).get("comment") == comment)
        return int(rule["expr"][0]["counter"]["packets"])

    before = dropped()
    assert not connects(server1, "10.70.1.11", 22)
    assert dropped() > before


def test_a_machine_does_not_speak_for_another(desk1: Host, gateway: Host) -> None:
    """It sends with an address of another segment, to one that it may reach otherwise."""
    dropped = "nft list chain inet dnsmasq_gateway sources | grep 'of no machine of edge'"
    before = gateway.check_output(dropped).split("packets ")[1].split()[0]
    desk1.check_output("ip address add 10.70.2.77/32 dev edge")
    try:
        desk1.check_output(
            "python3 -c %s",
            "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('10.70.2.77', 0));"
            "s.sendto(b'', ('10.70.2.11', 9))",
        )
    finally:
        desk1.check_output("ip address delete 10.70.2.77/32 dev edge")
    after = gateway.check_output(dropped).split("packets ")[1].split()[0]
    assert int(after) == int(before) + 1


def test_the_uplink_serves_ssh_only() -> None:
    def open_outside(port: int) -> bool:
        script = f"timeout 3 bash -c '</dev/tcp/{GATEWAY_OUTSIDE}/{port}' 2>/dev/null"
        return subprocess.run([*OUTSIDE, "bash", "-c", script], check=False).returncode == 0

    assert open_outside(22)
    assert not open_outside(53)
    question = ["dig", "+time=1", "+tries=1", f"@{GATEWAY_OUTSIDE}", "desk1.example.internal"]
    answer = subprocess.run([*OUTSIDE, *question], check=False, capture_output=True)
    assert answer.returncode != 0


@pytest.fixture
def cards(gateway: Host) -> Iterator[None]:
    """Two more cards: the one that the gateway is managed over, and one that nobody has named."""
    for number, card in enumerate(("mgmt", "other")):
        gateway.check_output(
            f"ip netns add {card}-desk"
            f" && ip link add {card} type veth peer name desk netns {card}-desk"
            f" && ip address add 203.0.113.{number * 16 + 1}/28 dev {card} && ip link set {card} up"
            f" && ip -n {card}-desk address add 203.0.113.{number * 16 + 2}/28 dev desk"
            f" && ip -n {card}-desk link set desk up"
            f" && ip -n {card}-desk route add default via 203.0.113.{number * 16 + 1}"
        )
    yield
    for card in ("mgmt", "other"):
        gateway.check_output(f"ip link delete {card} && ip netns delete {card}-desk")


@pytest.mark.usefixtures("cards")
def test_ssh_stays_open_on_a_separate_management_card(gateway: Host) -> None:
    def from_desk(card: str, address: str, port: int) -> str:
        script = f"exec 3<>/dev/tcp/{address}/{port}; head -c 4 <&3"
        command = f"ip netns exec {card}-desk timeout 3 bash -c '{script}'"
        return gateway.run(command).stdout

    assert from_desk("mgmt", "203.0.113.1", 22) == "SSH-"
    gateway.check_output("systemctl restart dnsmasq-gateway-firewall")
    assert from_desk("mgmt", "203.0.113.1", 22) == "SSH-"
    # No way to the segments, and no way in for a card that is not named.
    assert from_desk("mgmt", "10.70.1.11", 22) == ""
    assert from_desk("other", "203.0.113.17", 22) == ""
    assert gateway.run("ip netns exec mgmt-desk dig +time=1 +tries=1 @203.0.113.1 desk1").rc != 0


def test_a_forwarded_port_leads_behind_the_gateway(desk1: Host) -> None:
    with socket.create_connection(("127.0.0.1", API_PORT), 10) as connection:
        connection.settimeout(10)
        assert connection.recv(4) == b"SSH-"
    # sshd writes down who it was when the connection has ended. Its process may be gone before the
    # journal looks up which unit it belonged to, so the message is found by its own name only.
    names = "--identifier sshd --identifier sshd-session"
    log = ""
    deadline = time.monotonic() + 30
    while OUTSIDE_ROUTER not in log and time.monotonic() < deadline:
        log = desk1.check_output(f"journalctl {names} --output cat --no-pager")
    assert OUTSIDE_ROUTER in log


def test_other_tables_are_left_alone(gateway: Host) -> None:
    assert "table inet foreign" in gateway.check_output("nft list tables")


def test_the_files_pass_their_own_checks(gateway: Host) -> None:
    gateway.check_output("dnsmasq --test")
    gateway.check_output("nft --check --file /etc/dnsmasq-gateway.nft")


def test_names_are_served_to_the_segments_only(gateway: Host) -> None:
    sockets = gateway.check_output("ss -Hltun 'sport = :53'").splitlines()
    listening = {line.split()[4].rsplit(":", 1)[0].partition("%")[0] for line in sockets}
    assert {"10.70.1.1", "10.70.2.1", "127.0.0.1"} <= listening
    assert not listening & {GATEWAY_OUTSIDE, "0.0.0.0", "*"}
