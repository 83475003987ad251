# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the program that lab_autostart writes knows of the gateways, and in which order it goes."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from typing import Any

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._core import program
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._lab import autostart
from ansible_collections.virtual.datacenter.plugins.modules import lab_autostart, lab_network

GATEWAYS = [
    {"name": "gate01", "mac": "02:00:5e:00:53:01"},
    {"name": "gate02", "mac": "02:00:5e:00:53:02"},
]
PORTS = [
    {"name": "ssh", "host_port": 2222, "guest_port": 22, "machine": None},
    {"name": "ssh-gate02", "host_port": 2223, "guest_port": 22, "machine": "gate02"},
]


def parameters(**given: Any) -> dict[str, Any]:
    spec = lab_autostart.argument_spec()
    return {**{name: option.get("default") for name, option in spec.items()}, **given}


def settings(**given: Any) -> dict[str, Any]:
    """The settings as the written program reads them."""
    task = lab_autostart.Task(parameters(datacenter="h3", **given))
    assert task.program is not None
    with zipfile.ZipFile(io.BytesIO(task.program)) as archive:
        return dict(json.loads(archive.read(program.SETTINGS)))


def test_at_boot_the_network_is_the_one_that_lab_network_makes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {"bridges": ["br-edge"], "gateways": GATEWAYS, "ports": PORTS}
    lab = autostart.Lab(settings(machines=["gate01", "gate02", "cp01"], **given))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    spec = lab_network.argument_spec()
    defaults = {name: option.get("default") for name, option in spec.items()}
    task = lab_network.Task({**defaults, "datacenter": "h3", **given}, check_mode=True)
    assert lab.network.wanted() == task.lab.wanted()
    assert "2223:10.0.2.16:22" in lab.network.wanted()["service ports"]


class Calls(autostart.Lab):
    """Notes what is brought where; the machines of a group wait for each other."""

    def __init__(self, given: dict[str, Any], together: int) -> None:
        super().__init__(given)
        self.calls: list[str] = []
        self.together = threading.Barrier(together)

    def make_network(self) -> None:
        self.calls.append("network")

    def bring(self, name: str, power: str) -> str:
        if power == "stopped":
            self.together.wait(timeout=30)
        self.calls.append(name)
        return name


def test_two_gateways_start_first_and_stop_last_at_once() -> None:
    machines = ["cp01", "gate01", "cp02", "gate02"]
    lab = Calls(settings(machines=machines, gateways=GATEWAYS), together=2)
    assert list(lab.start()) == ["gate01", "gate02", "cp01", "cp02"]
    assert lab.calls == ["network", "gate01", "gate02", "cp01", "cp02"]
    lab.calls.clear()
    assert list(lab.stop()) == ["cp01", "cp02", "gate01", "gate02"]
    assert sorted(lab.calls[:2]) == ["cp01", "cp02"]


def test_without_gateways_the_first_machine_is_the_one() -> None:
    lab = Calls(settings(machines=["gate01", "cp01"]), together=1)
    assert list(lab.start()) == ["gate01", "cp01"]
    assert list(lab.stop()) == ["cp01", "gate01"]
    assert list(Calls(settings(machines=[]), together=1).stop()) == []


def test_a_port_of_no_gateway_is_refused() -> None:
    with pytest.raises(TaskError) as error:
        settings(gateways=GATEWAYS[:1], ports=PORTS)
    assert error.value.error_code == "BAD_OPTION"
