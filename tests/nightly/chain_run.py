# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries the chain of layers on, within a budget of seconds. Alone: chain_run.py [SECONDS]"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import inspect
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import chain
import emulator
import machine
import yaml

import playbooks

CACHE = Path(
    os.environ.get("VIRTUAL_DATACENTER_CACHE") or Path.home() / ".cache/virtual.datacenter"
)
MEMORY_MB = 6144
DISK = "28G"
# What a snapshot may take, with all of the memory in it.
SAVE_SECONDS = 120
OVER = "the budget of this run was over; the next one goes on within this layer"


def commit() -> str:
    argv = ["git", "-C", playbooks.ROOT, "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()


def kubernetes_version() -> str:
    defaults = playbooks.ROOT / "roles/datacenter/defaults/main.yml"
    found = yaml.safe_load(defaults.read_text(encoding="utf-8"))
    return str(found["datacenter_kubernetes_version"])


def special(folder: str, names: list[str]) -> list[str]:
    """What is no file and no folder, such as the sockets of connections that are open."""
    paths = {name: Path(folder, name) for name in names}
    return [name for name, path in paths.items() if not path.is_file() and not path.is_dir()]


class Chain:
    """The emulated machine of the chain, its snapshots, and what the controller keeps beside it."""

    def __init__(self) -> None:
        self.built = emulator.built("build")
        self.image = playbooks.make_image(**chain.IMAGE)
        self.archive = (CACHE / f"kubernetes-v{kubernetes_version()}").resolve()
        # A snapshot goes on in a machine of the same shape only.
        shape = inspect.getsource(machine.command)
        parts = (self.built.name, emulator.command()[0], self.image.name, self.archive.name)
        parts += (str(MEMORY_MB), DISK, shape)
        self.folder = CACHE / f"{chain.NAME}-{chain.key(*parts)}"
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.disk = self.folder / "disk.qcow2"
        self.state = self.folder / "state"
        self.report = chain.Report.read(self.folder / "report.json")
        # A socket's name has to be short.
        self.sockets = Path(tempfile.mkdtemp(prefix="chain-"))
        self.monitor = self.sockets / "monitor"
        self.config = self.folder / "config"

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """No other run has the machine."""
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            try:
                yield
            finally:
                shutil.rmtree(self.sockets, ignore_errors=True)

    def forget_others(self) -> None:
        """Chains that were made from something else are big, and nothing goes on from them."""
        for folder in CACHE.glob(f"{chain.NAME}-*"):
            if folder != self.folder:
                with (folder / "lock").open("w") as lock, contextlib.suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder)

    def make_disk(self) -> None:
        """A disk with room for VMs, as the machine is before its first start."""
        root = self.folder / "root.ext4"
        subprocess.run(["cp", "--sparse=always", self.built / "root.ext4", root], check=True)
        subprocess.run(["truncate", "--size", DISK, root], check=True)
        # 1 says that it has mended something.
        checked = subprocess.run(["e2fsck", "-f", "-p", root], check=False, stdout=sys.stderr)
        assert checked.returncode in (0, 1)
        subprocess.run(["resize2fs", root], check=True, stdout=sys.stderr)
        argv = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", root, self.disk]
        subprocess.run(argv, check=True)

    @contextlib.contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """The machine as the last run left it."""
        start = self.report.start
        if not start:
            self.forget_others()
            self.make_disk()
        # Keys and secrets are those of the same moment.
        shutil.rmtree(self.state, ignore_errors=True)
        if start and self.kept(start).exists():
            shutil.copytree(self.kept(start), self.state)
        port, key, log = machine.free_port(), machine.have_key(self.folder), self.folder / "console"
        machine.way(self.built, self.folder, port, self.sockets)
        tar = self.folder / "archive.tar"
        if not tar.exists():
            packed = tar.with_suffix(".new")
            subprocess.run(["tar", "-cf", packed, "-C", self.archive, "."], check=True)
            packed.replace(tar)
        # As disks, which are read in seconds: a copy by SSH takes many minutes.
        drives = [f"file={self.disk},format=qcow2"]
        drives += [f"file={path},format=raw,readonly=on" for path in (self.image, tar)]
        argv = machine.command(self.built, drives, port, key, log, MEMORY_MB)
        argv += ["-qmp", f"unix:{self.monitor},server=on,wait=off"]
        argv += ["-loadvm", start] if start else []
        with (self.folder / "emulator.log").open("w") as said:
            environment = emulator.environment(self.sockets)
            process = subprocess.Popen(argv, env=environment, stderr=said)
        try:
            yield process
        finally:
            leave = ["ssh", "-F", self.config, "-O", "exit", machine.NAME]
            subprocess.run(leave, check=False, capture_output=True)
            with contextlib.suppress(OSError, ValueError):
                machine.order(self.monitor, ("quit", {}))
            try:
                process.wait(120)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def kept(self, snapshot: str) -> Path:
        return self.folder / f"state-{snapshot}"

    def order(self, line: str) -> None:
        (said,) = machine.order(
            self.monitor, ("human-monitor-command", {"command-line": line}), seconds=1800
        )
        assert not said.strip(), said

    def save(self, *, reached: bool, failed: bool = False) -> None:
        """Keeps the machine and its state folder as they are now."""
        began = time.monotonic()
        snapshot = (
            f"{'reached' if reached else 'within'}-{len(self.report.runs)}-{int(time.time())}"
        )
        self.order(f"savevm {snapshot}")
        if self.state.exists():
            shutil.copytree(self.state, self.kept(snapshot), ignore=special)
        old = self.report.kept(snapshot, reached=reached, failed=failed)
        self.report.write()
        self.forget(old)
        print(f"chain: snapshot {snapshot} took {time.monotonic() - began:.0f} s", flush=True)

    def forget(self, snapshots: list[str]) -> None:
        for name in snapshots:
            self.order(f"delvm {name}")
            shutil.rmtree(self.kept(name), ignore_errors=True)

    def play(self, layer: chain.Layer, seconds: float) -> str:
        """Runs the playbook of a layer; gives what stopped it."""
        hosts = self.folder / "inventory.json"
        hosts.write_text(json.dumps(chain.inventory(self.config, self.state)), encoding="utf-8")
        argv = [playbooks.ANSIBLE, "-i", hosts, playbooks.ROOT / layer.playbook]
        argv += ["-e", json.dumps({"chain_server": chain.SERVER})]
        argv += ["--limit", layer.limit] if layer.limit else []
        # In a file, so that a person can follow what takes hours.
        log = self.folder / f"{layer.name.replace(', ', '-').replace(' ', '-')}.log"
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                argv,
                cwd=playbooks.ROOT,
                env=playbooks.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                return OVER
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return "" if code == 0 else chain.why(log.read_text(encoding="utf-8"))

    def woken(self, process: subprocess.Popen[bytes], seconds: float) -> str:
        """Waits until the machine answers, once in a run; gives what kept it from that."""
        if "answered_after" not in self.report.runs[-1]:
            try:
                answered = machine.wait(self.config, process, self.folder / "console", seconds)
            except TimeoutError:
                return OVER
            self.report.runs[-1]["answered_after"] = round(answered, 1)
            print(f"chain: the machine answers after {answered:.0f} s", flush=True)
        return ""

    def go_on(self, seconds: float) -> chain.Report:
        """Does what the seconds hold."""
        end = time.monotonic() + seconds
        report, failed_before = self.report, self.report.within_failed
        report.runs.append({"from": report.start, "commit": commit(), "budget": seconds})
        with self.running() as process:
            while (layer := report.next()) is not None:
                left = end - SAVE_SECONDS - time.monotonic()
                if left < SAVE_SECONDS:
                    break
                began = time.monotonic()
                print(f"chain: layer {layer.name}, {left:.0f} s are left", flush=True)
                stopped_by = self.woken(process, left) or self.play(
                    layer, left - (time.monotonic() - began)
                )
                when = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
                row = report.ended(layer, time.monotonic() - began, commit(), when, stopped_by)
                said = stopped_by or "reached"
                print(f"chain: {layer.name}: {said}, {row.seconds} s", flush=True)
                if stopped_by and stopped_by != OVER and failed_before:
                    self.forget(report.dropped())
                    report.write()
                    break
                self.save(reached=not stopped_by, failed=bool(stopped_by) and stopped_by != OVER)
                if stopped_by:
                    break
                failed_before = False
        return report


def run(seconds: float) -> chain.Report:
    """Carries the chain on; prints and keeps the report."""
    found = Chain()
    with found.alone():
        try:
            found.go_on(seconds)
        finally:
            found.report.write()
            print(
                f"\n{found.report.text()}\nThe report and the logs are in {found.folder}.",
                flush=True,
            )
    return found.report


if __name__ == "__main__":
    run(float(sys.argv[1]) if len(sys.argv) > 1 else 7200)
