# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""README says only what is true: its figures are those of the code, its promises have tests."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import documented
import pytest
import tomllib
import yaml

ROOT: Path = documented.ROOT
README = (ROOT / "README.md").read_text(encoding="utf-8")
PLAIN = " ".join(README.split())

# A promise, as README words it, and the test that fails when it is not kept.
PROMISES = {
    "`ansible-inventory -i datacenter.yml --list` shows what they mean": (
        "tests/unit/plugins/plugin_utils/test_plan_six_lines.py::"
    ),
    "that has none, VirtualBox is installed": "molecule/virtualbox_host/",
    "The image that all machines are clones of is made from Debian's packages": (
        "tests/integration/virtualbox/test_from_nothing.py::"
        "test_machines_are_clones_of_an_image_that_was_made"
    ),
    "a builder VM makes it, of a Debian cloud image that you name with its checksum": (
        "tests/integration/virtualbox/test_virtualbox_base_image.py::"
        "test_the_disk_becomes_the_base_medium_and_the_builder_goes"
    ),
    "makes eight machines and ends with a verified cluster and a summary": (
        "tests/e2e/test_1_site.py::"
        "test_the_installed_collection_ends_what_a_killed_run_of_the_checkout_began"
    ),
    "`make status` shows how it is": "tests/e2e/test_2_failover.py::assert_status_tells_it",
    "`make destroy` removes the machines and networks again": (
        "tests/e2e/test_3_destroy.py::test_destroy_removes_ours_and_nothing_else"
    ),
    "host keys are verified from the first connection": "tests/unit/roles/test_trust.py::",
    "the API is published on 127.0.0.1": (
        "tests/e2e/test_1_site.py::test_the_kubeconfig_works_from_this_machine"
    ),
    "Your other contexts stay as they are": "tests/integration/verify/test_user_kubeconfig.py::",
    "two servers with a page behind a floating IP of their own": (
        "tests/e2e/test_0_servers.py::test_the_host_reaches_both_servers_through_the_floating_ip"
    ),
    "validates its input first": "tests/e2e/test_0_broken_inventories.py::",
    "changes nothing on a finished data center": (
        "tests/e2e/test_1_site.py::"
        "test_a_run_of_the_installed_collection_by_ansible_runner_changes_nothing"
    ),
    "ansible-runner run examples/runner -p virtual.datacenter.site": (
        "tests/e2e/test_1_site.py::"
        "test_a_run_of_the_installed_collection_by_ansible_runner_changes_nothing"
    ),
    "one at least every 20 seconds": (
        "tests/e2e/test_1_site.py::test_the_first_run_is_never_silent_for_long"
    ),
    "A mistake is named before anything changes, all mistakes in one answer": (
        "tests/unit/plugins/plugin_utils/test_plan_inventory.py::"
    ),
    "Preflight names what another data center has already": (
        "tests/integration/virtualbox/test_provider_virtualbox.py::"
        "test_two_data_centers_side_by_side"
    ),
    "**A machine that leaves the inventory**": (
        "tests/integration/lab/test_lab_leftovers.py::test_a_machine_that_left_the_inventory"
    ),
    "A VM that runs with another address or domain than the planned one is named too": (
        "tests/integration/virtualbox/test_provider_virtualbox.py::test_an_image_and_the_power"
    ),
    "Execution environments take it from `meta/execution-environment.yml`": (
        "tests/e2e/test_0_package.py::test_an_execution_environment_can_be_built_from_it"
    ),
    "With `gateways: 2` the other one takes over": (
        "tests/e2e/test_0_servers.py::test_the_power_cut_of_a_gateway_is_hardly_seen"
    ),
    "the gateway routes and filters between them": (
        "tests/e2e/test_1_site.py::test_only_the_gateway_has_a_way_out"
    ),
}


def table(heading: str, *, columns: int) -> list[list[str]]:
    """The rows of the first table below a heading."""
    section = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    assert all(len(row) == columns for row in rows)
    return rows[2:]


