# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's archive on a loopback port, for machines that have no way out."""

from __future__ import annotations

import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def serve(archive: str) -> Iterator[int]:
    """Gives the port. What is asked for is fetched from the archive and passed on."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                with urllib.request.urlopen(archive + self.path, timeout=60) as found:
                    self.send_response(200)
                    self.send_header("Content-Length", found.headers["Content-Length"])
                    self.end_headers()
                    shutil.copyfileobj(found, self.wfile)
            except urllib.error.HTTPError as error:
                self.send_error(error.code)

        def log_message(self, *_arguments: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
