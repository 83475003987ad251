# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role kubernetes_archive downloads a real archive, and what releases and a registry have."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import signal
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from controller import Controller
from served import ARCHIVE, VERSION, Internet


def words(text: str) -> str:
    """Without the line breaks of Ansible."""
    return " ".join(text.split())


ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]


@pytest.fixture
def internet() -> Iterator[Internet]:
    made = Internet()
    yield made
    made.server.shutdown()


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    assert (ARCHIVE / "SHA256SUMS").is_file(), f"{ARCHIVE} is missing: run make host"
    made = Controller(tmp_path)
    yield made
    for process in made.makers():
        os.kill(process, signal.SIGTERM)
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)


def test_a_mirror_by_its_sums(internet: Internet, controller: Controller) -> None:
    internet.put_archive("/mirror")
    said = controller.run(kubernetes_archive_mirror=f"{internet.url}/mirror")
    assert (
        f"Kubernetes {VERSION} is downloaded from {internet.url}/mirror, which answers"
        in " ".join(said.split())
    )
    # What it does, on the screen while it does it.
    assert re.search(r"\.\.\. TASK \[.*Wait for the archive\].*: .* \(\d+ s\)", said)
    assert controller.link.resolve().name.startswith(f"kubernetes-v{VERSION}-downloaded-")
    sums = (controller.link / "SHA256SUMS").read_bytes()
    assert sums == (ARCHIVE / "SHA256SUMS").read_bytes()
    controller.check_sums()
    internet.asked.clear()
    said = controller.run(kubernetes_archive_mirror=f"{internet.url}/mirror")
    assert "changed=0" in said and "is downloaded" not in said
    assert internet.asked == []


def test_a_wrong_checksum_is_refused(internet: Internet, controller: Controller) -> None:
    internet.put_archive("/mirror")
    changed = bytearray((ARCHIVE / "bin/crictl").read_bytes())
    changed[-1] ^= 1
    internet.put("/mirror/bin/crictl", bytes(changed))
    said = controller.run(ok=False, kubernetes_archive_mirror=f"{internet.url}/mirror")
    assert re.search(
        r"wanted: http://\S+/mirror/bin/crictl with the SHA-256 [0-9a-f]{64}; found: [0-9a-f]{64}\."
        r" Nothing of it is used",
        words(said),
    )
    assert not controller.link.exists()
    assert list((controller.folder / "cache").rglob("crictl*")) == []


def test_a_download_that_was_killed_goes_on(internet: Internet, controller: Controller) -> None:
    internet.put_archive("/mirror")
    internet.seconds_for_a_mebibyte = 0.1
    process = controller.start(kubernetes_archive_mirror=f"{internet.url}/mirror")
    assert process.stdout is not None
    lines, began = [], time.monotonic()
    # A line that says how much has come: the download is under way, and not silent.
    for line in process.stdout:
        lines.append((time.monotonic() - began, line))
        if "% has come" in line:
            break
    else:
        pytest.fail("".join(line for _when, line in lines))
    times = [when for when, _line in lines]
    assert max(later - earlier for earlier, later in zip(times, times[1:], strict=False)) < 30
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (maker,) = controller.makers()
    os.kill(maker, signal.SIGKILL)
    assert not controller.link.exists()
    internet.seconds_for_a_mebibyte = 0
    internet.asked.clear()
    controller.run(kubernetes_archive_mirror=f"{internet.url}/mirror")
    assert [wanted for _path, wanted in internet.asked if wanted] != []
    controller.check_sums()


def layers(file: Path) -> list[str]:
    with tarfile.open(file) as archive:
        (image,) = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type]
        config = json.load(archive.extractfile(image["Config"]))  # type: ignore[arg-type]
    return [*image["RepoTags"], *config["rootfs"]["diff_ids"]]


def test_releases_and_a_registry(internet: Internet, controller: Controller) -> None:
    assert shutil.which("skopeo"), "skopeo is missing: run make tools"
    internet.put_releases(ARCHITECTURE)
    internet.put_registry()
    where = {
        "kubernetes_archive_source": "download",
        "kubernetes_archive_release_url": internet.url,
        "kubernetes_archive_registry": internet.host,
        "kubernetes_archive_crictl_url": f"{internet.url}/crictl",
    }
    controller.run(**where)
    controller.check_sums()
    manifest = json.loads((controller.link / "manifest.json").read_text())
    built = json.loads((ARCHIVE / "manifest.json").read_text())
    assert manifest["kubernetes_version"] == built["kubernetes_version"]
    assert manifest["binaries"] == ["crictl", "kubeadm", "kubectl", "kubelet"]
    for name in manifest["binaries"]:
        copy = controller.link / "bin" / name
        assert copy.read_bytes() == (ARCHIVE / "bin" / name).read_bytes()
        assert os.access(copy, os.X_OK)
    files = {entry["name"]: entry["file"] for entry in built["images"]}
    assert {entry["name"] for entry in manifest["images"]} == set(files)
    for entry in manifest["images"]:
        assert layers(controller.link / entry["file"])[0] == entry["name"]
        if entry["name"].startswith("registry.k8s.io/"):
            assert layers(controller.link / entry["file"]) == layers(ARCHIVE / files[entry["name"]])


def test_a_release_with_a_wrong_checksum(internet: Internet, controller: Controller) -> None:
    internet.put_releases(ARCHITECTURE)
    internet.put_registry()
    url = f"/v{VERSION}/bin/linux/{ARCHITECTURE}/kubectl"
    internet.put(f"{url}.sha256", b"0" * 64)
    said = controller.run(
        ok=False,
        kubernetes_archive_release_url=internet.url,
        kubernetes_archive_registry=internet.host,
        kubernetes_archive_crictl_url=f"{internet.url}/crictl",
    )
    assert f"wanted: {internet.url}{url} with the SHA-256 {'0' * 64}; found:" in " ".join(
        said.split()
    )
    assert not controller.link.exists()
