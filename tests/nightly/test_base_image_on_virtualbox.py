# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""base_image.yml from end to end on VirtualBox: a builder VM makes an image of Debian 12.

The builder boots an image that `make image` made, and gets the root file system that it made: an
interpreted processor in an interpreted one would take hours to. The host of VirtualBox is another
machine, and the builder is reached through it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import playbooks

PLAYBOOK = playbooks.ROOT / "playbooks/base_image.yml"
MEDIUM = "/srv/room/base.vdi"
BUILDER_MEDIUM = "/srv/room/builder.vdi"
# What an image cannot do without: each megabyte is slow here.
PACKAGES = [
    *("cloud-init", "dbus", "dosfstools", "e2fsprogs", "fdisk", "grub-efi-amd64-bin"),
    *("grub-pc-bin", "grub2-common", "initramfs-tools", "linux-image-cloud-amd64", "lvm2"),
    *("openssh-server", "sudo", "systemd", "systemd-resolved", "systemd-sysv", "udev", "zstd"),
]
# The whole disk is read more than once.
INPUTS: dict[str, Any] = {
    "base_image_suite": "bookworm",
    "base_image_packages": PACKAGES,
    "base_image_optional_packages": [],
    "base_image_boot_size_mb": 256,
    "base_image_volumes": [
        {"name": "root", "mount": "/", "size_mb": 256},
        {"name": "usr", "mount": "/usr", "size_mb": 1024},
        {"name": "var", "mount": "/var", "size_mb": 512},
    ],
    "base_image_disk_size_mb": 2560,
}


@pytest.fixture(scope="module")
def builder_medium() -> Path:
    """An image of Debian 13 with the tools of the builder in it, made on this machine, once."""
    return playbooks.make_image(
        base_image_extra_packages=["debian-archive-keyring", "mmdebstrap", "mtools"],
        # Each character on a console costs milliseconds here, and each order of a tick one.
        base_image_kernel_options="console=ttyS0 quiet systemd.show_status=no mitigations=off"
        " highres=off nohz=off tsc=reliable",
        # Room for the root file system, as a cloud image has it.
        base_image_volumes=[
            {"name": "root", "mount": "/", "size_mb": 512},
            {"name": "usr", "mount": "/usr", "size_mb": 2048},
            {"name": "var", "mount": "/var", "size_mb": 2560},
        ],
    )


@pytest.fixture(scope="module")
def made_here() -> Path:
    """The disk of the same image, made on this machine."""
    return playbooks.make_image(**INPUTS)


@pytest.fixture(scope="module")
def variables(
    vboxhost: Path,
    builder_medium: Path,
    made_here: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    copy = ["scp", "-F", vboxhost, builder_medium, f"vboxhost:{BUILDER_MEDIUM}"]
    subprocess.run(copy, check=True)
    return {
        "datacenter_name": "nightly-image",
        "datacenter_state_dir": str(tmp_path_factory.mktemp("state")),
        "datacenter_virtualbox_folder": "/srv/room/machines",
        "datacenter_base_medium": MEDIUM,
        "datacenter_ssh_proxy_command": f"ssh -F {vboxhost} -W %h:%p vboxhost",
        "base_image_builder_medium": BUILDER_MEDIUM,
        "base_image_builder_cpus": 1,
        "base_image_builder_timeout_seconds": 7200,
        "base_image_prepared_root_dir": str(made_here.parent / "base-image-work"),
        **INPUTS,
    }


@pytest.fixture(scope="module")
def made(vboxhost: Path, variables: dict[str, Any]) -> dict[str, int]:
    return playbooks.run(vboxhost, PLAYBOOK, **variables)


@pytest.fixture(scope="module")
def manifest(made: dict[str, int], run: Callable[[str], str]) -> dict[str, Any]:
    return dict(json.loads(run(f"cat {Path(MEDIUM).with_suffix('.json')}")))


def test_the_medium_carries_what_the_builder_wrote(
    manifest: dict[str, Any], run: Callable[[str], str]
) -> None:
    assert run(f"VBoxManage showmediuminfo disk {MEDIUM}")
    run(f"VBoxManage clonemedium disk {MEDIUM} /srv/room/check.raw --format RAW")
    said = run(
        "sha256sum /srv/room/check.raw; VBoxManage closemedium disk /srv/room/check.raw --delete"
    )
    assert said.split()[0] == manifest["image"]["sha256"]


def test_it_holds_what_the_image_of_this_machine_holds(
    manifest: dict[str, Any], made_here: Path
) -> None:
    here = json.loads(made_here.with_suffix(".json").read_text(encoding="utf-8"))
    # The disk as a whole is written by mke2fs, LVM and GRUB, which are newer on the builder.
    images = [{**made["image"], "sha256": ""} for made in (manifest, here)]
    assert images[0] == images[1]
    for part in ("root", "packages", "files"):
        assert manifest[part] == here[part]


def test_it_is_debian_12(manifest: dict[str, Any]) -> None:
    versions = {row["name"]: row["version"] for row in manifest["packages"]}
    assert manifest["suite"] == "bookworm"
    assert versions["base-files"].startswith("12")
    assert set(PACKAGES) <= set(versions)


def test_nothing_of_the_builder_is_left(
    made: dict[str, int], variables: dict[str, Any], run: Callable[[str], str]
) -> None:
    assert "image-builder" not in run("VBoxManage list vms; VBoxManage list hdds")
    assert run("find /srv/room/machines -type f") == ""
    state = Path(variables["datacenter_state_dir"]) / "image-builder-vboxhost"
    assert not state.exists()
    assert run(f"ls -d {state} 2>/dev/null || true") == ""


def test_again_nothing_changes(
    made: dict[str, int], vboxhost: Path, variables: dict[str, Any]
) -> None:
    again = playbooks.run(vboxhost, PLAYBOOK, **variables)
    assert again["changed"] == 0


def test_a_linked_clone_starts_by_the_loader_of_the_image(
    made: dict[str, int], vboxhost: Path, run: Callable[[str], str]
) -> None:
    loader = playbooks.HERE / "loader.yml"
    playbooks.run(vboxhost, loader, medium=MEDIUM)
    found = "until grep -q 'Booting .Debian' /srv/room/loader.log; do sleep 2; done"
    run(f'timeout 1800 sh -c "{found}"')
    playbooks.run(vboxhost, loader, medium=MEDIUM, power="absent")
