# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read a NAT network, and carry out the actions of a plan for it."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import task
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network import (
    nat_plan,
    processes,
    settings,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network.nat_model import (  # noqa: E501
    NatNetwork,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network.nat_plan import (  # noqa: E501
    DesiredNat,
    NatPlan,
)

# Without the kernel driver the process of a network ends within this time.
START_SECONDS = 2.0
POLL_SECONDS = 0.2


class Task(task.Task):
    """One run of the module."""

    def __init__(
        self,
        client: Client,
        desired: DesiredNat,
        running: t.Callable[[str], bool] = processes.running,
    ) -> None:
        super().__init__(client)
        self.desired = desired
        self.running = running
        self.actual: NatNetwork | None = None

    @property
    def name(self) -> str:
        return self.desired.network.name

    def _read(self) -> NatNetwork | None:
        found = settings.read(self.client).nat_network(self.name)
        return found and replace(found, running=self.running(self.name))

    def plan(self) -> NatPlan:
        """Read the actual state and plan from it."""
        nat_plan.check(self.desired)
        self.actual = self._read()
        return nat_plan.plan(self.desired, self.actual)

    def carry_out(self, plan: NatPlan) -> None:
        """Apply a plan."""
        for action in plan.actions:
            if action.kind == "create":
                self._create(action)
            else:
                self.client.write(*action.argv)
            if action.kind == "start":
                self._settle(True)
            elif action.kind == "stop":
                self._settle(False)

    def _create(self, action: Action) -> None:
        try:
            self.client.write(*action.argv)
        except VirtualBoxError as error:
            # A refused one is there all the same, with another address or without its rules; one
            # that somebody else has made in this moment is not ours.
            if not error.outcome_unknown and "already exists" not in error.stderr and self._read():
                self.client.write("natnetwork", "remove", "--netname", self.name)
            raise

    def _settle(self, wanted: bool) -> None:
        """Wait until the network runs and stays so, or has ended."""
        # One that runs is looked at until the time is over: it may end again.
        self.client.wait_until(
            lambda: not wanted and not self.running(self.name), START_SECONDS, POLL_SECONDS
        )
        if self.running(self.name) is wanted:
            return
        if wanted:
            raise VirtualBoxError(
                f"VBoxManage natnetwork start reported success, but the NAT network '{self.name}' "
                "does not run",
                hint="it needs the kernel driver of VirtualBox: load vboxdrv; or use state: "
                "present, VirtualBox starts the network with its first VM",
                error_code="NOT_RUNNING",
            )
        raise VirtualBoxError(
            f"the NAT network '{self.name}' was stopped but still runs",
            hint="a VM uses it: stop the VM first",
            error_code="STILL_RUNNING",
        )
