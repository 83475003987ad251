# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What haproxy 2.6 said of its servers, and what is written down. With haproxy: molecule/ha_lb."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._haproxy import servers

HEADER = (
    "# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight"
    " srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state"
    " srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl"
    " srv_check_port srv_check_addr srv_agent_addr srv_agent_port"
)
DRAINED = "2 api 1 cp01 127.0.0.1 2 8 1 1 1 6 3 4 6 0 0 0 - 17002 - 0 0 - - 0"
USED = "2 api 2 cp02 127.0.0.1 0 0 1 1 3 8 2 0 6 0 0 0 - 17003 - 0 0 - - 0"
ELSEWHERE = "3 web 1 cp01 127.0.0.1 2 0 1 1 3 8 2 0 6 0 0 0 - 17004 - 0 0 - - 0"
SAID = "\n".join(["1", HEADER, DRAINED, USED, ELSEWHERE, "", ""])
STATISTICS = (
    "# pxname,svname,qcur,qmax,scur,type\n"
    "api,FRONTEND,,,7,0\napi,cp01,1,0,2,2\napi,cp02,0,0,5,2\napi,BACKEND,0,0,7,1\n"
)


class Recorded(servers.Task):
    """Knows what haproxy said, in place of a haproxy."""

    def states(self) -> tuple[list[str], list[servers.Server]]:
        return servers.parse_states(SAID)


def task(**options: Any) -> Recorded:
    return Recorded(
        {
            "server": "cp01",
            "backends": [],
            "state": "drained",
            "wait_seconds": 0,
            "socket": "/nowhere",
            "state_path": "",
            **options,
        }
    )


def test_what_is_set_aside_is_known() -> None:
    found = servers.parse_states(SAID)[1]
    assert [(one.backend, one.name, one.set_aside) for one in found] == [
        ("api", "cp01", True),
        ("api", "cp02", False),
        ("web", "cp01", False),
    ]


@pytest.mark.parametrize(
    ("options", "commands"),
    [
        ({}, ["set server web/cp01 state drain"]),
        ({"backends": ["api"]}, []),
        ({"state": "ready"}, ["set server api/cp01 state ready"]),
        ({"server": "cp02"}, ["set server api/cp02 state drain"]),
    ],
)
def test_only_what_differs_is_done(options: dict[str, Any], commands: list[str]) -> None:
    assert [action.text for action in task(**options).plan().actions] == commands


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"server": "cp03"}, "The server cp03 is wanted in any backend, found api/cp01, api/cp02"),
        ({"backends": ["api", "db"]}, "The server cp01 is wanted in db, found"),
    ],
)
def test_a_server_that_is_not_there_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(TaskError, match=said):
        task(**options).plan()


def test_where_no_haproxy_runs_nothing_is_done(tmp_path: Path) -> None:
    options = {**task().options, "socket": str(tmp_path / "none")}
    idle = servers.Task(options)
    assert idle.plan().actions == ()
    assert not idle.running


def test_sessions_are_those_that_run_and_those_that_wait() -> None:
    assert servers.parse_sessions(STATISTICS) == {("api", "cp01"): 3, ("api", "cp02"): 5}


def test_what_is_set_aside_is_written_down_once(tmp_path: Path) -> None:
    path = tmp_path / "aside"
    one = task(state_path=str(path), state="ready", server="cp02")
    one.settle()
    assert path.read_text(encoding="utf-8").splitlines() == ["1", HEADER, DRAINED]
    before = path.stat().st_mtime_ns
    one.settle()
    assert path.stat().st_mtime_ns == before


def test_another_format_is_refused() -> None:
    with pytest.raises(TaskError, match="format 1"):
        servers.parse_states("2\n# else\n")
