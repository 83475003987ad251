# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example inventories for VirtualBox pass preflight as soon as there is an image.

Not even a driver is needed: test machines have none.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import datacenter
import pytest


def preflight(inventory: Path, image: Path) -> datacenter.Run:
    return datacenter.run(
        [
            str(datacenter.BIN / "ansible-playbook"),
            "-i",
            str(inventory),
            str(datacenter.ROOT / "playbooks" / "preflight.yml"),
            "-e",
            f"datacenter_base_medium={image}",
            "-e",
            "datacenter_virtualbox_driver_required=false",
        ]
    )


@pytest.mark.parametrize("name", ["virtualbox", "virtualbox_small"])
def test_an_example_passes_preflight_with_an_image_and_says_so_without(
    name: str, tmp_path: Path
) -> None:
    image = tmp_path / "image.raw"
    inventory = datacenter.ROOT / "inventories" / name
    refused = preflight(inventory, image)
    assert refused.code != 0
    words = " ".join(refused.output.split())
    assert f"is to be {image} on workstation, and there is no such file" in words
    assert refused.output.count("[ERROR]") == 1
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
