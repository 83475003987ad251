# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers are asked over real TLS: who answers, who is refused, who is silent."""

from __future__ import annotations

import http.server
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._kubernetes.https import (
    Identity,
    Server,
    UnreachableError,
    UntrustedError,
)


def openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def authority(folder: Path, name: str) -> None:
    """A CA as kubeadm makes them."""
    openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt"),
        *("-subj", f"/CN={name}", "-days", "1", "-addext", "keyUsage=critical,keyCertSign"),
    )


def certificate(folder: Path, name: str, signer: str) -> None:
    openssl(
        *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr"),
        *("-subj", f"/CN={name}"),
    )
    (folder / "ext").write_text(
        "subjectAltName=IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n", encoding="utf-8"
    )
    openssl(
        *("x509", "-req", "-in", folder / f"{name}.csr", "-out", folder / f"{name}.crt"),
        *("-CA", folder / f"{signer}.crt", "-CAkey", folder / f"{signer}.key"),
        *("-CAcreateserial", "-days", "1", "-extfile", folder / "ext"),
    )


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    for name in ("ca", "other-ca"):
        authority(folder, name)
    certificate(folder, "server", "ca")
    certificate(folder, "client", "ca")
    certificate(folder, "stranger", "other-ca")
    return folder


def identity(pki: Path, ca: str = "ca", name: str = "client") -> Identity:
    return Identity(str(pki / f"{ca}.crt"), str(pki / f"{name}.crt"), str(pki / f"{name}.key"))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.reply(404 if self.path == "/missing" else 200, b"ok")

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.reply(200, json.dumps({"asked": asked}).encode())

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def port(pki: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "server.crt", pki / "server.key")
    context.load_verify_locations(pki / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


def test_an_answer(pki: Path, port: int) -> None:
    server = Server("127.0.0.1", port, identity(pki), timeout=5)
    answer = server.ask("/readyz")
    assert (answer.status, answer.text, answer.document) == (200, "ok", None)
    assert server.ask("/missing").status == 404
    assert server.ask("/v3/cluster/member/list", {}).document == {"asked": {}}


def test_a_server_of_another_authority(pki: Path, port: int) -> None:
    with pytest.raises(UntrustedError, match="certificate verify failed"):
        Server("127.0.0.1", port, identity(pki, ca="other-ca"), timeout=5).ask("/readyz")


def test_a_server_that_does_not_know_us(pki: Path, port: int) -> None:
    with pytest.raises((UnreachableError, UntrustedError)):
        Server("127.0.0.1", port, identity(pki, name="stranger"), timeout=5).ask("/readyz")


def test_certificates_that_are_not_there(pki: Path) -> None:
    with pytest.raises(UntrustedError, match="cannot use"):
        Server("127.0.0.1", 1, identity(pki, name="nobody"), timeout=5)


def test_nobody_listens_or_answers(pki: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = silent.getsockname()
        with pytest.raises(UnreachableError, match="refused"):
            Server(*address, identity(pki), timeout=5).ask("/readyz")
        silent.listen()
        with pytest.raises(UnreachableError, match="timed out"):
            Server(*address, identity(pki), timeout=0.2).ask("/readyz")
