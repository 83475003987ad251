# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, the virtual.datacenter contributors
"""Choose where an archive of Kubernetes comes from, and make it.

`plan` prints one JSON document: which archive, from where, why, and about how long it takes.
`make` makes what was planned; standard output is the path of the finished folder. What it is doing
at the moment stands in the file `--status`, one line of text.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import sys
import tarfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.dont_write_bytecode = True
import build  # noqa: E402
from build import BuildError  # noqa: E402

TOOLS = ("kubeadm", "kubectl", "kubelet")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# The names in the sums of an archive.
NAME = re.compile(r"(?:(?:bin|images)/)?[A-Za-z0-9_][\w.+-]*")
ANSWER_SECONDS = 30
PROBE_SECONDS = 10
ATTEMPTS = 5
CHUNK = 1 << 20
# Of compiling everything: 8 to 15 minutes were measured on two processors.
BUILD_PROCESSOR_MINUTES = (16, 30)
DOWNLOAD_MB = 700
SKOPEO_SECONDS = 1800


class UnreachableError(Exception):
    """A server does not answer; the text says who and why."""


@dataclasses.dataclass(frozen=True)
class Desired:
    version: str
    cache: Path
    source: str = "auto"
    mirror: str = ""
    mirror_sha256: str = ""
    releases: str = ""
    registry: str = ""
    crictl: str = ""

    @property
    def origin(self) -> str:
        return self.mirror or f"{self.releases} and {self.registry}"

    @property
    def downloaded(self) -> Path:
        words = (self.mirror, self.mirror_sha256, self.releases, self.registry, self.crictl)
        if self.mirror:
            words = words[:2]
        key = hashlib.sha256("\n".join(words).encode()).hexdigest()[:12]
        return self.cache / f"kubernetes-v{self.version}-downloaded-{key}"

    @property
    def built(self) -> Path:
        return build.output_path(self.cache, build.HERE)

    @property
    def buildable(self) -> bool:
        return build.module_versions(build.HERE)["kubernetes"] == f"v{self.version}"


# --- the network -----------------------------------------------------------------------------


def open_url(url: str, seconds: int, headers: dict[str, str] | None = None) -> Any:
    try:
        return urllib.request.urlopen(
            urllib.request.Request(url, headers=headers or {}), timeout=seconds
        )
    except urllib.error.HTTPError as error:
        raise UnreachableError(f"{url}: {error.code} {error.reason}") from error
    except OSError as error:
        raise UnreachableError(f"{url}: {getattr(error, 'reason', error)}") from error


def read_url(url: str, seconds: int = ANSWER_SECONDS) -> bytes:
    with open_url(url, seconds) as answer:
        try:
            return bytes(answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"{url}: {error}") from error


def on_this_machine(url: str) -> bool:
    return urllib.parse.urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")


def check_trust(url: str, option: str, pinned: bool = False) -> None:
    """Sums are worth something only if nobody on the way can change them."""
    if not (url.startswith("https://") or pinned or on_this_machine(url)):
        hint = (
            ", or say the sum of its SHA256SUMS (kubernetes_archive_mirror_sha256)"
            if option.endswith("mirror")
            else ""
        )
        raise BuildError(
            f"wanted: an address that begins with https://; found: {url} ({option}). "
            f"Change it{hint}."
        )


def sha256_of(path: Path) -> str:
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


class Fetcher:
    """Fetches files by their sums. A file that is cut off is gone on with, also in a later run."""

    def __init__(self, tell: Callable[[str], None], pause: float = 2) -> None:
        self.tell = tell
        self.pause = pause

    def fetch(self, url: str, path: Path, sha256: str) -> None:
        """The file has this sum, or there is no file."""
        if path.is_file() and sha256_of(path) == sha256:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        resumed = part.exists()
        self._transfer(url, part)
        found = sha256_of(part)
        if found != sha256 and resumed:
            # What was there before may be of another file.
            part.unlink()
            self._transfer(url, part)
            found = sha256_of(part)
        if found != sha256:
            part.unlink()
            raise BuildError(
                f"wanted: {url} with the SHA-256 {sha256}; found: {found}. Nothing of it is used. "
                "Ask who keeps the server, or take another one."
            )
        part.rename(path)

    def _transfer(self, url: str, part: Path) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                if self._go_on(url, part):
                    return
                problem = "the connection was cut off"
            except UnreachableError as error:
                problem = str(error)
            if attempt < ATTEMPTS:
                time.sleep(self.pause)
        raise BuildError(
            f"wanted: {url}; found: {problem}, {ATTEMPTS} times. What has come so far is kept: "
            "run this again, and it goes on there."
        )

    def _go_on(self, url: str, part: Path) -> bool:
        """Whether the file has come to its end."""
        have = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        try:
            answer = open_url(url, ANSWER_SECONDS, headers)
        except UnreachableError as error:
            # The server says that it is all there, or more than all.
            if have and getattr(error.__cause__, "code", 0) == 416:
                return True
            raise
        with answer:
            if have and answer.status != 206:
                have = 0
            total = have + int(answer.headers.get("Content-Length") or 0)
            with part.open("ab" if have else "wb") as target:
                try:
                    while chunk := answer.read(CHUNK):
                        target.write(chunk)
                        have += len(chunk)
                        share = f"{100 * have // total} %" if total else f"{have >> 20} MiB"
                        self.tell(f"{url.rpartition('/')[2]}: {share} has come")
                except (OSError, http.client.HTTPException) as error:
                    raise UnreachableError(f"{url}: {error}") from error
        return not total or have >= total


# --- an archive that somebody else has made ----------------------------------------------------


def parse_sums(text: str, origin: str) -> dict[str, str]:
    sums = {}
    for line in text.splitlines():
        digest, _blank, name = line.partition("  ")
        if not re.fullmatch(r"[0-9a-f]{64}", digest) or not NAME.fullmatch(name):
            raise BuildError(
                f"wanted: lines of a SHA-256 and a name below bin/ or images/ in "
                f"{origin}/SHA256SUMS; found: {line[:100]!r}. Is this the address of an archive?"
            )
        sums[name] = digest
    if "manifest.json" not in sums:
        raise BuildError(
            f"wanted: a sum of manifest.json in {origin}/SHA256SUMS; found: none. "
            "Is this the address of an archive?"
        )
    return sums


def download_archive(desired: Desired, work: Path, fetcher: Fetcher) -> None:
    """Everything that the sums of a finished archive name."""
    text = read_url(f"{desired.mirror}/SHA256SUMS")
    found = hashlib.sha256(text).hexdigest()
    if desired.mirror_sha256 not in ("", found):
        raise BuildError(
            f"wanted: {desired.mirror}/SHA256SUMS with the SHA-256 {desired.mirror_sha256} "
            f"(kubernetes_archive_mirror_sha256); found: {found}. Nothing of it is used. "
            "Ask who keeps the mirror what has changed."
        )
    sums = parse_sums(text.decode("utf-8", "replace"), desired.mirror)
    fetcher.fetch(f"{desired.mirror}/manifest.json", work / "manifest.json", sums["manifest.json"])
    holds = json.loads((work / "manifest.json").read_text())["kubernetes_version"]
    if holds.removeprefix("v") != desired.version:
        raise BuildError(
            f"wanted: Kubernetes {desired.version}; found: {holds.removeprefix('v')} at "
            f"{desired.mirror}. Change the version or kubernetes_archive_mirror."
        )
    for name, digest in sums.items():
        fetcher.fetch(f"{desired.mirror}/{name}", work / name, digest)
        if name.startswith("bin/"):
            (work / name).chmod(0o755)
    (work / "SHA256SUMS").write_bytes(text)


# --- the releases of Kubernetes ------------------------------------------------------------------


def architecture() -> str:
    machine = os.uname().machine
    if machine not in ARCHITECTURES:
        raise BuildError(f"wanted: {' or '.join(ARCHITECTURES)}; found: {machine}")
    return ARCHITECTURES[machine]


def tool_url(desired: Desired, name: str) -> str:
    return f"{desired.releases}/v{desired.version}/bin/linux/{architecture()}/{name}"


def crictl_url(desired: Desired) -> str:
    """crictl has a release of its own for each minor version."""
    version = desired.version.rpartition(".")[0] + ".0"
    return f"{desired.crictl}/v{version}/crictl-v{version}-linux-{architecture()}.tar.gz"


def published_sum(url: str) -> str:
    text = read_url(f"{url}.sha256").decode("ascii", "replace").split()
    if not text or not re.fullmatch(r"[0-9a-f]{64}", text[0]):
        raise BuildError(f"wanted: a SHA-256 at {url}.sha256; found: {' '.join(text)[:80]!r}")
    return text[0]


def image_file(name: str) -> str:
    return f"images/{build.short_name(name)}.tar"


def copy_image(desired: Desired, name: str, path: Path) -> None:
    """skopeo holds every part of an image to its digest."""
    if path.is_file():
        return
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    source = name.replace("registry.k8s.io", desired.registry, 1)
    plain = ("--src-tls-verify=false",) if on_this_machine(f"//{desired.registry}") else ()
    words = ("--override-arch", architecture(), "--override-os", "linux", "copy", *plain)
    try:
        build.run(
            "timeout",
            str(SKOPEO_SECONDS),
            "skopeo",
            *words,
            f"docker://{source}",
            f"docker-archive:{part}:{name}",
            stdout=sys.stderr,
        )
    except BuildError as error:
        raise BuildError(f"wanted: the image {source}; found: {error}, see above.") from error
    part.rename(path)


def own_images(work: Path) -> dict[str, str]:
    """Images that no registry has: of Debian's packages, as the builder makes them."""
    definitions = json.loads((build.HERE / "images.json").read_text())
    own = {key: entry for key, entry in definitions.items() if "name" in entry}
    names = {entry["name"]: f"images/{key}.tar" for key, entry in own.items()}
    if all((work / file).is_file() for file in names.values()):
        return names
    scratch = work / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    (scratch / "binaries").mkdir()
    mirror = build.debian_mirror(p.read_text() for p in build.APT_SOURCES if p.is_file())
    debian = build.Debian(scratch / "debian", mirror)
    for key, entry in own.items():
        root = scratch / "roots" / key
        build.base_root(root)
        debian.unpack(entry.get("packages", ()), root)
        build.add_files(root, entry["files"], scratch / "binaries")
        if "applets" in entry:
            build.add_applets(root, entry["applets"])
        image = scratch / f"{key}.tar"
        build.write_image(entry["name"], root, image, entry["config"], architecture())
        image.rename(work / "images" / f"{key}.tar")
    shutil.rmtree(scratch)
    return names


