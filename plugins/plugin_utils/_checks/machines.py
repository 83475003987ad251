# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of single machines. Each takes what was seen, and yields what it found."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.virtual.datacenter.plugins.plugin_utils._checks.check import (
    FAILED,
    NOTE,
    OK,
    UNKNOWN,
    WARNING,
    Check,
    listing,
    one,
)
from ansible_collections.virtual.datacenter.plugins.plugin_utils._checks.seen import Seen

FULL_PERCENT = 95
NEARLY_FULL_PERCENT = 85
CERTIFICATE_DAYS = 30


def machines_answer(seen: Seen) -> Iterator[Check]:
    """Every planned machine runs and answers SSH."""
    planned = [name for name in seen.gateways if name in seen.planned]
    cut_off = bool(planned) and not set(planned) & set(seen.health)
    off = [name for name in seen.planned if seen.power_of(name) not in ("running", "absent", "")]
    for name in seen.planned:
        power = seen.power_of(name)
        if name in seen.health:
            yield Check(name, OK, f"{name} answers SSH.")
        elif power == "absent":
            hint = "Run the playbook virtual.datacenter.site, which makes what is not there."
            yield Check(name, FAILED, f"{name} is not there.", hint)
        elif name in off:
            hint = f"Run the playbook virtual.datacenter.start with --limit={','.join(off)}."
            yield Check(name, FAILED, f"{name} is {power}.", hint)
        elif cut_off and name not in planned:
            which = "which does not answer" if len(planned) == 1 else "and neither answers"
            sentence = f"{name} is reached by {' or '.join(planned)}, {which}."
            yield Check(name, UNKNOWN, sentence)
        else:
            said = f" ({seen.silence[name]})" if seen.silence.get(name) else ""
            hint = (
                f"Look at the console of {name}. To start it anew: the playbooks "
                "virtual.datacenter.stop -e stop_power_cut=true, then virtual.datacenter.start, "
                f"both with --limit={name}."
            )
            yield Check(name, FAILED, f"{name} does not answer SSH{said}.", hint)


def gateway_is_redundant(seen: Seen) -> Iterator[Check]:
    """A single gateway is named as what it is."""
    if len(seen.gateways) == 1:
        (gateway,) = seen.gateways
        sentence = (
            f"{gateway} is the only gateway: while it is off, no segment reaches another "
            "one, or the world."
        )
        yield Check(gateway, NOTE, sentence)


def services_run(seen: Seen) -> Iterator[Check]:
    """The services that a machine is for are active, and no unit has failed."""
    for name, health in seen.health.items():
        states: dict[str, str] = health.get("services") or {}
        stopped = [unit for unit, state in states.items() if state != "active"]
        problem = ""
        if stopped:
            problem = f"On {name} {listing(f'{unit} is {states[unit]}' for unit in stopped)}."
        hint = f"Look at: {seen.ssh} {name} systemctl status {' '.join(stopped)}"
        yield one(name, problem, f"On {name} {listing(states)} run.", hint)
        failed = health.get("failed_units") or []
        if failed:
            hint = f"Look at: {seen.ssh} {name} systemctl status {' '.join(failed)}"
            yield Check(name, WARNING, f"On {name} {listing(failed)} failed.", hint)


def file_systems_have_room(seen: Seen) -> Iterator[Check]:
    """No file system is nearly full."""
    for name, health in seen.health.items():
        full = {item["path"]: item["used_percent"] for item in health.get("file_systems") or []}
        most = max(full, key=lambda path: full[path], default="")
        if not most or full[most] < NEARLY_FULL_PERCENT:
            yield Check(
                name,
                OK,
                f"The fullest file system of {name} is {most or 'none'} with {full.get(most, 0)} "
                "%.",
            )
        else:
            state = FAILED if full[most] >= FULL_PERCENT else WARNING
            hint = (
                f"Look at what fills it: {seen.ssh} {name} sudo du -xh --max-depth=2 {most}. The "
                "playbook virtual.datacenter.storage makes volumes larger."
            )
            yield Check(name, state, f"{most} of {name} is {full[most]} % full.", hint)


def clocks_are_right(seen: Seen) -> Iterator[Check]:
    """The clock of every machine follows another one."""
    for name, health in seen.health.items():
        if health.get("clock_synchronized") is False:
            hint = (
                f"Look at: {seen.ssh} {name} chronyc sources. The servers are "
                "datacenter_ntp_servers."
            )
            yield Check(name, WARNING, f"The clock of {name} follows no other one.", hint)
        elif health.get("clock_synchronized"):
            yield Check(name, OK, f"The clock of {name} follows another one.")


def no_restart_is_due(seen: Seen) -> Iterator[Check]:
    """Packages that want a restart of the machine are named."""
    for name, health in seen.health.items():
        if health.get("reboot_required"):
            yield Check(name, NOTE, f"{name} has packages that take effect with its next start.")


def certificates_are_valid(seen: Seen) -> Iterator[Check]:
    """The first certificate of a machine to end does not end soon."""
    for name, certificates in seen.certificates.items():
        if not certificates:
            continue
        first = min(certificates, key=lambda item: int(item["ends"]))
        path, days = first["path"], int(first["days_left"])
        hint = (
            "Renew it with kubeadm certs renew all on each control plane, one after the other, "
            "and restart its static pods."
        )
        if days < 0:
            yield Check(
                name, FAILED, f"The certificate {path} of {name} is over since {-days} days.", hint
            )
        elif days < CERTIFICATE_DAYS:
            yield Check(
                name, WARNING, f"The certificate {path} of {name} ends in {days} days.", hint
            )
        else:
            yield Check(
                name, OK, f"The first certificate of {name} to end has {days} days ({path})."
            )


def leases_are_known(seen: Seen) -> Iterator[Check]:
    """Addresses that are lent to machines outside of the plan are named."""
    planned = {mac for machine in seen.planned.values() for mac in seen.macs(machine)}
    for name, health in seen.health.items():
        leases: list[dict[str, Any]] = health.get("leases") or []
        if leases:
            yield Check(name, OK, f"{name} lends {len(leases)} addresses.")
        for lease in leases:
            if lease["mac"] not in planned:
                who = lease["name"] or "a machine without a name"
                sentence = (
                    f"{name} lends {lease['address']} to {who} ({lease['mac']}), which is not in "
                    "the plan."
                )
                yield Check(name, NOTE, sentence)


def everything_was_read(seen: Seen) -> Iterator[Check]:
    """What a machine could not be asked is named."""
    for name, health in seen.health.items():
        for problem in health.get("problems") or []:
            yield Check(name, UNKNOWN, f"{name}: {problem.rstrip('.')}.")
