#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_machine
short_description: A machine of a lab data center on this host
version_added: 0.1.0
description:
  - Defines, starts, stops and removes a system container (LXC with systemd) that takes the place of
    a virtual machine.
  - The machine's root is an overlay over the machine image. Its own files lie in
    O(root_dir)C(/DATACENTER/machines/NAME).
  - The machine is configured by cloud-init from the same seed that a hypervisor would attach. The
    lab gives it NICs with
    the planned MAC addresses and nothing else. No address is written by the lab.
options:
  datacenter:
    description: Name of the data center. Its network must exist before a machine starts
      (M(virtual.datacenter.lab_network)).
    type: str
    required: true
  name:
    description: Name of the machine. Required unless O(all_machines=true).
    type: str
  all_machines:
    description: With O(state=absent), remove every machine of the data center of which anything is
      left.
    type: bool
    default: false
  state:
    description:
      - V(defined) makes the machine and leaves its power as it is, V(started) and V(stopped) also
        set the power.
      - V(absent) cuts the power and removes the machine with all its data.
    type: str
    choices: [defined, started, stopped, absent]
    default: started
  image:
    description:
      - Folder of the machine image, with the root file system in C(rootfs) and its package files in
        C(debs), which the machine
        sees at C(/srv/debs).
      - A machine stays on the image that it was made from.
    type: path
  seed_path:
    description: The cloud-init seed, an ISO image or a folder with C(user-data), C(meta-data) and
      C(network-config).
    type: path
  nics:
    description: The NICs. Their names and addresses are cloud-init's matter.
    type: list
    elements: dict
    default: []
    suboptions:
      number: {description: "Number of the NIC, from 1.", type: int, required: true}
      mac: {description: MAC address., type: str, required: true}
      kind:
        description: V(nat) is the uplink, V(internal) a segment.
        type: str
        choices: [nat, internal]
        default: internal
      segment: {description: "The segment of an internal NIC, a key of O(bridges).", type: str}
  bridges:
    description: The bridge of each segment.
    type: dict
    default: {}
  mounts:
    description: Folders of the host that the machine sees.
    type: list
    elements: dict
    default: []
    suboptions:
      source: {description: Folder on the host., type: path, required: true}
      target: {description: Folder in the machine., type: path, required: true}
      read_only: {description: Whether the machine may only read there., type: bool, default: true}
  cgroup_mode:
    description:
      - Control group version of the machine.
      - V(auto) takes version 2 where the host has its controllers there, else version 1.
    type: str
    choices: [auto, v1, v2]
    default: auto
  cpus:
    description: Processor time that the machine may use, in whole processors. Unset is no limit.
    type: int
  memory_mb:
    description:
      - The memory in MiB that the machine may use, page cache included. Unset is no limit.
      - Programs in the machine still read the memory of the host from C(/proc/meminfo).
    type: int
  realtime_percent:
    description:
      - The share of each processor that real-time threads of the machine may use, as corosync has
        some. The shares of all machines of a host come to 95 at most; where less is left, a half of
        it is given, or a quarter, or nothing.
      - It matters where the kernel gives out such shares by control groups of version 1.
    type: int
    default: 0
  processes:
    description:
      - How many processes and threads the machine may have.
      - Unset is as many as a kernel with that memory allows, 8 for each MiB of O(memory_mb).
    type: int
  force:
    description: Cut the power instead of shutting down.
    type: bool
    default: false
  allow_power_cycle:
    description:
      - Restart a running machine whose definition changed.
      - Without it the new definition is used at the next start, and RV(machine.restart_required)
        says so.
    type: bool
    default: false
  timeout:
    description: Seconds that a shutdown may take before the power is cut.
    type: int
    default: 60
  root_dir:
    description: Folder that holds everything of the lab's data centers.
    type: path
    default: /var/lib/virtual.datacenter
attributes:
  check_mode:
    support: full
    description: Can run in check_mode and return changed status prediction without modifying
      target.
  diff_mode:
    support: full
    description: Will return details on what has changed (or possibly needs changing in check_mode),
      when in diff mode.
  platform:
    support: full
    platforms: linux
    description: Target OS families that can be operated against.
