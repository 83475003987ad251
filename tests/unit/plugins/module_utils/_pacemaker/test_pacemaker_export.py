# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as options of pacemaker_cib: given back they change nothing, and hold no secret."""

from __future__ import annotations

import copy
import json
import typing as t

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import (
    errors,
    export,
    task,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.cib import EMPTY, Cib
from ansible_collections.virtual.datacenter.plugins.modules import pacemaker_info
from hypothesis import given
from pacemaker_simulator import VERSIONS, Cluster, fixture
from test_pacemaker_cib import PASSWORD, any_desired, desired

CONSTRAINTS = {
    "order without a kind": '<rsc_order id="x" first="grp" then="ha_lb_address"/>',
    "order of some actions": '<rsc_order id="x" first="grp" then="ha_lb_address" kind="Mandatory"'
    ' first-action="promote"/>',
    "ticket": '<rsc_ticket id="x" rsc="grp" ticket="there"/>',
    "colocation without a score": '<rsc_colocation id="x" rsc="grp" with-rsc="ha_lb_address"/>',
    "rule that compares otherwise": '<rsc_location id="x" rsc="grp"><rule id="y" score="5">'
    '<expression id="z" attribute="a" operation="eq" value="1"/></rule></rsc_location>',
    "rule about a word": '<rsc_location id="x" rsc="grp"><rule id="y" score="5">'
    '<expression id="z" attribute="a" operation="gt" value="b"/></rule></rsc_location>',
}


def apply(cluster: Cluster, options: dict[str, t.Any]) -> dict[str, t.Any]:
    given = task.Task(cluster.client, copy.deepcopy(options), False)
    return change.run(given, task.result, False)


def read(cluster: Cluster) -> tuple[dict[str, t.Any], list[str]]:
    assert cluster.cib is not None
    return export.options(Cib(cluster.cib))


def by_id(entries: list[dict[str, t.Any]]) -> dict[str, dict[str, t.Any]]:
    return {entry["id"]: entry for entry in entries}


@pytest.mark.parametrize("version", VERSIONS)
def test_given_back_it_changes_nothing(version: str) -> None:
    cluster = Cluster(fixture(f"cib_full-{version}.xml"))
    options, left_out = read(cluster)
    assert apply(cluster, options)["changed"] is False
    assert cluster.commands == ["cibadmin --query"]
    assert left_out == [
        "location cli-prefer-ha_lb_address",
        "resource grp-a",
        "resource grp-b",
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_it_says_what_the_role_asked_for(version: str) -> None:
    options, _left_out = read(Cluster(fixture(f"cib_full-{version}.xml")))
    wanted = desired()
    assert options["fencing_enabled"] is True
    assert options["properties"] == {}
    for option in ("resources", "colocations", "orders", "locations"):
        assert set(by_id(options[option])) == set(by_id(wanted[option]))
    assert options["locations"] == wanted["locations"]
    resources = by_id(options["resources"])
    address, fence = resources["ha_lb_address"], resources["ha_lb_fence_one"]
    assert address["params"]["ip"] == "10.99.0.10"
    assert {"name": "monitor", "interval_seconds": 5, "timeout_seconds": 20, "options": {}} in (
        address["operations"]
    )
    assert fence["params"] == {"pcmk_host_list": "lb01", "plug": "lb01"}
    assert fence["keep_params"] == ["password"]
    assert resources["ha_lb_haproxy"]["clone"] == {
        "id": "ha_lb_haproxy-clone",
        "meta": {"interleave": "true"},
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_another_cluster_becomes_the_same_once_the_secrets_are_given(version: str) -> None:
    options, _left_out = read(Cluster(fixture(f"cib_full-{version}.xml")))
    other = Cluster(EMPTY)
    with pytest.raises(errors.InvalidConfigurationError, match="give it in secret_params"):
        apply(other, options)
    assert other.writes() == 0
    with_secrets = copy.deepcopy(options)
    for resource in with_secrets["resources"]:
        for name in resource.pop("keep_params", []):
            resource["secret_params"] = {name: PASSWORD}
    apply(other, with_secrets)
    assert read(other) == (options, [])


@pytest.mark.parametrize("version", VERSIONS)
def test_no_secret_is_in_it(version: str) -> None:
    xml = fixture(f"cib_full-{version}.xml")
    assert PASSWORD in xml
    assert PASSWORD not in json.dumps(read(Cluster(xml)))


def test_what_an_agent_calls_private_is_a_secret() -> None:
    xml = fixture("cib_full-3.0.0.xml").replace('name="password"', 'name="pin"')
    options, _left_out = read(Cluster(xml.replace("  password  ", "  pin  ")))
    assert by_id(options["resources"])["ha_lb_fence_one"]["keep_params"] == ["pin"]
    assert PASSWORD not in json.dumps(options)


def test_a_parameter_that_is_kept_outlives_a_change_of_another() -> None:
    cluster = Cluster(fixture("cib_full-3.0.0.xml"))
    options, _left_out = read(cluster)
    by_id(options["resources"])["ha_lb_fence_one"]["params"]["plug"] = "socket"
    result = apply(cluster, options)
    assert [action["text"] for action in result["actions"]] == ["change resource ha_lb_fence_one"]
    assert PASSWORD not in json.dumps(result)
    assert cluster.cib is not None
    params = Cib(cluster.cib).read().resources["ha_lb_fence_one"].params
    assert params == {"pcmk_host_list": "lb01", "plug": "socket", "password": PASSWORD}


def test_a_parameter_is_kept_or_set() -> None:
    cluster = Cluster(fixture("cib_full-3.0.0.xml"))
    options, _left_out = read(cluster)
    by_id(options["resources"])["ha_lb_fence_one"]["secret_params"] = {"password": "another"}
    with pytest.raises(errors.InvalidConfigurationError, match="to be kept and to be set"):
        apply(cluster, options)


@pytest.mark.parametrize("constraint", CONSTRAINTS.values(), ids=CONSTRAINTS)
def test_what_the_options_cannot_say_is_left_out_by_name(constraint: str) -> None:
    xml = fixture("cib_full-3.0.0.xml").replace("</constraints>", f"{constraint}</constraints>")
    cluster = Cluster(xml)
    options, left_out = read(cluster)
    assert [name for name in left_out if name.endswith(" x")], left_out
    assert apply(cluster, options)["changed"] is False


def test_odd_durations_are_kept() -> None:
    xml = fixture("cib_full-3.0.0.xml").replace('timeout="20s"', 'timeout="1500ms"', 1)
    cluster = Cluster(xml)
    options, left_out = read(cluster)
    (monitor,) = by_id(options["resources"])["ha_lb_haproxy"]["operations"][:1]
    assert monitor["options"] == {"timeout": "1500ms"}
    assert "resource ha_lb_haproxy" not in left_out
    assert apply(cluster, options)["changed"] is False


@given(wanted=any_desired())
def test_whatever_the_module_makes_can_be_said(wanted: dict[str, t.Any]) -> None:
    cluster = Cluster(EMPTY)
    apply(cluster, wanted)
    options, left_out = read(cluster)
    assert left_out == []
    assert apply(cluster, options)["changed"] is False


def test_the_module_says_it_where_a_cluster_runs() -> None:
    found = pacemaker_info.configuration(Cluster(fixture("cib_full-3.0.0.xml")).client)
    assert len(found["cib"]["resources"]) == 4
    assert len(found["cib_left_out"]) == 3
    assert pacemaker_info.configuration(Cluster(None).client) == {"cib": {}, "cib_left_out": []}
