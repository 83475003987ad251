# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read a DHCP server, and carry out the actions of a plan for it."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import task
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
    bad_option,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network import (
    dhcp_checks,
    dhcp_plan,
    settings,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network.dhcp_model import (  # noqa: E501
    DhcpServer,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network.dhcp_plan import (  # noqa: E501
    DesiredDhcp,
    DhcpPlan,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    read,
)


class Task(task.Task):
    """One run of the module."""

    def __init__(self, client: Client, desired: DesiredDhcp) -> None:
        super().__init__(client)
        self.desired = desired
        self.actual: DhcpServer | None = None

    def _read(self) -> DhcpServer | None:
        return settings.read(self.client).dhcp_server(self.desired.server.network)

    def _with_uuids(self) -> DesiredDhcp:
        """VMs by their UUIDs, as VirtualBox keeps them."""
        wanted = self.desired.server
        names = {item.vm for item in wanted.fixed_addresses if item.vm}
        if not names:
            return self.desired
        listed = read.list_vms(self.client)
        known = {uuid for _name, uuid in listed}
        uuids = {
            name: read.find_uuid(listed, name) or (name.lower() if name.lower() in known else "")
            for name in names
        }
        for name, uuid in sorted(uuids.items()):
            if not uuid:
                raise bad_option(
                    f"fixed_addresses: there is no VM '{name}'",
                    "make the VM first, or name the client by its mac",
                )
        fixed = tuple(
            replace(item, vm=uuids[item.vm]) if item.vm else item for item in wanted.fixed_addresses
        )
        return replace(self.desired, server=replace(wanted, fixed_addresses=fixed))

    def plan(self) -> DhcpPlan:
        """Read the actual state and plan from it."""
        dhcp_checks.check_desired(self.desired.server)
        desired = self.desired if self.desired.state == "absent" else self._with_uuids()
        self.actual = self._read()
        return dhcp_plan.plan(desired, self.actual)

    def carry_out(self, plan: DhcpPlan) -> None:
        """Apply a plan."""
        for action in plan.actions:
            if action.kind == "create":
                self._create(action)
            else:
                self.client.write(*action.argv)

    def _create(self, action: Action) -> None:
        try:
            self.client.write(*action.argv)
        except VirtualBoxError as error:
            # A refused one is there all the same, without addresses or options; one that somebody
            # else has made in this moment is not ours.
            if not error.outcome_unknown and "already exists" not in error.stderr and self._read():
                self.client.write("dhcpserver", "remove", "--network", self.desired.server.network)
            raise
