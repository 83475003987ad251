# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The seeds and the waiting, held against the cloud-init of Debian 12 and of Debian 13.

Both run from the lab's machine images, on states as cloud-init leaves them in /run/cloud-init.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / ".collections"))

from ansible_collections.virtual.datacenter.plugins.module_utils._lab import seed  # noqa: E402

CACHE = Path(os.environ.get("VIRTUAL_DATACENTER_CACHE", Path.home() / ".cache/virtual.datacenter"))
WAIT = ROOT / "roles/cloud_init/files/wait.sh"
SUITES = ("bookworm", "trixie")

# Arguments: root file system, folder with what goes to /run, then the command. Nothing is written
# to the image: what changes is on file systems of this process alone.
ENTER = """
set -eu
root=$1 state=$2; shift 2
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/var/log"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
cp -r "$state/." "$root/run/"
[ ! -e "$root/run/cloud-init.log" ] || cp "$root/run/cloud-init.log" "$root/var/log/"
exec chroot "$root" "$@"
"""


def image(suite: str) -> Path:
    """A machine image that has this release's cloud-init."""
    found = sorted(CACHE.glob(f"lab-image-{suite}-*/rootfs"), key=lambda path: path.stat().st_mtime)
    if not found:
        playbook = [ROOT / ".venv/bin/ansible-playbook", "-e", f"base_image_suite={suite}"]
        cache = ["-e", f"provider_lab_cache_dir={CACHE}"]
        subprocess.run(
            [*playbook, *cache, ROOT / "tests/integration/lab/image.yml"],
            check=True,
            cwd=ROOT,
        )
        found = sorted(CACHE.glob(f"lab-image-{suite}-*/rootfs"))
    return found[-1]


