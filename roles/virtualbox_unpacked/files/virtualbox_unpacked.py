# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unpack VirtualBox 7.2 from Debian's archive next to, not into, the machine's package system.

Two steps, each safe to repeat and to interrupt:

  fetch   --cache DIR [--mirror URI] [--suite sid]    download the packages once
  install --cache DIR --prefix DIR [--no-driverless]  unpack them, point them at their libraries

VirtualBox has /usr/lib/virtualbox compiled in and refuses symbolic links on the way there, so that
folder is the real one. Its libraries, with a newer C library than the machine's, are in PREFIX/lib.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HOME = Path("/usr/lib/virtualbox")
MARKER = ".virtual.datacenter"
COMMANDS = ("VBoxManage", "VBoxHeadless", "vboxwebsrv", "vbox-img")
MULTIARCH = "x86_64-linux-gnu"
LOADER = "ld-linux-x86-64.so.2"

# Dependencies that only the graphical front end, sound and the setuid helpers ask for.
NOT_NEEDED = re.compile(r"(libgl1|libsdl2.*|libvncserver.*|libc6-.*|libpam.*|libsystemd.*)")
TOOLS = ("patchelf",)
LEFT_OUT = (
    "./usr/share",
    "./var",
    "./etc",
    "./usr/lib/virtualbox/webtest",
    "./usr/lib/virtualbox/VBoxEFI-arm*",
)

# VBoxHeadless as Debian builds it opens the kernel driver before anything else and gives up without
# it, although the engine below it can interpret. This launcher asks the runtime for driverless mode
# (SUPR3INIT_F_DRIVERLESS | SUPR3INIT_F_DRIVERLESS_IEM_ALLOWED, RTR3INIT_FLAGS_SUPLIB_SHIFT higher)
# and answers the engine's own call of SUPR3Init the same way. VBoxSVC starts it like the original.
LAUNCHER = r"""
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>

#define HOME "/usr/lib/virtualbox/"
enum { DRIVERLESS = 4, INTERPRETER = 8, MODE = DRIVERLESS | INTERPRETER, SHIFT = 16 };

typedef int (*init_ex_fn)(uint32_t, void **);
typedef int (*init_exe_fn)(int, char ***, uint32_t);
typedef int (*main_fn)(int, char **, char **);

static void *runtime;

static void *need(void *library, const char *symbol)
{
    void *address = library ? dlsym(library, symbol) : NULL;
    if (!address) fprintf(stderr, "VBoxHeadless (driverless): %s\n", dlerror());
    return address;
}

int SUPR3Init(void **session)
{
    init_ex_fn init = (init_ex_fn)need(runtime, "SUPR3InitEx");
    return init ? init(MODE, session) : -1;
}

int main(int argc, char **argv, char **envp)
{
    init_exe_fn init;
    main_fn trusted_main;
    void *front_end;
    int rc;

    runtime = dlopen(HOME "VBoxRT.so", RTLD_NOW | RTLD_GLOBAL);
    if (!(init = (init_exe_fn)need(runtime, "RTR3InitExe"))) return 1;
    rc = init(argc, &argv, (uint32_t)MODE << SHIFT);
    if (rc < 0) { fprintf(stderr, "VBoxHeadless (driverless): RTR3InitExe: %d\n", rc); return 1; }
    front_end = dlopen(HOME "VBoxHeadless.so", RTLD_NOW | RTLD_GLOBAL);
    trusted_main = (main_fn)need(front_end, "TrustedMain");
    return trusted_main ? trusted_main(argc, argv, envp) : 1;
}
"""


class RefusedError(Exception):
    """Something stands in the way that only a person should decide about."""


