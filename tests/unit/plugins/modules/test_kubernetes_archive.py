# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module kubernetes_archive on a real folder and a real web server, with a pretended ctr."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.virtual.datacenter.plugins.module_utils._config_files import pending
from ansible_collections.virtual.datacenter.plugins.modules import kubernetes_archive

Run = Callable[..., Any]
PAUSE = "registry.example.com/pause:3.10"

# Keeps images in a file; an image's tar holds its name.
CTR = """#!/usr/bin/python3
import pathlib, sys
store = pathlib.Path(__file__).with_name("images")
lines = store.read_text().splitlines() if store.exists() else []
words = sys.argv[1:]
assert words[:3] == ["--namespace", "k8s.io", "images"], words
if words[3] == "ls":
    print("REF TYPE DIGEST SIZE PLATFORMS LABELS")
    print("\\n".join(lines))
elif words[3] == "import":
    name = pathlib.Path(words[4]).read_text().strip()
    lines = [line for line in lines if line.split()[0] != name]
    store.write_text("\\n".join([*lines, name + " t d 1 KiB linux/amd64 -"]))
elif words[3] == "label":
    store.write_text("\\n".join(
        line[:-1] + words[5] if line.split()[0] == words[4] else line for line in lines))
else:
    sys.exit(1)
"""


def fill(folder: Path, kubelet: str = "kubelet 1") -> None:
    files = {"bin/kubelet": kubelet, "images/pause.tar": PAUSE + "\n"}
    files["manifest.json"] = json.dumps(
        {
            "kubernetes_version": "v1.36.2",
            "binaries": ["kubelet"],
            "images": [{"name": PAUSE, "file": "images/pause.tar"}],
        }
    )
    sums = []
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
        (folder / name).chmod(0o755)
        sums.append(f"{hashlib.sha256(content.encode()).hexdigest()}  {name}\n")
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    fill(folder)
    return folder


@pytest.fixture
def server(archive: Path) -> Iterator[str]:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    httpd = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Handler, directory=str(archive))
    )
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    (tmp_path / "path").mkdir()
    (tmp_path / "installed").mkdir()
    ctr = tmp_path / "path" / "ctr"
    ctr.write_text(CTR, encoding="utf-8")
    ctr.chmod(0o755)
    monkeypatch.setenv("PATH", f"{ctr.parent}:{os.environ['PATH']}")

    def call(url: str, check: bool = False, ok: bool = True, **options: Any) -> Any:
        arguments = {
            "url": url,
            "version": "1.36.2",
            "binaries": ["kubelet"],
            "binary_dir": str(tmp_path / "installed"),
            "record": str(tmp_path / "etc" / "archive.json"),
            "images": ["*"],
            "_ansible_check_mode": check,
            **options,
        }
        with patch_module_args(arguments), pytest.raises(SystemExit):
            kubernetes_archive.main()
        result = json.loads(capsys.readouterr().out)
        assert bool(result.get("failed")) is not ok, result
        return result

    return call


def test_from_a_folder_and_again(run: Run, archive: Path, tmp_path: Path) -> None:
    url = f"file://{archive}"
    foreseen = run(url, check=True)
    assert os.listdir(tmp_path / "installed") == []
    done = run(url)
    assert done["binaries"] == foreseen["binaries"] == ["kubelet"]
    assert done["images"] == foreseen["images"] == [PAUSE]
    installed = tmp_path / "installed" / "kubelet"
    assert installed.read_text(encoding="utf-8") == "kubelet 1"
    assert installed.stat().st_mode & 0o777 == 0o755 and not installed.is_symlink()
    assert not run(url)["changed"] and not run(url, check=True)["changed"]


def test_from_a_web_server(run: Run, server: str, tmp_path: Path) -> None:
    assert run(server)["changed"]
    assert (tmp_path / "installed" / "kubelet").read_text(encoding="utf-8") == "kubelet 1"
    assert not run(server)["changed"]
    assert "404" in run(f"{server}/nowhere", ok=False)["msg"]


def test_links(run: Run, archive: Path, server: str, tmp_path: Path) -> None:
    url = f"file://{archive}"
    assert run(url, link=True)["changed"]
    assert os.readlink(tmp_path / "installed" / "kubelet") == str(archive / "bin" / "kubelet")
    assert not run(url, link=True)["changed"]
    assert run(url, link=False)["binaries"] == ["kubelet"]
    assert "needs a file:// url" in run(server, link=True, ok=False)["msg"]


@pytest.mark.parametrize("link", [False, True])
def test_another_binary(
    run: Run, archive: Path, tmp_path: Path, link: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "FOLDER", str(tmp_path / "pending"))
    url, services = f"file://{archive}", ["kubelet"]
    run(url, link=link)
    assert not run(url, link=link, services=services)["changed"]
    assert not pending.is_marked("kubelet")
    fill(archive, "kubelet two")
    assert run(url, link=link, services=services)["binaries"] == ["kubelet"]
    assert pending.is_marked("kubelet")
    assert not run(url, link=link)["changed"]


def test_a_binary_that_somebody_changed_is_installed_again(
    run: Run, archive: Path, tmp_path: Path
) -> None:
    run(f"file://{archive}")
    (tmp_path / "installed" / "kubelet").write_text("mine", encoding="utf-8")
    assert run(f"file://{archive}")["binaries"] == ["kubelet"]
    (tmp_path / "installed" / "kubelet").unlink()
    assert run(f"file://{archive}")["binaries"] == ["kubelet"]


def test_an_image_without_our_label_is_imported_again(
    run: Run, archive: Path, tmp_path: Path
) -> None:
    run(f"file://{archive}")
    images = tmp_path / "path" / "images"
    images.write_text(f"{PAUSE} t d 1 KiB linux/amd64 -", encoding="utf-8")
    assert run(f"file://{archive}")["images"] == [PAUSE]
    assert not run(f"file://{archive}")["changed"]


def test_a_file_with_another_sum_is_not_used(run: Run, archive: Path, tmp_path: Path) -> None:
    (archive / "bin" / "kubelet").write_text("evil", encoding="utf-8")
    assert "has the sum" in run(f"file://{archive}", ok=False)["msg"]
    assert os.listdir(tmp_path / "installed") == []


def test_an_archive_of_another_version(run: Run, archive: Path) -> None:
    result = run(f"file://{archive}", version="1.37.0", ok=False)
    assert result["msg"].endswith("holds Kubernetes 1.36.2, wanted is 1.37.0")


def test_no_archive(run: Run, tmp_path: Path) -> None:
    assert "cannot read" in run(f"file://{tmp_path}/none", ok=False)["msg"]


def test_an_image_of_another_name_is_an_error(run: Run, archive: Path) -> None:
    (archive / "images" / "pause.tar").write_text("other:1\n", encoding="utf-8")
    sums = (archive / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    other = hashlib.sha256(b"other:1\n").hexdigest()
    (archive / "SHA256SUMS").write_text(
        "\n".join(f"{other}  images/pause.tar" if "pause" in line else line for line in sums),
        encoding="utf-8",
    )
    assert "holds no image named" in run(f"file://{archive}", ok=False)["msg"]
