# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pacemaker_cib: what it changes, what it leaves alone, what it never shows."""

from __future__ import annotations

import copy
import json
import typing as t

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._core.command import Answer
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import (
    errors,
    model,
    task,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.cib import EMPTY, Cib
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.client import Client
from hypothesis import given
from hypothesis import strategies as st
from pacemaker_simulator import VERSIONS, Cluster, fixture

PASSWORD = "s3cr3t-word"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change, "RECOVERY_SECONDS", 0)


def ensure(client: Client, params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    return change.run(task.Task(client, params, check_mode), task.result, check_mode)


def texts(result: dict[str, t.Any]) -> list[str]:
    return [action["text"] for action in result["actions"]]


def desired() -> dict[str, t.Any]:
    """What the role ha_lb asked for when the fixtures were recorded."""

    def monitor(seconds: int, timeout: int) -> dict[str, t.Any]:
        return {"name": "monitor", "interval_seconds": seconds, "timeout_seconds": timeout}

    def once(name: str, timeout: int) -> dict[str, t.Any]:
        return {"name": name, "interval_seconds": 0, "timeout_seconds": timeout}

    def device(name: str, node: str, **more: str) -> dict[str, t.Any]:
        return {
            "id": f"ha_lb_fence_{name}",
            "agent": "stonith:fence_lab",
            "params": {"pcmk_host_list": node, "plug": node, **more},
            "secret_params": {"password": PASSWORD},
            "operations": [monitor(60, 60)],
        }

    def elsewhere(name: str, node: str) -> dict[str, t.Any]:
        resource = f"ha_lb_fence_{name}"
        return {
            "id": f"{resource}_elsewhere",
            "resource": resource,
            "node": node,
            "score": "-INFINITY",
        }

    return {
        "fencing_enabled": True,
        "resources": [
            {
                "id": "ha_lb_haproxy",
                "agent": "systemd:haproxy",
                "params": {},
                "meta": {"migration-threshold": 1, "failure-timeout": "15s"},
                "operations": [monitor(1, 20), once("start", 60), once("stop", 60)],
                "clone": {"id": None, "meta": {"interleave": True}},
            },
            {
                "id": "ha_lb_address",
                "agent": "ocf:heartbeat:IPaddr2",
                "params": {
                    "ip": "10.99.0.10",
                    "cidr_netmask": 24,
                    "nic": "eth0",
                    "arp_count": 5,
                },
                "meta": {
                    "resource-stickiness": 100,
                    "migration-threshold": 3,
                    "failure-timeout": "15s",
                },
                "operations": [monitor(5, 20), once("start", 20), once("stop", 20)],
            },
            device("one", "lb01"),
            device("two", "lb02", pcmk_delay_base="3s"),
        ],
        "colocations": [
            {
                "id": "ha_lb_address_with_haproxy",
                "resource": "ha_lb_address",
                "with_resource": "ha_lb_haproxy-clone",
            }
        ],
        "orders": [
            {
                "id": "ha_lb_haproxy_then_address",
                "first": "ha_lb_haproxy-clone",
                "then": "ha_lb_address",
            }
        ],
        "locations": [elsewhere("one", "lb01"), elsewhere("two", "lb02")],
        "prune_prefix": "ha_lb_",
    }


def without(cluster: Cluster, *tags: str) -> dict[str, str]:
    """The elements that are not ours, as text."""
    assert cluster.cib is not None
    return {
        element.get("id", ""): Cib.element_text(element)
        for element in Cib(cluster.cib).configuration.iter()
        if element.tag in tags and not element.get("id", "").startswith("ha_lb_")
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_a_recorded_cluster_needs_nothing(version: str) -> None:
    cluster = Cluster(fixture(f"cib_full-{version}.xml"))
    result = ensure(cluster.client, desired(), check_mode=False)
    assert texts(result) == []
    assert result["changed"] is False
    assert result["diff"] == {}
    assert cluster.commands == ["cibadmin --query"]


def test_from_nothing_everything_is_made_in_one_change() -> None:
    cluster = Cluster(EMPTY)
    result = ensure(cluster.client, desired(), check_mode=False)
    assert texts(result) == [
        "create properties stonith-enabled",
        "create resource ha_lb_haproxy",
        "create resource ha_lb_address",
        "create resource ha_lb_fence_one",
        "create resource ha_lb_fence_two",
        "create colocation ha_lb_address_with_haproxy",
        "create order ha_lb_haproxy_then_address",
        "create location ha_lb_fence_one_elsewhere",
        "create location ha_lb_fence_two_elsewhere",
    ]
    assert cluster.writes() == 1
    again = ensure(cluster.client, desired(), check_mode=False)
    assert again["changed"] is False
    assert cluster.writes() == 1


def test_what_we_make_equals_what_the_cluster_stores() -> None:
    cluster = Cluster(EMPTY)
    ensure(cluster.client, desired(), check_mode=False)
    assert cluster.cib is not None
    made = Cib(cluster.cib).read()
    stored = Cib(fixture("cib_full-3.0.0.xml")).read()
    for identity, resource in made.resources.items():
        assert stored.resources[identity].shape() == resource.shape()
    for identity, constraint in made.constraints.items():
        assert stored.constraints[identity] == constraint


def test_check_mode_says_the_same_and_writes_nothing() -> None:
    cluster = Cluster(EMPTY)
    checked = ensure(cluster.client, desired(), check_mode=True)
    assert cluster.cib == EMPTY
    assert cluster.writes() == 0
    applied = ensure(cluster.client, desired(), check_mode=False)
    assert checked == applied


def test_check_mode_without_a_cluster_expects_everything() -> None:
    result = ensure(Cluster(None).client, desired(), check_mode=True)
    assert len(result["actions"]) == 9
    assert result["warnings"]


def test_without_a_cluster_the_message_has_a_way_out() -> None:
    with pytest.raises(errors.NotConnectedError, match="start pacemaker first"):
        ensure(Cluster(None).client, desired(), check_mode=False)


@pytest.mark.parametrize("version", VERSIONS)
def test_foreign_things_stay_byte_for_byte(version: str) -> None:
    cluster = Cluster(fixture(f"cib_full-{version}.xml"))
    tags = ("group", "primitive", "rsc_location", "node", "cluster_property_set")
    before = without(cluster, "group", "primitive", "rsc_location", "node")
    assert {"grp", "grp-a", "cli-prefer-ha_lb_address", "1", "2"} <= set(before)
    wanted = desired()
    wanted["resources"][1]["params"]["ip"] = "10.99.0.9"
    wanted["resources"][1]["meta"]["resource-stickiness"] = 5
    wanted["locations"], wanted["resources"] = [], wanted["resources"][:2]
    result = ensure(cluster.client, wanted, check_mode=False)
    assert texts(result) == [
        "change resource ha_lb_address",
        "remove location ha_lb_fence_one_elsewhere",
        "remove location ha_lb_fence_two_elsewhere",
        "remove resource ha_lb_fence_one",
        "remove resource ha_lb_fence_two",
    ]
    assert without(cluster, *tags[:4]) == before


def nothing() -> dict[str, t.Any]:
    """Lists that name nothing."""
    return {"resources": [], "colocations": [], "orders": [], "locations": []}


def test_nothing_is_removed_without_a_prefix() -> None:
    cluster = Cluster(fixture("cib_full-3.0.0.xml"))
    result = ensure(cluster.client, {"resources": []}, check_mode=False)
    assert result["changed"] is False


def test_a_clone_is_removed_with_its_resource() -> None:
    cluster = Cluster(fixture("cib_full-3.0.0.xml"))
    ensure(cluster.client, {**nothing(), "prune_prefix": "ha_lb_haproxy"}, check_mode=False)
    assert cluster.cib is not None
    live = Cib(cluster.cib)
    assert "ha_lb_haproxy" not in live.read().resources
    assert live.configuration.find("resources/clone") is None


def test_meta_attributes_of_others_stay_and_parameters_do_not() -> None:
    cluster = Cluster(EMPTY)
    ensure(cluster.client, desired(), check_mode=False)
    assert cluster.cib is not None
    live = Cib(cluster.cib)
    resource = live.read().resources["ha_lb_address"]
    assert resource.params is not None
    resource.meta["target-role"] = "Stopped"
    resource.params["lvs_support"] = "true"
    live.put_resource(resource)
    cluster.cib = live.text()
    result = ensure(cluster.client, desired(), check_mode=False)
    assert texts(result) == ["change resource ha_lb_address"]
    now = Cib(cluster.cib).read().resources["ha_lb_address"]
    assert now.meta["target-role"] == "Stopped"
    assert now.params is not None
    assert "lvs_support" not in now.params


def test_unset_parameters_operations_and_clones_are_left_alone() -> None:
    cluster = Cluster(fixture("cib_full-3.0.0.xml"))
    wanted = {
        "resources": [
            {"id": "ha_lb_haproxy", "agent": "systemd:haproxy", "meta": {"failure-timeout": "15s"}},
            {"id": "grp-b", "agent": "ocf:pacemaker:Dummy"},
        ]
    }
    assert ensure(cluster.client, wanted, check_mode=False)["actions"] == []


def test_a_location_may_depend_on_an_attribute() -> None:
    near = {"id": "near", "resource": "ha_lb_address", "attribute": "down", "score": "-inf"}
    wanted: dict[str, t.Any] = {"locations": [near], "prune_prefix": "near"}
    cluster = Cluster(fixture("cib_full-3.0.0.xml"))
    result = ensure(cluster.client, wanted, check_mode=False)
    assert texts(result) == ["create location near"]
    rule = {"attribute": "down", "operation": "gt", "score": "-INFINITY", "value": "0"}
    assert result["configuration"]["constraints"]["near"]["rule"] == rule
    assert ensure(cluster.client, wanted, check_mode=False)["changed"] is False
    near["value"] = 1
    assert texts(ensure(cluster.client, wanted, check_mode=False)) == ["change location near"]
    wanted["locations"] = []
    assert texts(ensure(cluster.client, wanted, check_mode=False)) == ["remove location near"]


def test_a_location_is_about_one_thing() -> None:
    for about in ({}, {"node": "lb01", "attribute": "down"}):
        location = {"id": "near", "resource": "ha_lb_address", "score": "5", **about}
        with pytest.raises(errors.InvalidConfigurationError, match="one of both"):
            ensure(Cluster(EMPTY).client, {"locations": [location]}, check_mode=False)


def test_fencing_has_the_name_of_the_version() -> None:
    for version, name in (("3.0.1-x", "stonith-enabled"), ("3.0.2-y", "fencing-enabled")):
        pair = f'<nvpair id="v" name="dc-version" value="{version}"/>'
        sets = (
            f'<crm_config><cluster_property_set id="s">{pair}</cluster_property_set></crm_config>'
        )
        cluster = Cluster(EMPTY.replace("<crm_config/>", sets))
        result = ensure(cluster.client, {"fencing_enabled": False}, check_mode=False)
        assert result["configuration"]["properties"] == {name: "false"}


def test_passwords_show_nowhere() -> None:
    cluster = Cluster(EMPTY)
    made = ensure(cluster.client, desired(), check_mode=False)
    assert cluster.cib is not None
    assert PASSWORD in cluster.cib
    wanted = desired()
    wanted["resources"][2]["secret_params"] = {"password": "another"}
    changed = ensure(cluster.client, wanted, check_mode=False)
    assert texts(changed) == ["change resource ha_lb_fence_one"]
    wanted["resources"], wanted["locations"] = wanted["resources"][:2], []
    removed = ensure(cluster.client, wanted, check_mode=False)
    assert len(removed["actions"]) == 4
    for result in (made, changed, removed):
        assert PASSWORD not in json.dumps(result)
        assert "another" not in json.dumps(result)
        assert model.HIDDEN in json.dumps(result)


def test_a_change_of_others_in_between_is_looked_at_again() -> None:
    cluster = Cluster(EMPTY)
    cluster.refuse_patches = 2
    assert ensure(cluster.client, desired(), check_mode=False)["changed"] is True
    assert cluster.writes() == 3


def test_a_cluster_that_refuses_is_an_error() -> None:
    cluster = Cluster(EMPTY)
    cluster.refuse_patches = 9
    with pytest.raises(errors.PacemakerError, match="refused the change") as caught:
        ensure(cluster.client, desired(), check_mode=False)
    assert caught.value.as_result()["stderr"] == "Update does not conform"
    cluster.refuse_patches, cluster.ignore_patches = 0, True
    with pytest.raises(TaskError, match="still to be done"):
        ensure(cluster.client, desired(), check_mode=False)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_the_checker_rejects_is_not_tried(version: str) -> None:
    cluster = Cluster(EMPTY)
    said = fixture(f"crm_verify_errors-{version}.txt")
    cluster.verify = lambda xml: Answer(78, "", said) if "ha_lb" in xml else Answer(0, "", "")
    with pytest.raises(errors.InvalidConfigurationError, match="unknown ID"):
        ensure(cluster.client, desired(), check_mode=True)
    assert cluster.writes() == 0


@pytest.mark.parametrize(
    "said",
    [
        fixture("crm_verify_warn-3.0.0.txt"),
        "Warnings found during check: config may not be valid\n-V may provide more details",
    ],
)
def test_warnings_of_the_checker_are_no_errors(said: str) -> None:
    cluster = Cluster(EMPTY)
    cluster.verify = lambda xml: Answer(78, "", said)
    assert ensure(cluster.client, desired(), check_mode=False)["warnings"] == []


def test_a_live_configuration_that_was_invalid_before_is_a_warning() -> None:
    cluster = Cluster(EMPTY)
    cluster.verify = lambda xml: Answer(78, "", "Errors found during check: config not valid")
    (warning,) = ensure(cluster.client, desired(), check_mode=False)["warnings"]
    assert "already finds fault" in warning


def test_the_checker_does_not_see_the_past() -> None:
    cluster = Cluster(fixture("cib_full-3.0.0.xml"))
    seen: list[str] = []

    def verify(xml: str) -> Answer:
        seen.append(xml)
        return Answer(0, "", "")

    cluster.verify = verify
    ensure(cluster.client, {"fencing_enabled": False}, check_mode=True)
    assert "<status />" in seen[0]
    assert "lrm_rsc_op" not in seen[0]


def test_ids_that_are_taken_are_conflicts() -> None:
    cluster = Cluster(fixture("cib_full-3.0.0.xml"))
    for identity, message in (
        ("grp", "already that of something else"),
        ("grp-a", "already lives"),
    ):
        clone = {"id": None, "meta": {}}
        wanted = {
            "resources": [{"id": identity, "agent": "ocf:pacemaker:Dummy", "clone": clone}],
        }
        with pytest.raises(errors.ConflictError, match=message):
            ensure(cluster.client, wanted, check_mode=False)
    with pytest.raises(errors.ConflictError, match="Take it out of there first"):
        ensure(cluster.client, {**nothing(), "prune_prefix": "grp-"}, check_mode=False)


@pytest.mark.parametrize("agent", ["haproxy", "ocf:IPaddr2", "systemd:x:y", "systemd:", "a:b:c:d"])
def test_agents_that_are_none_are_refused(agent: str) -> None:
    wanted = {"resources": [{"id": "x", "agent": agent}]}
    with pytest.raises(errors.InvalidConfigurationError, match="is no agent"):
        ensure(Cluster(EMPTY).client, wanted, check_mode=True)


def test_describing_something_twice_is_refused() -> None:
    wanted = desired()
    wanted["resources"].append(wanted["resources"][0])
    with pytest.raises(errors.InvalidConfigurationError, match="described twice"):
        ensure(Cluster(EMPTY).client, wanted, check_mode=True)


@pytest.mark.parametrize(
    ("one", "other"), [("5", "5s"), ("5000ms", "5s"), ("2min", "120"), ("1h", "60m"), ("0", "0s")]
)
def test_durations_have_one_spelling(one: str, other: str) -> None:
    assert model.duration(one) == model.duration(other)


def test_odd_durations_and_scores_are_kept() -> None:
    assert model.duration("soon") == "soon"
    assert model.duration("1500ms") == "1500ms"
    assert model.score("inf") == model.score("+INFINITY") == model.score("1000000") == "INFINITY"
    assert model.score("-9999999") == "-INFINITY"
    assert model.score("+7") == "7"
    assert model.score("pingd") == "pingd"


NAMES = st.text("abcdefgh_-", min_size=1, max_size=8).filter(lambda s: s[0] not in "-_")
VALUES = st.one_of(st.booleans(), st.integers(0, 99), st.text("abc <&>\"'é", max_size=6))
TABLES = st.dictionaries(NAMES, VALUES, max_size=4)


@st.composite
def any_desired(draw: st.DrawFn) -> dict[str, t.Any]:
    resources = []
    for name in draw(st.lists(NAMES, unique=True, max_size=4)):
        clone = draw(st.none() | st.fixed_dictionaries({"meta": TABLES}))
        operation = st.fixed_dictionaries(
            {"name": NAMES, "interval_seconds": st.integers(0, 3), "options": st.just({})}
        )
        resources.append(
            {
                "id": f"r.{name}",
                "agent": draw(st.sampled_from(["systemd:a", "ocf:p:Dummy", "stonith:f"])),
                "params": draw(st.none() | TABLES),
                "secret_params": draw(st.none() | TABLES),
                "meta": draw(TABLES),
                "operations": draw(st.none() | st.lists(operation, max_size=3)),
                "clone": clone,
            }
        )
    return {"properties": draw(TABLES), "resource_defaults": draw(TABLES), "resources": resources}


@given(first=any_desired(), second=any_desired())
def test_any_task_holds_after_one_run(first: dict[str, t.Any], second: dict[str, t.Any]) -> None:
    cluster = Cluster(fixture("cib_full-2.1.5.xml"))
    foreign = without(cluster, "group", "rsc_location")
    ensure(cluster.client, copy.deepcopy(first), check_mode=False)
    assert ensure(cluster.client, first, check_mode=False)["changed"] is False
    try:
        ensure(cluster.client, {**second, "prune_prefix": "r."}, check_mode=False)
    except errors.ConflictError:
        return  # alone before, a clone now
    assert ensure(cluster.client, second, check_mode=False)["changed"] is False
    assert cluster.cib is not None
    kept = {i for i in Cib(cluster.cib).read().resources if i.startswith("r.")}
    assert kept == {resource["id"] for resource in second["resources"]}
    assert without(cluster, "group", "rsc_location") == foreign