def run(*argv: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a command, give its output, fail with its error text."""
    done = subprocess.run(
        argv,
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RefusedError(
            f"{' '.join(argv[:6])} ... failed with {done.returncode}: {done.stderr.strip()[-2000:]}"
        )
    return done.stdout


def machine_mirror() -> str:
    """The Debian mirror that this machine already uses, in either format of apt's sources."""
    for source in sorted(Path("/etc/apt/sources.list.d").glob("*.sources")):
        for uri in re.findall(r"^URIs:\s*(\S+)", source.read_text(encoding="utf-8"), re.M):
            if "security" not in uri and uri.startswith("http"):
                return uri
    lists = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*.list"))]
    for source in lists:
        if source.is_file():
            text = source.read_text(encoding="utf-8")
            for uri in re.findall(
                r"^deb\s+(?:\[[^]]*\]\s+)?(http\S+)\s+\S+\s+.*\bmain\b", text, re.M
            ):
                if "security" not in uri:
                    return uri
    raise RefusedError(
        "no Debian mirror found in the apt sources of this machine: name one "
        "(role variable virtualbox_unpacked_mirror)"
    )


def private_apt(cache: Path, mirror: str, suite: str) -> dict[str, str]:
    """An apt with lists, cache and an empty package database of its own."""
    for folder in ("lists/partial", "archives/partial", "debs"):
        (cache / folder).mkdir(parents=True, exist_ok=True)
    (cache / "sources.list").write_text(f"deb {mirror} {suite} main contrib\n", encoding="utf-8")
    (cache / "status").write_text("", encoding="utf-8")
    settings = {
        "Dir::Etc::sourcelist": cache / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State::lists": cache / "lists",
        "Dir::State::status": cache / "status",
        "Dir::State::extended_states": cache / "extended_states",
        "Dir::Cache": cache,
        "Dir::Cache::archives": cache / "archives",
        # A mirror may stand still: the signature is checked, the age of the release file is not.
        "Acquire::Check-Valid-Until": "false",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "true",
    }
    config = cache / "apt.conf"
    config.write_text(
        "".join(f'{key} "{value}";\n' for key, value in settings.items()), encoding="utf-8"
    )
    return {"APT_CONFIG": str(config)}


def closure(env: dict[str, str]) -> list[str]:
    """virtualbox and every library package that it needs, transitively."""
    seen: set[str] = set()
    todo = ["virtualbox", *TOOLS]
    quiet = [
        f"--no-{kind}"
        for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    ]
    while todo:
        seen.update(todo)
        answer = run("apt-cache", "depends", *quiet, *todo, env=env)
        named = {
            name.split(":")[0]
            for name in re.findall(r"^\s*\|?(?:Pre)?Depends: (\S+)", answer, re.M)
        }
        todo = sorted(
            name
            for name in named - seen
            if name.startswith("lib") and not NOT_NEEDED.fullmatch(name)
        )
    return sorted(seen)


def fetch(cache: Path, mirror: str, suite: str) -> None:
    """Download the packages; the file `packages.json` says that all of them are there."""
    env = private_apt(cache, mirror or machine_mirror(), suite)
    run("apt-get", "update", "-qq", env=env)
    names = closure(env)
    shutil.rmtree(cache / "debs")
    (cache / "debs").mkdir()
    run("apt-get", "download", "-qq", *names, cwd=cache / "debs", env=env)
    files = sorted(path.name for path in (cache / "debs").glob("*.deb"))
    if len(files) != len(names):
        raise RefusedError(f"asked for {len(names)} packages, got {len(files)}")
    shutil.rmtree(cache / "lists")
    partial = cache / "packages.json.partial"
    partial.write_text(json.dumps(files, indent=1) + "\n", encoding="utf-8")
    partial.rename(cache / "packages.json")
    print(f"fetched {len(files)} packages into {cache}")


def unpack(cache: Path, tree: Path) -> None:
    """Put the files of all packages into one tree."""
    for name in json.loads((cache / "packages.json").read_text(encoding="utf-8")):
        with subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", str(cache / "debs" / name)], stdout=subprocess.PIPE
        ) as source:
            subprocess.run(
                ["tar", "-C", str(tree), "-x", "--no-same-owner", "--keep-directory-symlink"]
                + [f"--exclude={path}" for path in LEFT_OUT],
                stdin=source.stdout,
                check=True,
            )
        if source.returncode:
            raise RefusedError(f"{cache / 'debs' / name} is damaged: delete {cache} and run again")


def elf_files(folder: Path) -> list[Path]:
    """Programs and libraries below a folder."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as stream:
                if stream.read(4) == b"\x7fELF":
                    found.append(path)
    return found


def adapt(home: Path, library: Path, final_library: Path, patchelf: list[str]) -> None:
    """Point every program and library at the loader and libraries in their final places."""
    # RPATH, not RUNPATH: it must also hold for the libraries of the libraries.
    rpath = ["--force-rpath", "--set-rpath", f"{HOME}:{final_library}"]
    for path in elf_files(home):
        path.chmod(path.stat().st_mode & 0o755)
        asked = subprocess.run(
            [*patchelf, "--print-interpreter", str(path)], capture_output=True, check=False
        )
        loader = [] if asked.returncode else ["--set-interpreter", str(final_library / LOADER)]
        run(*patchelf, *loader, *rpath, str(path))


def build_launcher(home: Path, compiler: str) -> None:
    """Put the driverless launcher in the place of VBoxHeadless and keep the original beside it."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "driverless.c"
        source.write_text(LAUNCHER, encoding="utf-8")
        (home / "VBoxHeadless").rename(home / "VBoxHeadless.hardened")
        run(compiler, "-O1", "-rdynamic", "-o", str(home / "VBoxHeadless"), str(source), "-ldl")


