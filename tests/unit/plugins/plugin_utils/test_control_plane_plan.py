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


def answer(
    state: str,
    mark: str = "",
    *,
    healthy: bool = False,
    data: bool = False,
    whole: bool = False,
    answers: bool = False,
) -> Any:
    return {
        "state": state,
        "mark": mark,
        "healthy": healthy,
        "resumable": state == "interrupted" and mark != "join" and data and whole,
        "gaps": []
        if state == "absent" or healthy
        else ["no addons yet"]
        if answers
        else ["its API server is not ready"],
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
        "resume": "",
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


BEGUN = answer("interrupted", "init", data=True, whole=True, answers=True)


def test_an_init_that_was_cut_off_goes_on() -> None:
    made = plan(ABSENT, BEGUN, ABSENT)
    assert (made["begin"], made["resume"], made["join"]) == ("", "cp02", ["cp01", "cp03"])
    assert made["problem"] == ""


@pytest.mark.parametrize(
    "begun",
    [
        answer("interrupted", "init", data=True, whole=True),
        answer("interrupted", "init", data=True),
        answer("interrupted", "init", data=True, answers=True),
    ],
)
def test_the_data_of_an_init_that_cannot_go_on_is_kept(begun: Any) -> None:
    made = plan(begun, ABSENT, ABSENT)
    assert "cp01 was beginning a cluster" in made["problem"]
    assert "/var/lib/etcd" in made["problem"] and "kubeadm reset" in made["problem"]


def test_an_init_that_failed_is_begun_again() -> None:
    made = plan(ABSENT, answer("interrupted", "init-failed", data=True, whole=True), ABSENT)
    assert (made["begin"], made["resume"], made["problem"]) == ("cp02", "", "")


def test_an_init_that_failed_late_goes_on() -> None:
    late = answer("interrupted", "init-failed", data=True, whole=True, answers=True)
    assert plan(late)["resume"] == "cp01"


def test_two_clusters_that_were_begun_stop_the_run() -> None:
    assert "cp02 was beginning a cluster" in plan(BEGUN, BEGUN, ABSENT)["problem"]


def test_a_cluster_that_was_begun_elsewhere_stops_the_run() -> None:
    made = plan(ABSENT, BEGUN, ABSENT, present=["cp01", "cp03"])
    assert "cp02 was beginning a cluster" in made["problem"]


STATES = st.builds(
    answer,
    st.sampled_from(["absent", "interrupted", "member", "foreign"]),
    st.sampled_from(["init", "init-failed", "join"]),
    healthy=st.booleans(),
    data=st.booleans(),
    whole=st.booleans(),
    answers=st.booleans(),
) | st.just({"unreachable": True})


@given(st.lists(STATES, min_size=3, max_size=3), st.sets(st.sampled_from(NAMES), min_size=1))
def test_never_a_second_cluster_and_never_a_member_touched(
    answers: list[Any], here: set[str]
) -> None:
    made = plan(*answers, present=[name for name in NAMES if name in here])
    states = dict(zip(NAMES, (entry.get("state", "silent") for entry in answers)))
    touched = {made["begin"], made["resume"], *made["join"]} - {""}
    assert all(states[name] in ("absent", "interrupted") for name in touched)
    assert touched <= here
    if (made["begin"] or made["resume"]) and not made["problem"]:
        assert set(states.values()) <= {"absent", "interrupted"}
    if made["join"] and not (made["begin"] or made["resume"]) and not made["problem"]:
        assert made["healthy"]


@given(st.lists(STATES, min_size=3, max_size=3), st.sets(st.sampled_from(NAMES), min_size=1))
def test_the_only_data_of_a_cluster_is_never_reset(answers: list[Any], here: set[str]) -> None:
    made = plan(*answers, present=[name for name in NAMES if name in here])
    if made["problem"]:
        return
    for name, entry in zip(NAMES, answers):
        reset = entry.get("state") == "interrupted" and name in [made["begin"], *made["join"]]
        if reset and DATA in entry["leftovers"]:
            assert entry["mark"] == "init-failed" or made["healthy"]
