# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of pacemaker_cib: what it reads, plans, checks and changes."""

from __future__ import annotations

import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core import change
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker import desired
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.cib import Cib
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.errors import (
    InvalidConfigurationError,
    NotConnectedError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._pacemaker.plan import (
    Plan,
    apply,
    make,
)


class Task(change.Task):
    """One run of the module."""

    def __init__(self, client: Client, params: t.Mapping[str, t.Any], check_mode: bool) -> None:
        self.client = client
        self.params = params
        self.check_mode = check_mode
        self.old = self.new = Cib()
        # Parameters that may be shown, by resource.
        self.public: dict[str, frozenset[str]] = {}
        self.warnings: list[str] = []

    def plan(self) -> Plan:
        """Read the cluster, plan, and have Pacemaker check what it would become."""
        try:
            self.old = Cib(self.client.query())
        except NotConnectedError as error:
            if not self.check_mode:
                raise
            self.warnings = [f"Compared with an empty cluster: {error.message}"]
            return self.plan_for(Cib())
        made = self.plan_for(self.old)
        if made.actions:
            self.new = self.old.copy()
            apply(made, self.new)
            self.warnings = self._verify()
        return made

    def plan_for(self, cib: Cib) -> Plan:
        """What is to be done to this document."""
        wanted = desired.read(self.params, cib.version())
        pruned = [
            kind for kind, option in desired.LISTS.items() if self.params.get(option) is not None
        ]
        self.public = {i: resource.public() for i, resource in wanted.resources.items()}
        return make(cib.read(), wanted, self.params.get("prune_prefix") or "", pruned)

    def _verify(self) -> list[str]:
        """Refuse what Pacemaker's checker rejects, unless the live configuration was no better."""
        faults = self.client.faults(self.new.text_without_status())
        if not faults:
            return []
        if self.client.faults(self.old.text_without_status()):
            return [f"crm_verify already finds fault with the live configuration: {faults}"]
        raise InvalidConfigurationError(
            "Pacemaker would reject this configuration. Something in it may stand for what is no "
            f"longer there, a constraint for example; remove that first. crm_verify says: {faults}"
        )

    def carry_out(self, plan: Plan) -> None:
        """All changes of the plan in one step."""
        self.client.change(self.old.text(), self.new.text())


def result(task: Task, outcome: change.Outcome) -> change.Result:
    """What only this module returns."""
    before, after = outcome.before.as_dict(task.public), outcome.after.as_dict(task.public)
    return {
        "configuration": after,
        "diff": {"before": before, "after": after} if outcome.actions else {},
        "warnings": task.warnings,
    }
