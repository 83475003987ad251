# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checks say of a data center: of one that was recorded, and of what may happen to it."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.virtual.datacenter.plugins.filter.checks import overview, problems
from ansible_collections.virtual.datacenter.plugins.plugin_utils._checks import cluster, machines
from ansible_collections.virtual.datacenter.plugins.plugin_utils._checks.all import CHECKS, checks
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[4]
RECORDED = Path(__file__).parent / "recorded"
FLOATING = "10.70.1.10"


def recorded(name: str) -> dict[str, Any]:
    return dict(json.loads((RECORDED / f"status-{name}.json").read_text(encoding="utf-8")))


def well() -> dict[str, Any]:
    """The lab as it was recorded; its health checks of the API were late while others tested."""
    seen = recorded("busy")
    for health in seen["health"].values():
        for server in health["servers"]:
            server["status"] = "UP"
    return seen


def sentences(seen: dict[str, Any], *states: str) -> list[str]:
    return [check.sentence for check in checks(seen) if check.state in states]


def test_a_data_center_that_is_well() -> None:
    page = overview(well())
    assert page["verdict"] == "all is well"
    assert page["state"] == "note"
    assert page["next"] == []
    (floating,) = page["floating_ips"]
    assert floating["address"] == FLOATING
    assert floating["held_by"] == ["lb02"]
    assert re.fullmatch(r"\w{3} \w{3} \d\d [\d:]{8} 2026", floating["since"])
    assert {item["name"]: item["holds"] for item in page["machines"] if item["holds"]} == {
        "lb02": [FLOATING]
    }
    assert sum(item["node_ready"] is True for item in page["machines"]) == 5
    assert min(item["days_left"] for item in page["certificates"]) > 300
    assert {item["of"] for item in page["certificates"]} >= {"controller", "cp01", "worker02"}
    (lender,) = [item for item in page["machines"] if item["leases"]]
    assert lender["name"] == "gate01"
    assert len(lender["leases"]) == 7
    json.dumps(page)


def test_two_machines_that_are_off() -> None:
    page = overview(recorded("two-machines-off"))
    assert page["state"] == "failed"
    assert [check["sentence"] for check in page["checks"] if check["state"] == "failed"] == [
        "lb01 is stopped.",
        "worker02 is stopped.",
        "All of cp01, cp02, cp03, worker01, worker02 are to be Ready, and Ready are cp01, cp02, "
        "cp03, worker01.",
        # Of the load of that moment.
        "cp02 is no healthy member of the cluster: its API server is not ready.",
    ]
    assert (
        page["next"][0] == "Run the playbook virtual.datacenter.start with --limit=lb01,worker02."
    )
    states = {item["name"]: item["state"] for item in page["machines"]}
    assert {states["lb01"], states["worker02"]} == {"failed"}
    assert states["cp01"] == "ok"


Change = Callable[[dict[str, Any]], None]


def at(*path: str | int, value: Any) -> Change:
    def change(seen: dict[str, Any]) -> None:
        place: Any = seen
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return change


def without(*path: str | int) -> Change:
    def change(seen: dict[str, Any]) -> None:
        place: Any = seen
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]

    return change


def silent(*names: str, power: str = "running", said: str = "") -> Change:
    """These machines do not answer SSH."""

    def change(seen: dict[str, Any]) -> None:
        for name in names:
            seen["health"][name] = {"unreachable": True, "msg": said} if said else {}
            seen["power"][name] = power
            seen["pacemaker"].pop(name, None)
            seen["members"].pop(name, None)

    return change


def lease(seen: dict[str, Any]) -> None:
    stranger = {"mac": "02:00:00:00:00:99", "address": "10.70.3.201", "name": "", "expires": 9}
    seen["health"]["gate01"]["leases"].append(stranger)


def both_hold_it(seen: dict[str, Any]) -> None:
    seen["health"]["lb01"]["addresses"].append(FLOATING)


