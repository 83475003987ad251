# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node is set aside and taken back; what crm_mon says is recorded."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import node
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.client import (
    Answer,
    Client,
)
from pacemaker_simulator import fixture


class Cluster:
    """Shows recorded words of crm_mon, in which an order to a node is carried out at once."""

    def __init__(self, recorded: str) -> None:
        self.xml = fixture(recorded)
        self.orders: list[list[str]] = []

    def run(self, argv: t.Sequence[str], data: str = "") -> Answer:
        if argv[0] == "crm_mon":
            return Answer(0, self.xml, "")
        self.orders.append(list(argv))
        name, on = argv[2], "--update" in argv
        old, new = ("false", "true") if on else ("true", "false")
        lines = self.xml.splitlines()
        self.xml = "\n".join(
            line.replace(f'standby="{old}"', f'standby="{new}"')
            if f'<node name="{name}" id=' in line
            else line
            for line in lines
        )
        return Answer(0, "", "")


def ensure(cluster: Cluster, check_mode: bool = False, **options: t.Any) -> change.Result:
    given = {"allow_outage": False, "wait_timeout": 0, **options}
    task = node.Task(Client(runner=cluster.run), given)
    return change.run(task, node.result, check_mode)


def test_a_node_is_set_aside_once_and_taken_back_once() -> None:
    cluster = Cluster("crm_mon_full-3.0.0.xml")
    assert ensure(cluster, check_mode=True, name="lb01", state="standby")["standby"]
    assert cluster.orders == []
    done = ensure(cluster, name="lb01", state="standby")
    assert (done["changed"], done["standby"]) == (True, True)
    assert not ensure(cluster, name="lb01", state="standby")["changed"]
    assert ensure(cluster, name="lb01", state="active")["changed"]
    assert not ensure(cluster, name="lb01", state="active")["changed"]
    assert [order[-2:] for order in cluster.orders] == [["--update", "on"], ["standby", "--delete"]]


def test_the_last_node_stays_unless_an_outage_is_allowed() -> None:
    cluster = Cluster("crm_mon_full-3.0.0.xml")
    ensure(cluster, name="lb01", state="standby")
    with pytest.raises(TaskError, match="No other node can take over what lb02 runs"):
        ensure(cluster, name="lb02", state="standby")
    assert ensure(cluster, name="lb02", state="standby", allow_outage=True)["changed"]


def test_a_node_that_keeps_its_resources_is_said() -> None:
    with pytest.raises(TaskError, match=r"lb01 still runs .*ha_lb_haproxy"):
        ensure(Cluster("crm_mon_full-3.0.0.xml"), name="lb01", state="standby", wait_timeout=1)


def test_a_name_that_no_node_has_is_said() -> None:
    with pytest.raises(TaskError, match="The node lb09 is wanted in the cluster, found lb01, lb02"):
        ensure(Cluster("crm_mon_full-3.0.0.xml"), name="lb09", state="standby")
