# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the actual and the wanted host-only network to the calls that lead there; pure."""

from __future__ import annotations

import ipaddress
import re
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import (
    Action,
    filled,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
    bad_option,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network import (
    addresses,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network.host_only_model import (  # noqa: E501
    INTERFACE,
    NETWORK,
    HostOnly,
)

# VirtualBox chooses the names of interfaces: this and the lowest free number.
INTERFACE_NAME = re.compile(r"vboxnet([0-9]{1,3})")
NETMASK = "255.255.255.0"


@dataclass(frozen=True)
class DesiredHostOnly:
    item: HostOnly
    state: str = "present"


@dataclass(frozen=True)
class HostOnlyPlan:
    before: HostOnly | None
    after: HostOnly | None
    actions: tuple[Action, ...] = ()


def check(desired: DesiredHostOnly) -> None:
    """Faults that the desired object shows by itself."""
    wanted = desired.item
    for key in ("address", "upper_address"):
        if getattr(wanted, key) is not None:
            addresses.address(key, getattr(wanted, key))
    if wanted.netmask is not None:
        addresses.netmask("netmask", wanted.netmask)
    if wanted.kind == NETWORK:
        if not wanted.name:
            raise bad_option("on this system a host-only network has a name", "set the option name")
        addresses.name("name", wanted.name)
        if "\n" in wanted.name:
            raise bad_option("name: the name of a host-only network must not hold a line break")
        return
    if wanted.name and not INTERFACE_NAME.fullmatch(wanted.name):
        raise bad_option(
            f"on this system a host-only interface cannot have the name '{wanted.name}', but only "
            "vboxnet0, vboxnet1 and so on",
            "leave the option name out; the interface is found by its address",
        )
    if not wanted.name and wanted.address is None:
        raise bad_option("neither name nor address say which host-only interface is meant")
    if wanted.enabled is False:
        raise bad_option("on this system a host-only interface cannot be disabled")


def free_name(listed: t.Iterable[HostOnly]) -> str:
    """The name that VirtualBox will give the next interface."""
    names = {item.name for item in listed}
    return next(f"vboxnet{number}" for number in range(1000) if f"vboxnet{number}" not in names)


def find(wanted: HostOnly, listed: t.Sequence[HostOnly], exact: bool) -> HostOnly | None:
    """Which of the listed is meant.

    By name, if the task names it. Else it is the interface with the wanted address, else, if it
    need not be exact, the one with the wanted network.
    """
    if wanted.name:
        return next((item for item in listed if item.name == wanted.name), None)
    network = ipaddress.IPv4Interface(f"{wanted.address}/{wanted.netmask or NETMASK}").network
    same = [item for item in listed if item.address == wanted.address]
    if not same and not exact:
        same = [item for item in listed if item.own_network == network]
    if len(same) > 1:
        raise VirtualBoxError(
            f"there are {len(same)} host-only interfaces with the address {wanted.address} or the "
            f"network {network}: {', '.join(item.name for item in same)}",
            hint="name the one that is meant by the option name",
            error_code="AMBIGUOUS_NAME",
        )
    return same[0] if same else None


def plan(
    desired: DesiredHostOnly, listed: t.Sequence[HostOnly], leftover: str = ""
) -> HostOnlyPlan:
    """What has to be done; `leftover` is an interface that an interrupted run has made for this."""
    check(desired)
    wanted = desired.item
    actual = find(wanted, listed, exact=desired.state == "absent")
    if actual is None and leftover and desired.state == "present":
        actual = next((item for item in listed if item.name == leftover), None)
    if desired.state == "absent":
        if actual is None:
            return HostOnlyPlan(None, None)
        return HostOnlyPlan(actual, None, (_remove(actual),))
    after = _after(wanted, actual, listed)
    _check_after(after, wanted.upper_address or after.upper_address, actual, listed)
    if wanted.kind == NETWORK:
        return HostOnlyPlan(actual, after, _network(actual, after))
    return HostOnlyPlan(actual, after, _interface(actual, after))


def _after(wanted: HostOnly, actual: HostOnly | None, listed: t.Sequence[HostOnly]) -> HostOnly:
    if actual is None:
        needed = ["address", "netmask", "upper_address"] if wanted.kind == NETWORK else ["address"]
        missing = [key for key in needed if getattr(wanted, key) is None]
        if missing:
            raise bad_option(
                f"there is no host-only {wanted.kind} '{wanted.name}', and a new one needs "
                f"{', '.join(missing)}"
            )
        if wanted.kind == NETWORK:
            return t.cast(HostOnly, filled(HostOnly(NETWORK, enabled=True), **vars(wanted)))
        name = free_name(listed)
        if wanted.name and wanted.name != name:
            raise bad_option(
                f"VirtualBox would call a new host-only interface {name}, not {wanted.name}",
                "leave the option name out; the interface is found by its address",
            )
        return replace(wanted, name=name, netmask=wanted.netmask or NETMASK, upper_address=None)
    keys = ["address", "netmask"]
    if wanted.kind == NETWORK:
        keys += ["upper_address", "enabled"]
    after = t.cast(HostOnly, filled(actual, **{key: getattr(wanted, key) for key in keys}))
    if after.own_network is None and after.address:
        after = replace(after, netmask=NETMASK)
    return after


def _check_after(
    after: HostOnly, upper: str | None, actual: HostOnly | None, listed: t.Sequence[HostOnly]
) -> None:
    network = after.own_network
    if network is None:
        raise bad_option(f"'{after.name}' has no address yet", "set the option address")
    address = ipaddress.IPv4Address(after.address or "")
    last = ipaddress.IPv4Address(upper) if upper else address
    for key, host in (("address", address), ("upper_address", last)):
        if host not in network:
            raise bad_option(f"{key} {host} is not in {network}, the network of address")
        if host in (network.network_address, network.broadcast_address):
            raise bad_option(f"{key} {host} is not an address of a host in {network}")
    if address > last:
        raise bad_option(f"address {address} is above upper_address {last}")
    for item in listed:
        other = item.own_network
        if item != actual and other is not None and other.overlaps(network) and actual != after:
            raise bad_option(
                f"{network} overlaps with {other} of '{item.name}'",
                "choose another network, or change or remove that one first",
            )


def _remove(actual: HostOnly) -> Action:
    text = f"remove host-only {actual.kind} '{actual.name}'"
    if actual.kind == INTERFACE:
        return Action("remove", text, ("hostonlyif", "remove", actual.name))
    return Action("remove", text, ("hostonlynet", "remove", f"--id={actual.uuid}"))


def _interface(actual: HostOnly | None, after: HostOnly) -> tuple[Action, ...]:
    if actual == after:
        return ()
    address, netmask = after.address or "", after.netmask or ""
    argv = ("hostonlyif", "ipconfig", after.name, "--ip", address, "--netmask", netmask)
    verb = f"give host-only interface '{after.name}' the address {address}, mask {netmask}"
    configure = Action("modify", verb, argv)
    if actual is not None:
        return (configure,)
    create = Action(
        "create", f"create host-only interface '{after.name}'", ("hostonlyif", "create")
    )
    return (create, configure)


def _network(actual: HostOnly | None, after: HostOnly) -> tuple[Action, ...]:
    options = {"netmask": "--netmask", "address": "--lower-ip", "upper_address": "--upper-ip"}
    before = actual or HostOnly(NETWORK)
    changed = [key for key in (*options, "enabled") if getattr(before, key) != getattr(after, key)]
    if not changed:
        return ()
    arguments = [f"{options[key]}={getattr(after, key)}" for key in changed if key != "enabled"]
    if "enabled" in changed:
        arguments.append("--enable" if after.enabled else "--disable")
    about = f"host-only network '{after.name}'"
    if actual is None:
        argv = ("hostonlynet", "add", f"--name={after.name}", *arguments)
        return (Action("create", f"create {about}", argv),)
    argv = ("hostonlynet", "modify", f"--id={actual.uuid}", *arguments)
    return (Action("modify", f"change {', '.join(changed)} of {about}", argv),)