def inside(suite: str, state: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER, "enter"]
    return subprocess.run(
        [*command, str(image(suite)), str(state), *argv],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def stage(errors: list[str] | None = None, **more: Any) -> dict[str, Any]:
    return {"errors": errors or [], "start": 1.0, "finished": 2.0, **more}


def machine(
    folder: Path, suite: str, errors: list[str], warnings: list[str], ended: bool = True
) -> Path:
    """What cloud-init of that release leaves of such a run."""
    state = folder / "state"
    run = state / "cloud-init"
    run.mkdir(parents=True)
    run.joinpath("enabled").touch()
    stages = {name: stage() for name in ("init-local", "init", "modules-config", "modules-final")}
    stages["modules-config"]["errors"] = errors
    log = [
        "t - util.py[WARNING]: of the boot before",
        "t - util.py[DEBUG]: Cloud-init v. x running 'init-local' at t. Up 1 seconds.",
        *(f"t - cc_x.py[WARNING]: {text}" for text in warnings),
        "t - the last line",
    ]
    if suite != "bookworm":
        for each in stages.values():
            each["recoverable_errors"] = {}
        if warnings:
            stages["modules-config"]["recoverable_errors"] = {"WARNING": warnings}
    if not ended:
        stages["modules-final"]["finished"] = None
    status = {"v1": {"datasource": "DataSourceNoCloud [seed=/dev/sr0]", "stage": None, **stages}}
    run.joinpath("status.json").write_text(json.dumps(status, indent=1))
    if ended:
        result = {"v1": {"datasource": "DataSourceNoCloud [seed=/dev/sr0]", "errors": errors}}
        run.joinpath("result.json").write_text(json.dumps(result, indent=1))
    state.joinpath("cloud-init.log").write_text("\n".join(log) + "\n")
    state.joinpath("wait.sh").write_bytes(WAIT.read_bytes())
    return state


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(
    ("errors", "warnings", "ended", "code", "word"),
    [
        ([], [], True, 0, "done"),
        (["('ssh', KeyError('x'))"], [], True, 1, "failed"),
        ([], ["Module x: no such key"], True, 2, "degraded"),
        (["('ssh', KeyError('x'))"], ["and a warning"], True, 1, "failed"),
        ([], [], False, 3, "still at work after 1 s"),
    ],
)
def test_how_it_ended(
    tmp_path: Path,
    suite: str,
    errors: list[str],
    warnings: list[str],
    ended: bool,
    code: int,
    word: str,
) -> None:
    state = machine(tmp_path, suite, errors, warnings, ended)
    done = inside(suite, state, "sh", "/run/wait.sh", "1")
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stdout.startswith(f"cloud-init: {word}")
    # Only the verdict when all is well; what cloud-init says and the log's end when not.
    assert ("the last line" in done.stdout) is (code != 0)
    if code:
        said = json.loads(done.stdout[done.stdout.index("{") : done.stdout.rindex("}") + 1])
        wanted = {1: "error", 2: "done", 3: "running"}[code]
        assert said["status"] == wanted
        for text in errors:
            assert text in said["errors"]
        if suite == "trixie" and warnings:
            assert said["recoverable_errors"] == {"WARNING": warnings}


@pytest.mark.parametrize("suite", SUITES)
def test_switched_off(tmp_path: Path, suite: str) -> None:
    state = machine(tmp_path, suite, [], [], ended=False)
    state.joinpath("cloud-init/enabled").rename(state / "cloud-init/disabled")
    done = inside(suite, state, "sh", "/run/wait.sh", "1")
    assert done.returncode == 4, done.stdout + done.stderr


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """Seeds of the example inventories, from the roles: a gateway and another machine of each."""
    found = {}
    for name in ("lab", "virtualbox"):
        folder = tmp_path_factory.mktemp("seeds") / name
        subprocess.run(
            [
                ROOT / ".venv/bin/ansible-playbook",
                "-i",
                ROOT / "inventories" / name,
                "-e",
                f"datacenter_state_dir={folder}",
                ROOT / "tests/integration/lab/seeds.yml",
            ],
            check=True,
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        # The others differ in names and addresses; each check costs a second.
        for path in (folder / "seeds/gate01.iso", folder / "seeds/lb01.iso"):
            found[f"{name}-{path.stem}"] = seed.read(str(path))
    return found


@pytest.mark.parametrize("suite", SUITES)
def test_seeds_obey_the_schema(
    tmp_path: Path, suite: str, seeds: dict[str, dict[str, bytes]]
) -> None:
    assert len(seeds) == 4
    state = tmp_path / "state"
    state.mkdir()
    checks = []
    for machine_name, files in seeds.items():
        for file in ("user-data", "network-config"):
            state.joinpath(f"{machine_name}.{file}").write_bytes(files[file])
        checks.append(f"cloud-init schema --config-file /run/{machine_name}.user-data")
    # Debian 12 has no schema of the network.
    if suite != "bookworm":
        for machine_name in seeds:
            path = f"/run/{machine_name}.network-config"
            checks.append(f"cloud-init schema --schema-type network-config --config-file {path}")
    state.joinpath("check.sh").write_text("set -e\n" + "\n".join(checks) + "\n")
    done = inside(suite, state, "sh", "/run/check.sh")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Valid") == len(checks), done.stdout + done.stderr


@pytest.mark.parametrize("suite", SUITES)
def test_the_images_own_configuration_obeys_the_schema(tmp_path: Path, suite: str) -> None:
    """What does not is a warning in the log of each machine, and a first boot that is degraded."""
    text = (ROOT / "roles/base_image/files/make_root.sh").read_text(encoding="utf-8")
    found = re.search(r"/etc/cloud/cloud\.cfg\.d/\S+\.cfg\" <<'FILE'\n(.+?\n)FILE\n", text, re.S)
    assert found
    state = tmp_path / "state"
    state.mkdir()
    # The newer schema is that of user-data, where these two may not be.
    config = yaml.safe_load(found[1])
    rest = {key: config[key] for key in config if key not in ("datasource_list", "system_info")}
    state.joinpath("config").write_text("#cloud-config\n" + yaml.safe_dump(rest))
    done = inside(suite, state, "cloud-init", "schema", "--config-file", "/run/config")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_seed_gives_no_password_and_a_certified_key(seeds: dict[str, dict[str, bytes]]) -> None:
    for files in seeds.values():
        config = yaml.safe_load(files["user-data"])
        assert config["ssh_pwauth"] is False
        assert all(user["lock_passwd"] is True for user in config["users"])
        assert "passwd" not in files["user-data"].decode().replace("lock_passwd", "")
        assert config["ssh_keys"]["ed25519_certificate"].startswith(
            "ssh-ed25519-cert-v01@openssh.com "
        )


@pytest.mark.parametrize("suite", SUITES)
def test_the_schema_check_can_fail(tmp_path: Path, suite: str) -> None:
    state = tmp_path / "state"
    state.mkdir()
    state.joinpath("user-data").write_text("#cloud-config\nusers: 7\nssh_pwauth: {}\n")
    done = inside(suite, state, "cloud-init", "schema", "--config-file", "/run/user-data")
    assert done.returncode != 0, done.stdout
