# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, the virtual.datacenter contributors
"""Where the role kubernetes_archive takes an archive from, and that it trusts checksums only."""

from __future__ import annotations

import hashlib
import http.server
import importlib
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

if sys.version_info < (3, 11):
    pytest.skip("the scripts run on Python 3.11 and later", allow_module_level=True)

FILES = Path(__file__).resolve().parents[3] / "roles" / "kubernetes_archive" / "files"
sys.path.insert(0, str(FILES))
try:
    archive = importlib.import_module("archive")
finally:
    sys.path.remove(str(FILES))
BuildError = archive.BuildError
VERSION = archive.build.module_versions(FILES)["kubernetes"].removeprefix("v")
KUBELET = bytes(range(256)) * 20000


class Mirror:
    """A web server that can cut answers off, and can go on in the middle of a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cut_after: int | None = None
        self.ranges = True
        self.asked: list[tuple[str, str]] = []
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

            def do_GET(self) -> None:
                mirror.answer(self)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range", "")
        self.asked.append((request.path, wanted))
        path = self.folder / request.path.lstrip("/")
        if not path.is_file():
            request.send_error(404)
            return
        data = path.read_bytes()
        begin = int(wanted[6:-1]) if wanted and self.ranges else 0
        if begin and begin >= len(data):
            request.send_error(416)
            return
        request.send_response(206 if begin else 200)
        request.send_header("Content-Length", str(len(data) - begin))
        request.end_headers()
        rest = data[begin:]
        if self.cut_after is not None and len(rest) > self.cut_after:
            rest = rest[: self.cut_after]
        request.wfile.write(rest)

    def write_sums(self) -> None:
        archive.build.write_sums(self.folder)

    def pin(self) -> str:
        return hashlib.sha256((self.folder / "SHA256SUMS").read_bytes()).hexdigest()


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    folder = tmp_path / "mirror"
    (folder / "bin").mkdir(parents=True)
    (folder / "images").mkdir()
    (folder / "bin/kubelet").write_bytes(KUBELET)
    (folder / "images/pause.tar").write_bytes(b"pause")
    manifest = {"kubernetes_version": f"v{VERSION}", "binaries": ["kubelet"], "images": []}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    made = Mirror(folder)
    made.write_sums()
    yield made
    made.server.shutdown()


@pytest.fixture
def nobody() -> str:
    """An address at which nobody answers."""
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        return f"http://127.0.0.1:{server.server_port}"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive.Fetcher.__init__, "__defaults__", (0.0,))


def desired(tmp_path: Path, mirror: str = "", **more: Any) -> Any:
    (tmp_path / "cache").mkdir(exist_ok=True)
    return archive.Desired(
        **{
            "version": VERSION,
            "cache": tmp_path / "cache",
            "mirror": mirror,
            "releases": "https://releases.invalid",
            "registry": "registry.invalid",
            "crictl": "https://crictl.invalid",
            **more,
        }
    )


def make(what: Any) -> Path:
    made: Path = archive.make(what, archive.Status(None))
    return made


def test_a_mirror_that_answers_is_taken(mirror: Mirror, tmp_path: Path) -> None:
    chosen = archive.plan(desired(tmp_path, mirror.url))
    assert (chosen["source"], chosen["complete"]) == ("download", False)
    assert f"is downloaded from {mirror.url}, which answers; about 700 MB" in chosen["say"]


def test_a_download_is_whole_and_made_once(mirror: Mirror, tmp_path: Path) -> None:
    folder = make(desired(tmp_path, mirror.url))
    assert (folder / "bin/kubelet").read_bytes() == KUBELET
    assert (folder / "bin/kubelet").stat().st_mode & 0o777 == 0o755
    assert (folder / "SHA256SUMS").read_bytes() == (mirror.folder / "SHA256SUMS").read_bytes()
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()] == [folder.name]
    mirror.asked.clear()
    chosen = archive.plan(desired(tmp_path, mirror.url))
    assert chosen["complete"] is True and "already" in chosen["say"]
    assert make(desired(tmp_path, mirror.url)) == folder
    assert mirror.asked == []


def test_without_an_answer_it_is_built_and_the_reason_is_said(nobody: str, tmp_path: Path) -> None:
    chosen = archive.plan(desired(tmp_path, nobody))
    assert chosen["source"] == "build"
    assert chosen["path"] == str(desired(tmp_path).built)
    assert f"is built from its Go modules, because {nobody}/SHA256SUMS: " in chosen["say"]
    assert "refused, so it cannot be downloaded; about " in chosen["say"]
    assert chosen["say"].endswith("processor(s).")


def test_a_cache_of_go_makes_the_build_shorter(nobody: str, tmp_path: Path) -> None:
    (tmp_path / "cache/go/build").mkdir(parents=True)
    said = archive.plan(desired(tmp_path, nobody))["say"]
    assert "about 1 to " in said and "in the cache of go" in said


def test_a_build_that_is_asked_for_asks_no_server(mirror: Mirror, tmp_path: Path) -> None:
    chosen = archive.plan(desired(tmp_path, mirror.url, source="build"))
    assert chosen["source"] == "build"
    assert "because kubernetes_archive_source says so" in chosen["say"]
    assert mirror.asked == []


def test_a_download_that_is_asked_for_and_cannot_be(nobody: str, tmp_path: Path) -> None:
    with pytest.raises(
        BuildError, match=r"wanted: .* found: .*refused.* kubernetes_archive_mirror"
    ):
        archive.plan(desired(tmp_path, nobody, source="download"))


def test_a_version_that_can_neither_be_downloaded_nor_built(nobody: str, tmp_path: Path) -> None:
    with pytest.raises(
        BuildError, match=rf"1\.2\.3 is wanted, but this collection builds {VERSION}"
    ):
        archive.plan(desired(tmp_path, nobody, version="1.2.3"))


def test_another_version_can_be_downloaded(mirror: Mirror, tmp_path: Path) -> None:
    chosen = archive.plan(desired(tmp_path, mirror.url, version="1.2.3"))
    assert chosen["source"] == "download"
    with pytest.raises(BuildError, match=rf"wanted: Kubernetes 1\.2\.3; found: {VERSION} at http"):
        make(desired(tmp_path, mirror.url, version="1.2.3"))


def release(mirror: Mirror, tmp_path: Path, **more: Any) -> Any:
    """Releases are desired, and their sums are there."""
    host = mirror.url.removeprefix("http://")
    given = {"releases": mirror.url, "registry": host, "crictl": f"{mirror.url}/crictl", **more}
    made = desired(tmp_path, **given)
    for url in (archive.tool_url(made, "kubeadm"), archive.crictl_url(made)):
        path = mirror.folder / f"{url}.sha256".removeprefix(f"{mirror.url}/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("0" * 64)
    return made


def test_skopeo_is_needed_for_releases(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skopeo = tmp_path / "skopeo"
    skopeo.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert archive.plan(release(mirror, tmp_path))["source"] == "download"
    skopeo.unlink()
    said = archive.plan(release(mirror, tmp_path))["say"]
    assert "skopeo, which fetches images, is not installed" in said


@pytest.mark.parametrize("option", ["registry", "crictl", "releases"])
def test_everything_is_asked_before_a_download_begins(
    mirror: Mirror, nobody: str, tmp_path: Path, option: str
) -> None:
    silent = nobody.removeprefix("http://") if option == "registry" else nobody
    chosen = archive.plan(release(mirror, tmp_path, **{option: silent}))
    assert chosen["source"] == "build"
    assert f"because {nobody}/" in chosen["say"]


@pytest.mark.parametrize("option", ["mirror", "releases", "crictl"])
def test_sums_that_anybody_on_the_way_can_change(tmp_path: Path, option: str) -> None:
    given = desired(tmp_path, **{option: "http://mirror.invalid"})
    with pytest.raises(BuildError, match=r"begins with https://; found: http://mirror\.invalid"):
        archive.plan(given)


def test_a_pinned_sum_is_trusted_over_http(mirror: Mirror, tmp_path: Path) -> None:
    archive.check_trust("http://mirror.invalid", "kubernetes_archive_mirror", pinned=True)
    given = desired(tmp_path, mirror.url, mirror_sha256=mirror.pin())
    assert (make(given) / "bin/kubelet").is_file()


def test_a_mirror_whose_sums_have_changed(mirror: Mirror, tmp_path: Path) -> None:
    given = desired(tmp_path, mirror.url, mirror_sha256=mirror.pin())
    (mirror.folder / "images/pause.tar").write_bytes(b"other")
    mirror.write_sums()
    with pytest.raises(BuildError, match=r"mirror_sha256\); found: [0-9a-f]{64}\. Nothing of it"):
        make(given)
    assert not given.downloaded.exists()


def test_a_wrong_checksum_is_refused(mirror: Mirror, tmp_path: Path) -> None:
    (mirror.folder / "bin/kubelet").write_bytes(KUBELET[:-1] + b"x")
    given = desired(tmp_path, mirror.url)
    with pytest.raises(BuildError, match=r"bin/kubelet with the SHA-256 [0-9a-f]{64}; found: "):
        make(given)
    assert not given.downloaded.exists()
    assert not list((tmp_path / "cache").rglob("kubelet*"))
    # The server is put right: what was refused is not in the way.
    (mirror.folder / "bin/kubelet").write_bytes(KUBELET)
    assert make(given) == given.downloaded


def test_a_download_that_is_cut_off_goes_on(mirror: Mirror, tmp_path: Path) -> None:
    mirror.cut_after = 2_000_000
    folder = make(desired(tmp_path, mirror.url))
    assert (folder / "bin/kubelet").read_bytes() == KUBELET
    ranges = [wanted for path, wanted in mirror.asked if path == "/bin/kubelet"]
    assert ranges == ["", "bytes=2000000-", "bytes=4000000-"]


def test_a_later_run_goes_on(mirror: Mirror, tmp_path: Path) -> None:
    mirror.cut_after = 300_000
    given = desired(tmp_path, mirror.url)
    with pytest.raises(BuildError, match=r"cut off, 5 times.* it goes on there"):
        make(given)
    assert not given.downloaded.exists()
    mirror.cut_after = None
    mirror.asked.clear()
    assert (make(given) / "bin/kubelet").read_bytes() == KUBELET
    assert ("/bin/kubelet", "bytes=1500000-") in mirror.asked


def test_what_came_before_is_not_trusted(mirror: Mirror, tmp_path: Path) -> None:
    mirror.cut_after = 300_000
    given = desired(tmp_path, mirror.url)
    with pytest.raises(BuildError):
        make(given)
    mirror.cut_after = None
    (part,) = (tmp_path / "cache").rglob("kubelet.part")
    part.write_bytes(b"x" * part.stat().st_size)
    assert (make(given) / "bin/kubelet").read_bytes() == KUBELET


def test_more_than_there_is_is_fetched_anew(mirror: Mirror, tmp_path: Path) -> None:
    """The part is longer than the file: the server says so."""
    target = tmp_path / "kubelet"
    target.with_name("kubelet.part").write_bytes(KUBELET + b"more")
    digest = hashlib.sha256(KUBELET).hexdigest()
    archive.Fetcher(lambda _text: None).fetch(f"{mirror.url}/bin/kubelet", target, digest)
    assert target.read_bytes() == KUBELET


def test_a_server_that_cannot_go_on_in_the_middle(mirror: Mirror, tmp_path: Path) -> None:
    mirror.ranges = False
    target = tmp_path / "kubelet"
    target.with_name("kubelet.part").write_bytes(KUBELET[:1000])
    digest = hashlib.sha256(KUBELET).hexdigest()
    archive.Fetcher(lambda _text: None).fetch(f"{mirror.url}/bin/kubelet", target, digest)
    assert target.read_bytes() == KUBELET


@pytest.mark.parametrize(
    "line",
    ["<html>", f"{'0' * 64}  ../kubelet", f"{'0' * 64}  /etc/passwd", f"{'0' * 64}  bin/../x"],
)
def test_sums_that_are_none(line: str) -> None:
    with pytest.raises(BuildError, match="found: "):
        archive.parse_sums(line + "\n", "https://mirror")


def test_sums_need_a_manifest() -> None:
    with pytest.raises(BuildError, match=r"a sum of manifest\.json"):
        archive.parse_sums(f"{'0' * 64}  bin/kubelet\n", "https://mirror")


def test_the_status_says_what_is_done_and_for_how_long(tmp_path: Path) -> None:
    path = tmp_path / "status"
    with archive.Status(path, seconds=0.01) as status:
        assert path.read_text().startswith("begins (0 s)")
        status.tell("kubernetes v1.36.2")
        for _attempt in range(500):
            if path.read_text().startswith("kubernetes v1.36.2 ("):
                break
            threading.Event().wait(0.01)
        else:
            pytest.fail(path.read_text())


@pytest.mark.parametrize("version", ["v1.36.2", "1.36", "1.36.2/../.."])
def test_a_version_is_three_numbers(version: str) -> None:
    with pytest.raises(SystemExit):
        archive.main(["plan", "--version", version, "--cache", "/nowhere"])
