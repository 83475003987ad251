# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the actual and the wanted DHCP server to the calls that lead there; pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import (
    Action,
    filled,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    bad_option,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network import (
    dhcp_checks,
    dhcp_model,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network.dhcp_model import (  # noqa: E501
    DhcpServer,
    FixedAddress,
    Group,
    Scope,
)

CORE = {
    "server_address": "--server-ip",
    "netmask": "--netmask",
    "lower_address": "--lower-ip",
    "upper_address": "--upper-ip",
}
LEASES = {
    "min_lease_seconds": "--min-lease-time",
    "default_lease_seconds": "--default-lease-time",
    "max_lease_seconds": "--max-lease-time",
}
CONDITIONS = {
    kind: kind.replace("wildcard", "wild").replace("_", "-") for kind in dhcp_model.CONDITION_TYPES
}
NO_SCOPE = Scope()


@dataclass(frozen=True)
class DesiredDhcp:
    server: DhcpServer
    state: str = "present"
    prune_options: bool = False
    prune_groups: bool = False
    prune_fixed_addresses: bool = False


@dataclass(frozen=True)
class DhcpPlan:
    before: DhcpServer | None
    after: DhcpServer | None
    actions: tuple[Action, ...] = ()


def plan(desired: DesiredDhcp, actual: DhcpServer | None) -> DhcpPlan:
    """What has to be done, in order."""
    wanted = desired.server
    dhcp_checks.check_desired(wanted)
    about = f"DHCP server of network '{wanted.network}'"
    base = ("--network", wanted.network)
    if desired.state == "absent":
        if actual is None:
            return DhcpPlan(None, None)
        argv = ("dhcpserver", "remove", *base)
        return DhcpPlan(actual, None, (Action("remove", f"remove {about}", argv),))
    missing = [key for key in CORE if actual is None and getattr(wanted, key) is None]
    if missing:
        raise bad_option(f"there is no {about}, and a new one needs {', '.join(missing)}")
    after = _after(desired, actual or DhcpServer(wanted.network, enabled=True))
    dhcp_checks.check_after(after)
    arguments, changed = _difference(actual or DhcpServer(wanted.network), after)
    if not arguments:
        return DhcpPlan(actual, after)
    verb, text = ("add", f"create {about}")
    if actual is not None:
        verb, text = ("modify", f"change {', '.join(changed)} of {about}")
    kind = "create" if actual is None else "modify"
    action = Action(kind, text, ("dhcpserver", verb, *base, *arguments))
    return DhcpPlan(actual, after, (action,))


def _after(desired: DesiredDhcp, before: DhcpServer) -> DhcpServer:
    """The server when everything is done."""
    wanted = desired.server
    after: DhcpServer = filled(
        before, enabled=wanted.enabled, **{key: getattr(wanted, key) for key in CORE}
    )
    prune = desired.prune_options
    old_groups = {group.name: group for group in before.groups}
    groups = {} if desired.prune_groups else dict(old_groups)
    for group in wanted.groups:
        old = old_groups.get(group.name, Group(group.name))
        conditions = old.conditions if group.conditions is None else group.conditions
        scope = _after_scope(old.scope, group.scope, prune)
        groups[group.name] = Group(group.name, conditions, scope)
    old_fixed = {item.key: item for item in before.fixed_addresses}
    fixed = {} if desired.prune_fixed_addresses else dict(old_fixed)
    for item in wanted.fixed_addresses:
        known = old_fixed.get(item.key, replace(item, address="", scope=NO_SCOPE))
        fixed[item.key] = replace(
            known,
            address=known.address if item.address is None else item.address,
            scope=_after_scope(known.scope, item.scope, prune),
        )
    return replace(
        after,
        scope=_after_scope(before.scope, wanted.scope, prune),
        groups=tuple(groups[key] for key in sorted(groups)),
        fixed_addresses=tuple(fixed[key] for key in sorted(fixed)),
    )


def _after_scope(before: Scope, wanted: Scope, prune: bool) -> Scope:
    after: Scope = filled(
        before,
        forced_options=wanted.forced_options,
        suppressed_options=wanted.suppressed_options,
        **{key: getattr(wanted, key) for key in dhcp_model.LEASES},
    )
    if wanted.options is None:
        return after
    options = {} if prune else {item.number: item for item in before.options or ()}
    options.update({item.number: item for item in wanted.options})
    return replace(after, options=dhcp_model.sorted_options(options.values()))


def _difference(before: DhcpServer, after: DhcpServer) -> tuple[list[str], list[str]]:
    """The arguments of one call, and the names of what they change."""
    arguments: list[str] = []
    changed: list[str] = []
    for key, option in CORE.items():
        if getattr(before, key) != getattr(after, key):
            arguments += [option, getattr(after, key)]
            changed.append(key)
    if before.enabled != after.enabled:
        arguments.append("--enable" if after.enabled else "--disable")
        changed.append("enabled")

    def within(selector: t.Sequence[str], found: t.Sequence[str], text: str) -> None:
        if found:
            arguments.extend((*selector, *found))
            changed.append(text)

    old_groups = {group.name: group for group in before.groups}
    new_groups = {group.name: group for group in after.groups}
    old_fixed = {item.key: item for item in before.fixed_addresses}
    new_fixed = {item.key: item for item in after.fixed_addresses}
    # Removals first: an address may go from one client to another.
    for name in sorted(old_groups.keys() - new_groups.keys()):
        within(("--group", name), ["--remove-config"], f"group '{name}'")
    for client in sorted(old_fixed.keys() - new_fixed.keys()):
        item = old_fixed[client]
        within(_selector(item), ["--remove-config"], item.text)
    within(("--global",), _scope(before.scope, after.scope), "options")
    for name, group in sorted(new_groups.items()):
        within(("--group", name), _group(old_groups.get(name), group), f"group '{name}'")
    for client, item in sorted(new_fixed.items()):
        within(_selector(item), _fixed(old_fixed.get(client), item), item.text)
    return arguments, changed


def _selector(item: FixedAddress) -> tuple[str, ...]:
    if item.mac:
        return ("--mac-address", item.mac)
    return ("--vm", item.vm, "--nic", str(item.nic))


def _fixed(before: FixedAddress | None, after: FixedAddress) -> list[str]:
    # A new one comes into being by its first setting, so it always gets one.
    new = before is None or before.address != after.address
    arguments = ["--fixed-address", after.address or ""] if new else []
    return arguments + _scope(before.scope if before else NO_SCOPE, after.scope)


def _group(before: Group | None, after: Group) -> list[str]:
    arguments = [] if before else ["--min-lease-time", str(after.scope.min_lease_seconds or 0)]
    old = (before and before.conditions) or ()
    if old != after.conditions:
        # VirtualBox removes a condition only by its exact spelling.
        arguments += ["--zap-conditions"] if old else []
        for item in after.conditions or ():
            verb = "incl" if item.include else "excl"
            arguments += [f"--{verb}-{CONDITIONS[item.type]}", item.value]
    return arguments + _scope(before.scope if before else NO_SCOPE, after.scope)


def _scope(before: Scope, after: Scope) -> list[str]:
    arguments: list[str] = []
    old = {item.number: item for item in before.options or ()}
    new = {item.number: item for item in after.options or ()}
    for number in sorted(old.keys() - new.keys()):
        arguments += ["--del-opt", str(number)]
    for number, item in sorted(new.items()):
        if old.get(number) != item:
            arguments += ["--set-opt-hex" if item.hex else "--set-opt", str(number), item.value]
    for key, verb in (("forced_options", "force"), ("suppressed_options", "suppress")):
        was, wanted = set(getattr(before, key) or ()), set(getattr(after, key) or ())
        for number in sorted(was - wanted):
            arguments += [f"--un{verb}-opt", str(number)]
        for number in sorted(wanted - was):
            arguments += [f"--{verb}-opt", str(number)]
    for key, option in LEASES.items():
        if (getattr(before, key) or 0) != (getattr(after, key) or 0):
            arguments += [option, str(getattr(after, key))]
    return arguments
