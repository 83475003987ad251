# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The flow of pacemaker_cib: read, compare, check, change, read again."""

from __future__ import annotations

import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import plan, wishes
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.cib import Cib
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.errors import (
    InvalidConfigurationError,
    NotConnectedError,
    PacemakerError,
)

# Another program may change the same element between our read and our write; then we look again.
ATTEMPTS = 3


class Look(t.NamedTuple):
    """What has to be done to one state of the cluster, and which parameters may be shown."""

    cib: Cib
    plan: plan.Plan
    public: dict[str, frozenset[str]]

    def result(self, warnings: t.Sequence[str] = ()) -> dict[str, t.Any]:
        before, after = self.plan.before.as_dict(self.public), self.plan.after.as_dict(self.public)
        return {
            "changed": bool(self.plan.actions),
            "actions": [str(action) for action in self.plan.actions],
            "configuration": after,
            "diff": {"before": before, "after": after} if self.plan.actions else {},
            "warnings": list(warnings),
        }


# Kinds of things, and the option that lists them.
LISTS = {
    "resource": "resources",
    "rsc_colocation": "colocations",
    "rsc_order": "orders",
    "rsc_location": "locations",
}


def ensure(client: Client, params: t.Mapping[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Make the cluster look as asked; the arguments of exit_json."""
    try:
        first = _look(Cib(client.query()), params)
    except NotConnectedError as error:
        if not check_mode:
            raise
        return _look(Cib(), params).result([f"Compared with an empty cluster: {error.message}"])
    now = first
    warnings: list[str] = []
    for attempt in range(1, ATTEMPTS + 1):
        if not now.plan.actions:
            break
        warnings = _change(client, now, check_mode, last=attempt == ATTEMPTS)
        if check_mode:
            return first.result(warnings)
        now = _look(Cib(client.query()), params)
    if now.plan.actions:
        raise PacemakerError(
            "The cluster took the change but does not show it: "
            + ", ".join(str(action) for action in now.plan.actions)
        )
    return first.result(warnings)


def _look(cib: Cib, params: t.Mapping[str, t.Any]) -> Look:
    wanted = wishes.read(params, cib.version())
    pruned = [kind for kind, option in LISTS.items() if params.get(option) is not None]
    made = plan.make(cib.read(), wanted, params.get("prune_prefix") or "", pruned)
    return Look(cib, made, {i: r.public() for i, r in wanted.resources.items()})


def _change(client: Client, look: Look, check_mode: bool, last: bool) -> list[str]:
    """Check the changed document and bring it into the cluster; warnings when that is odd."""
    new = look.cib.copy()
    plan.apply(look.plan, new)
    warnings = _verify(client, look.cib, new)
    if not check_mode:
        try:
            client.change(look.cib.text(), new.text())
        except PacemakerError:
            if last:
                raise
    return warnings


def _verify(client: Client, old: Cib, new: Cib) -> list[str]:
    """Refuse what Pacemaker's checker rejects, unless the live configuration was no better."""
    faults = client.faults(new.text_without_status())
    if not faults:
        return []
    if client.faults(old.text_without_status()):
        return [f"crm_verify already finds fault with the live configuration: {faults}"]
    raise InvalidConfigurationError(
        "Pacemaker would reject this configuration. Something in it may stand for what is no "
        f"longer there, a constraint for example; remove that first. crm_verify says: {faults}"
    )
