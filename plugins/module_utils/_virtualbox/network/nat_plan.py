# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the actual and the wanted NAT network to the calls that lead there; pure."""

from __future__ import annotations

import ipaddress
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
    addresses,
    nat_model,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network.nat_model import (  # noqa: E501
    NatForward,
    NatNetwork,
)

SETTINGS = (
    "network",
    "dhcp_enabled",
    "ipv6_enabled",
    "ipv6_prefix",
    "ipv6_default_route",
    "enabled",
)
# What VirtualBox makes of a network of which nothing but the address is said.
NEW = NatNetwork(
    "",
    None,
    True,
    False,
    "fd17:625c:f037:2::/64",
    False,
    True,
    loopbacks=(("127.0.0.1", 2),),
    running=False,
)


@dataclass(frozen=True)
class DesiredNat:
    network: NatNetwork
    state: str = "present"
    prune_port_forwards: bool = False


@dataclass(frozen=True)
class NatPlan:
    before: NatNetwork | None
    after: NatNetwork | None
    actions: tuple[Action, ...] = ()


def check(desired: DesiredNat) -> None:
    """Refuse what VirtualBox would refuse half-way, or take and never do."""
    wanted = desired.network
    addresses.name("name", wanted.name)
    if wanted.network is not None:
        found = addresses.network4("network", wanted.network)
        if found.prefixlen > 30:
            raise bad_option(f"network: {found} is too small", "use a prefix length of 30 or less")
    if wanted.ipv6_prefix is not None:
        try:
            prefix = ipaddress.IPv6Network(wanted.ipv6_prefix)
        except ValueError as error:
            raise bad_option(f"ipv6_prefix: '{wanted.ipv6_prefix}': {error}") from error
        if prefix.prefixlen != 64:
            raise bad_option(f"ipv6_prefix: {prefix} must have the length 64")
    for rule in wanted.port_forwards:
        _check_forward(rule)
    _unique("port_forwards", [rule.key for rule in wanted.port_forwards])
    _unique("port_forwards", [_port(rule) for rule in wanted.port_forwards])
    for host, offset in wanted.loopbacks:
        if not addresses.address("loopbacks", host).is_loopback:
            raise bad_option(f"loopbacks: {host} is not in 127.0.0.0/8")
        if offset < 1:
            raise bad_option(f"loopbacks: the offset {offset} of {host} must be 1 or more")
    _unique("loopbacks", [host for host, _offset in wanted.loopbacks])
    _unique("loopbacks", [offset for _host, offset in wanted.loopbacks])


def _check_forward(rule: NatForward) -> None:
    addresses.name("port_forwards", rule.name)
    if ":" in rule.name:
        raise bad_option(f"port_forwards: the name '{rule.name}' must not hold a colon")
    version = int(rule.family[-1])
    if rule.host_address:
        addresses.address("port_forwards", rule.host_address, version)
    addresses.address("port_forwards", rule.guest_address, version)
    addresses.port("port_forwards", rule.host_port)
    addresses.port("port_forwards", rule.guest_port)


def _port(rule: NatForward) -> tuple[str, str, str, int]:
    return rule.family, rule.protocol, rule.host_address, rule.host_port


def _unique(option: str, keys: t.Sequence[t.Any]) -> None:
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        raise bad_option(f"{option}: {', '.join(str(key) for key in sorted(twice))} is there twice")


def plan(desired: DesiredNat, actual: NatNetwork | None) -> NatPlan:
    """What has to be done, in order."""
    check(desired)
    name = desired.network.name
    if desired.state == "absent":
        if actual is None:
            return NatPlan(None, None)
        return NatPlan(actual, None, (*_stop(actual), _action("remove", name, "remove")))
    if actual is None:
        if desired.network.network is None:
            raise bad_option(
                f"there is no NAT network '{name}', and a new one needs an address",
                "set the option network",
            )
        before = replace(NEW, name=name, network=desired.network.network)
    else:
        before = actual
    after = _after(desired, before)
    arguments, changed = _difference(before, after, desired)
    actions: list[Action] = []
    if actual is None:
        given = ("--network", t.cast(str, after.network), *arguments)
        actions.append(_action("create", name, "add", *given))
    elif arguments:
        text = f"change {', '.join(changed)} of NAT network '{name}'"
        argv = ("natnetwork", "modify", "--netname", name, *arguments)
        actions.append(Action("modify", text, argv))
    if after.running and not before.running:
        actions.append(_action("start", name, "start"))
    if before.running and not after.running:
        actions += _stop(before)
    return NatPlan(actual, after, tuple(actions))


def _action(kind: str, name: str, verb: str, *arguments: str) -> Action:
    argv = ("natnetwork", verb, "--netname", name, *arguments)
    return Action(kind, f"{kind} NAT network '{name}'", argv)


def _stop(network: NatNetwork) -> tuple[Action, ...]:
    return (_action("stop", network.name, "stop"),) if network.running else ()