def download_release(desired: Desired, work: Path, fetcher: Fetcher) -> None:
    """Commands from the release's server, images from the registry."""
    for name in TOOLS:
        url = tool_url(desired, name)
        fetcher.fetch(url, work / "bin" / name, published_sum(url))
        (work / "bin" / name).chmod(0o755)
    url, packed = crictl_url(desired), work / "crictl.tar.gz"
    fetcher.fetch(url, packed, published_sum(url))
    with tarfile.open(packed) as archive, (work / "bin/crictl").open("wb") as target:
        names = archive.getnames()
        member = archive.extractfile("crictl") if "crictl" in names else None
        if member is None:
            raise BuildError(f"wanted: the file crictl in {url}; found: {', '.join(names)[:80]}")
        shutil.copyfileobj(member, target)
    (work / "bin/crictl").chmod(0o755)
    wanted = build.run(
        work / "bin/kubeadm",
        "config",
        "images",
        "list",
        "--kubernetes-version",
        f"v{desired.version}",
        "--image-repository",
        "registry.k8s.io",
    ).split()
    for name in wanted:
        fetcher.tell(f"image {name}")
        copy_image(desired, name, work / image_file(name))
    files = {name: image_file(name) for name in wanted} | own_images(work)
    packed.unlink()
    build.write_json(
        work / "manifest.json",
        {
            "kubernetes_version": f"v{desired.version}",
            "binaries": sorted((*TOOLS, "crictl")),
            "images": [{"name": name, "file": file} for name, file in files.items()],
            "origin": {"releases": desired.releases, "registry": desired.registry},
        },
    )
    build.write_sums(work)


