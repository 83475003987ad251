# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One gateway and two: what each provider makes of their ports, cards and order."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from role_templar import role_templar, trusted

ROLES = Path(__file__).resolve().parents[3] / "roles"
NAMES = ("cp01", "gate01", "gate02", "lb01")
MACS = {name: f"02:00:5e:00:53:{number:02}" for number, name in enumerate(NAMES, 1)}
SSH = {"name": "ssh", "host_port": 2222, "guest_port": 22}
API = {"name": "api", "host_port": 6443, "guest_port": 6443, "machine": "gate01"}
SECOND = {"name": "ssh-gate02", "host_port": 2223, "guest_port": 22, "machine": "gate02"}


def plan(*gateways: str) -> dict[str, Any]:
    """All machines live on h but the load balancer."""
    machines = {
        name: {
            "name": name,
            "host": "other" if name == "lb01" else "h",
            "fqdn": name,
            "nics": [
                {
                    "number": 1,
                    "kind": "nat" if name in gateways else "internal",
                    "segment": None if name in gateways else "edge",
                    "mac": MACS[name],
                },
                {"number": 2, "kind": "internal", "segment": "edge", "mac": "02:00:5e:00:53:ff"},
            ],
        }
        for name in NAMES
    }
    return {
        "gateway": gateways[0],
        "gateways": list(gateways),
        "machines": machines,
        "segments": {"edge": {}},
    }


def worked_out(role: str, variable: str, *gateways: str, **given: Any) -> Any:
    templar = role_templar(
        ROLES / role,
        inventory_hostname="h",
        provider_datacenter="lab",
        provider_plan=plan(*gateways),
        **given,
    )
    return templar.template(templar.available_variables[variable])


@pytest.mark.parametrize(
    ("gateways", "order"),
    [
        (["gate02"], ["gate02", "cp01", "gate01"]),
        (["gate02", "gate01"], ["gate02", "gate01", "cp01"]),
    ],
)
def test_the_lab_starts_the_gateways_first(gateways: list[str], order: list[str]) -> None:
    assert worked_out("provider_lab", "__provider_lab_order", *gateways) == order


def test_the_lab_knows_the_gateways_by_their_card_on_the_uplink() -> None:
    assert worked_out("provider_lab", "__provider_lab_gateways", "gate02", "gate01") == [
        {"name": "gate02", "mac": MACS["gate02"]},
        {"name": "gate01", "mac": MACS["gate01"]},
    ]


def forwards(machine: str, ports: Any, *gateways: str) -> list[list[dict[str, Any]]]:
    nics = worked_out(
        "provider_virtualbox",
        "__provider_virtualbox_nics",
        *gateways,
        provider_machine=plan(*gateways)["machines"][machine],
        provider_published_ports=ports,
    )
    assert all(nic["type"] == "nat" for nic in nics if "port_forwards" in nic)
    return [nic["port_forwards"] for nic in nics if "port_forwards" in nic]


def test_each_vm_gets_the_ports_that_are_its_own() -> None:
    ports = [SSH, API, SECOND]
    of_api = {key: API[key] for key in ("name", "host_port", "guest_port")}
    of_second = {key: SECOND[key] for key in ("name", "host_port", "guest_port")}
    assert forwards("gate01", ports, "gate01", "gate02") == [[SSH, of_api]]
    assert forwards("gate02", ports, "gate01", "gate02") == [[of_second]]
    assert forwards("cp01", ports, "gate01", "gate02") == []


def test_ports_without_a_machine_lead_to_the_first_gateway() -> None:
    assert forwards("gate01", [SSH], "gate01") == [[SSH]]
    assert forwards("gate01", [SSH], "gate02", "gate01") == [[]]
    assert forwards("gate02", [{**SSH, "machine": None}], "gate02", "gate01") == [[SSH]]
    assert forwards("gate01", str([SSH]), "gate01") == [[SSH]], "given on the command line"


SYSTEMD, SSHD = True, True


@pytest.mark.parametrize(
    ("port", "there", "root", "state", "way"),
    [
        (22222, [SYSTEMD, SSHD], 0, "stopped", True),
        (22222, [SYSTEMD, SSHD], 0, "", True),
        (22222, [SYSTEMD, SSHD], 0, "running", None),
        (22222, [SYSTEMD, SSHD], 0, "saved", None),
        (22222, [SYSTEMD, SSHD], 1, "stopped", None),
        (22222, [SYSTEMD, False], 0, "stopped", None),
        (22222, [False, SSHD], 0, "stopped", None),
        (0, [SYSTEMD, SSHD], 0, "stopped", None),
    ],
)
def test_a_gateway_gets_a_way_to_a_host_that_takes_requests(
    port: int, there: list[bool], root: int, state: str, way: Any
) -> None:
    (nic,) = worked_out(
        "provider_virtualbox",
        "__provider_virtualbox_nics",
        "gate01",
        provider_machine=plan("gate01")["machines"]["gate01"],
        provider_virtualbox_fencing_port=port,
        __provider_virtualbox_fencing_needs={
            "results": [{"stat": {"exists": is_}} for is_ in there]
        },
        __provider_virtualbox_fencing_root={"rc": root},
        __provider_virtualbox_there={"vms": [{"name": "gate01", "state": state}] if state else []},
    )[:1]
    assert nic.get("localhost_reachable") is way


