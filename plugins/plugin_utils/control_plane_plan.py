# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who begins a cluster, who joins it, and when nothing may be done: from what machines say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ETCD_DATA = "/var/lib/etcd/member"


def _state(answers: Mapping[str, Any], name: str) -> str:
    """A machine that could not be asked, or has not been, is silent."""
    return str(answers.get(name, {}).get("state", "silent"))


def _problem(states: Mapping[str, str], answers: Mapping[str, Any], present: Sequence[str]) -> str:
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
    orphans = [
        name
        for name in named("interrupted")
        if answers[name]["mark"] == "join" and ETCD_DATA in answers[name]["leftovers"]
    ]
    if orphans:
        return (
            f"{', '.join(orphans)} was joining a cluster that no other control plane is a member of"
            " any more. Its etcd may be all that is left of it: save /var/lib/etcd, or run kubeadm"
            " reset there, and try again"
        )
    return ""


def control_plane_plan(
    answers: Mapping[str, Any], names: Sequence[str], present: Sequence[str]
) -> dict[str, Any]:
    """What to do with the control planes of this play, given what all of them answered.

    A new cluster is begun only if every control plane there is was asked and none is a member.
    """
    states = {name: _state(answers, name) for name in names}
    missing = [name for name in present if states[name] in ("absent", "interrupted")]
    begin = ""
    if missing and "member" not in states.values():
        # Who has begun goes on.
        begun = [name for name in missing if answers[name]["mark"] == "init"]
        begin = (begun or missing)[0]
    return {
        "begin": begin,
        "join": [name for name in missing if name != begin],
        "healthy": [name for name in names if answers.get(name, {}).get("healthy")],
        "problem": _problem(states, answers, present),
    }
