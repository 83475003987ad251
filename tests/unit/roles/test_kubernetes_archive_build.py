# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, the virtual.datacenter contributors
"""The pure parts of the builder of role kubernetes_archive: cache key, images, checks."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import json
import os
import re
import shutil
import sys
import tarfile
from pathlib import Path

import pytest

if sys.version_info < (3, 11):
    pytest.skip("the build script runs on Python 3.11 and later", allow_module_level=True)

FOLDER = Path(__file__).resolve().parents[3] / "roles" / "kubernetes_archive" / "files"


def load(script: Path):
    loader = importlib.machinery.SourceFileLoader("kubernetes_build", str(script))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = writes
    return module


build = load(FOLDER / "build.py")
IMAGES = json.loads((FOLDER / "images.json").read_text())


@pytest.fixture
def inputs(tmp_path):
    copy = tmp_path / "kubernetes"
    shutil.copytree(FOLDER, copy)
    return copy


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "root"
    build.base_root(folder)
    program = folder / "usr/local/bin/program"
    program.parent.mkdir(parents=True)
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)
    return folder


# --- the cache key -----------------------------------------------------------------------------


def test_the_same_inputs_give_the_same_hash(inputs):
    assert build.input_hash(inputs) == build.input_hash(FOLDER)


@pytest.mark.parametrize(
    "name",
    [
        "build.py",
        "images.json",
        "pause.c",
        "probe/hostname",
        "modules/etcd/go.mod",
        "modules/etcd/go.sum",
    ],
)
def test_every_input_changes_the_hash(inputs, name):
    before = build.input_hash(inputs)
    with (inputs / name).open("a") as data:
        data.write("\n")
    assert build.input_hash(inputs) != before


def test_a_new_module_changes_the_hash(inputs):
    before = build.input_hash(inputs)
    (inputs / "modules/new").mkdir()
    (inputs / "modules/new/go.mod").write_text("module new\n")
    assert build.input_hash(inputs) != before


def test_the_readme_does_not_change_the_hash(inputs):
    before = build.input_hash(inputs)
    (inputs / "README.md").write_text("other words\n")
    assert build.input_hash(inputs) == before


def test_bytes_moved_between_files_change_the_hash(inputs):
    before = build.input_hash(inputs)
    last, first = inputs / "images.json", inputs / "modules/coredns/go.mod"
    text = last.read_text()
    last.write_text(text[:-1])
    first.write_text(text[-1] + first.read_text())
    assert build.input_hash(inputs) != before


def test_the_folder_is_named_by_version_and_hash(tmp_path):
    version = build.module_versions(FOLDER)["kubernetes"]
    name = build.output_path(tmp_path, FOLDER).name
    assert re.fullmatch(rf"kubernetes-{re.escape(version)}-[0-9a-f]{{12}}", name)


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x", "VIRTUAL_DATACENTER_CACHE": "/v"}, "/v"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/x/virtual.datacenter"),
        ({"HOME": "/h"}, "/h/.cache/virtual.datacenter"),
        ({"HOME": "/h", "XDG_CACHE_HOME": ""}, "/h/.cache/virtual.datacenter"),
    ],
)
def test_default_cache(environment, wanted):
    assert build.default_cache(environment) == Path(wanted)


def test_an_output_is_complete_when_every_summed_file_is_there(tmp_path):
    assert not build.is_complete(tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/kubeadm").write_bytes(b"kubeadm")
    build.write_sums(tmp_path)
    assert build.is_complete(tmp_path)
    (tmp_path / "bin/kubeadm").unlink()
    assert not build.is_complete(tmp_path)


def test_the_sums_are_what_sha256sum_reads(tmp_path):
    (tmp_path / "manifest.json").write_bytes(b"{}\n")
    build.write_sums(tmp_path)
    digest = hashlib.sha256(b"{}\n").hexdigest()
    assert (tmp_path / "SHA256SUMS").read_text() == f"{digest}  manifest.json\n"


# --- versions ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    ["require example.org/a v1.2.3", "require (\n\texample.org/a v1.2.3 // indirect\n)"],
)
def test_module_version(line):
    go_mod = f"module m\n\ngo 1.26.0\n\n{line}\n\nreplace example.org/a/b => example.org/c v9.9.9\n"
    assert build.module_version(go_mod, "example.org/a") == "v1.2.3"


def test_a_missing_module_is_an_error():
    with pytest.raises(build.BuildError, match=r"example\.org/a"):
        build.module_version("module m\n", "example.org/a")


def test_versions_compare_as_numbers():
    assert build.version_key("go1.26.10") > build.version_key("1.26.2")


def test_every_kubernetes_module_has_the_same_version():
    version = build.module_versions(FOLDER)["kubernetes"]
    go_mod = (FOLDER / "modules/kubernetes/go.mod").read_text()
    replaced = re.findall(r"^\t(k8s\.io/\S+) => (\S+) (\S+)$", go_mod, re.MULTILINE)
    assert len(replaced) > 30
    assert {(old == new, found) for old, new, found in replaced} == {
        (True, version.replace("v1.", "v0.", 1))
    }


def test_kubernetes_is_told_its_version():
    flags = build.linker_flags("kubernetes", "v1.36.2").split()
    for pair in ("gitVersion=v1.36.2", "gitMajor=1", "gitMinor=36"):
        assert f"k8s.io/component-base/version.{pair}" in flags


@pytest.mark.parametrize(("cores", "memory", "jobs"), [(2, 23.5, 2), (16, 16, 4), (4, 2, 1)])
def test_compile_jobs_fit_the_memory(cores, memory, jobs):
    assert build.compile_jobs(cores, memory) == jobs


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("registry.k8s.io/coredns/coredns:v1.14.2", "coredns"),
        ("virtual.datacenter/probe:1", "probe"),
    ],
)
def test_short_name(image, name):
    assert build.short_name(image) == name


def test_tags_that_match_what_was_built_pass():
    images = ["k/etcd:3.6.8-0", "k/coredns/coredns:v1.14.2", "k/pause:3.10.2"]
    build.check_tags(images, {"etcd": "v3.6.8", "coredns": "v1.14.2"})


def test_a_tag_of_another_version_says_what_to_change():
    with pytest.raises(build.BuildError, match=r"etcd:3\.6\.9-0.*v3\.6\.8.*modules/etcd/go\.mod"):
        build.check_tags(["k/etcd:3.6.9-0"], {"etcd": "v3.6.8"})


def test_image_names_join_those_of_kubeadm_and_our_own():
    definitions = {"etcd": {}, "probe": {"name": "virtual.datacenter/probe:1"}}
    names = build.image_names(definitions, ["k/etcd:3.6.8-0"])
    assert names == {"etcd": "k/etcd:3.6.8-0", "probe": "virtual.datacenter/probe:1"}


@pytest.mark.parametrize("images", [[], ["k/etcd:1", "k/new:1"]])
def test_an_image_without_a_definition_or_a_name_is_an_error(images):
    with pytest.raises(build.BuildError, match="do not agree"):
        build.image_names({"etcd": {}}, images)


# --- the host ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "Types: deb\n# http://mirror.example/old\nURIs: http://mirror.example/debian\n",
        "# a comment\ndeb http://mirror.example/debian bookworm main\n",
        "deb [signed-by=/k.gpg arch=amd64] http://mirror.example/debian bookworm main\n",
    ],
)
def test_debian_mirror(text):
    assert build.debian_mirror(["", text]) == "http://mirror.example/debian"


def test_no_mirror_says_where_it_was_looked_for():
    with pytest.raises(build.BuildError, match=r"debian\.sources"):
        build.debian_mirror(["# nothing\n"])


def test_a_missing_command_is_named_with_its_package(tmp_path, monkeypatch):
    present = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "gcc" else present(name))
    monkeypatch.setattr(build, "FREE_GIB", 0)
    with pytest.raises(build.BuildError, match=r"command gcc.*apt-get install gcc and libc6-dev"):
        build.check_host(tmp_path)


def test_a_full_disk_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "FREE_GIB", 2**30)
    with pytest.raises(build.BuildError, match="GiB free"):
        build.check_host(tmp_path)


# --- images --------------------------------------------------------------------------------------


def write(root, image):
    build.write_image("example.org/a:1", root, image, {"Entrypoint": ["/a"]}, "amd64")
    return image


def test_an_image_is_the_same_bytes_every_time(root, tmp_path):
    first = write(root, tmp_path / "first.tar").read_bytes()
    for path in sorted(root.rglob("*")):
        os.utime(path, (1, 1), follow_symlinks=False)
    (root / "etc/passwd").chmod(0o600)
    assert write(root, tmp_path / "second.tar").read_bytes() == first


def test_an_image_leaves_no_layer_behind(root, tmp_path):
    write(root, tmp_path / "image.tar")
    assert not list(tmp_path.glob("*.layer"))


def test_an_image_is_a_well_formed_docker_archive(root, tmp_path):
    with tarfile.open(write(root, tmp_path / "image.tar")) as archive:
        content = {member.name: archive.extractfile(member).read() for member in archive}
    (entry,) = json.loads(content["manifest.json"])
    assert entry["RepoTags"] == ["example.org/a:1"]
    config = json.loads(content[entry["Config"]])
    (layer,) = entry["Layers"]
    assert set(content) == {"manifest.json", entry["Config"], layer}
    assert entry["Config"] == hashlib.sha256(content[entry["Config"]]).hexdigest() + ".json"
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(content[layer]).hexdigest()]
    assert (config["os"], config["architecture"]) == ("linux", "amd64")
    assert config["config"]["Entrypoint"] == ["/a"]
    assert "/usr/local/bin" in config["config"]["Env"][0]


def test_a_layer_has_neutral_members(root, tmp_path):
    layer = tmp_path / "layer.tar"
    digest = build.write_layer(root, layer)
    assert digest == hashlib.sha256(layer.read_bytes()).hexdigest()
    with tarfile.open(layer) as archive:
        members = {member.name: member for member in archive}
    assert list(members) == sorted(members, key=lambda name: name.split("/"))
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members.values()} == {
        (0, 0, "", "", 0)
    }
    assert members["./usr/local/bin/program"].mode == 0o755
    assert members["./etc/passwd"].mode == 0o644
    assert members["./tmp"].mode == 0o1777
    assert members["./lib64"].linkname == "usr/lib64"


def test_files_come_from_the_binaries_or_from_beside_the_script(root, tmp_path):
    (tmp_path / "coredns").write_text("built")
    build.add_files(root, {"/coredns": "coredns", "/www/index.html": "probe/index.html"}, tmp_path)
    assert (root / "coredns").read_text() == "built"
    assert (root / "coredns").stat().st_mode & 0o777 == 0o755
    assert (root / "www/index.html").read_text() == (FOLDER / "probe/index.html").read_text()


@pytest.mark.parametrize("key", IMAGES)
def test_every_image_definition_is_one_that_the_script_reads(key):
    entry = IMAGES[key]
    assert set(entry) <= {"name", "files", "packages", "links", "applets", "config"}
    assert {"files", "config"} <= set(entry)
    assert all(place.startswith("/") for place in (*entry["files"], *entry.get("links", {})))
    started = (entry["config"].get("Entrypoint") or entry["config"]["Cmd"])[0]
    if started.startswith("/"):
        assert started in entry["files"]


def test_no_file_of_the_folder_names_a_registry_or_this_machine():
    for path in build.input_files(FOLDER):
        if path.name != "go.sum":
            assert not re.search(r"https?://", path.read_text()), path
