# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What base_image.yml does on the VirtualBox host; the image itself is written by the test.

A Debian in a VM takes hours without the kernel driver: tests/nightly has the playbook with one.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import signal
import socket
import sys

import pytest
from world import ROOT

PLAYBOOK = str(ROOT / "playbooks/base_image.yml")
BUILDER = "lab-image-builder"
SIZE_MB = 64


@pytest.fixture
def image() -> bytes:
    """What a builder would have written to its second disk."""
    begin = random.Random(4).randbytes(3 * 1024 * 1024)
    return begin.ljust(SIZE_MB * 1024 * 1024, b"\0")


@pytest.fixture
def room(world, tmp_path, boot_disk):
    """The variables of a data center whose builder boots a sector that says that it lives."""
    (tmp_path / "cloud.raw").write_bytes(boot_disk)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return {
        "datacenter_name": "lab",
        "datacenter_state_dir": str(tmp_path / "state"),
        "datacenter_ssh_port": port,
        "datacenter_virtualbox_folder": str(world.vms),
        "datacenter_base_medium": str(tmp_path / "base.vdi"),
        "base_image_builder_medium": str(tmp_path / "cloud.raw"),
        "base_image_builder_checksum": f"sha256:{hashlib.sha256(boot_disk).hexdigest().upper()}",
        "base_image_builder_memory_mb": 64,
        "base_image_disk_size_mb": SIZE_MB,
    }


@pytest.fixture
def play(world, room, tmp_path):
    """Runs the playbook up to its end, or up to the name of a task, where it is killed."""
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = {"machine_hosts": {"hosts": {"host1": local}}}
    (tmp_path / "inventory.json").write_text(json.dumps({"all": {"children": inventory}}))

    def run(*options, playbook=PLAYBOOK, until=None, ok=True, **more):
        process = world.start_playbook(
            f"--inventory={tmp_path}/inventory.json",
            f"--extra-vars={json.dumps({**room, **more})}",
            *options,
            playbook,
        )
        output = ""
        while until and f"TASK [{until}" not in output:
            line = process.stdout.readline()
            assert line, output
            output += line
        if until:
            os.kill(process.pid, signal.SIGKILL)
        output += process.communicate(timeout=300)[0]
        assert until or (process.returncode == 0) == ok, output
        return output

    return run


@pytest.fixture
def written(world, room, play, image, tmp_path):
    """A run has ended when the builder had written the image and the manifest had been fetched."""
    said = play("--limit=host1", ok=False)
    assert f"The builder {BUILDER} on host1 has made no image" in said
    assert world.names() == [f'"{BUILDER}"']
    target = world.vms / f"{BUILDER}-target.vdi"
    world.vbox("controlvm", BUILDER, "poweroff")
    world.vbox(
        *("storageattach", BUILDER, "--storagectl", "SATA", "--port", "1", "--medium", "none")
    )
    world.vbox("closemedium", "disk", str(target), "--delete")
    raw = tmp_path / "target.raw"
    raw.write_bytes(image)
    world.vbox("convertfromraw", str(raw), str(target), "--format", "VDI")
    tasks = [
        {
            "ansible.builtin.import_role": {
                "name": "virtual.datacenter.base_image",
                "tasks_from": "inputs",
            }
        },
        {
            "ansible.builtin.copy": {
                "content": "{{ {'inputs': base_image_inputs} | to_json }}",
                "dest": f"{room['datacenter_state_dir']}/image-builder-host1/image.json",
                "mode": "0600",
            }
        },
    ]
    playbook = tmp_path / "manifest.yml"
    playbook.write_text(json.dumps([{"hosts": "host1", "gather_facts": False, "tasks": tasks}]))
    play(playbook=str(playbook))


def changed(output: str) -> int:
    return sum(int(number) for number in re.findall(r"\bchanged=(\d+)", output))


def test_the_disk_becomes_the_base_medium_and_the_builder_goes(
    world, written, play, room, image, tmp_path
):
    world.vbox(
        "createvm", "--name", "precious", "--basefolder", str(tmp_path / "own"), "--register"
    )
    for killed_at in ("Register it as base medium", "Remove the builder"):
        play("--limit=host1", until=killed_at)
    play("--limit=host1")
    assert world.names() == ['"precious"']
    assert os.listdir(world.vms) == []
    assert not os.path.exists(f"{room['datacenter_state_dir']}/image-builder-host1")
    medium = room["datacenter_base_medium"]
    world.vbox("clonemedium", "disk", medium, str(tmp_path / "copy.raw"), "--format", "RAW")
    assert (tmp_path / "copy.raw").read_bytes() == image
    assert changed(play()) == 0
    other = play(ok=False, base_image_boot_size_mb=300)
    assert "is not the image that these inputs make" in other


def test_another_image_than_the_one_that_was_named_is_not_booted(world, play, room):
    right = room["base_image_builder_checksum"]
    wrong = f"sha256:{'0' * 64}"
    words = " ".join(play(ok=False, base_image_builder_checksum=wrong).split())
    assert f"What the builder boots is to have the checksum {wrong}, and " in words
    assert f"on host1 has {right.split(':')[1].lower()}. Download it again, or change " in words
    words = " ".join(play(ok=False, base_image_builder_checksum="0" * 64).split())
    assert "as sha256:DIGEST or sha512:DIGEST, if any (base_image_builder_checksum, " in words
    assert world.names() == []
    assert not os.path.exists(f"{room['datacenter_state_dir']}/image-builder-host1")


def test_a_builder_that_does_not_answer_shows_its_console(world, play, tmp_path):
    """The image is to lie in the cache folder, as no path for it is named."""
    given = {"datacenter_base_medium": "", "datacenter_cache_dir": str(tmp_path / "cache")}
    words = " ".join(play(ok=False, base_image_builder_timeout_seconds=8, **given).split())
    assert f"{BUILDER} is to answer SSH within 8 s of its start, and does not: " in words
    assert "change base_image_builder_timeout_seconds. " in words
    console = world.vms / BUILDER / "Logs/console.log"
    assert f"Its console ({console} on host1) said last: ALIVE ALIVE" in words
