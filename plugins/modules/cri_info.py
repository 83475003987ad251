#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cri_info
short_description: Ask a container runtime for its state
version_added: 0.1.0
description:
  - Asks the runtime of a Kubernetes node through its CRI socket whether it is ready, and what it
    was started with.
  - It asks by C(crictl). Where there is none, containerd's own C(ctr) says whether the CRI plugin
    is loaded, and nothing more.
  - A runtime that does not answer is no failure of the task. RV(ready) is false, and RV(problem)
    says why.
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
extends_documentation_fragment:
  - virtual.datacenter.read_only.attributes
attributes:
  action_group:
    description: Use C(group/virtual.datacenter.kubernetes) in C(module_defaults) to set options for
      all modules.
    support: full
    membership:
      - virtual.datacenter.kubernetes
requirements:
  - C(crictl), or C(ctr) of containerd
options:
  endpoint:
    description:
      - The socket of the runtime.
    type: str
    default: unix:///run/containerd/containerd.sock
  crictl:
    description:
      - The program, as its name or its path.
    type: str
    default: crictl
  gather:
    description:
      - What is asked for besides. Only C(crictl) can tell it.
    type: list
    elements: str
    choices: [images, pods]
    default: []
  wait_seconds:
    description:
      - Ask again until the runtime is ready, for at most this many seconds. What was found last is
        returned in any case.
    type: int
    default: 0
  timeout:
    description:
      - Seconds to wait for each answer.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Wait until the runtime is ready
  virtual.datacenter.cri_info:
    wait_seconds: 60
  register: runtime

- name: Fail if it is not ready
  ansible.builtin.assert:
    that: runtime.ready
    fail_msg: "{{ runtime.problem }}"
"""

RETURN = r"""
client:
  description: Which program was asked, V(crictl) or V(ctr).
  returned: success
  type: str
  sample: crictl
ready:
  description:
    - Whether the condition C(RuntimeReady) holds. By V(ctr), whether the CRI plugin is loaded.
  returned: success
  type: bool
network_ready:
  description: Whether the condition C(NetworkReady) holds. None where it was not told.
  returned: success
  type: bool
conditions:
  description: All conditions, each with C(type), C(status), C(reason) and C(message).
  returned: success
  type: list
  elements: dict
cgroup_driver:
  description:
    - V(systemd) or V(cgroupfs), as the running runtime has it, whatever its file says by now. Empty
      where it was not told.
  returned: success
  type: str
  sample: systemd
runtime:
  description: C(name), C(version) and C(api_version) of the runtime. Each is empty if not told.
  returned: success
  type: dict
  sample: {name: containerd, version: 1.7.24, api_version: v1}
images:
  description: The images, each with C(id), C(names), C(digests) and C(size) in bytes.
  returned: if asked for
  type: list
  elements: dict
pods:
  description: The sandboxes of pods, each with C(id), C(name), C(namespace) and C(ready).
  returned: if asked for
  type: list
  elements: dict
problem:
  description: Why the runtime is not ready. Empty if it is.
  returned: success
  type: str
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: CLIENT_MISSING
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._core import wait
from ansible_collections.virtual.datacenter.plugins.module_utils._core.command import (
    ExpiredError,
    limited,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._kubernetes import cri

POLL_SECONDS = 0.5
GATHERERS: dict[str, t.Callable[[str], t.Any]] = {
    "images": cri.parse_images,
    "pods": cri.parse_pods,
}


class SilentError(Exception):
    """The runtime did not answer; the text says what was said instead."""


class Asker:
    """Asks one runtime by one program."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.endpoint: str = module.params["endpoint"]
        self.timeout: int = module.params["timeout"]
        self.crictl = module.get_bin_path(module.params["crictl"])
        self.ctr = module.get_bin_path("ctr")
        if not self.crictl and not self.ctr:
            module.fail_json(
                error_code="CLIENT_MISSING",
                msg=f"wanted: the command {module.params['crictl']} (option crictl), or"
                " containerd's ctr; found: neither. Install the package cri-tools of Kubernetes'"
                " repository, or the binaries of an archive by the role k8s_node.",
            )

    def run(self, *argv: str) -> str:
        look_at = "the unit of the container runtime, as by journalctl -u containerd"
        try:
            rc, out, err = limited(self.module.run_command, argv, self.timeout + 2, look_at)
        except ExpiredError as error:
            raise SilentError(str(error)) from error
        if rc != 0:
            raise SilentError(cri.complaint(err.strip() or out))
        return str(out)

    def by_crictl(self, *argv: str) -> str:
        endpoints = [f"--{kind}-endpoint={self.endpoint}" for kind in ("runtime", "image")]
        return self.run(self.crictl, *endpoints, f"--timeout={self.timeout}s", *argv)

    def answer(self) -> dict[str, t.Any]:
        if self.crictl:
            told = cri.parse_info(self.by_crictl("info", "--output=json"))
            told["runtime"] = cri.parse_version(self.by_crictl("version"))
            for name in self.module.params["gather"]:
                told[name] = GATHERERS[name](self.by_crictl(name, "--output=json"))
            return told
        socket = self.endpoint[len("unix://") :]
        address = (f"--address={socket}", f"--connect-timeout={self.timeout}s")
        return {"ready": cri.cri_plugin_is_loaded(self.run(self.ctr, *address, "plugins", "ls"))}

    def look(self) -> dict[str, t.Any]:
        result: dict[str, t.Any] = {
            "client": "crictl" if self.crictl else "ctr",
            "ready": False,
            "network_ready": None,
            "conditions": [],
            "cgroup_driver": "",
            "runtime": cri.parse_version(""),
            "problem": "",
        }
        try:
            result.update(self.answer())
        except SilentError as error:
            result["problem"] = f"{self.endpoint} does not answer: {error}"
            return result
        if not result["ready"]:
            said = "; ".join(
                f"{entry['type']}: {entry['message'] or entry['reason']}"
                for entry in result["conditions"]
                if not entry["status"]
            )
            result["problem"] = said or "containerd has not loaded its CRI plugin"
        return result


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "endpoint": {"type": "str", "default": "unix:///run/containerd/containerd.sock"},
            "crictl": {"type": "str", "default": "crictl"},
            "gather": {
                "type": "list",
                "elements": "str",
                "choices": ["images", "pods"],
                "default": [],
            },
            "wait_seconds": {"type": "int", "default": 0},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    asker = Asker(module)
    result: dict[str, t.Any] = {}

    def ready() -> bool:
        result.update(asker.look())
        return bool(result["ready"])

    wait.until(ready, module.params["wait_seconds"], POLL_SECONDS)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
