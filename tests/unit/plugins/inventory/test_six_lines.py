# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory plugin datacenter as users have it: real files, read by Ansible's own programs."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[4]
BIN = Path(sys.executable).parent
EXAMPLE = ROOT / "examples" / "six_lines" / "datacenter.yml"
GROUPS = ("gateway", "load_balancer", "control_plane", "worker", "kubernetes", "machines")
LAB = ROOT / "inventories" / "lab"
CONNECTION = (
    "ansible_user",
    "ansible_ssh_common_args",
    "ansible_control_path",
    "ansible_python_interpreter",
    "ansible_pipelining",
    "ansible_ssh_timeout",
)
# The ports and the name that the example inventory of the lab has chosen for itself.
AS_THE_LAB = {
    "name": "lab",
    "vars": {"datacenter_ssh_port": 2270, "datacenter_api_port": 6470},
}
# Asks role datacenter, as every layer does, and writes what is known of each machine then.
PLAY = """
- hosts: machines
  gather_facts: false
  roles:
    - role: virtual.datacenter.datacenter
      run_once: true
  vars:
    datacenter_layer: preflight
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        dest: "{{ target }}"
        content: >-
          {% set found = {} %}
          {% for name in groups.machines %}
          {% set mine = dict(keys | zip(keys | map('extract', hostvars[name]))) %}
          {% set _ = found.update({name: mine}) %}
          {% endfor %}
          {{ found | to_json }}
        mode: "0600"
      vars:
        keys: [datacenter_plan, KEYS]
"""


