# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who begins a cluster, who joins it, and when nothing may be done: from what machines say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.virtual.datacenter.plugins.module_utils._kubernetes.membership import (
    ETCD_DATA,
    INIT,
    INIT_FAILED,
)


def _state(answers: Mapping[str, Any], name: str) -> str:
    """A machine that could not be asked, or has not been, is silent."""
    return str(answers.get(name, {}).get("state", "silent"))


def _api_answers(answer: Mapping[str, Any]) -> bool:
    return "its API server is not ready" not in answer["gaps"]


def _resumable(answers: Mapping[str, Any], missing: Sequence[str]) -> list[str]:
    """The machines whose interrupted init can go on: all is there, and the API server answers."""
    return [
        name
        for name in missing
        if answers[name].get("resumable", False) and _api_answers(answers[name])
    ]


def _keepers(answers: Mapping[str, Any], missing: Sequence[str]) -> list[str]:
    """The machines whose etcd may hold the only copy of a cluster.

    An init that failed has begun an empty cluster that never was whole.
    """
    return [
        name
        for name in missing
        if ETCD_DATA in answers[name]["leftovers"] and answers[name]["mark"] != INIT_FAILED
    ]


def _lost_data(answers: Mapping[str, Any], keepers: Sequence[str]) -> str:
    if not keepers:
        return ""
    found = "; ".join(
        f"{name} was {'joining' if answers[name]['mark'] == 'join' else 'beginning'} a cluster"
        f" ({', '.join(answers[name]['gaps'])})"
        for name in keepers
    )
    return (
        "no other control plane is a member of a cluster, and the data of etcd in /var/lib/etcd may"
        f" be all that is left of one, so nothing was changed: {found}. Look at journalctl -u"
        " kubelet there. If nothing of it is needed, run kubeadm reset there and try again"
    )


def _problem(
    states: Mapping[str, str], answers: Mapping[str, Any], present: Sequence[str], resume: str
) -> str:
    def named(*wanted: str) -> list[str]:
        return [name for name, state in states.items() if state in wanted]

    foreign = [name for name in named("foreign") if name in present]
    if foreign:
        found = "; ".join(
            f"{name}: {', '.join(answers[name]['leftovers'])} ({', '.join(answers[name]['gaps'])})"
            for name in foreign
        )
        return (
            "holds something of Kubernetes that no run of ours has begun, and it is left alone: "
            f"{found}. If nothing of it is needed, run kubeadm reset there and try again"
        )
    members = named("member")
    if members and not any(answers[name].get("healthy") for name in members):
        gaps = "; ".join(f"{name}: {', '.join(answers[name]['gaps'])}" for name in members)
        return f"there is a cluster, but none of its control planes is healthy: {gaps}"
    if members:
        return ""
    silent = named("silent", "foreign")
    if silent:
        return (
            "no control plane is a member of a cluster, but a new one cannot be begun as long as "
            f"some were not asked: {', '.join(silent)}"
        )
    keepers = _keepers(answers, named("interrupted"))
    return _lost_data(answers, [name for name in keepers if name != resume])


def control_plane_plan(
    answers: Mapping[str, Any], names: Sequence[str], present: Sequence[str]
) -> dict[str, Any]:
    """What to do with the control planes of this play, given what all of them answered.

    A new cluster is begun only if every control plane there is was asked and none is a member.
    """
    states = {name: _state(answers, name) for name in names}
    missing = [name for name in present if states[name] in ("absent", "interrupted")]
    begin = resume = ""
    if missing and "member" not in states.values():
        interrupted = [name for name in missing if states[name] == "interrupted"]
        resume = next(iter(_resumable(answers, interrupted)), "")
        # Who has begun goes on.
        begun = [name for name in interrupted if answers[name]["mark"] in (INIT, INIT_FAILED)]
        begin = "" if resume else (begun or missing)[0]
    return {
        "begin": begin,
        "resume": resume,
        "join": [name for name in missing if name not in (begin, resume)],
        "healthy": [name for name in names if answers.get(name, {}).get("healthy")],
        "problem": _problem(states, answers, present, resume),
    }
