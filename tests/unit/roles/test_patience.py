# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every wait of the layers follows datacenter_patience, and nothing else does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from role_templar import role_templar, trusted

ROOT = Path(__file__).resolve().parents[3]
LIMITS = yaml.safe_load((ROOT / "playbooks/vars/time_limits.yml").read_text(encoding="utf-8"))
ROLES = {path.name: path for path in (ROOT / "roles").iterdir()}
WAIT = re.compile("(kubeadm_)?wait_(seconds|timeout)|lock_timeout|stop_timeout")
# Seconds that are no wait of a run, with what they are.
OTHERS = {
    "autostart": "gets its limit from the provider",
    "base_image": "makes an image, at any place",
    "dnsmasq_gateway_lease_time_seconds": "how long an address is lent",
    "emulated_machine": "an emulated machine, which no layer has",
    "ha_lb_backends_delay_seconds": "by this a failure is noticed",
    "ha_lb_check_timeout_ms": "by this a failure is noticed",
    "ha_lb_client_timeout_seconds": "an idle session",
    "ha_lb_connect_timeout_ms": "by this a failure is noticed",
    "ha_lb_drain_seconds": "how long sessions may last",
    "ha_lb_failure_timeout_seconds": "how long a failure counts",
    "ha_lb_floating_ip_monitor_seconds": "by this a failure is noticed",
    "ha_lb_haproxy_monitor_seconds": "by this a failure is noticed",
    "ha_lb_server_timeout_seconds": "an idle session",
    "ha_lb_tunnel_timeout_seconds": "an idle session",
    "ha_lb_wait_for_all": "a switch",
    "trust_connect_timeout_seconds": "the role datacenter makes it longer",
    "kubeadm": "gets its limit from the role that it is a part of",
}

# Plays whose use of such a role waits for nothing, or by an option of its own.
WITHOUT = {
    "Base image | on this machine",
    "Base image | the builder",
    "Base image | the image",
    "Destroy | keys, seeds and secrets, only when told so",
    "Layer verify | servers are well and know the names of the data center",
}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def role_of(option: str) -> Path:
    """The role with the longest name that the option begins with; providers share some."""
    names = [name for name in ROLES if option.startswith(f"{name}_")]
    return ROLES[max(names, key=len)] if names else ROLES["provider_virtualbox"]


def limits(patience: Any, **said: Any) -> dict[str, Any]:
    """What the plays of a machine have, whose inventory says something."""
    given = {
        "inventory_hostname": "w01",
        "hostvars": {"w01": said},
        "datacenter_patience": patience,
    }
    templar = role_templar(ROLES["datacenter"], **given)
    return {name: templar.template(trusted(text)) for name, text in LIMITS.items()}


@pytest.mark.parametrize("option", LIMITS)
def test_a_limit_is_the_role_s_own_times_the_factor(option: str) -> None:
    own = load(role_of(option) / "defaults/main.yml")[option]
    assert limits(1)[option] == own
    assert limits(2.5)[option] == int(own * 2.5)
    # As by -e.
    assert limits("4")[option] == own * 4


@pytest.mark.parametrize("option", LIMITS)
def test_what_an_inventory_says_of_a_limit_holds(option: str) -> None:
    assert limits(4, **{option: 7})[option] == 7
    # The specification refuses what is no number.
    assert limits(4, **{option: "7m"})[option] == "7m"


def test_every_option_that_is_a_wait_follows() -> None:
    found = set()
    for role, path in ROLES.items():
        for entry in load(path / "meta/argument_specs.yml")["argument_specs"].values():
            names = [
                name
                for name in entry.get("options", {})
                if re.search("timeout|wait|_seconds|token_ms|advert_ms", name)
            ]
            found |= {name for name in names if not {name, role} & OTHERS.keys()}
    assert found == set(LIMITS)


def plays(path: Path) -> Iterator[tuple[set[str], dict[str, Any]]]:
    """The plays of a file with the roles that they have, those of their tasks' files too."""
    for play in load(path):
        if "hosts" in play:
            text = yaml.safe_dump(play)
            for file in re.findall(r"tasks/(\w+)\.yml", text):
                text += (ROOT / f"playbooks/tasks/{file}.yml").read_text(encoding="utf-8")
            text = text.replace("{{ provider_role }}", "provider_lab").replace(
                "{{ provider }}", "provider_lab"
            )
            yield {name for name in ROLES if re.search(rf"datacenter\.{name}\b", text)}, play


@pytest.mark.parametrize(
    "path", sorted((ROOT / "playbooks").glob("*.yml")), ids=lambda path: path.stem
)
def test_every_play_with_such_a_role_has_the_limits(path: Path) -> None:
    waiting = {role_of(option).name for option in LIMITS} - {"datacenter"}
    # These have such a role in them.
    waiting |= {"base", "provider_lab", "virtualbox_host"}
    for roles, play in plays(path):
        if roles & waiting and play["name"] not in WITHOUT:
            assert "vars/time_limits.yml" in play.get("vars_files", []), play["name"]


def literals(value: Any) -> Iterator[str]:
    """Waits of tasks that are numbers. A limit of a single command is none: it is far above."""
    if isinstance(value, dict):
        for key, item in value.items():
            if type(item) is int and item > 0 and WAIT.fullmatch(str(key)):
                yield f"{key}: {item}"
            yield from literals(item)
    elif isinstance(value, list):
        for item in value:
            yield from literals(item)


@pytest.mark.parametrize("role", sorted({role_of(option).name for option in LIMITS} | {"kubeadm"}))
def test_no_wait_of_such_a_role_is_a_number_of_its_own(role: str) -> None:
    tasks = [load(path) for path in (ROLES[role] / "tasks").glob("*.yml")]
    # The repository of Kubernetes comes after the role debian_packages, which has waited.
    known = ["lock_timeout: 300"] if role == "k8s_node" else []
    assert [found for task in tasks for found in literals(task)] == known


@pytest.mark.parametrize("seconds", [300, 1200])
def test_the_parts_of_kubeadm_s_work_follow_its_limit(seconds: int) -> None:
    templar = role_templar(
        ROLES["kubeadm"],
        kubeadm_timeout=seconds,
        kubeadm_init_file="/init.yml",
        kubeadm_role="worker",
    )
    for step in ("init", "resume", "join"):
        command = templar.template(trusted("{{ __kubeadm_commands." + step + " }}"))
        assert f"timeout {4 * seconds} kubeadm " in command
    for name, wanted in {
        "kubeadm.sh": f"flock --timeout {2 * seconds} 9",
        "reset.sh": f"timeout {seconds} kubeadm reset",
        "join.yml": f"kubeletHealthCheck: {seconds}s",
    }.items():
        text = (ROLES["kubeadm"] / f"templates/{name}.j2").read_text(encoding="utf-8")
        given = "{% set inventory_hostname = 'w01' %}{% set __kubeadm_step = 'join' %}"
        assert wanted in templar.template(trusted(given + text))
    for name, times in {"init": 8, "join": 8, "reset": 6}.items():
        text = (ROLES["kubeadm"] / f"tasks/{name}.yml").read_text(encoding="utf-8")
        outer = [templar.template(trusted(found)) for found in re.findall(r'timeout: "(.*)"', text)]
        assert times * seconds in [int(found) for found in outer]
