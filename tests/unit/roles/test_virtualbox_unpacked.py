# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script of role virtualbox_unpacked, as far as it works without downloads."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path

import pytest

SCRIPT = (
    Path(__file__).resolve().parents[3] / "roles/virtualbox_unpacked/files/virtualbox_unpacked.py"
)


@pytest.fixture
def script(monkeypatch, tmp_path):
    spec = importlib.util.spec_from_file_location("virtualbox_unpacked", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "HOME", tmp_path / "usr" / "virtualbox")
    return module


@pytest.mark.parametrize("link", [True, False])
def test_a_virtualbox_of_somebody_else_stays(script, tmp_path, link):
    script.HOME.parent.mkdir()
    other = tmp_path / "other"
    other.mkdir()
    if link:
        script.HOME.symlink_to(other)
    else:
        script.HOME.mkdir()
        (script.HOME / "VBoxManage").touch()
    with pytest.raises(script.RefusedError, match="was not made by this role"):
        script.install(tmp_path / "cache", tmp_path / "prefix", False, None)
    assert not (tmp_path / "prefix").exists()
    assert script.HOME.is_symlink() or list(script.HOME.iterdir())


def test_the_private_apt_knows_nothing_of_the_machine(script, tmp_path):
    environment = script.private_apt(tmp_path, "http://mirror.invalid/debian", "sid")
    config = Path(environment["APT_CONFIG"]).read_text(encoding="utf-8")
    assert environment["APT_CONFIG"].startswith(str(tmp_path))
    assert 'Dir::Etc::sourceparts "/dev/null"' in config
    assert f'Dir::State::status "{tmp_path}/status"' in config
    assert "AllowUnauthenticated" not in config and "trusted" not in config
    source = (tmp_path / "sources.list").read_text(encoding="utf-8")
    assert source == "deb http://mirror.invalid/debian sid main contrib\n"


def test_the_closure_follows_libraries_only(script, monkeypatch):
    depends = {
        "virtualbox": "  Depends: adduser\n |Depends: libqt\n  Depends: libc6\n  Depends: libgl1\n",
        "patchelf": "  Depends: libc6\n",
        "libqt": "  PreDepends: libz:any\n",
        "libc6": "",
        "libz": "  Depends: libqt\n",
    }
    monkeypatch.setattr(
        script, "run", lambda *argv, env=None: "".join(depends[name] for name in argv[8:])
    )
    assert script.closure({}) == ["libc6", "libqt", "libz", "patchelf", "virtualbox"]


def test_folders_are_exchanged_whole(script, tmp_path):
    new, old = tmp_path / "new", tmp_path / "old"
    for folder in (new, old):
        folder.mkdir()
        (folder / folder.name).touch()
    script.replace(new, old)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old"]
    assert (old / "new").exists() and not (old / "old").exists()


def test_a_failure_is_one_clear_line(tmp_path):
    (tmp_path / "packages.json").write_text(json.dumps(["no.deb"]), encoding="utf-8")
    done = subprocess.run(
        ["python3", str(SCRIPT), "fetch", "--cache", "/proc/nothing", "--mirror", "http://x"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("virtualbox_unpacked: ") and done.stderr.count("\n") == 1


def test_the_launcher_compiles(tmp_path, script):
    source = tmp_path / "launcher.c"
    source.write_text(script.LAUNCHER, encoding="utf-8")
    strict = [
        "cc",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-O1",
        "-rdynamic",
        "-o",
        "launcher",
        str(source),
    ]
    subprocess.run([*strict, "-ldl"], cwd=tmp_path, check=True)