def replace(new: Path, old: Path) -> None:
    """Exchange a folder; the moment without it is two renames long."""
    trash = old.with_name(old.name + ".old")
    shutil.rmtree(trash, ignore_errors=True)
    if old.exists():
        old.rename(trash)
    new.rename(old)
    shutil.rmtree(trash, ignore_errors=True)


def install(cache: Path, prefix: Path, driverless: bool, done: Path | None) -> None:
    """Unpack, adapt, exchange, write the commands; the file `done` says that all of it is there."""
    if HOME.is_symlink() or (HOME.exists() and not (HOME / MARKER).is_file()):
        raise RefusedError(
            f"{HOME} exists and was not made by this role: put its VBoxManage (7.0 or later) "
            "on PATH and this role "
            "uses that one, or remove that VirtualBox first"
        )
    compiler = shutil.which("cc") or shutil.which("gcc")
    if driverless and not compiler:
        raise RefusedError(
            "no C compiler for the driverless launcher: install gcc and libc6-dev, or switch it off"
        )
    prefix.mkdir(parents=True, exist_ok=True)
    new_home = HOME.with_name(HOME.name + ".new")
    new_library = prefix / "lib.new"
    for folder in (new_home, new_library):
        shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=prefix, prefix=".unpack-") as scratch:
        tree = Path(scratch)
        unpack(cache, tree)
        shutil.copytree(tree / "usr/lib" / MULTIARCH, new_library, symlinks=True)
        for merged in (tree / "lib" / MULTIARCH,):
            if merged.is_dir() and not merged.is_symlink():
                shutil.copytree(merged, new_library, symlinks=True, dirs_exist_ok=True)
        patchelf = [
            str(new_library / LOADER),
            "--library-path",
            str(new_library),
            str(tree / "usr/bin/patchelf"),
        ]
        if driverless and compiler:
            build_launcher(tree / "usr/lib/virtualbox", compiler)
        shutil.move(str(tree / "usr/lib/virtualbox"), str(new_home))
        adapt(new_home, new_library, prefix / "lib", patchelf)
    run("chown", "-R", "root:root", str(new_home))
    run("chmod", "-R", "go-w", str(new_home))
    (new_home / MARKER).write_text(f"{prefix}\n", encoding="utf-8")
    replace(new_library, prefix / "lib")
    replace(new_home, HOME)
    (prefix / "bin").mkdir(exist_ok=True)
    for name in COMMANDS:
        # Not Debian's wrapper: that one prints a warning on stdout when there is no kernel driver.
        command = prefix / "bin" / name
        command.write_text(f'#!/bin/sh\nexec {HOME}/{name} "$@"\n', encoding="utf-8")
        command.chmod(0o755)
    version = run(str(prefix / "bin" / "VBoxManage"), "--version").strip().splitlines()[-1]
    for old in prefix.glob("installed-*"):
        old.unlink()
    (done or prefix / "installed-by-hand").write_text(version + "\n", encoding="utf-8")
    print(f"VirtualBox {version} in {HOME}, commands in {prefix / 'bin'}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    fetcher = commands.add_parser("fetch")
    fetcher.add_argument("--mirror", default="")
    fetcher.add_argument("--suite", default="sid")
    installer = commands.add_parser("install")
    installer.add_argument("--prefix", type=Path, required=True)
    installer.add_argument("--no-driverless", action="store_true")
    installer.add_argument("--done", type=Path)
    for sub in (fetcher, installer):
        sub.add_argument("--cache", type=Path, required=True)
    options = parser.parse_args()
    try:
        if options.command == "fetch":
            fetch(options.cache, options.mirror, options.suite)
        else:
            install(options.cache, options.prefix, not options.no_driverless, options.done)
    except (RefusedError, OSError, subprocess.CalledProcessError) as error:
        print(f"virtualbox_unpacked: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