# --- the choice --------------------------------------------------------------------------------


def missing_for_download(desired: Desired) -> str:
    """Why nothing can be downloaded now; empty if it can."""
    try:
        if desired.mirror:
            check_trust(desired.mirror, "kubernetes_archive_mirror", bool(desired.mirror_sha256))
            read_url(f"{desired.mirror}/SHA256SUMS", PROBE_SECONDS)
            return ""
        check_trust(desired.releases, "kubernetes_archive_release_url")
        check_trust(desired.crictl, "kubernetes_archive_crictl_url")
        for url in (tool_url(desired, "kubeadm"), crictl_url(desired)):
            read_url(f"{url}.sha256", PROBE_SECONDS)
        ask_registry(desired.registry)
    except UnreachableError as error:
        return f"{error.args[0]}, so it cannot be downloaded"
    if not shutil.which("skopeo"):
        return "skopeo, which fetches images, is not installed (apt-get install skopeo)"
    return ""


def ask_registry(registry: str) -> None:
    """One that asks for a login answers too: skopeo gets what it needs."""
    scheme = "http" if on_this_machine(f"//{registry}") else "https"
    try:
        read_url(f"{scheme}://{registry.partition('/')[0]}/v2/", PROBE_SECONDS)
    except UnreachableError as error:
        if not isinstance(error.__cause__, urllib.error.HTTPError):
            raise


def processors() -> int:
    return build.compile_jobs(os.cpu_count() or 1, build.memory_gib())


