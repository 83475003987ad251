# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A world of its own for real VBoxManage: nothing of the user's is seen, nothing is left."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import typing as t
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible.module_utils.common import warnings
from ansible.module_utils.testing import patch_module_args

ROOT = Path(__file__).resolve().parents[3]
COLLECTIONS = ROOT / ".collections"
sys.path.insert(0, str(COLLECTIONS))
PLUGINS = "ansible_collections.virtual.datacenter.plugins"
MODULES = COLLECTIONS / "ansible_collections/virtual/datacenter/plugins/modules"
USUAL = "/opt/virtual.datacenter/virtualbox/bin"
# How often something is killed at a random moment; `make chaos` does it fifty times.
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))


@dataclass
class World:
    """One VirtualBox with settings, service and folder of its own."""

    folder: Path
    program: str
    environment: dict

    @property
    def vms(self) -> Path:
        return self.folder / "vms"

    def vbox(self, *argv: str, ok: bool = True) -> str:
        """VBoxManage itself, for what a test prepares or checks behind the modules' back."""
        for _attempt in range(4):
            done = subprocess.run(
                [self.program, *argv],
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            # Nothing was asked yet: the service was ending, or the test before has killed it. Or it
            # has met an assertion of its own, as it does when the machine is busy.
            again = ("Failed to create the VirtualBox object", "contact the product vendor")
            if not any(words in done.stderr for words in again):
                break
            time.sleep(1)
        assert not ok or done.returncode == 0, done.stderr
        return done.stdout

    def start(self, module: str, *, check: bool = False, **options) -> subprocess.Popen:
        """Start a module as Ansible does: a program of its own, options as JSON on its input."""
        arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": True}
        process = subprocess.Popen(
            [sys.executable, str(MODULES / f"{module}.py")],
            env={**self.environment, "PYTHONPATH": str(COLLECTIONS)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}))
        process.stdin.close()
        process.stdin = None
        return process

    def finish(self, process: subprocess.Popen) -> dict:
        """The result of a started module."""
        out, err = process.communicate(timeout=180)
        assert out, err
        return json.loads(out)

    def start_playbook(self, *arguments: str, cwd: Path = ROOT, **more: str) -> subprocess.Popen:
        """Start ansible-playbook as a person would, with the collection of this checkout."""
        return subprocess.Popen(
            [str(Path(sys.executable).with_name("ansible-playbook")), *arguments],
            cwd=cwd,
            env={
                **self.environment,
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
                **more,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def call(self, module: str, check: bool, options: dict) -> dict:
        """Run a module within this process, which saves the start of a Python each time."""
        given = {name: value for name, value in options.items() if value is not None}
        arguments = {**given, "_ansible_check_mode": check, "_ansible_diff": True}
        loaded = importlib.import_module(f"{PLUGINS}.modules.{module}")
        # A process of its own would begin without the warnings of the module before.
        warnings._global_warnings.clear()
        out = io.StringIO()
        ended = contextlib.suppress(SystemExit)
        with patch_module_args(arguments), contextlib.redirect_stdout(out), ended:
            loaded.main()
        return json.loads(out.getvalue())

    def run(self, module: str, *, check: bool = False, **options) -> dict:
        """Run a module; a failure fails the test."""
        result = self.call(module, check, options)
        assert not result.get("failed"), result
        return result

    def fail(self, module: str, *, check: bool = False, **options) -> dict:
        """Run a module that has to fail."""
        result = self.call(module, check, options)
        assert result.get("failed"), result
        return result

    def change(self, module: str, **options) -> dict:
        """Check mode, the real thing, and once more: same diff, one change, then none."""
        foreseen = self.run(module, check=True, **options)
        done = self.run(module, **options)
        again = self.run(module, **options)
        assert foreseen["changed"] and done["changed"], (options, foreseen["actions"])
        assert foreseen["diff"] == done["diff"]
        assert [action["text"] for action in foreseen["actions"]] == [
            action["text"] for action in done["actions"]
        ]
        assert not again["changed"], again["actions"]
        assert again["actions"] == []
        return done

    def same(self, module: str, **options) -> dict:
        """Nothing to do, in check mode and for real."""
        assert not self.run(module, check=True, **options)["changed"]
        result = self.run(module, **options)
        assert not result["changed"], result["actions"]
        return result

    def vm(self, name: str = "vm", **options) -> dict:
        """Make a VM without looking closely."""
        return self.run("virtualbox_vm", name=name, folder=str(self.vms), **options)["vm"]

    def compare_files(self) -> None:
        """Each VM that is off, as read from its settings file and as VBoxManage shows it."""
        package = f"{PLUGINS}.module_utils._virtualbox"
        names = ("client", "vm.settings_file", "vm.read_file", "vm.read")
        client, settings_file, file_reader, reader = (
            importlib.import_module(f"{package}.{n}") for n in names
        )
        asked = client.Client(self.program)
        assert sorted(file_reader.list_vms(asked)) == sorted(reader.list_vms(asked))
        for _name, found in reader.list_vms(asked):
            expected = reader.read_vm(asked, found)
            if not expected.off:
                continue
            path = expected.settings_file
            with contextlib.suppress(file_reader.DoubtError):
                file = settings_file.parse(Path(path).read_bytes(), path)
                assert file_reader.whole_vm(file, file_reader.locate) == expected

    def names(self) -> list:
        """All registered VMs."""
        return sorted(line.rpartition(" ")[0] for line in self.vbox("list", "vms").splitlines())

    def processes(self, program: str) -> list:
        """The processes of a program that belong to this world."""
        mark = f"VBOX_IPC_SOCKETID={self.environment['VBOX_IPC_SOCKETID']}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                named = program in (entry / "cmdline").read_bytes().decode().split("\0")[0]
                if named and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def kill(self, program: str) -> None:
        """SIGKILL, as if the power of the host had failed."""
        for pid in self.processes(program):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def settle(self) -> None:
        """Have a service that answers: a client that meets a dying one may die with it."""
        for _attempt in range(20):
            # One that asked a service just as it was killed may wait for ever.
            with contextlib.suppress(subprocess.TimeoutExpired):
                done = subprocess.run(
                    [self.program, "list", "vms"],
                    env=self.environment,
                    capture_output=True,
                    timeout=10,
                    check=False,
                )
                if done.returncode == 0:
                    return
            time.sleep(0.5)
        pytest.fail("the VirtualBox service does not come back")


def find_vboxmanage() -> str:
    found = shutil.which("VBoxManage", path=f"{os.environ['PATH']}:{USUAL}")
    if found is None:
        pytest.fail("there is no VBoxManage on this machine: run 'make tools' first", pytrace=False)
    return found


@contextlib.contextmanager
def new_world(folder: Path) -> t.Iterator[World]:
    """A VirtualBox of its own, whose VMs start without the kernel driver."""
    socket = f"vdc-test-{uuid.uuid4().hex[:12]}"
    os.environ.update(VBOX_USER_HOME=str(folder / "home"), VBOX_IPC_SOCKETID=socket)
    environment = dict(os.environ)
    made = World(folder, find_vboxmanage(), environment)
    try:
        made.vbox("setproperty", "machinefolder", str(made.vms))
        for name, value in (("FallbackToNEM", "0"), ("FallbackToIEM", "1")):
            made.vbox("setextradata", "global", f"VBoxInternal/HM/{name}", value)
        made.kill("VBoxSVC")
        shutil.copy(folder / "home" / "VirtualBox.xml", folder / "VirtualBox.xml")
        yield made
    finally:
        # Twice: a client that was about to die may have started the service anew.
        for _time in range(2):
            made.kill("VBox")
            time.sleep(0.5)
        shutil.rmtree(folder)
        shutil.rmtree(f"/tmp/.vbox-{socket}-ipc", ignore_errors=True)
        del os.environ["VBOX_USER_HOME"], os.environ["VBOX_IPC_SOCKETID"]
        left = made.processes("VBox")
    assert left == []


def killed(world: World, monkeypatch, module: str, calls: int, **options) -> bool:
    """Run a module up to that many writing calls, then be gone without a word; whether it was."""
    client = importlib.import_module(f"{PLUGINS}.module_utils._virtualbox.client")

    class Gone(BaseException):
        pass

    left = [calls]
    real = client.Client.write

    def write(self, *argv, **more):
        if left[0] == 0:
            raise Gone
        left[0] -= 1
        return real(self, *argv, **more)

    with monkeypatch.context() as patch:
        patch.setattr(client.Client, "write", write)
        try:
            world.call(module, False, options)
        except Gone:
            return True
    return False
