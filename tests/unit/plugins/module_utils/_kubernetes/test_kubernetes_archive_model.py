# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive of Kubernetes artefacts: what is in it, and what a machine lacks of it."""

from __future__ import annotations

import json

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._kubernetes import archive
from ansible_collections.virtual.datacenter.plugins.module_utils._kubernetes.archive import (
    ArchiveError,
    Image,
)

A, B, C = "a" * 64, "b" * 64, "c" * 64
MANIFEST = json.dumps(
    {
        "kubernetes_version": "v1.36.2",
        "binaries": ["kubeadm"],
        "images": [
            {"name": "registry.example.com/coredns/coredns:v1", "file": "images/coredns.tar"},
            {"name": "registry.example.com/pause:3.10", "file": "images/pause.tar"},
        ],
    }
).encode()
SUMS = {"bin/kubeadm": A, "images/coredns.tar": B, "images/pause.tar": C}


def test_parse_sums() -> None:
    text = f"{A}  bin/kubeadm\n{B} *images/a b.tar\n{C}  ./manifest.json\nno sum\n"
    assert archive.parse_sums(text) == {
        "bin/kubeadm": A,
        "images/a b.tar": B,
        "manifest.json": C,
    }


def test_parse_archive() -> None:
    parsed = archive.parse_archive(MANIFEST, SUMS)
    assert parsed.version == "1.36.2"
    assert parsed.binaries == {"kubeadm": A}
    assert [image.short_name for image in parsed.images] == ["coredns", "pause"]


@pytest.mark.parametrize("manifest", [b"", b"[]", b"{}", b'{"kubernetes_version": "v1"}'])
def test_what_is_no_manifest(manifest: bytes) -> None:
    with pytest.raises(ArchiveError, match="not a manifest"):
        archive.parse_archive(manifest, SUMS)


def test_a_file_without_a_sum_is_not_trusted() -> None:
    with pytest.raises(ArchiveError, match=r"no sum of: images/pause\.tar"):
        archive.parse_archive(MANIFEST, {"bin/kubeadm": A, "images/coredns.tar": B})


def test_wanted_images() -> None:
    parsed = archive.parse_archive(MANIFEST, SUMS)

    def names(*patterns: str) -> list[str]:
        return [image.short_name for image in archive.wanted_images(parsed, patterns)]

    assert names("*") == ["coredns", "pause"]
    assert names("pause", "paus*") == ["pause"]
    assert names("registry.example.com/coredns/*") == ["coredns"]
    assert names() == []
    with pytest.raises(ArchiveError, match="no image of the archive is named: etcd"):
        names("pause", "etcd")


def test_wanted_binaries() -> None:
    parsed = archive.parse_archive(MANIFEST, SUMS)
    assert archive.wanted_binaries(parsed, ["kubeadm"]) == {"kubeadm": A}
    with pytest.raises(ArchiveError, match="no binary named: kubelet"):
        archive.wanted_binaries(parsed, ["kubeadm", "kubelet"])


# As ctr 1.7.24 prints it, with short digests.
TYPE = "application/vnd.oci.image.manifest.v1+json"
LABELS = f"io.cri-containerd.image=managed,io.cri-containerd.pinned=pinned,{archive.LABEL}={C}"
CTR = "\n".join(
    [
        "REF TYPE DIGEST SIZE PLATFORMS LABELS",
        f"registry.example.com/pause:3.10 {TYPE} sha256:1 690.0 KiB linux/amd64 {LABELS}",
        f"sha256:2 {TYPE} sha256:2 70.9 MiB linux/amd64 io.cri-containerd.image=managed",
    ]
)


def test_parse_image_list() -> None:
    assert archive.parse_image_list(CTR) == {
        "registry.example.com/pause:3.10": C,
        "sha256:2": "",
    }
    assert archive.parse_image_list("") == {}


def test_missing_images() -> None:
    pause = Image("registry.example.com/pause:3.10", "images/pause.tar", C)
    present = archive.parse_image_list(CTR)
    assert archive.missing_images([pause], present) == []
    # The same name, from another file, or imported by hand or half.
    rebuilt = Image(pause.name, pause.file, A)
    assert archive.missing_images([rebuilt], present) == [rebuilt]
    assert archive.missing_images([pause], {pause.name: ""}) == [pause]