def _after(desired: DesiredNat, before: NatNetwork) -> NatNetwork:
    """The network when everything is done."""
    wanted = desired.network
    after: NatNetwork = filled(before, **{key: getattr(wanted, key) for key in SETTINGS})
    rules = {} if desired.prune_port_forwards else {rule.key: rule for rule in before.port_forwards}
    if before.network and after.network and after.network != before.network:
        rules = {
            key: replace(
                rule,
                guest_address=nat_model.moved(rule.guest_address, before.network, after.network),
            )
            for key, rule in rules.items()
        }
    rules.update({rule.key: rule for rule in wanted.port_forwards})
    loopbacks = {**dict(before.loopbacks), **dict(wanted.loopbacks)}
    if desired.state != "present":
        after = replace(after, running=desired.state == "started")
    after = replace(
        after,
        port_forwards=tuple(rules[key] for key in sorted(rules)),
        loopbacks=tuple(sorted(loopbacks.items())),
    )
    _check_after(desired, after)
    return after


def _check_after(desired: DesiredNat, after: NatNetwork) -> None:
    """Refuse what does not fit together, whether it was there or is wanted."""
    if after.running and not after.enabled and desired.state == "started":
        raise bad_option(
            f"the NAT network '{after.name}' is disabled and cannot be started",
            "set enabled: true",
        )
    wanted = desired.network
    network = ipaddress.IPv4Network(t.cast(str, after.network))
    for rule in wanted.port_forwards:
        inside: addresses.Network = network
        if rule.family == "ipv6":
            inside = ipaddress.IPv6Network(after.ipv6_prefix or "::/0")
        if ipaddress.ip_address(rule.guest_address) not in inside:
            raise bad_option(
                f"port_forwards: the guest address {rule.guest_address} of '{rule.name}' is not in "
                f"the network {inside}"
            )
    ports: dict[tuple[str, str, str, int], str] = {}
    for rule in after.port_forwards:
        other = ports.setdefault(_port(rule), rule.name)
        if other != rule.name:
            raise bad_option(
                f"port_forwards: '{other}' and '{rule.name}' both take port {rule.host_port} of "
                f"'{rule.host_address}'",
                "choose another port, or set prune_port_forwards: true",
            )
    used: dict[int, str] = {}
    for host, offset in after.loopbacks:
        if host in dict(wanted.loopbacks) and offset > network.num_addresses - 2:
            raise bad_option(f"loopbacks: the offset {offset} of {host} is outside of {network}")
        other = used.setdefault(offset, host)
        if other != host:
            raise bad_option(
                f"loopbacks: {other} and {host} both have the offset {offset}",
                "name both and give one another offset: VirtualBox cannot remove a mapping",
            )


def _difference(
    before: NatNetwork, after: NatNetwork, desired: DesiredNat
) -> tuple[list[str], list[str]]:
    """The arguments of one call, and the names of what they change."""
    arguments: list[str] = []
    changed: list[str] = []

    def setting(key: str, *given: str) -> None:
        if getattr(before, key) != getattr(after, key):
            arguments.extend(given)
            changed.append(key)

    def switch(key: str) -> str:
        return "on" if getattr(after, key) else "off"

    setting("network", "--network", after.network or "")
    setting("enabled", "--enable" if after.enabled else "--disable")
    setting("dhcp_enabled", "--dhcp", switch("dhcp_enabled"))
    setting("ipv6_enabled", "--ipv6", switch("ipv6_enabled"))
    setting("ipv6_prefix", "--ipv6-prefix", after.ipv6_prefix or "")
    setting("ipv6_default_route", "--ipv6-default", switch("ipv6_default_route"))
    old = {rule.key: rule for rule in before.port_forwards}
    new = {rule.key: rule for rule in after.port_forwards}
    named = {rule.key for rule in desired.network.port_forwards}
    # VirtualBox leads rules elsewhere when the network moves, so the named ones are made anew.
    again = named if before.network != after.network else set()
    # All deletions first: a changed rule keeps its name, and a new one may take over a port.
    gone = [key for key in sorted(old) if key not in new or _differs(key, old, new, named, again)]
    made = [key for key in sorted(named) if key not in old or key in gone]
    for key in gone:
        arguments += [old[key].option, "delete", key[1]]
    for key in made:
        arguments += [new[key].option, new[key].rule()]
    changed += [f"port forward '{name}'" for _family, name in sorted({*gone, *made})]
    loopbacks = _loopbacks(dict(before.loopbacks), dict(after.loopbacks))
    if loopbacks:
        arguments += [word for pair in loopbacks for word in ("--loopback-4", pair)]
        changed.append("loopbacks")
    return arguments, changed


def _differs(
    key: tuple[str, str],
    old: dict[tuple[str, str], NatForward],
    new: dict[tuple[str, str], NatForward],
    named: t.Container[tuple[str, str]],
    again: t.Container[tuple[str, str]],
) -> bool:
    return key in named and (old[key] != new[key] or key in again)


def _loopbacks(now: dict[str, int], wanted: dict[str, int]) -> list[str]:
    """One mapping after another, none onto a place that another still has."""
    steps: list[str] = []
    now = dict(now)
    while True:
        pending = {host: offset for host, offset in wanted.items() if now.get(host) != offset}
        if not pending:
            return steps
        free = [host for host, offset in sorted(pending.items()) if offset not in now.values()]
        if free:
            host, offset = free[0], pending[free[0]]
        else:
            # They wait for each other: one steps aside.
            taken = {*now.values(), *wanted.values()}
            host = min(pending)
            offset = next(number for number in range(1, len(taken) + 2) if number not in taken)
        steps.append(f"{host}={offset}")
        now[host] = offset
