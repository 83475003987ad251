# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who begins a cluster and who joins it, and when nothing may be done."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.virtual.datacenter.plugins.plugin_utils.control_plane_plan import (
    control_plane_plan,
)
from hypothesis import given
from hypothesis import strategies as st

NAMES = ["cp01", "cp02", "cp03"]
DATA = "/var/lib/etcd/member"


def answer(state: str, mark: str = "", *, healthy: bool = False, data: bool = False) -> Any:
    return {
        "state": state,
        "mark": mark,
        "healthy": healthy,
        "gaps": ["its API server is not ready"] if state != "absent" and not healthy else [],
        "leftovers": [DATA] if data else [],
    }


ABSENT = answer("absent")
WELL = answer("member", healthy=True)
ILL = answer("member")


def plan(*answers: Any, present: list[str] | None = None) -> dict[str, Any]:
    return control_plane_plan(dict(zip(NAMES, answers)), NAMES, present or NAMES)


def test_a_new_cluster_is_begun_by_the_first() -> None:
    assert plan(ABSENT, ABSENT, ABSENT) == {
        "begin": "cp01",
        "join": ["cp02", "cp03"],
        "healthy": [],
        "problem": "",
    }


def test_who_has_begun_goes_on() -> None:
    made = plan(ABSENT, answer("interrupted", "init"), ABSENT)
    assert (made["begin"], made["join"], made["problem"]) == ("cp02", ["cp01", "cp03"], "")


def test_any_member_will_do() -> None:
    made = plan(ABSENT, ILL, WELL)
    assert (made["begin"], made["join"], made["healthy"]) == ("", ["cp01"], ["cp03"])
    assert made["problem"] == ""


def test_members_are_left_alone() -> None:
    made = plan(WELL, WELL, WELL)
    assert (made["begin"], made["join"], made["problem"]) == ("", [], "")


def test_an_interrupted_join_is_done_again() -> None:
    made = plan(WELL, answer("interrupted", "join", data=True), ABSENT)
    assert (made["begin"], made["join"], made["problem"]) == ("", ["cp02", "cp03"], "")


@pytest.mark.parametrize("silent", [{}, {"unreachable": True}, {"failed": True, "msg": "no"}])
def test_no_second_cluster_while_somebody_is_silent(silent: Any) -> None:
    made = plan(ABSENT, ABSENT, silent, present=["cp01", "cp02"])
    assert "some were not asked: cp03" in made["problem"]


def test_one_that_is_silent_does_not_stop_joins() -> None:
    made = plan(WELL, ABSENT, {"unreachable": True}, present=["cp01", "cp02"])
    assert (made["join"], made["problem"]) == (["cp02"], "")


def test_a_sick_cluster_is_not_replaced() -> None:
    made = plan(ILL, ABSENT, ABSENT)
    assert made["begin"] == ""
    assert "none of its control planes is healthy: cp01: its API server" in made["problem"]


def test_members_elsewhere_count() -> None:
    made = plan(WELL, ABSENT, WELL, present=["cp02"])
    assert (made["begin"], made["join"], made["healthy"]) == ("", ["cp02"], ["cp01", "cp03"])


def test_what_others_made_stops_the_run() -> None:
    made = plan(WELL, answer("foreign", data=True), WELL)
    assert f"cp02: {DATA}" in made["problem"] and "kubeadm reset" in made["problem"]
    # Not if nothing is to be done with it.
    assert plan(WELL, answer("foreign"), WELL, present=["cp01"])["problem"] == ""


def test_the_last_copy_of_a_cluster_is_not_thrown_away() -> None:
    made = plan(ABSENT, answer("interrupted", "join", data=True), ABSENT)
    assert "cp02 was joining a cluster" in made["problem"]
    assert plan(ABSENT, answer("interrupted", "join"), ABSENT)["problem"] == ""


STATES = st.builds(
    answer,
    st.sampled_from(["absent", "interrupted", "member", "foreign"]),
    st.sampled_from(["init", "join"]),
    healthy=st.booleans(),
    data=st.booleans(),
) | st.just({"unreachable": True})


@given(st.lists(STATES, min_size=3, max_size=3), st.sets(st.sampled_from(NAMES), min_size=1))
def test_never_a_second_cluster_and_never_a_member_touched(
    answers: list[Any], here: set[str]
) -> None:
    made = plan(*answers, present=[name for name in NAMES if name in here])
    states = dict(zip(NAMES, (entry.get("state", "silent") for entry in answers)))
    touched = {made["begin"], *made["join"]} - {""}
    assert all(states[name] in ("absent", "interrupted") for name in touched)
    assert touched <= here
    if made["begin"] and not made["problem"]:
        assert set(states.values()) <= {"absent", "interrupted"}
    if made["join"] and not made["begin"] and not made["problem"]:
        assert made["healthy"]
