# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused of the options of load balancers, and what frontends are by default."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.virtual.datacenter.plugins.plugin_utils._load_balancer import frontends
from ansible_collections.virtual.datacenter.plugins.plugin_utils._load_balancer.check import (
    problems_of,
)

ROOT = Path(__file__).resolve().parents[4]
SPEC = yaml.safe_load((ROOT / "roles/ha_lb/meta/argument_specs.yml").read_text(encoding="utf-8"))
SERVER = {"name": "web1", "address": "192.0.2.21", "port": 80}
WEB: dict[str, Any] = {"name": "web", "bind_port": 80, "backends": [SERVER]}
FLOATING = {"name": "one", "address": "192.0.2.10", "prefix": 24}
OTHER = {"name": "two", "address": "192.0.2.20", "prefix": 24}


def given(**changed: Any) -> dict[str, Any]:
    return {
        "nodes": [
            {"name": "lb01", "address": "192.0.2.11", "id": 1},
            {"name": "lb02", "address": "192.0.2.12", "id": 2},
        ],
        "node_name": "lb01",
        "cluster_name": "ha-lb",
        "interface": "eth0",
        "floating_ips": [FLOATING],
        "frontends": [WEB],
        "maxconn": 4000,
        "read_files": True,
        "authkey_path": "secrets/key",
        "stats_port": 8404,
        "stats_user": "admin",
        "stats_sources": ["192.0.2.0/24", "2001:db8::/32"],
        "metrics_port": 0,
        "peers_port": 0,
        "token_ms": 3000,
        "consensus_ms": 1200,
        "fence_devices": [],
        **changed,
    }


def web(**changed: Any) -> dict[str, Any]:
    return {"frontends": [{**WEB, **changed}]}


def server(**changed: Any) -> dict[str, Any]:
    return web(backends=[{**SERVER, **changed}])


def check(**changed: Any) -> dict[str, Any]:
    return web(check=changed)