def plan(desired: Desired) -> dict[str, Any]:
    """What will be made, and what the user reads before it begins."""
    finished = {
        "download": (desired.downloaded,),
        "build": (desired.built,) if desired.buildable else (),
    }
    finished["auto"] = finished["download"] + finished["build"]
    for folder in finished[desired.source]:
        if build.is_complete(folder):
            said = f"Kubernetes {desired.version} is in {folder} already."
            return {"path": str(folder), "source": "none", "complete": True, "say": said}
    why = "kubernetes_archive_source says so"
    if desired.source != "build":
        lack = missing_for_download(desired)
        if not lack:
            said = (
                f"Kubernetes {desired.version} is downloaded from {desired.origin}, which answers; "
                f"about {DOWNLOAD_MB} MB, a minute or two at 100 Mbit/s."
            )
            return {
                "path": str(desired.downloaded),
                "source": "download",
                "complete": False,
                "say": said,
            }
        if desired.source == "download":
            raise BuildError(
                f"wanted: Kubernetes {desired.version} from {desired.origin}; found: {lack}. "
                "Mend that, "
                "or change kubernetes_archive_mirror or kubernetes_archive_source."
            )
        why = lack
    if not desired.buildable:
        made = build.module_versions(build.HERE)["kubernetes"].removeprefix("v")
        raise BuildError(
            f"Kubernetes {desired.version} is wanted, but this collection builds {made} ({why}). "
            "Change the version back, let it be downloaded (kubernetes_archive_source, "
            "kubernetes_archive_mirror), or give an archive of your own (k8s_node_archive_url)."
        )
    jobs = processors()
    least, most = (max(1, round(minutes / jobs)) for minutes in BUILD_PROCESSOR_MINUTES)
    most = max(most, least + 1)
    warm = (desired.cache / "go/build").is_dir()
    said = (
        f"Kubernetes {desired.version} is built from its Go modules, because {why}; about "
        f"{1 if warm else least} to {most} minutes on {jobs} processor(s)"
        f"{', as much of it is in the cache of go' if warm else ''}."
    )
    return {"path": str(desired.built), "source": "build", "complete": False, "say": said}


# --- the work ------------------------------------------------------------------------------------


class Status:
    """What is done at the moment, and for how long: a file of one line, fresh every few seconds."""

    def __init__(self, path: Path | None, seconds: float = 5) -> None:
        self.path, self.seconds = path, seconds
        self.text, self.began = "begins", time.monotonic()
        self.ended = threading.Event()

    def tell(self, text: str) -> None:
        if text.partition(":")[0] != self.text.partition(":")[0]:
            print(text, file=sys.stderr, flush=True)
        self.text = text

    def write(self) -> None:
        if self.path is not None:
            fresh = self.path.with_name(self.path.name + ".new")
            fresh.write_text(f"{self.text} ({time.monotonic() - self.began:.0f} s)\n")
            fresh.rename(self.path)

    def run(self) -> None:
        while not self.ended.wait(self.seconds):
            self.write()

    def __enter__(self) -> Status:
        self.write()
        threading.Thread(target=self.run, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.ended.set()


def download(desired: Desired, fetcher: Fetcher) -> Path:
    work = desired.downloaded.with_name(f".{desired.downloaded.name}.part")
    with build.locked(desired.cache / ".kubernetes.lock"):
        if build.is_complete(desired.downloaded):
            return desired.downloaded
        # It is kept when this is ended: what has come need not come again.
        work.mkdir(exist_ok=True)
        try:
            (download_archive if desired.mirror else download_release)(desired, work, fetcher)
        except UnreachableError as error:
            raise BuildError(
                f"wanted: an answer; found: {error}. What has come so far is kept: run this again."
            ) from error
        shutil.rmtree(desired.downloaded, ignore_errors=True)
        work.rename(desired.downloaded)
    return desired.downloaded


def make(desired: Desired, status: Status) -> Path:
    chosen = plan(desired)
    if chosen["complete"]:
        return Path(chosen["path"])
    status.tell(chosen["say"])
    if chosen["source"] == "download":
        return download(desired, Fetcher(status.tell))
    build.say = status.tell
    return build.ensure(desired.cache)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="archive", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("step", choices=["plan", "make"])
    parser.add_argument("--status", type=Path)
    parser.add_argument("--source", choices=["auto", "download", "build"], default="auto")
    for field in dataclasses.fields(Desired):
        if field.name != "source":
            kind = Path if field.name == "cache" else str
            parser.add_argument(f"--{field.name.replace('_', '-')}", type=kind, default="")
    options = vars(parser.parse_args(argv))
    step, status = options.pop("step"), options.pop("status")
    addresses = ("mirror", "releases", "registry", "crictl")
    desired = Desired(**options | {name: options[name].rstrip("/") for name in addresses})
    desired = dataclasses.replace(desired, cache=desired.cache.absolute())
    if not re.fullmatch(r"\d+\.\d+\.\d+", desired.version):
        parser.error(f"wanted: a version as 1.36.2; found: {desired.version}")
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        if step == "plan":
            print(json.dumps(plan(desired)))
        else:
            desired.cache.mkdir(parents=True, exist_ok=True)
            with Status(status) as told:
                print(make(desired, told))
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