def both(*changes: Change) -> Change:
    def change(seen: dict[str, Any]) -> None:
        for one in changes:
            one(seen)

    return change


def holds(name: str, address: str) -> Change:
    return lambda seen: seen["health"][name]["addresses"].append(address)


def loses(name: str, address: str) -> Change:
    return lambda seen: seen["health"][name]["addresses"].remove(address)


def two_gateways(seen: dict[str, Any]) -> None:
    """A second gateway, which waits: the first holds the addresses of all routers."""
    plan, routers = seen["plan"], [item["router"] for item in seen["plan"]["segments"].values()]
    plan["gateways"] = ["gate01", "gate02"]
    plan["machines"]["gate02"] = {**plan["machines"]["gate01"], "name": "gate02"}
    seen["power"]["gate02"] = "running"
    health = deepcopy(seen["health"]["gate01"])
    health["addresses"] = [at for at in health["addresses"] if at not in routers]
    seen["health"]["gate02"] = health


def certificate(days: int) -> Change:
    return at("certificates", "controller", value=[{"path": "admin", "ends": 1, "days_left": days}])


def connected(found: dict[str, Any]) -> bool:
    """Other machines than load balancers were not asked."""
    return bool(found.get("connected"))


def failure(seen: dict[str, Any]) -> None:
    for found in filter(connected, seen["pacemaker"].values()):
        found["failures"] = [
            {
                "op_key": "ha_lb_haproxy_monitor_1000",
                "node": "lb01",
                "exitstatus": "not running",
                "exitreason": "",
                "last_rc_change": "today",
            }
        ]


def standby(seen: dict[str, Any]) -> None:
    for found in filter(connected, seen["pacemaker"].values()):
        found["nodes"]["lb01"]["standby"] = True


def same(_seen: dict[str, Any]) -> None:
    """As it was recorded."""


def fence_devices(**runs_on: list[str]) -> Change:
    def change(seen: dict[str, Any]) -> None:
        for found in filter(connected, seen["pacemaker"].values()):
            for node, nodes in runs_on.items():
                device = {"agent": "stonith:x", "nodes": nodes, "failed": False, "since": {}}
                found["resources"][f"ha_lb_fence_{node}"] = device

    return change


def test_a_fence_device_that_only_a_node_in_standby_could_run_is_no_problem() -> None:
    seen = well()
    fence_devices(lb01=["lb02"], lb02=[])(seen)
    standby(seen)
    (check,) = checks(seen, ["load_balancers_are_fenced"])
    assert check.state == "ok"


def no_quorum(seen: dict[str, Any]) -> None:
    for found in filter(connected, seen["pacemaker"].values()):
        found["quorate"] = False


def version(seen: dict[str, Any]) -> None:
    seen["nodes_found"]["resources"][0]["status"]["nodeInfo"]["kubeletVersion"] = "v1.35.0"


def one_more_node(seen: dict[str, Any]) -> None:
    node = deepcopy(seen["nodes_found"]["resources"][0])
    node["metadata"]["name"] = "stranger"
    seen["nodes_found"]["resources"].append(node)


def dns_on_one_node(seen: dict[str, Any]) -> None:
    for pod in seen["pods_found"]["resources"]:
        if pod["metadata"]["labels"].get("k8s-app") == "kube-dns":
            pod["spec"]["nodeName"] = "worker01"


def one_pod_waits(seen: dict[str, Any]) -> None:
    seen["pods_found"]["resources"][0]["status"] = {"phase": "Pending"}


def one_member_is_sick(seen: dict[str, Any]) -> None:
    members = json.loads(seen["etcd_found"]["stdout"])
    members[1] = {"endpoint": "https://cp02:2379", "health": False}
    seen["etcd_found"]["stdout"] = json.dumps(members)


def two_control_planes(seen: dict[str, Any]) -> None:
    seen["control_planes"] = ["cp01", "cp02"]


