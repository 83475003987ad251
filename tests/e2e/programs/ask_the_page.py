# Copyright: (c) 2026, the virtual.datacenter contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on a machine: asks for a page and for a name twenty times a second, and for the page again
and again over one connection. Writes as JSON when each question was asked, and whether it was
answered.

usage: ask_the_page.py SECONDS ADDRESS RESOLVER NAME FILE
"""

import http.client
import json
import os
import socket
import sys
import threading
import time

EVERY = 0.05


def page(address):
    try:
        connection = http.client.HTTPConnection(address, 80, timeout=1)
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


def stream(address, end, found):
    """One connection, until it breaks."""
    try:
        connection = http.client.HTTPConnection(address, 80, timeout=10)
        connection.connect()
        socket_of_it = connection.sock
        while time.time() < end:
            began = time.time()
            connection.request("GET", "/")
            answer = connection.getresponse()
            answer.read()
            found.append((began, answer.status == 200 and connection.sock is socket_of_it))
            time.sleep(EVERY)
    except (OSError, http.client.HTTPException):
        found.append((time.time(), False))


def question(name):
    labels = b"".join(bytes([len(word)]) + word.encode() for word in name.split("."))
    return b"\x12\x34\x01\x00\x00\x01" + bytes(6) + labels + b"\x00\x00\x01\x00\x01"


def answered(resolver, asked):
    """Not by the machine's own resolver, which waits for seconds before it asks again."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(1)
        try:
            connection.sendto(asked, (resolver, 53))
            reply = connection.recv(512)
        except OSError:
            return False
    # No error, and one answer.
    return reply[3] & 15 == 0 and reply[6:8] == b"\x00\x01"


def main(seconds, address, resolver, name, path):
    found = {"page": [], "name": [], "stream": []}
    asked = question(name)

    def look(began):
        found["page"].append((began, page(address)))

    def resolve(began):
        found["name"].append((began, answered(resolver, asked)))

    end = time.time() + float(seconds)
    threads = [threading.Thread(target=stream, args=(address, end, found["stream"]))]
    threads[0].start()
    while time.time() < end:
        began = time.time()
        for target in (look, resolve):
            threads.append(threading.Thread(target=target, args=(began,)))
            threads[-1].start()
        time.sleep(max(0, EVERY - (time.time() - began)))
    for thread in threads:
        thread.join()
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump({what: sorted(answers) for what, answers in found.items()}, file)
    os.rename(path + ".new", path)


if __name__ == "__main__":
    main(*sys.argv[1:])