def run(program: str, *argv: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_NOCOLOR": "1",
    }
    return subprocess.run(
        [str(BIN / program), *map(str, argv)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@functools.cache
def listed(path: Path) -> dict[str, Any]:
    done = run("ansible-inventory", "-i", path, "--list")
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return dict(json.loads(done.stdout))


def hosts_of(found: dict[str, Any], group: str) -> list[str]:
    mine = found.get(group, {})
    below = [host for child in mine.get("children", []) for host in hosts_of(found, child)]
    return [*mine.get("hosts", []), *below]


def six_lines(folder: Path, **options: Any) -> Path:
    text = {**yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")), **options}
    path = folder / "six_lines.yml"
    path.write_text(yaml.safe_dump(text), encoding="utf-8")
    return path


def played(folder: Path, inventory: Path) -> dict[str, Any]:
    """The plan and the connection of each machine after role datacenter."""
    play, target = folder / "play.yml", folder / "found.json"
    play.write_text(PLAY.replace("KEYS", ", ".join(CONNECTION)), encoding="utf-8")
    done = run("ansible-playbook", "-i", inventory, play, "-e", f"target={target}")
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(target.read_text(encoding="utf-8")))


def test_the_example_is_six_lines() -> None:
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) == len(["---"]) + 6


@pytest.mark.parametrize("inventory", ["lab", "virtualbox"])
def test_groups_are_those_of_the_explicit_inventories(inventory: str) -> None:
    few, many = listed(EXAMPLE), listed(ROOT / "inventories" / inventory)
    for group in (*GROUPS, "machine_hosts"):
        assert hosts_of(few, group) == hosts_of(many, group)


def test_a_second_gateway_is_one_line_more(tmp_path: Path) -> None:
    one, two = listed(EXAMPLE), listed(six_lines(tmp_path, gateways=2))
    assert hosts_of(two, "gateway") == ["gate01", "gate02"]
    assert set(hosts_of(two, "machines")) - set(hosts_of(one, "machines")) == {"gate02"}


# What an explicit inventory leaves to the collection. For the segments of VirtualBox that is role
# datacenter, which has one more for storage.
LEFT_OUT = {"datacenter_state_dir", "datacenter_segments", *CONNECTION}


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lab", AS_THE_LAB),
        ("virtualbox", {"name": "virtualbox", "provider": "virtualbox"}),
        (
            "virtualbox_small",
            {
                "name": "virtualbox-small",
                "provider": "virtualbox",
                "load_balancers": 1,
                "control_planes": 1,
                "workers": 1,
                "vars": {
                    "datacenter_virtualbox_vm_prefix": "small-",
                    "datacenter_ssh_port": 2223,
                    "datacenter_api_port": 6444,
                },
            },
        ),
    ],
)
def test_six_lines_say_of_each_machine_what_an_explicit_inventory_says(
    tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    few = listed(six_lines(tmp_path, **options))["_meta"]["hostvars"]
    many = listed(ROOT / "inventories" / name)["_meta"]["hostvars"]
    assert few.keys() == many.keys()
    for host, variables in many.items():
        # Everybody has an image of their own.
        variables = {k: v for k, v in variables.items() if k != "datacenter_base_medium"}
        assert few[host].items() >= variables.items()
        assert few[host].keys() - variables.keys() <= LEFT_OUT


def test_six_lines_and_the_inventory_of_the_lab_give_the_same_plan(tmp_path: Path) -> None:
    few = played(tmp_path, six_lines(tmp_path, **AS_THE_LAB))
    many = played(tmp_path, LAB)
    assert few["cp01"]["datacenter_plan"] == many["cp01"]["datacenter_plan"]
    assert few["cp01"]["datacenter_plan"]["machines"]["cp03"]["address"] == "10.70.2.13"
    # The collection knows how to reach machines of which no file says it, and says the same.
    state = f"{os.environ['HOME']}/.local/state/virtual.datacenter/lab"
    for found in (few, many):
        assert len(found) == 8
        for machine in found.values():
            assert {key: machine[key] for key in CONNECTION} == {
                "ansible_user": "ops",
                "ansible_ssh_common_args": f"-F {state}/ssh/config",
                "ansible_control_path": f"{state}/ssh/%%n",
                "ansible_python_interpreter": "/usr/bin/python3",
                "ansible_pipelining": True,
                "ansible_ssh_timeout": 10,
            }


def files(folder: Path, **contents: Any) -> None:
    for name, content in contents.items():
        path = folder / f"{name.replace('__', '/')}.yml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(content), encoding="utf-8")


OTHER_WAYS = {
    "group_vars__all": {"ansible_user": "from-all", "ansible_control_path": "/run/all"},
    "group_vars__worker": {"ansible_user": "from-group-worker"},
    "host_vars__worker01": {
        "ansible_user": "from-worker01",
        "ansible_python_interpreter": "/opt/python3",
    },
}


@pytest.mark.parametrize("explicit", [True, False], ids=["explicit", "six lines"])
def test_what_files_say_of_the_connection_is_kept(tmp_path: Path, explicit: bool) -> None:
    if explicit:
        hosts = (ROOT / "inventories/virtualbox_small/hosts.yml").read_text(encoding="utf-8")
        inventory = tmp_path / "hosts.yml"
        inventory.write_text(hosts, encoding="utf-8")
        more = {"datacenter_name": "small", "datacenter_floating_ip": "10.70.1.10"}
        ways = {**OTHER_WAYS, "group_vars__all": {**OTHER_WAYS["group_vars__all"], **more}}
    else:
        inventory, ways = six_lines(tmp_path, name="small"), OTHER_WAYS
    files(tmp_path, **ways)
    found = played(tmp_path, inventory)
    one, other = found["worker01"], found["cp01"]
    assert (one["ansible_user"], other["ansible_user"]) == ("from-worker01", "from-all")
    assert one["ansible_python_interpreter"] == "/opt/python3"
    assert other["ansible_python_interpreter"] == "/usr/bin/python3"
    assert {item["ansible_control_path"] for item in found.values()} == {"/run/all"}
    assert "/small/ssh/config" in other["ansible_ssh_common_args"]


def test_group_vars_and_host_vars_beside_the_file_override_it(tmp_path: Path) -> None:
    path = six_lines(tmp_path, vars={"datacenter_domain": "file.test", "kept": 1})
    files(
        tmp_path,
        group_vars__all={"datacenter_domain": "all.test", "datacenter_upstream_dns": ["192.0.2.1"]},
        group_vars__worker={"machine_memory_mb": 4096, "machine_address": "10.70.3.99"},
        group_vars__machine_hosts={"ansible_connection": "ssh"},
        host_vars__worker02={"machine_memory_mb": 8192, "machine_address": "10.70.3.77"},
        host_vars__workstation={"ansible_host": "192.0.2.7"},
    )
    found = listed(path)["_meta"]["hostvars"]
    one, two = found["worker01"], found["worker02"]
    assert (one["datacenter_domain"], one["kept"]) == ("all.test", 1)
    assert one["datacenter_upstream_dns"] == ["192.0.2.1"]
    assert (one["machine_memory_mb"], two["machine_memory_mb"]) == (4096, 8192)
    # An address belongs to one machine, so that a group cannot have one.
    assert (one["machine_address"], two["machine_address"]) == ("10.70.3.11", "10.70.3.77")
    assert found["cp01"]["machine_memory_mb"] == 2048
    host = found["workstation"]
    assert (host["ansible_connection"], host["ansible_host"]) == ("ssh", "192.0.2.7")


def test_further_groups_and_variables_are_composed(tmp_path: Path) -> None:
    path = six_lines(
        tmp_path,
        compose={"label": "datacenter_name ~ '-' ~ inventory_hostname"},
        groups={"first": "inventory_hostname.endswith('01')"},
        keyed_groups=[{"key": "machine_segment", "prefix": "segment"}],
        strict=False,
    )
    found = listed(path)
    assert hosts_of(found, "first") == ["gate01", "lb01", "cp01", "worker01"]
    assert hosts_of(found, "segment_edge") == ["lb01", "lb02"]
    assert found["_meta"]["hostvars"]["cp02"]["label"] == "demo-cp02"


def test_a_mistake_ends_the_run_with_its_sentence(tmp_path: Path) -> None:
    play = tmp_path / "play.yml"
    play.write_text("- hosts: all\n", encoding="utf-8")
    path = six_lines(tmp_path, workers="two")
    for program, argument in (("ansible-inventory", "--list"), ("ansible-playbook", play)):
        done = run(program, "-i", path, argument)
        assert done.returncode != 0
        told = " ".join(done.stderr.split())
        assert "is a whole number from 0 to 189: found 'two'. Change workers." in told


def test_a_file_of_another_plugin_is_left_to_it(tmp_path: Path) -> None:
    (tmp_path / "other.yml").write_text("all: {hosts: {one: {seen: 1}}}\n", encoding="utf-8")
    six_lines(tmp_path)
    assert {"one", "cp01"} <= listed(tmp_path)["_meta"]["hostvars"].keys()
