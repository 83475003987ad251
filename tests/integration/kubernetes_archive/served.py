# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Internet has of Kubernetes, on the loopback address: a mirror, releases, a registry.

Everything that is served comes from the archive that `make host` has made.
"""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import os
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
DEFAULTS = ROOT / "roles" / "datacenter" / "defaults" / "main.yml"
VERSION = yaml.safe_load(DEFAULTS.read_text(encoding="utf-8"))["datacenter_kubernetes_version"]
CACHE = Path(
    os.environ.get("VIRTUAL_DATACENTER_CACHE", Path.home() / ".cache" / "virtual.datacenter")
)
ARCHIVE = CACHE / f"kubernetes-v{VERSION}"
DOCKER = "application/vnd.docker"


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Internet:
    """Paths to bytes or files. It can be slow, and can tell other bytes than there are."""

    def __init__(self) -> None:
        self.paths: dict[str, tuple[bytes | Path, str]] = {}
        self.asked: list[tuple[str, str]] = []
        self.seconds_for_a_mebibyte = 0.0
        internet = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

            def do_GET(self) -> None:
                internet.answer(self)

            do_HEAD = do_GET  # noqa: N815

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.host}"

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range", "")
        self.asked.append((request.path, wanted))
        if request.path not in self.paths:
            request.send_error(404)
            return
        content, kind = self.paths[request.path]
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        begin = int(wanted[6:-1]) if wanted else 0
        request.send_response(206 if begin else 200)
        request.send_header("Content-Length", str(size - begin))
        request.send_header("Content-Type", kind)
        if kind.startswith(DOCKER) and isinstance(content, bytes):
            request.send_header("Docker-Content-Digest", digest_of(content))
        request.end_headers()
        if request.command == "HEAD":
            return
        with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as data:
            data.seek(begin)
            while chunk := data.read(1 << 20):
                time.sleep(self.seconds_for_a_mebibyte)
                try:
                    request.wfile.write(chunk)
                except OSError:
                    return

    def put(self, path: str, content: bytes | Path, kind: str = "application/octet-stream") -> None:
        self.paths[path] = (content, kind)

    def put_with_sum(self, path: str, content: bytes | Path) -> None:
        """As releases are published."""
        self.put(path, content)
        data = content if isinstance(content, bytes) else content.read_bytes()
        self.put(f"{path}.sha256", hashlib.sha256(data).hexdigest().encode())

    def put_archive(self, prefix: str) -> None:
        for path in ARCHIVE.rglob("*"):
            if path.is_file():
                self.put(f"{prefix}/{path.relative_to(ARCHIVE)}", path)

    def put_releases(self, architecture: str) -> None:
        for name in ("kubeadm", "kubectl", "kubelet"):
            place = f"/v{VERSION}/bin/linux/{architecture}/{name}"
            self.put_with_sum(place, ARCHIVE / "bin" / name)
        version = VERSION.rpartition(".")[0] + ".0"
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
            archive.add(ARCHIVE / "bin/crictl", "crictl")
        place = f"/crictl/v{version}/crictl-v{version}-linux-{architecture}.tar.gz"
        self.put_with_sum(place, packed.getvalue())

    def put_registry(self) -> None:
        """The images of the archive, as a registry serves them."""
        self.put("/v2/", b"{}", "application/json")
        for entry in json.loads((ARCHIVE / "manifest.json").read_text())["images"]:
            if entry["name"].startswith("registry.k8s.io/"):
                self._put_image(entry["name"], ARCHIVE / entry["file"])

    def _put_image(self, name: str, file: Path) -> None:
        repository, tag = name.removeprefix("registry.k8s.io/").rsplit(":", 1)
        parts = []
        with tarfile.open(file) as archive:
            (image,) = json.load(archive.extractfile("manifest.json"))  # type: ignore[arg-type]
            for member, kind in [
                (image["Config"], f"{DOCKER}.container.image.v1+json"),
                *((layer, f"{DOCKER}.image.rootfs.diff.tar") for layer in image["Layers"]),
            ]:
                data = archive.extractfile(member).read()  # type: ignore[union-attr]
                parts.append({"mediaType": kind, "size": len(data), "digest": digest_of(data)})
                self.put(f"/v2/{repository}/blobs/{digest_of(data)}", data)
        kind = f"{DOCKER}.distribution.manifest.v2+json"
        manifest = {"schemaVersion": 2, "mediaType": kind, "config": parts[0], "layers": parts[1:]}
        text = json.dumps(manifest).encode()
        for reference in (tag, digest_of(text)):
            self.put(f"/v2/{repository}/manifests/{reference}", text, kind)