requirements:
  - lxc 5, iproute2, nsenter
  - pycdlib (Python) for a seed that is an ISO image
  - root
seealso:
  - module: virtual.datacenter.lab_network
author:
  - the virtual.datacenter contributors (@virtual-datacenter)
"""

EXAMPLES = r"""
- name: A machine on the segment 'edge', running
  virtual.datacenter.lab_machine:
    datacenter: lab
    name: lb01
    image: /root/.cache/virtual.datacenter/lab-image-trixie-0123456789ab
    seed_path: /root/.local/state/virtual.datacenter/lab/seeds/lb01.iso
    nics:
      - {number: 1, mac: "02:00:00:00:01:11", segment: edge}
    bridges: {edge: br-edge}
    cpus: 1
    memory_mb: 512
  register: machine

- name: Say whether the machine must be restarted for its new definition
  ansible.builtin.debug:
    var: machine.machine.restart_required

- name: Cut its power
  virtual.datacenter.lab_machine:
    datacenter: lab
    name: lb01
    state: stopped
    force: true

- name: Remove all machines of the data center
  virtual.datacenter.lab_machine:
    datacenter: lab
    all_machines: true
    state: absent
"""

RETURN = r"""
machine:
  description: The machine as it is now.
  returned: when O(state) is not V(absent)
  type: dict
  contains:
    name: {description: Name of the machine., type: str, sample: lb01}
    power: {description: V(running) or V(stopped)., type: str, sample: running}
    directory: {description: Folder with the machine's files., type: str}
    image: {description: Root file system below the machine., type: str}
    cgroup_mode: {description: Control group version., type: str, sample: v1}
    restart_required:
      description: The machine runs with an older definition than the one that is on disk now.
      type: bool
    attach:
      description: Command that opens a shell in the machine, past the network.
      type: list
      elements: str
actions:
  description: What was done, or would be done in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    action:
      description: Kind of the step.
      type: str
      returned: always
    text:
      description: The step in words.
      type: str
      returned: always
    command:
      description: The command that does it, empty where it is none.
      type: list
      elements: str
      returned: always
  sample:
    - action: start
      text: start machine 'lb01'
      command: []
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: NETWORK_MISSING
cmd:
  description: The command that failed, if it was one.
  returned: failure
  type: list
  elements: str
rc:
  description: How that command ended.
  returned: failure
  type: int
stderr:
  description: What that command said.
  returned: failure
  type: str
"""

import os
from dataclasses import replace
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change, state
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._lab import (
    cgroups,
    folders,
    limits,
    lxc,
    machine,
    machine_host,
    modules,
    names,
    namespaces,
    options,
    seed,
)


def argument_spec() -> dict[str, Any]:
    nic = {
        "number": {"type": "int", "required": True},
        "mac": {"type": "str", "required": True},
        "kind": {"type": "str", "choices": ["nat", "internal"], "default": "internal"},
        "segment": {"type": "str"},
    }
    mount = {
        "source": {"type": "path", "required": True},
        "target": {"type": "path", "required": True},
        "read_only": {"type": "bool", "default": True},
    }
    return {
        "datacenter": {"type": "str", "required": True},
        "name": {"type": "str"},
        "all_machines": {"type": "bool", "default": False},
        "state": {
            "type": "str",
            "choices": ["defined", "started", "stopped", "absent"],
            "default": "started",
        },
        "image": {"type": "path"},
        "seed_path": {"type": "path"},
        "nics": {"type": "list", "elements": "dict", "default": [], "options": nic},
        "bridges": {"type": "dict", "default": {}},
        "mounts": {"type": "list", "elements": "dict", "default": [], "options": mount},
        "cgroup_mode": {"type": "str", "choices": ["auto", "v1", "v2"], "default": "auto"},
        "cpus": {"type": "int"},
        "memory_mb": {"type": "int"},
        "realtime_percent": {"type": "int", "default": 0},
        "processes": {"type": "int"},
        "force": {"type": "bool", "default": False},
        "allow_power_cycle": {"type": "bool", "default": False},
        "timeout": {"type": "int", "default": 60},
        "root_dir": {"type": "path", "default": "/var/lib/virtual.datacenter"},
    }


def check(params: dict[str, Any]) -> None:
    problem = names.check_name("The data center's name", params["datacenter"])
    if not problem and params["name"] is not None:
        problem = names.check_name("The machine's name", params["name"])
    if params["all_machines"] and params["state"] != "absent":
        problem = "all_machines goes with state absent only."
    if params["all_machines"] == (params["name"] is not None):
        problem = "Give either the machine's name or all_machines."
    for name in ("cpus", "memory_mb", "processes"):
        if params[name] is not None and params[name] < 1:
            problem = f"{name} is to be at least 1, found {params[name]}."
    if not 0 <= params["realtime_percent"] <= cgroups.MOST_REALTIME_PERCENT:
        problem = (
            f"realtime_percent is 0 to {cgroups.MOST_REALTIME_PERCENT}, found"
            f" {params['realtime_percent']}."
        )
    options.accept(problem)


def nics_of(params: dict[str, Any]) -> list[lxc.Nic]:
    nics = []
    for nic in params["nics"]:
        bridge = (
            names.UPLINK_BRIDGE if nic["kind"] == "nat" else params["bridges"].get(nic["segment"])
        )
        if bridge is None:
            raise TaskError(
                f"NIC {nic['number']} of {params['name']} is on segment '{nic['segment']}',"
                " which has no bridge. "
                f"Known segments: {', '.join(params['bridges']) or 'none'}.",
                error_code="UNKNOWN_SEGMENT",
            )
        nics.append(lxc.Nic(nic["number"], nic["mac"].lower(), bridge))
    return nics


def read_seed(
    params: dict[str, Any], actual: machine.Actual, check_mode: bool
) -> tuple[dict[str, bytes], dict[str, str]]:
    """The seed's files and their digests. In check mode a seed that is not made yet is taken as
    unchanged.
    """
    path = params["seed_path"]
    if path and not (check_mode and not os.path.exists(path)):
        files = seed.read(path)
        return files, seed.digests(files)
    kept = {
        thing: digest for thing, digest in actual.definition.items() if thing.startswith("seed ")
    }
    return {}, {thing.partition(" ")[2]: digest for thing, digest in kept.items()}


def wanted_definition(
    host: machine_host.LabMachine,
    actual: machine.Actual,
    params: dict[str, Any],
    digests: dict[str, str],
    check_mode: bool,
) -> dict[str, str]:
    """The defined part of the machine as the task wants it."""
    if params["image"] is None:
        if machine.CONFIG not in actual.definition and not check_mode:
            raise TaskError(
                f"The machine {params['name']} is not defined: give image, seed_path and nics.",
                error_code="NOT_DEFINED",
            )
        # Without an image only the power is asked for: the definition stays as it is.
        return dict(actual.definition)
    lower = host.lower(params["image"], must_exist=not check_mode)
    mode = params["cgroup_mode"] if params["cgroup_mode"] != "auto" else cgroups.detect_mode()
    definition = lxc.Definition(
        datacenter=params["datacenter"],
        name=params["name"],
        root=params["root_dir"],
        lower=lower,
        nics=nics_of(params),
        mounts=[*host.image_mounts(lower), *[lxc.Mount(**mount) for mount in params["mounts"]]],
        modules=modules.tree(params["root_dir"]),
        cgroup_mode=mode,
        limits=limits.Limits(
            cgroups.detect_mode(), params["cpus"], params["memory_mb"], params["processes"]
        ),
        realtime_percent=params["realtime_percent"],
    )
    return machine.definition(host.directory, lxc.render(definition), digests)


class Task(change.Task):
    """One run of the module on one machine."""

    def __init__(self, params: dict[str, Any], check_mode: bool) -> None:
        self.params = params
        self.check_mode = check_mode
        self.host = machine_host.LabMachine(
            params["root_dir"], params["datacenter"], params["name"], params["timeout"]
        )
        self.files: dict[str, bytes] = {}
        self.planned = machine.Plan({}, {}, [])

    def plan(self) -> machine.Plan:
        """Read the machine and plan from it."""
        params, actual = self.params, self.host.read()
        self.files, digests = read_seed(params, actual, self.check_mode)
        if params["state"] == "absent":
            self.planned = machine.plan_absent(actual)
        else:
            wanted = wanted_definition(self.host, actual, params, digests, self.check_mode)
            self.planned = machine.plan_present(
                actual, wanted, params["state"], params["force"], params["allow_power_cycle"]
            )
        words = state.told(self.planned.actions, machine.WORDS, params["name"])
        self.planned = replace(self.planned, actions=words)
        return self.planned

    def carry_out(self, plan: machine.Plan) -> None:
        """Apply a plan."""
        if any(action.kind == "start" for action in plan.actions):
            self.host.check_network()
        for action in plan.actions:
            self.host.apply(action, plan.after, self.files)


class AllMachines(change.Task):
    """One run of the module on all machines of a data center, which are removed."""

    def __init__(self, params: dict[str, Any]) -> None:
        self.params = params
        self.steps: list[tuple[machine_host.LabMachine, state.Action]] = []
        self.looked = False

    def plan(self) -> state.Plan:
        """Read all machines of which anything is left."""
        before: dict[str, str] = {}
        actions: list[state.Action] = []
        self.steps = []
        for name in machine_host.known_machines(self.params["root_dir"], self.params["datacenter"]):
            host = machine_host.LabMachine(
                self.params["root_dir"], self.params["datacenter"], name, self.params["timeout"]
            )
            actual = host.read()
            before[name] = actual.power
            planned = machine.plan_absent(actual).actions
            self.steps += [(host, action) for action in planned]
            actions += state.told(planned, machine.WORDS, name)
            if not planned and not self.looked:
                # The kernel may give them free a little later: nobody waits for that.
                actions.append(
                    state.Action("remove", f"remove the control groups of machine '{name}'")
                )
        self.looked = True
        return state.Plan(before, {}, actions)

    def carry_out(self, plan: state.Plan) -> None:
        """Remove all of it."""
        for host, action in self.steps:
            host.apply(action, {}, {})
        self.settle()

    def settle(self) -> None:
        """What is shared goes with the last machine."""
        machine_host.remove_empty_groups(self.params["datacenter"])
        folders.remove_empty(self.params["root_dir"], self.params["datacenter"])


def describe(task: Task) -> dict[str, Any]:
    config = task.planned.after.get(machine.CONFIG, "")
    host = task.host
    enter = namespaces.enter_command(host.network)
    return {
        "name": host.name,
        "power": task.planned.after[machine.POWER],
        "directory": host.directory,
        "image": lxc.lower_of(config),
        "cgroup_mode": "v1" if "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE" in config else "v2",
        "restart_required": task.planned.restart_required,
        "attach": [*enter, "lxc-attach", "-P", host.lxc_path, "-n", host.name],
    }


def make_task(params: dict[str, Any], check_mode: bool) -> Task | AllMachines:
    check(params)
    return AllMachines(params) if params["all_machines"] else Task(params, check_mode)


def result(task: Task | AllMachines, outcome: change.Outcome) -> change.Result:
    """What only this module returns."""
    if isinstance(task, AllMachines):
        header = f"machines of {task.params['datacenter']}"
        return {"diff": state.diff(outcome.before, outcome.after, header)}
    name = task.params["name"]
    shown: dict[str, Any] = {
        "diff": state.diff(outcome.before, outcome.after, f"machine {name}"),
    }
    if task.params["state"] != "absent":
        shown["machine"] = describe(task)
    if task.planned.restart_required:
        shown["warnings"] = [
            f"Machine {name} uses its new definition after a restart (allow_power_cycle)."
        ]
    return shown


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_together=[["image", "seed_path"]],
    )
    change.run_module(module, lambda: make_task(module.params, module.check_mode), result)


if __name__ == "__main__":
    main()