def two(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Two frontends before two floating addresses."""
    named = {**WEB, "name": "other", **second}
    return {"floating_ips": [FLOATING, OTHER], "frontends": [{**WEB, **first}, named]}


@pytest.mark.parametrize(
    ("option", "defaults"),
    [
        ((), frontends.FRONTEND),
        (("backends",), frontends.BACKEND),
        (("check",), frontends.CHECK),
    ],
)
def test_defaults_are_those_of_the_specification(
    option: tuple[str, ...], defaults: dict[str, Any]
) -> None:
    options = SPEC["argument_specs"]["main"]["options"]["ha_lb_frontends"]["options"]
    for key in option:
        options = options[key]["options"]
    assert {key: one["default"] for key, one in options.items() if "default" in one} == defaults


def test_timeouts_are_those_of_the_specification() -> None:
    options = SPEC["argument_specs"]["main"]["options"]["ha_lb_frontends"]["options"]
    assert tuple(options["timeouts"]["options"]) == frontends.TIMEOUTS


def test_a_frontend_binds_the_address_that_it_names() -> None:
    (found,) = frontends.frontends([{**WEB, "floating_ip": "one"}], [FLOATING])
    assert found["bind_address"] == "192.0.2.10"


@pytest.mark.parametrize(
    "right",
    [
        {},
        # A point-to-point address and its own network.
        {"floating_ips": [{**FLOATING, "prefix": 32}]},
        {"floating_ips": [{**FLOATING, "prefix": "31"}]},
        {"floating_ips": [{**FLOATING, "address": "2001:db8::10", "prefix": 64}]},
        {"floating_ips": [{**FLOATING, "prefer": "lb02", "interface": "eth0.7"}]},
        two({"floating_ip": "one"}, {"floating_ip": "two"}),
        two({}, {"bind_port": 81}),
        two({"bind_address": "0.0.0.0"}, {"bind_address": "::"}),
        # The statistics page is on another node's address there.
        {**web(bind_address="192.0.2.12", bind_port=8404)},
        server(address="web1.example.org", weight="256"),
        check(type="http_get", path="/health?deep=1", host="www.example.org"),
        web(maxconn=4000, sticky="source"),
    ],
)
def test_what_can_work_is_taken(right: dict[str, Any]) -> None:
    assert problems_of(given(**right)) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"floating_ips": []}, ["There is at least one floating address: found none."]),
        (
            {"floating_ips": [FLOATING, {**FLOATING, "name": "two"}]},
            ["Every address in ha_lb_floating_ips is there once: found 192.0.2.10 twice."],
        ),
        (
            {"floating_ips": [FLOATING, {**OTHER, "name": "one"}]},
            ["Every name in ha_lb_floating_ips is there once: found one twice."],
        ),
        (
            {"floating_ips": [{**FLOATING, "prefix": 33}]},
            ["ha_lb_floating_ips, one has a prefix between 1 and 32: found 33."],
        ),
        (
            {"floating_ips": [{**FLOATING, "prefix": 31, "address": "192.0.2.12"}]},
            ["has an address that no machine has: 192.0.2.12 is of lb02."],
        ),
        (
            {"floating_ips": [{**FLOATING, "address": "192.0.2.255"}]},
            ["192.0.2.255 is an end of its network 192.0.2.0/24."],
        ),
        (
            {"floating_ips": [{**FLOATING, "address": "api.example.org"}]},
            ["ha_lb_floating_ips, one has an IP address: found 'api.example.org'."],
        ),
        ({"floating_ips": [{**FLOATING, "name": "a b"}]}, ["found 'a b'."]),
        ({"floating_ips": [{**FLOATING, "prefer": "lb03"}]}, ["(lb01, lb02): found 'lb03'."]),
        ({"floating_ips": [{**FLOATING, "interface": "a/b"}]}, ["the name of an interface"]),
        (
            two({}, {}),
            [
                "bind_port of ha_lb_frontends, other is a port of its own: found 80 on all"
                " addresses, which is bind_port of ha_lb_frontends, web too."
            ],
        ),
        (two({}, {"floating_ip": "two"}), ["found 80 on 192.0.2.20"]),
        (two({"floating_ip": "one"}, {"bind_address": "192.0.2.10"}), ["found 80 on 192.0.2.10"]),
        (web(bind_port=8404), ["ha_lb_stats_port is a port of its own: found 8404"]),
        ({"metrics_port": 8404}, ["ha_lb_metrics_port is a port of its own"]),
        (web(bind_port=0), ["A port is between 1 and 65535 in bind_port", "found 0"]),
        (web(name="stats"), ["that the role itself does not use"]),
        (web(name="web\n    bind *:1"), ["A name in ha_lb_frontends", "'web\\n    bind *:1'"]),
        (web(floating_ip="three"), ["names a floating address", "found 'three'"]),
        (web(bind_address="eth0"), ["binds an IP address: found 'eth0'."]),
        (web(sticky="cookie"), ["wants mode http: found tcp."]),
        (web(redirect_http_port=8080), ["redirect_http_port", "found mode tcp"]),
        (web(maxconn=4001), ["at most ha_lb_maxconn (4000): found 4001."]),
        (web(sticky_minutes=0), ["found 10 and 0"]),
        (web(backends=[]), ["at least one backend: found none."]),
        (web(backends=[SERVER, SERVER]), ["Every backend in ha_lb_frontends, web is there once"]),
        (server(name="a b"), ["found 'a b'"]),
        (server(address="192.0.2.21 backup"), ["found '192.0.2.21 backup'"]),
        (server(port=65536), ["A port is between 1 and 65535 in backend web1"]),
        (server(weight=257), ["has a weight between 0 and 256: found 257."]),
        (check(path="/ hdr X y"), ["begins with / and has no spaces or quotes"]),
        (check(path='/"'), ["begins with / and has no spaces or quotes"]),
        (check(host="a b"), ["asks for a host by name or address: found 'a b'."]),
        (check(expect_status=20), ["a status between 100 and 599: found 20."]),
        (check(type="tcp", ca_path="ca.pem"), ["is for the type https_get: found tcp."]),
        ({"cluster_name": "a b"}, ["ha_lb_cluster_name is of letters", "found 'a b'"]),
        ({"stats_user": "a password b"}, ["ha_lb_stats_user is of letters"]),
        ({"stats_sources": ["192.0.2.1/24"]}, ["Each of ha_lb_stats_sources is a network"]),
        ({"stats_sources": ["all }\n"]}, ["Each of ha_lb_stats_sources is a network"]),
    ],
)
def test_what_cannot_work_is_refused_by_one_sentence(
    wrong: dict[str, Any], said: list[str]
) -> None:
    (sentence,) = problems_of(given(**wrong))
    assert all(part in sentence for part in said), sentence
    assert sentence.count("Change ") == 1


def test_everything_that_is_wrong_is_said_at_once() -> None:
    wrong = {**web(bind_port=0, sticky="cookie"), "floating_ips": [{**FLOATING, "prefix": 0}]}
    assert len(problems_of(given(**wrong))) == 3


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and its key in one file."""
    folder = tmp_path_factory.mktemp("pem")
    common = ["-nodes", "-days", "2", "-subj", "/CN=web", "-pkeyopt", "ec_paramgen_curve:P-256"]
    argv = ["openssl", "req", "-x509", "-newkey", "ec", *common]
    argv += ["-keyout", str(folder / "key"), "-out", str(folder / "crt")]
    subprocess.run(argv, check=True, capture_output=True, timeout=60)
    both = (folder / "crt").read_text() + (folder / "key").read_text()
    (folder / "both").write_text(both)
    return folder


def test_a_certificate_with_its_key_is_taken(pem: Path) -> None:
    assert problems_of(given(**web(certificate_path=str(pem / "both")))) == []
    assert problems_of(given(**check(ca_path=str(pem / "crt")))) == []


@pytest.mark.parametrize("name", ["crt", "key", "missing"])
def test_half_a_certificate_is_refused(pem: Path, name: str) -> None:
    (sentence,) = problems_of(given(**web(certificate_path=str(pem / name))))
    assert "certificate_path of ha_lb_frontends, web is a file in PEM form" in sentence
    unread = given(**web(certificate_path=str(pem / name)), read_files=False)
    assert problems_of(unread) == []


def test_what_is_no_authority_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("no certificate")
    (sentence,) = problems_of(given(**check(ca_path=str(tmp_path / "ca"))))
    assert "check.ca_path of ha_lb_frontends, web is a file in PEM form" in sentence


@pytest.mark.parametrize(("length", "wrong"), [(127, 1), (128, 0), (4096, 0), (4097, 1)])
def test_a_key_of_the_wrong_length_is_refused(tmp_path: Path, length: int, wrong: int) -> None:
    (tmp_path / "key").write_bytes(b"k" * length)
    found = problems_of(given(authkey_path=str(tmp_path / "key")))
    assert len(found) == wrong
    assert all("128 to 4096 random bytes" in sentence for sentence in found)