REFUSED = (
    "Exception 'HTTPSConnectionPool(host='127.0.0.1', port=6470): Max retries exceeded with url: "
    "/api/v1/nodes (Caused by NewConnectionError('<urllib3.connection.HTTPSConnection object at "
    "0x7f>: Failed to establish a new connection: [Errno 111] Connection refused'))' raised while "
    "trying to get resource using {}."
)
CASES: list[tuple[str, Change, str, str]] = [
    # The name of the check, what happens, the state, how its sentence reads.
    ("machines_answer", silent("cp02", power="absent"), "failed", "cp02 is not there."),
    ("machines_answer", silent("cp02", power="paused"), "failed", "cp02 is paused."),
    ("machines_answer", silent("cp02"), "failed", "cp02 does not answer SSH."),
    (
        "machines_answer",
        silent("cp02", said="Failed to connect:\n timed out."),
        "failed",
        "cp02 does not answer SSH (Failed to connect: timed out).",
    ),
    (
        "machines_answer",
        silent("gate01", "cp02"),
        "unknown",
        "cp02 is reached by gate01, which does not answer.",
    ),
    (
        "floating_ips_are_held_once",
        at("health", "lb02", "addresses", value=[]),
        "failed",
        f"The floating IP {FLOATING} is to be held by exactly one load balancer, and is held by "
        "none.",
    ),
    (
        "floating_ips_are_held_once",
        silent("lb02"),
        "failed",
        f"The floating IP {FLOATING} is to be held by exactly one load balancer, and is held by "
        "none of those that answer.",
    ),
    (
        "floating_ips_are_held_once",
        both_hold_it,
        "failed",
        f"The floating IP {FLOATING} is to be held by exactly one load balancer, and is held by "
        "lb01, lb02.",
    ),
    (
        "floating_ips_are_held_once",
        silent("lb01", "lb02"),
        "unknown",
        f"Who holds the floating IP {FLOATING} is not known: nobody answers.",
    ),
    (
        "load_balancers_have_quorum",
        no_quorum,
        "failed",
        "No load balancer is in a cluster with quorum; in one without it: lb01, lb02.",
    ),
    (
        "load_balancers_have_quorum",
        at("pacemaker", "lb01", "online", value=["lb01"]),
        "warning",
        "The cluster of the load balancers has quorum, but not its members lb02.",
    ),
    ("load_balancers_have_quorum", standby, "warning", "lb01 is in standby or maintenance."),
    (
        "load_balancers_have_quorum",
        failure,
        "warning",
        "ha_lb_haproxy_monitor_1000 failed on lb01 at today (not running).",
    ),
    (
        "load_balancers_are_fenced",
        same,
        "note",
        "The load balancers do not fence each other: two that do not see each other would both "
        "hold the floating IPs.",
    ),
    (
        "load_balancers_are_fenced",
        fence_devices(lb01=["lb02"], lb02=["lb01"]),
        "ok",
        "The load balancers fence each other by ha_lb_fence_lb01, ha_lb_fence_lb02.",
    ),
    (
        "load_balancers_are_fenced",
        fence_devices(lb01=[], lb02=["lb01"]),
        "warning",
        "The load balancers are to fence each other, and these devices do not answer: "
        "ha_lb_fence_lb01.",
    ),
    (
        "api_answers",
        at("nodes_found", value={"msg": REFUSED, "failed": False}),
        "failed",
        "The API of Kubernetes does not answer: Failed to establish a new connection: [Errno 111] "
        "Connection refused.",
    ),
    (
        "api_answers",
        at("nodes_found", value={"resources": [], "api_found": False}),
        "failed",
        "The API of Kubernetes does not answer: no answer.",
    ),
    (
        "etcd_is_healthy",
        one_member_is_sick,
        "failed",
        "etcd is to have 3 healthy members, and has 2; not healthy: https://cp02:2379.",
    ),
    (
        "nodes_are_ready",
        without("nodes_found", "resources", 0),
        "failed",
        "All of cp01, cp02, cp03, worker01, worker02 are to be Ready, and Ready are cp02, cp03, "
        "worker01, worker02.",
    ),
    (
        "no_other_nodes",
        one_more_node,
        "warning",
        "The cluster has nodes that are not in the inventory: stranger.",
    ),
    (
        "versions_are_as_planned",
        version,
        "warning",
        "Kubernetes 1.36.2 is planned, and cp01 has v1.35.0.",
    ),
    (
        "members_are_whole",
        at(
            "members",
            "cp01",
            value={"healthy": False, "state": "member", "gaps": ["its API server is not ready"]},
        ),
        "failed",
        "cp01 is no healthy member of the cluster: its API server is not ready.",
    ),
    (
        "backends_are_up",
        at(
            "health",
            "lb01",
            "servers",
            1,
            value={"name": "cp02", "status": "DOWN", "check": "L4CON", "backend": "api"},
        ),
        "warning",
        "lb01 sees behind it: cp02 DOWN (L4CON).",
    ),
    (
        "cluster_dns_is_spread",
        dns_on_one_node,
        "warning",
        "The pods of cluster DNS are to run on different nodes, so that the loss of one node "
        "leaves the other pod, and cluster DNS has 2 pod(s) on worker01, and ",
    ),
    ("pods_run", one_pod_waits, "warning", "Pods of the system are not ready: "),
    (
        "services_run",
        at("health", "lb01", "services", "haproxy", value="failed"),
        "failed",
        "On lb01 haproxy is failed.",
    ),
    (
        "services_run",
        at("health", "lb01", "failed_units", value=["haproxy.service"]),
        "warning",
        "On lb01 haproxy.service failed.",
    ),
    (
        "file_systems_have_room",
        at("health", "cp01", "file_systems", 0, "used_percent", value=85),
        "warning",
        "/ of cp01 is 85 % full.",
    ),
    (
        "file_systems_have_room",
        at("health", "cp01", "file_systems", 0, "used_percent", value=95),
        "failed",
        "/ of cp01 is 95 % full.",
    ),
    (
        "certificates_are_valid",
        certificate(29),
        "warning",
        "The certificate admin of controller ends in 29 days.",
    ),
    (
        "certificates_are_valid",
        certificate(-2),
        "failed",
        "The certificate admin of controller is over since 2 days.",
    ),
    (
        "clocks_are_right",
        at("health", "cp01", "clock_synchronized", value=False),
        "warning",
        "The clock of cp01 follows no other one.",
    ),
    (
        "everything_was_read",
        at("health", "cp01", "problems", value=["openssl failed."]),
        "unknown",
        "cp01: openssl failed.",
    ),
    (
        "no_restart_is_due",
        at("health", "cp01", "reboot_required", value=True),
        "note",
        "cp01 has packages that take effect with its next start.",
    ),
    (
        "leases_are_known",
        lease,
        "note",
        "gate01 lends 10.70.3.201 to a machine without a name (02:00:00:00:00:99), which is not "
        "in the plan.",
    ),
    (
        "machines_answer",
        both(two_gateways, silent("gate01", "gate02", "cp02")),
        "unknown",
        "cp02 is reached by gate01 or gate02, and neither answers.",
    ),
    (
        "machines_answer",
        both(two_gateways, silent("gate01", "cp02")),
        "failed",
        "cp02 does not answer SSH.",
    ),
    (
        "routers_are_held_once",
        two_gateways,
        "ok",
        "The router of all segments is gate01.",
    ),
    (
        "routers_are_held_once",
        both(two_gateways, silent("gate02")),
        "ok",
        "The router of all segments is gate01.",
    ),
    (
        "routers_are_held_once",
        both(two_gateways, silent("gate01")),
        "failed",
        "The address of each router is to be held by exactly one gateway, and that of edge is held "
        "by none of those that answer, that of control is held by none of those that answer",
    ),
    (
        "routers_are_held_once",
        both(two_gateways, holds("gate02", "10.70.1.1")),
        "failed",
        "The address of each router is to be held by exactly one gateway, and that of edge is held "
        "by gate01 and gate02.",
    ),
    (
        "routers_are_held_once",
        both(two_gateways, holds("gate02", "10.70.1.1"), loses("gate01", "10.70.1.1")),
        "warning",
        "One gateway is to be the router of all segments, and gate02 and gate01 are that of some "
        "each.",
    ),
    (
        "gateway_is_redundant",
        lambda seen: None,
        "note",
        "gate01 is the only gateway: while it is off, no segment reaches another one, or the "
        "world.",
    ),
    (
        "one_control_plane_is_named",
        two_control_planes,
        "note",
        "With 2 control planes etcd bears the loss of none.",
    ),
]