def test_ports_of_vms_that_run_are_not_asked_for() -> None:
    def vm(name: str, state: str, *ports: int) -> dict[str, Any]:
        cards = [{"port_forwards": [{"host_port": port} for port in ports]}, {"port_forwards": []}]
        return {"name": name, "managed_by": "lab", "state": state, "nics": cards}

    vms = [vm("gate01", "running", 2222, 6443), vm("gate02", "stopped", 2223), vm("lb01", "saved")]
    held = "__provider_virtualbox_held"
    there = {"__provider_virtualbox_there": {"vms": vms}}
    assert worked_out("provider_virtualbox", held, "gate01", **there) == [2222, 6443]
    assert worked_out("provider_virtualbox", held, "gate01") == []


@pytest.mark.parametrize(
    ("port", "option"),
    [
        (SSH, "datacenter_ssh_port"),
        (API, "datacenter_api_port"),
        (SECOND, "datacenter_second_gateway_port_step"),
        ({**SSH, "name": "web"}, "datacenter_published_ports"),
    ],
)
def test_a_port_that_is_taken_is_said_with_the_option_that_moves_it(
    port: dict[str, Any], option: str
) -> None:
    busy = {"results": [{"item": port, "msg": "busy"}]}
    said = worked_out(
        "provider_virtualbox",
        "__provider_virtualbox_port_problems",
        "gate01",
        "gate02",
        provider_published_ports=[port],
        __provider_virtualbox_ports=busy,
    )
    assert [f"Change {option}, or end that program." in text for text in said] == [True]
    assert f"is to lead to the {port['name']} port of the gateway" in said[0]


VBOXMANAGE = """#!/bin/sh
state=$PWD/$2
case $1 in
  showvminfo) printf 'VMState="%s"\\n' "$(cat "$state" 2>/dev/null || echo poweroff)" ;;
  startvm) echo "start $2" >>log; echo running >"$state" ;;
  controlvm) echo "stop $2" >>log; echo poweroff >"$state" ;;
esac
"""


@pytest.mark.parametrize(
    ("gateways", "started", "stopped"),
    [
        (["gate01"], ["gate01", "cp01", "gate02", "lb01"], ["gate01"]),
        (["gate01", "gate02"], ["gate01", "gate02", "cp01", "lb01"], ["gate01", "gate02"]),
    ],
)
def test_the_program_of_virtualbox_has_the_gateways_first(
    tmp_path: Path, gateways: list[str], started: list[str], stopped: list[str]
) -> None:
    role = ROLES / "provider_virtualbox"
    vms = [{"name": f"s-{name}", "uuid": name} for name in NAMES]
    vms += [{"name": name, "uuid": f"not-{name}"} for name in ("lab-base", "s-other", "gate01")]
    machines = {name: {"name": name, "host": "h"} for name in NAMES}
    templar = role_templar(
        role,
        inventory_hostname="h",
        provider_datacenter="lab",
        provider_virtualbox_vm_prefix="s-",
        provider_plan={"gateways": gateways, "machines": machines},
        __provider_virtualbox_there={"vms": vms},
    )
    text = (role / "templates/autostart.sh.j2").read_text(encoding="utf-8")
    program = tmp_path / "autostart.sh"
    program.write_text(str(templar.template(trusted(text), escape_backslashes=False)))
    fake = tmp_path / "VBoxManage"
    fake.write_text(VBOXMANAGE, encoding="utf-8")
    fake.chmod(0o755)
    log = tmp_path / "log"

    def run(verb: str) -> list[str]:
        log.write_text("", encoding="utf-8")
        path = f"{tmp_path}:{Path(str(shutil.which('sh'))).parent}:/usr/bin:/bin"
        argv = ["sh", str(program), verb]
        subprocess.run(argv, cwd=tmp_path, env={"PATH": path}, check=True, timeout=60)
        return log.read_text(encoding="utf-8").split("\n")[:-1]

    assert run("start") == [f"start {name}" for name in started]
    assert run("start") == []
    done = run("stop")
    # Those of a group go at once, in any order.
    count = len(gateways)
    assert sorted(done[-count:]) == [f"stop {name}" for name in stopped]
    assert sorted(done[:-count]) == [f"stop {name}" for name in NAMES if name not in gateways]
