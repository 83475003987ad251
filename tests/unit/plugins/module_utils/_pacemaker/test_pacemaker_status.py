# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pacemaker_info: crm_mon's XML of two versions, from a running cluster to none at all."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._core import command
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import (
    errors,
    hindrances,
    status,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.client import (
    Answer,
    Client,
)
from pacemaker_simulator import VERSIONS, fixture

pytestmark = pytest.mark.parametrize("version", VERSIONS)


def read(name: str, version: str) -> dict[str, t.Any]:
    return status.parse(fixture(f"crm_mon_{name}-{version}.xml"))


def test_a_running_cluster(version: str) -> None:
    now = read("full", version)
    assert now["connected"] is True
    assert now["quorate"] is True
    assert now["version"] == version
    assert now["coordinator"] in ("lb01", "lb02")
    assert sorted(now["online"]) == ["lb01", "lb02"]
    assert now["nodes"]["lb01"]["id"] == "1"
    assert now["resources"]["ha_lb_haproxy"]["nodes"] == ["lb01", "lb02"]
    assert now["resources"]["ha_lb_haproxy"]["agent"] == "systemd:haproxy"
    assert now["resources"]["ha_lb_address"]["nodes"] == ["lb02"]
    assert now["resources"]["grp-b"]["nodes"]
    assert now["failures"] == []


def test_a_failed_resource_and_a_node_on_standby(version: str) -> None:
    now = read("failed", version)
    assert now["nodes"]["lb02"]["standby"] is True
    assert now["resources"]["ha_lb_address"]["nodes"] == []
    (failure,) = now["failures"]
    assert failure["node"] == "lb01"
    assert failure["op_key"] == "ha_lb_haproxy_monitor_1000"


def test_a_node_that_is_gone(version: str) -> None:
    now = read("one_down", version)
    assert now["online"] == ["lb01"]
    assert now["quorate"] is True
    assert now["nodes"]["lb02"]["unclean"] is True
    # The node was not fenced yet when this was recorded: the cluster must assume the address there.
    assert now["resources"]["ha_lb_address"]["nodes"] == ["lb02"]


def test_a_cluster_that_starts(version: str) -> None:
    now = read("starting", version)
    assert now["quorate"] is False
    assert now["coordinator"] == ""
    assert now["online"] == []


def test_what_is_missing_is_said(version: str) -> None:
    both, everywhere, once = ["lb01", "lb02"], ["ha_lb_haproxy"], ["ha_lb_address"]
    assert status.missing(read("full", version), both, once, everywhere) == []
    gone = status.missing(read("one_down", version), both, [], everywhere)
    assert gone[0] == "lb02 is not a member"
    failed = status.missing(read("failed", version), both, once, everywhere)
    assert failed == [
        "ha_lb_address runs on 0 nodes (), not on one",
        "ha_lb_haproxy does not run on lb01",
        "lb02 is in standby (crm_attribute --node lb02 --name standby --delete)",
        "ha_lb_haproxy failed 1 times on lb01 (crm_resource --cleanup --resource ha_lb_haproxy)",
    ]
    starting = status.missing(read("starting", version), both, [], [])
    assert "there is no quorum" in starting
    none = status.missing(status.NOT_CONNECTED, [], ["other"], [])
    assert none == ["the cluster does not run here", "other runs on 0 nodes (), not on one"]


def test_what_keeps_a_resource_from_running_is_said(version: str) -> None:
    def text(name: str, old: str = "", new: str = "") -> list[str]:
        xml = fixture(f"crm_mon_{name}-{version}.xml")
        assert old in xml
        now = status.parse(xml.replace(old, new))
        return hindrances.of(now["hindrances"], "ha_lb_haproxy")

    assert text("full") == []
    (mode,) = text("full", 'maintenance-mode="false"', 'maintenance-mode="true"')
    assert "--name maintenance-mode --delete" in mode
    ban = '<bans><ban id="cli-ban-x" resource="ha_lb_haproxy-clone" node="lb01" weight="-1000000"/>'
    assert text("full", "<bans>", ban) == [
        "constraint cli-ban-x keeps ha_lb_haproxy-clone from lb01"
        " (crm_resource --clear --resource ha_lb_haproxy-clone)"
    ]
    mild = ban.replace("-1000000", "-50")
    assert text("full", "<bans>", mild) == []
    role = 'id="ha_lb_haproxy" resource_agent="systemd:haproxy" '
    (stopped,) = text("full", role, f'{role}target_role="Stopped" ')
    assert stopped.startswith("ha_lb_haproxy is to be stopped (crm_resource")


def test_no_cluster(version: str) -> None:
    said = fixture(f"crm_mon_stopped-{version}.xml")
    with pytest.raises(errors.NotConnectedError):
        Client(runner=lambda argv, data="": Answer(102, said, "")).status()


def test_no_tools(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find", lambda program, path=None: None)
    with pytest.raises(errors.NotConnectedError, match="pacemaker-cli-utils"):
        Client().status()


def test_text_that_is_no_xml_is_an_error(version: str) -> None:
    with pytest.raises(errors.PacemakerError, match="not XML"):
        status.parse(version)
