# Copyright: (c) 2026, the virtual.datacenter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps one of two gateways in step with the other: who lends addresses, which are lent, and
whether the machine is fit to be the router.

usage: pair.py FILE standby    before dnsmasq and keepalived start: lend nothing yet
       pair.py FILE follow     run as a service

FILE is JSON with own and peer (addresses on the first segment), port (TCP, where the router tells
its leases), router (its address), interfaces (of the segments), leases (dnsmasq's file) and unfit
(a file for keepalived: 0, or 1 while dnsmasq does not answer).
"""

import contextlib
import json
import re
import socket
import socketserver
import subprocess
import sys
import threading
import time

TABLE = "inet dnsmasq_gateway_standby"
# Only one of the gateways may answer DHCP: two authoritative servers refuse each other's clients.
RULES = """table {table}
delete table {table}
table {table} {{
    chain input {{
        type filter hook input priority -1; policy accept;
        iifname {{ {interfaces} }} udp dport 67 drop comment "the other gateway lends addresses"
    }}
}}
"""
LEASE = re.compile(r"\d+ ([0-9A-Fa-f:-]+) (\d+\.\d+\.\d+\.\d+) (\S+) \S+")
END = "end"
LOOK_SECONDS = 1.0
# How many questions dnsmasq may miss, as while it restarts, before the other gateway takes over.
FAILURES = 3
# version.bind, class CHAOS, type TXT: dnsmasq answers that by itself.
QUESTION = b"\x56\x44\x01\x00\x00\x01" + bytes(6) + b"\x07version\x04bind\x00\x00\x10\x00\x03"


def holds(address):
    """Whether the machine has the address: only then a socket can be bound to it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def answers(address="127.0.0.1", port=53):
    """Whether dnsmasq answers at all."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(LOOK_SECONDS)
        try:
            probe.connect((address, port))
            probe.send(QUESTION)
            return probe.recv(512)[:2] == QUESTION[:2]
        except OSError:
            return False


def read_leases(text):
    """Who has which address under which name; nothing where the text is cut off or no leases."""
    lines = text.splitlines()
    if not lines or lines.pop() != END:
        return None
    found = [LEASE.fullmatch(line) for line in lines]
    return {match.groups() for match in found} if all(found) else None


def nft(rules):
    subprocess.run(["nft", "--file", "-"], input=rules, text=True, check=True, timeout=60)


def stand_by(interfaces):
    names = ", ".join(f'"{name}"' for name in interfaces)
    nft(RULES.format(table=TABLE, interfaces=names))


def stands_by():
    listed = ["nft", "list", "table", *TABLE.split()]
    return subprocess.run(listed, capture_output=True, check=False, timeout=60).returncode == 0


def lend():
    nft(f"table {TABLE}\ndelete table {TABLE}\n")


def ask(settings):
    """What the other gateway tells of its leases, empty where it is silent."""
    address = (settings["peer"], settings["port"])
    try:
        with socket.create_connection(address, 1, (settings["own"], 0)) as connection:
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    except (OSError, UnicodeDecodeError):
        return ""


def take_leases(settings):
    """Have dnsmasq know what the router has lent."""
    text = ask(settings)
    there = read_leases(text)
    if there is None:
        return
    kept = text[: -len(END) - 1]
    try:
        with open(settings["leases"], encoding="utf-8") as file:
            here = read_leases(file.read() + END + "\n")
    except FileNotFoundError:
        here = set()
    if here == there:
        return
    # In place: the file stays that of dnsmasq's own user.
    with open(settings["leases"], "w", encoding="utf-8") as file:
        file.write(kept)
    subprocess.run(["systemctl", "restart", "dnsmasq"], check=True, timeout=60)
    print(f"took {len(there)} leases from {settings['peer']}", flush=True)
    time.sleep(2 * LOOK_SECONDS)


class Leases(socketserver.BaseRequestHandler):
    """Tells the other gateway the leases while this one is the router."""

    def handle(self):
        settings = self.server.settings
        if self.client_address[0] != settings["peer"] or not holds(settings["router"]):
            return
        try:
            with open(settings["leases"], "rb") as file:
                text = file.read()
        except FileNotFoundError:
            text = b""
        self.request.sendall(text + END.encode() + b"\n")


class Server(socketserver.TCPServer):
    allow_reuse_address = True

    def __init__(self, settings):
        self.settings = settings
        super().__init__((settings["own"], settings["port"]), Leases)

    def server_bind(self):
        # The leg may not be up yet.
        self.socket.setsockopt(socket.IPPROTO_IP, getattr(socket, "IP_FREEBIND", 15), 1)
        super().server_bind()


def say_fitness(settings, failures):
    """For keepalived, which watches the file."""
    word = "1\n" if failures >= FAILURES else "0\n"
    path = settings["unfit"]
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
        if file.read() == word:
            return
    with open(path, "w", encoding="utf-8") as file:
        file.write(word)


def follow(settings):
    server = Server(settings)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    was_router = None
    failures = 0
    while True:
        router = holds(settings["router"])
        if router != was_router:
            print("this is the router" if router else "the other gateway is the router", flush=True)
        was_router = router
        standing_by = stands_by()
        if router and standing_by:
            lend()
        elif not router and not standing_by:
            stand_by(settings["interfaces"])
        if not router:
            take_leases(settings)
        failures = 0 if answers() else failures + 1
        say_fitness(settings, failures)
        time.sleep(LOOK_SECONDS)


def main(arguments):
    with open(arguments[0], encoding="utf-8") as file:
        settings = json.load(file)
    if arguments[1] == "standby":
        say_fitness(settings, 0)
        if not holds(settings["router"]):
            stand_by(settings["interfaces"])
    else:
        follow(settings)


if __name__ == "__main__":
    main(sys.argv[1:])
