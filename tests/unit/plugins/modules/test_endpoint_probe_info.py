# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""endpoint_probe_info against a server that answers, goes away and comes back."""

from __future__ import annotations

import http.server
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._endpoint import probe
from ansible_collections.virtual.datacenter.plugins.module_utils._endpoint.probe import Answer


class Handler(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


def serve(port: int) -> http.server.ThreadingHTTPServer:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


@pytest.fixture
def port() -> Iterator[int]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        number = one.getsockname()[1]
    yield number


def test_an_endpoint_that_answers_has_no_gap(port: int) -> None:
    server = serve(port)
    endpoint = probe.Endpoint(f"http://127.0.0.1:{port}/ready", 200, 5000, None)
    found = probe.summary(probe.ask(endpoint.ask, 50, 1))
    server.shutdown()
    server.server_close()
    assert found == {"questions": 20, "lost": 0, "gaps": [], "longest_gap_ms": 0}


def test_a_server_that_goes_and_comes_back_is_one_gap(port: int) -> None:
    server = serve(port)
    endpoint = probe.Endpoint(f"http://127.0.0.1:{port}/", 200, 5000, None)

    def interrupt() -> None:
        time.sleep(1)
        server.shutdown()
        server.server_close()
        time.sleep(1)
        servers.append(serve(port))

    servers: list[http.server.ThreadingHTTPServer] = []
    breaker = threading.Thread(target=interrupt)
    breaker.start()
    found = probe.summary(probe.ask(endpoint.ask, 20, 4))
    breaker.join()
    servers[0].shutdown()
    servers[0].server_close()
    longest = max(found["gaps"], key=lambda gap: gap["length_ms"])
    assert longest["ended"] and longest["lost"] > 1
    assert "refused" in longest["error"] or "reset" in longest["error"]
    assert 0 < longest["length_ms"] == found["longest_gap_ms"] < 4000
    assert found["questions"] == 200


def test_another_status_is_no_answer(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Handler, "status", 503)
    server = serve(port)
    endpoint = probe.Endpoint(f"http://127.0.0.1:{port}/", 200, 5000, None)
    found = probe.summary(probe.ask(endpoint.ask, 100, 1))
    server.shutdown()
    server.server_close()
    (gap,) = found["gaps"]
    assert (gap["error"], gap["ended"], gap["lost"]) == ("HTTP status 503", False, 10)


def test_a_certificate_counts_only_by_its_authority(port: int, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=one"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:one.example.com"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*new, *names, *files], check=True, capture_output=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    context = probe.ssl.SSLContext(probe.ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://127.0.0.1:{port}/"
    assert probe.Endpoint(url, 200, 5000, certificate.read_text()).ask() == ""
    for name, problem in {"one.example.com": "", "two.example.com": "Hostname mismatch"}.items():
        found = probe.Endpoint(url, 200, 5000, certificate.read_text(), name).ask()
        assert bool(found) == bool(problem) and problem in found
    assert "self-signed certificate" in probe.Endpoint(url, 200, 5000, None).ask()
    server.shutdown()
    server.server_close()


def test_gaps_are_told_in_order() -> None:
    answers = [Answer(1.0), Answer(1.1, "a"), Answer(1.2, "b"), Answer(1.3), Answer(1.4, "c")]
    assert probe.summary(answers) == {
        "questions": 5,
        "lost": 3,
        "longest_gap_ms": 200,
        "gaps": [
            {
                "began": "1970-01-01T00:00:01.100Z",
                "length_ms": 200,
                "lost": 2,
                "error": "a",
                "ended": True,
            },
            {
                "began": "1970-01-01T00:00:01.400Z",
                "length_ms": 0,
                "lost": 1,
                "error": "c",
                "ended": False,
            },
        ],
    }


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "127.0.0.1:6443", "https:///readyz"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(TaskError, match=r"wanted: an http or https URL, found: .+\. Change url\."):
        probe.Endpoint(url, 200, 1000, None)


def test_a_ca_that_is_none_is_refused() -> None:
    with pytest.raises(TaskError, match=r"Change ca_data"):
        probe.Endpoint("https://127.0.0.1/", 200, 1000, "no certificate")


@pytest.mark.parametrize(("interval", "duration"), [(9, 1), (100, 0)])
def test_a_pace_that_cannot_be_is_refused(interval: int, duration: int) -> None:
    with pytest.raises(TaskError, match="Change interval_ms or duration_seconds"):
        probe.ask(lambda: "", interval, duration)
