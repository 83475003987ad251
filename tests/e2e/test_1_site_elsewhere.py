# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host of the machines is another machine than the controller, which has a copy of the state.

The controller runs in a network of its own, where no published port is. What it reaches by SSH is
the sshd of a lab machine, with the network of this machine: a host that lends its loopback ports.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import datacenter
import pytest
import yaml

LENDER = "worker01"
ALONE = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


def processes(*words: str) -> list[str]:
    """The processes that pgrep finds."""
    done = subprocess.run(["pgrep", *words], stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.split()


@pytest.fixture
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the state folder under a short path: sockets lie in it."""
    copy = tmp_path_factory.mktemp("state") / "copy"

    def sockets(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if (Path(folder) / name).is_socket()]

    shutil.copytree(datacenter.STATE, copy, ignore=sockets)
    yield copy
    for socket in filter(Path.is_socket, (copy / "ssh").iterdir()):
        subprocess.run(["ssh", "-o", f"ControlPath={socket}", "-O", "exit", "it"], check=False)


@pytest.fixture
def private(installed: Path, state: Path, tmp_path: Path) -> Path:
    """A private data folder of ansible-runner whose inventory says that the host is elsewhere."""
    folder = tmp_path / "runner"
    examples = installed / "ansible_collections" / "virtual" / "datacenter" / "examples"
    shutil.copytree(examples / "runner", folder, symlinks=False)
    (monitor,) = processes("-f", rf"^\[lxc monitor\] .*/{datacenter.NAME}/machines {LENDER}")
    (init,) = processes("-P", monitor)
    config = tmp_path / "host1"
    config.write_text(
        "Host host1\n"
        f"  ProxyCommand nsenter --target {init} --mount --net=/proc/{os.getpid()}/ns/net"
        " /usr/sbin/sshd -i\n"
        f"  HostKeyAlias {LENDER}\n"
        f"  IdentityFile {state}/ssh/id_ed25519\n"
        f"  UserKnownHostsFile {state}/ssh/known_hosts\n",
        encoding="utf-8",
    )
    variables = folder / "inventory" / "host_vars" / "workstation.yml"
    variables.parent.mkdir()
    connection = {
        "ansible_connection": "ssh",
        "ansible_host": "host1",
        "ansible_user": "ops",
        "ansible_ssh_common_args": f"-F {config}",
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    variables.write_text(yaml.safe_dump(connection), encoding="utf-8")
    return folder


@pytest.mark.usefixtures("finished")
def test_a_project_of_ones_own_verifies_a_data_center_on_another_machine(
    installed: Path, state: Path, private: Path
) -> None:
    """Without preflight, for which the lent file system lacks what a host of machines has."""
    before = (datacenter.SSH_CONFIG).read_bytes()
    argv = ["ansible-runner", "run", str(private), "-p", "health.yml", "--ident", "elsewhere"]
    options = ["-e", f"datacenter_state_dir={state}", "--skip-tags", "preflight"]
    run = datacenter.run(
        [*ALONE, *argv, "--cmdline", " ".join([*datacenter.extra_vars(), *options])],
        cwd=private,
        env={
            **datacenter.environment(installed),
            "PATH": f"{datacenter.BIN}:{os.environ['PATH']}",
        },
    ).ok()
    print(f"\nverified from elsewhere: {run.seconds:.0f} s")
    # The copy's own SSH configuration names the copy, and the way to the host.
    assert run.changed == {"gate01": 1}
    assert (datacenter.SSH_CONFIG).read_bytes() == before
    assert f"-F {private.parent}/host1 host1 -W %h:%p" in (state / "ssh/config").read_text("utf-8")
    for machine in ("gate01", "lb01", "cp03", "worker02"):
        assert f"{machine} runs since 20" in run.output
    assert f"Data center {datacenter.NAME} is verified." in run.output
    tunnel = f"-S none -N -L {datacenter.API_PORT}:10.70.1.10:6443 gate01"
    assert f"API          ssh -F {state}/ssh/config {tunnel}" in run.output
    end = time.monotonic() + 10
    while left := processes("-f", f"ssh_tunnel_keeper.py .*{state}/ssh/config"):
        assert time.monotonic() < end, left
        time.sleep(0.1)