@pytest.mark.parametrize(("name", "change", "state", "sentence"), CASES)
def test_what_may_happen(name: str, change: Change, state: str, sentence: str) -> None:
    seen = well()
    change(seen)
    found = [check for check in checks(seen, [name]) if check.state == state]
    assert [check.sentence for check in found if check.sentence.startswith(sentence)], found
    if state in ("warning", "failed"):
        assert all(check.hint for check in found)
        assert [item["name"] for item in problems(seen, name)]


def test_every_check_is_on_the_list_and_has_a_case() -> None:
    written = {
        name
        for module in (machines, cluster)
        for name, function in inspect.getmembers(module, inspect.isgeneratorfunction)
        if function.__module__ == module.__name__
    }
    assert written == {function.__name__ for function in CHECKS} == {case[0] for case in CASES}


def test_hints_name_playbooks_that_there_are() -> None:
    text = "".join(
        Path(str(inspect.getsourcefile(module))).read_text(encoding="utf-8")
        for module in (machines, cluster)
    )
    named = set(re.findall(r"virtual\.datacenter\.([a-z_]+)\b(?!\.)", text)) - {"plugins"}
    assert {"start", "stop", "site", "storage", "load_balancer"} <= named
    for name in named:
        assert (ROOT / "playbooks" / f"{name}.yml").is_file(), name


