# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory virtualbox_small as it stands: an image is made, and machines are cloned from it.

A processor without virtualisation ends here. The gateway is left out, because it would be started.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from pathlib import Path

import pytest
from world import ROOT

SMALL = ROOT / "inventories" / "virtualbox_small"
CACHE = Path(os.environ.get("VIRTUAL_DATACENTER_CACHE", Path.home() / ".cache/virtual.datacenter"))


@pytest.fixture
def layer(world):
    """Runs one playbook on the inventory; gives the number of changed tasks, and the output."""

    def run(name, *options, ok=True, inventory=SMALL, **more):
        variables = {
            # A path of a test's own name is too long for the sockets of SSH.
            "datacenter_state_dir": str(world.folder / "state"),
            "datacenter_virtualbox_folder": str(world.vms),
            "datacenter_virtualbox_driver_required": False,
            "datacenter_cache_dir": str(CACHE),
            **more,
        }
        process = world.start_playbook(
            f"--inventory={inventory}",
            f"--extra-vars={json.dumps(variables)}",
            *options,
            str(ROOT / f"playbooks/{name}.yml"),
        )
        output, _none = process.communicate(timeout=900)
        assert (process.returncode == 0) == ok, output
        return sum(map(int, re.findall(r"\bchanged=(\d+)", output))), output

    return run


def image_name(world, tmp_path):
    """What the file of the image is called, by its suite and its inputs. Writes a manifest too."""
    learn = [
        {
            "ansible.builtin.import_role": {
                "name": "virtual.datacenter.base_image",
                "tasks_from": "inputs",
            }
        },
        {
            "ansible.builtin.copy": {
                "content": "{{ base_image_suite }}-{{ base_image_key }}",
                "dest": str(tmp_path / "key"),
                "mode": "0600",
            }
        },
        {
            "ansible.builtin.copy": {
                "content": "{{ {'inputs': base_image_inputs} | to_json }}",
                "dest": str(tmp_path / "manifest"),
                "mode": "0600",
            }
        },
    ]
    playbook = tmp_path / "key.yml"
    playbook.write_text(
        json.dumps([{"hosts": "machine_hosts", "gather_facts": False, "tasks": learn}]),
        encoding="utf-8",
    )
    process = world.start_playbook(f"--inventory={SMALL}", str(playbook))
    output, _none = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return (tmp_path / "key").read_text(encoding="utf-8")


def test_machines_are_clones_of_an_image_that_was_made(world, layer, tmp_path):
    layer("preflight")
    assert not (world.folder / "state").exists()
    layer("machines", "--limit=all:!gate01")
    image = CACHE / f"base-image-{image_name(world, tmp_path)}.json"
    manifest = json.loads(image.read_text(encoding="utf-8"))
    packages = {package["name"] for package in manifest["packages"]}
    assert {"cloud-init", "linux-image-amd64", "lvm2", "openssh-server"} <= packages
    base = world.vms / "virtualbox-small-base.vdi"
    uuid = re.search(r"^UUID: +(.+)", world.vbox("showmediuminfo", "disk", str(base)))[1]
    for name in ("lb01", "cp01", "worker01"):
        machine = world.vbox("showvminfo", f"small-{name}", "--machinereadable")
        disk = re.search(r'"SATA-ImageUUID-0-0"="(.+)"', machine)[1]
        said = world.vbox("showmediuminfo", "disk", disk)
        assert re.search(r"Parent UUID: +(.+)", said)[1] == uuid
    # The boot sector of GRUB, at the place where the first block of a VDI lies.
    assert b"GRUB" in base.read_bytes()[: 4 * 1024 * 1024]
    written = base.stat().st_mtime_ns
    # The image is not looked at again: it may have been deleted.
    changed, _output = layer("machines", "--limit=all:!gate01", datacenter_cache_dir=str(tmp_path))
    assert changed == 0
    assert base.stat().st_mtime_ns == written
    assert not list(tmp_path.glob("base-image*"))

    # A machine leaves the inventory: named before anything changes, removed alone when told so.
    fewer = shutil.copytree(SMALL, tmp_path / "fewer")
    hosts = (fewer / "hosts.yml").read_text(encoding="utf-8")
    without = re.sub(r"          hosts:\n +worker01:\n.+\n", "          hosts: {}\n", hosts)
    assert without.count("worker01") == hosts.count("worker01") - 1
    (fewer / "hosts.yml").write_text(without, encoding="utf-8")
    _changed, output = layer("preflight", ok=False, inventory=fewer)
    words = " ".join(output.split())
    assert "Machines of virtualbox-small on workstation are in the inventory" in words
    assert "these are not: small-worker01." in words
    confirm = {"destroy_confirm": "virtualbox-small", "destroy_leftovers": True}
    both = {**confirm, "destroy_state": True, "ok": False}
    assert "Nothing was changed" in layer("destroy", inventory=fewer, **both)[1]
    assert layer("destroy", inventory=fewer, **confirm)[0] == 1
    assert world.names() == ['"small-cp01"', '"small-lb01"', '"virtualbox-small-base"']
    assert (world.folder / "state" / "ssh" / "known_hosts").exists()


# Tests of base_image.yml have the builder itself.
@pytest.mark.nightly
def test_site_has_a_builder_make_the_image_and_takes_it(world, layer, tmp_path, boot_disk):
    """On a host that is no Debian. The file counts by its name, which is that of the inputs."""
    name = image_name(world, tmp_path)
    raw = tmp_path / "boot.raw"
    raw.write_bytes(boot_disk)
    cache = tmp_path / "cache"
    cache.mkdir()
    elsewhere = {
        "__provider_virtualbox_debian": False,
        "datacenter_cache_dir": str(cache),
        "base_image_builder_medium": str(raw),
        "base_image_builder_memory_mb": 64,
        "base_image_builder_timeout_seconds": 5,
    }
    words = " ".join(layer("site", ok=False, **elsewhere)[1].split())
    assert f'found "{raw}"; and base_image_builder_checksum' in words
    assert world.names() == []
    elsewhere["base_image_builder_checksum"] = f"sha256:{hashlib.sha256(boot_disk).hexdigest()}"
    words = " ".join(layer("site", ok=False, **elsewhere)[1].split())
    assert "virtualbox-small-image-builder is to answer SSH within 5 s of its start, and" in words
    built = cache / f"base-image-{name}.vdi"
    world.vbox("convertfromraw", str(raw), str(built), "--format", "VDI")
    built.with_suffix(".json").write_bytes((tmp_path / "manifest").read_bytes())
    assert world.names() == ['"virtualbox-small-image-builder"']
    layer("site", "--tags=preflight,base_image", **elsewhere)
    assert world.names() == []
    _changed, output = layer("machines", "--limit=workstation", datacenter_cache_dir=str(cache))
    assert "Make the root file system from Debian's packages" not in output
    assert {path.stem for path in cache.iterdir()} == {built.stem}
    base = world.vms / "virtualbox-small-base.vdi"
    world.vbox("clonemedium", "disk", str(base), str(tmp_path / "copy.raw"), "--format", "RAW")
    assert (tmp_path / "copy.raw").read_bytes()[: len(boot_disk)] == boot_disk
