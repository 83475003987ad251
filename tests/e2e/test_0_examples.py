# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example inventories pass preflight, those for VirtualBox as soon as there is an image.

Not even a driver is needed: test machines have none.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import datacenter
import pytest


def run(inventory: Path, *variables: str) -> datacenter.Run:
    return datacenter.run(
        [
            str(datacenter.BIN / "ansible-playbook"),
            "-i",
            str(inventory),
            str(datacenter.ROOT / "playbooks" / "preflight.yml"),
            *(word for variable in variables for word in ("-e", variable)),
        ]
    )


def preflight(inventory: Path, image: Path) -> datacenter.Run:
    return run(
        inventory,
        f"datacenter_base_medium={image}",
        "datacenter_virtualbox_driver_required=false",
    )


SIX_LINES = datacenter.ROOT / "examples" / "six_lines" / "datacenter.yml"


def test_six_lines_pass_preflight() -> None:
    ports = (
        f"datacenter_ssh_port={datacenter.SSH_PORT}",
        f"datacenter_api_port={datacenter.API_PORT}",
    )
    run(SIX_LINES, *ports).unchanged()


def test_six_lines_for_virtualbox_pass_preflight(tmp_path: Path) -> None:
    file, image = tmp_path / "six_lines.yml", tmp_path / "image.raw"
    text = SIX_LINES.read_text("utf-8").replace("provider: lab", "provider: virtualbox")
    file.write_text(text, encoding="utf-8")
    image.write_bytes(bytes(1 << 20))
    preflight(file, image).unchanged()


def test_six_lines_with_a_mistake_end_with_its_sentence(tmp_path: Path) -> None:
    file = tmp_path / "six_lines.yml"
    text = SIX_LINES.read_text("utf-8").replace("control_planes: 3", "control_planes: 2")
    file.write_text(text, encoding="utf-8")
    refused = run(file)
    assert refused.code != 0
    assert "The number of control planes is odd" in " ".join(refused.output.split())


def test_single_roles_in_playbooks_of_ones_own() -> None:
    files = sorted((datacenter.ROOT / "examples" / "single_role").glob("*.yml"))
    program = str(datacenter.BIN / "ansible-playbook")
    run = datacenter.run([program, "--syntax-check", *map(str, files)])
    assert run.code == 0, run.output
    assert run.output.count("playbook: ") == len(files) == 7


@pytest.mark.parametrize("name", ["virtualbox", "virtualbox_small"])
def test_an_example_passes_preflight_with_an_image_and_says_so_without(
    name: str, tmp_path: Path
) -> None:
    image = tmp_path / "image.raw"
    inventory = datacenter.ROOT / "inventories" / name
    refused = preflight(inventory, image)
    assert refused.code != 0
    words = " ".join(refused.output.split())
    assert words.count(f"is to be {image} on workstation, and there is no such file") == 1
    image.write_bytes(bytes(1 << 20))
    preflight(inventory, image).unchanged()


def test_the_old_name_of_the_group_of_machine_hosts_works_with_a_warning(tmp_path: Path) -> None:
    inventory = shutil.copytree(
        datacenter.ROOT / "inventories" / "virtualbox_small", tmp_path / "i"
    )
    hosts = inventory / "hosts.yml"
    hosts.write_text(hosts.read_text("utf-8").replace("machine_hosts:", "virtualbox_hosts:"))
    image = tmp_path / "image.raw"
    image.write_bytes(bytes(1 << 20))
    found = preflight(inventory, image)
    found.unchanged()
    assert "rename the group in the inventory" in " ".join(found.output.split())