def test_nothing_is_said_of_what_was_not_looked_at() -> None:
    assert checks({}) == []
    seen = {"floating_ips": [FLOATING], "held_by": {FLOATING: ["lb01"]}}
    assert problems(seen) == []
    (found,) = problems({**seen, "held_by": {FLOATING: []}}, "floating_ips_are_held_once")
    assert found["state"] == "failed"


def test_a_data_center_without_control_planes_has_no_api() -> None:
    seen = well()
    for name in ("cp01", "cp02", "cp03", "worker01", "worker02"):
        for part in (seen["plan"]["machines"], seen["health"], seen["members"], seen["power"]):
            part.pop(name, None)
    skipped = {"skipped": True, "changed": False}
    seen.update(nodes=[], control_planes=[], nodes_found=skipped, pods_found=skipped, etcd_found={})
    assert not [check for check in checks(seen) if check.of == "kubernetes"]


def test_a_check_that_there_is_not_is_named() -> None:
    with pytest.raises(ValueError, match=r"wanted: names of checks .*; found: nodes_ready"):
        checks({}, ["nodes_ready"])


def keys(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something may be missing: three levels deep."""
    found = [path] if path else []
    if isinstance(value, dict) and len(path) < 3:
        for key in value:
            found += keys(value[key], (*path, key))
    return found


PLACES = [
    place
    for place in keys(recorded("busy"))
    if place[0] == "health" or (place[0] not in ("plan", "certificates") and len(place) < 3)
]


@given(st.lists(st.sampled_from(PLACES), max_size=6, unique=True))
def test_anything_may_be_missing(places: list[tuple[Any, ...]]) -> None:
    seen = well()
    for place in sorted(places, key=len, reverse=True):
        without(*place)(seen)
    page = overview(seen)
    assert page["state"] in ("ok", "note", "unknown", "warning", "failed")
    json.dumps(page)
