# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one list of checks, in the order of their importance, and what they come to together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._checks import cluster, machines
from ansible_collections.virtual.datacenter.plugins.plugin_utils._checks.check import Check
from ansible_collections.virtual.datacenter.plugins.plugin_utils._checks.seen import Seen

CHECKS: tuple[Callable[[Seen], Iterator[Check]], ...] = (
    machines.machines_answer,
    cluster.routers_are_held_once,
    cluster.floating_ips_are_held_once,
    cluster.load_balancers_have_quorum,
    cluster.load_balancers_are_fenced,
    cluster.api_answers,
    cluster.etcd_is_healthy,
    cluster.nodes_are_ready,
    cluster.members_are_whole,
    cluster.backends_are_up,
    cluster.cluster_dns_is_spread,
    cluster.pods_run,
    machines.services_run,
    machines.file_systems_have_room,
    machines.certificates_are_valid,
    machines.clocks_are_right,
    cluster.versions_are_as_planned,
    cluster.no_other_nodes,
    machines.everything_was_read,
    machines.no_restart_is_due,
    machines.leases_are_known,
    machines.gateway_is_redundant,
    cluster.one_control_plane_is_named,
)
BY_NAME = {function.__name__: function for function in CHECKS}


def checks(data: Mapping[str, Any], names: Iterable[str] = ()) -> list[Check]:
    """What the checks of these names find, or all of them."""
    wanted = list(names)
    unknown = [name for name in wanted if name not in BY_NAME]
    if unknown:
        raise ValueError(
            f"wanted: names of checks ({', '.join(BY_NAME)}); found: {', '.join(unknown)}"
        )
    seen = Seen(data)
    return [
        dataclasses.replace(check, name=function.__name__)
        for function in CHECKS
        if not wanted or function.__name__ in wanted
        for check in function(seen)
    ]
