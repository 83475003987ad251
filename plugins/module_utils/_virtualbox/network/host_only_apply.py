# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Read host-only interfaces and networks, and carry out the actions of a plan for one."""

from __future__ import annotations

import contextlib
import ipaddress
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import task
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.action import Action
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.client import Client
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.journal import Journal
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network import (
    host_only_model,
    host_only_plan,
    networks_conf,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network.host_only_model import (  # noqa: E501
    INTERFACE,
    HostOnly,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network.host_only_plan import (  # noqa: E501
    DesiredHostOnly,
    HostOnlyPlan,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.recovery import (
    settings_home,
)


class Task(task.Task):
    """One run of the module."""

    def __init__(
        self, client: Client, desired: DesiredHostOnly, conf: str = networks_conf.PATH
    ) -> None:
        super().__init__(client)
        self.desired = desired
        self.conf = conf
        self.actual: HostOnly | None = None
        self.listed: tuple[HostOnly, ...] = ()
        self.journal = Journal(settings_home(), f"hostonlyif {desired.item.address}")

    def _read(self) -> tuple[HostOnly, ...]:
        if self.desired.item.kind == INTERFACE:
            return host_only_model.interfaces(self.client.read("list", "hostonlyifs"))
        try:
            return host_only_model.networks(self.client.read("list", "hostonlynets"))
        except VirtualBoxError as error:
            if "Unknown subcommand" not in error.stderr and "Invalid" not in error.stderr:
                raise
            raise VirtualBoxError(
                "this VBoxManage knows no host-only networks, which macOS needs",
                hint="install VirtualBox 7.0 or later",
                error_code="NO_HOST_ONLY_NETWORKS",
                cmd=error.cmd,
                rc=error.rc,
                stderr=error.stderr,
            ) from error

    def plan(self) -> HostOnlyPlan:
        """Read the actual state and plan from it."""
        host_only_plan.check(self.desired)
        self.listed = self._read()
        plan = host_only_plan.plan(self.desired, self.listed, self._leftover())
        self.actual = plan.before
        if plan.after and plan.actions and plan.after.kind == INTERFACE:
            wanted = ipaddress.IPv4Interface(f"{plan.after.address}/{plan.after.netmask}")
            networks_conf.check(wanted, self.conf)
        return plan

    def _leftover(self) -> str:
        """The interface that a run made and was killed before it gave it the address."""
        if self.desired.item.kind != INTERFACE:
            return ""
        note = self.journal.read()
        new = [item.name for item in self.listed if item.name not in note.get("before", ())]
        # Of several nobody can tell whose they are.
        return new[0] if note and len(new) == 1 else ""

    def carry_out(self, plan: HostOnlyPlan) -> None:
        """Apply a plan."""
        made = ""
        for action in plan.actions:
            if action.kind == "create" and self.desired.item.kind == INTERFACE:
                made = self._create(t.cast(HostOnly, plan.after).name)
            elif made:
                self._configure(action, made)
            else:
                self.client.write(*action.argv)
        self.journal.end()

    def settle(self) -> None:
        """A note of an interrupted run is of no more use."""
        self.journal.end()

    def _create(self, expected: str) -> str:
        """Make an interface; its name."""
        names = [item.name for item in self.listed]
        self.journal.begin({"what": "hostonlyif", "name": expected, "before": names})
        try:
            answer = self.client.write("hostonlyif", "create")
        except VirtualBoxError as error:
            if error.outcome_unknown:
                raise
            self.journal.end()
            raise explained(error) from error
        made = host_only_model.created(answer)
        if not made:
            made = next((item.name for item in self._read() if item.name not in names), "")
        if not made:
            raise VirtualBoxError(
                "VBoxManage hostonlyif create reported success, but there is no new interface",
                stdout=answer,
            )
        if self.desired.item.name and made != self.desired.item.name:
            self._discard(made)
            raise VirtualBoxError(
                f"VirtualBox has called the new host-only interface {made}, not "
                f"{self.desired.item.name}; it was removed again",
                hint="leave the option name out; the interface is found by its address",
                error_code="OTHER_NAME",
            )
        return made

    def _configure(self, action: Action, made: str) -> None:
        """Give the interface just made its address; without one it would be of no use."""
        argv = list(action.argv)
        argv[2] = made
        try:
            self.client.write(*argv)
        except VirtualBoxError as error:
            if not error.outcome_unknown:
                self._discard(made)
            raise explained(error) from error

    def _discard(self, made: str) -> None:
        with contextlib.suppress(VirtualBoxError):
            self.client.write("hostonlyif", "remove", made)
        self.journal.end()


def explained(error: VirtualBoxError) -> VirtualBoxError:
    """The same failure with a way out."""
    if "vboxnetctl" in error.stderr:
        error.message = (
            "VirtualBox cannot make a host-only interface on this host: its kernel module "
            "vboxnetadp is not loaded (no /dev/vboxnetctl)"
        )
        error.hint = (
            "run 'modprobe vboxnetadp' as root; if there is no such module, install the package "
            "virtualbox-dkms with the headers of the running kernel, or run '/sbin/vboxconfig'. "
            "Internal and NAT networks (virtualbox_nat_network) do without it"
        )
        error.error_code = "NO_KERNEL_MODULE"
    elif "E_ACCESSDENIED" in error.stderr:
        error.hint = f"the address must be in a range that {networks_conf.PATH} allows"
        error.error_code = "RANGE_NOT_ALLOWED"
    return error
