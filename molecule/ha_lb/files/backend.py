#!/usr/bin/python3
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers with its own name; /health fails while /run/notready exists; /stream never ends.

With an argument it speaks clear text on that port, and says for whom it was asked.
"""

from __future__ import annotations

import http.server
import os
import socket
import ssl
import sys
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/stream":
            self._stream()
            return
        failing = self.path == "/health" and os.path.exists("/run/notready")
        forwarded = self.headers.get_all("X-Forwarded-For", [])
        body = f"{' '.join([socket.gethostname(), *forwarded])}\n".encode()
        self.send_response(500 if failing else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        while True:
            self.wfile.write(b"tick\n")
            time.sleep(0.1)

    def log_message(self, *_: object) -> None:
        """Says nothing: there is a check every second from two sides."""


class Server(http.server.ThreadingHTTPServer):
    # By default five connections wait: on a busy host more are lost, as if the server were away.
    request_queue_size = 128


port = int(sys.argv[1]) if len(sys.argv) > 1 else 8443
server = Server(("", port), Handler)
if len(sys.argv) == 1:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/etc/backend.crt", "/etc/backend.key")
    server.socket = context.wrap_socket(server.socket, True, do_handshake_on_connect=False)
server.serve_forever()