def loaded(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


@pytest.mark.parametrize(("promise", "place"), PROMISES.items(), ids=list(PROMISES))
def test_a_promise_is_made_and_held(promise: str, place: str) -> None:
    assert promise in PLAIN, "README has other words by now: find the test of these"
    path, _colons, name = place.partition("::")
    assert (ROOT / path).exists()
    if _colons:
        text = (ROOT / path).read_text(encoding="utf-8")
        assert f"\ndef {name or 'test_'}" in text


def test_the_layers_are_those_of_site() -> None:
    rows = table("What you get", columns=3)
    assert [row[0] for row in rows] == [str(number) for number in range(len(rows))]
    plays = [play["ansible.builtin.import_playbook"] for play in loaded("playbooks/site.yml")]
    assert [f"{row[1].strip('`')}.yml" for row in rows] == plays
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    assert f"`site.yml` is these {words[len(plays) - 1]} lines" in PLAIN


def test_the_picture_is_the_lab() -> None:
    lab = loaded("inventories/lab/group_vars/all.yml")
    assert f"127.0.0.1:{lab['datacenter_ssh_port']} -> SSH" in README
    assert f"127.0.0.1:{lab['datacenter_api_port']} -> Kubernetes API" in README
    hosts = loaded("inventories/lab/hosts.yml")["all"]["children"]["machines"]["children"]
    machines = {name for group in hosts.values() for name in group.get("hosts") or {}}
    picture = README.split("![topology]", 1)[1].split("| layer |", 1)[0]
    assert set(re.findall(r"\b(?:gate|lb|cp|worker)\d\d\b", picture)) == machines
    assert len(machines) == 8


def test_the_python_packages_are_those_of_the_execution_environment() -> None:
    rows = [row[0].strip("`") for row in table("External requirements", columns=3)]
    wanted = (ROOT / "meta/ee-requirements.txt").read_text(encoding="utf-8").split()
    assert rows == wanted
    assert f"pip install ansible-core {' '.join(wanted)}" in README
    assert f"`pip install {' '.join(wanted)}` brings them" in PLAIN


def test_the_versions_are_those_that_are_tested() -> None:
    oldest, newest = re.findall(r"ansible-core (\d+\.\d+) to (\d+\.\d+)", PLAIN)[0]
    assert loaded("meta/runtime.yml")["requires_ansible"] == f">={oldest}.0"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    pins = re.findall(r"ansible-core==(\d+\.\d+)", str(project))
    assert {oldest, newest} == set(pins)
    kubernetes = loaded("roles/datacenter/defaults/main.yml")["datacenter_kubernetes_version"]
    assert f"Kubernetes {kubernetes.rpartition('.')[0]}:" in PLAIN
    for meta in (ROOT / "roles").glob("*/meta/main.yml"):
        platforms = loaded(str(meta.relative_to(ROOT)))["galaxy_info"]["platforms"]
        assert {"name": "Debian", "versions": ["bookworm", "trixie"]} in platforms, meta


def test_make_test_is_what_readme_says() -> None:
    recipe = re.findall(
        r"^test:\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M
    )[0]
    steps = [word for word in re.findall(r"[a-z0-9_]+", recipe) if word in TARGETS]
    assert f"`make test` = `{' '.join(steps)}`" in PLAIN


TARGETS = {"lint", "unit", "sanity", "integration", "molecule", "e2e", "second_leg"}


def test_the_two_data_centers_for_virtualbox_have_nothing_in_common() -> None:
    one, other = (
        loaded(f"inventories/{name}/group_vars/all.yml")
        for name in ("virtualbox", "virtualbox_small")
    )
    defaults = loaded("roles/datacenter/defaults/main.yml")
    for name in ("ssh_port", "api_port", "virtualbox_vm_prefix"):
        key = f"datacenter_{name}"
        assert one.get(key, defaults[key]) != other.get(key, defaults[key])
    assert one["datacenter_name"] != other["datacenter_name"]
