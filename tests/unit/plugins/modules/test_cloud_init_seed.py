# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module cloud_init_seed: content, mode, secrecy, idempotence."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.virtual.datacenter.plugins.modules import cloud_init_seed
from hypothesis import given, settings
from hypothesis import strategies as st

SECRET = "ssh-private-key-do-not-show"
SEED = {
    "user_data": f"#cloud-config\nkey: {SECRET}\n",
    "meta_data": "instance-id: a\nlocal-hostname: a\n",
    "network_config": "version: 2\n",
}


@pytest.fixture
def run(capsys, tmp_path):
    """Runs the module on a seed in a folder of its own."""

    def call(check=False, ok=True, **options):
        arguments = {"path": str(tmp_path / "seed.iso"), **options}
        arguments.update({"_ansible_check_mode": check, "_ansible_diff": True})
        with patch_module_args(arguments), pytest.raises(SystemExit):
            cloud_init_seed.main()
        output = capsys.readouterr().out
        assert SECRET not in output
        result = json.loads(output)
        assert bool(result.get("failed")) is not ok, result
        return result

    return call


def test_write_and_again(run, tmp_path):
    foreseen = run(check=True, **SEED)
    assert foreseen["changed"] and os.listdir(tmp_path) == []
    done = run(**SEED)
    assert done["changed"] and done["diff"] == foreseen["diff"]
    assert done["files"]["meta-data"] == len(SEED["meta_data"])
    assert os.listdir(tmp_path) == ["seed.iso"]
    assert stat.S_IMODE((tmp_path / "seed.iso").stat().st_mode) == 0o600
    written = (tmp_path / "seed.iso").read_bytes()
    assert not run(**SEED)["changed"] and not run(check=True, **SEED)["changed"]
    assert (tmp_path / "seed.iso").read_bytes() == written
    assert cloud_init_seed.read_image(str(tmp_path / "seed.iso")) == {
        "user-data": SEED["user_data"].encode(),
        "meta-data": SEED["meta_data"].encode(),
        "network-config": SEED["network_config"].encode(),
    }


@pytest.mark.parametrize("option", sorted(SEED))
def test_each_file_is_compared(run, option):
    run(**SEED)
    # Same length: only the content tells.
    changed = {**SEED, option: SEED[option].replace("e", "E")}
    foreseen, done = run(check=True, **changed), run(**changed)
    assert done["changed"] and done["diff"] == foreseen["diff"]
    assert done["diff"]["before"] != done["diff"]["after"]
    assert not run(**changed)["changed"]


def test_a_file_less(run):
    run(**SEED)
    less = {name: text for name, text in SEED.items() if name != "network_config"}
    assert run(**less)["files"].keys() == {"user-data", "meta-data"}
    assert not run(**less)["changed"]


def test_a_mode_that_is_too_wide(run, tmp_path):
    run(**SEED)
    os.chmod(tmp_path / "seed.iso", 0o644)
    assert run(check=True, **SEED)["changed"]
    assert [action["action"] for action in run(**SEED)["actions"]] == ["mode"]
    assert stat.S_IMODE((tmp_path / "seed.iso").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"no image", bytes(102400)])
def test_something_else_is_replaced(run, tmp_path, content):
    (tmp_path / "seed.iso").write_bytes(content)
    assert run(**SEED)["changed"] and not run(**SEED)["changed"]


def test_another_label_is_replaced(run, tmp_path, monkeypatch):
    monkeypatch.setattr(cloud_init_seed, "LABEL", "other")
    run(**SEED)
    monkeypatch.undo()
    assert run(**SEED)["changed"]


def test_a_missing_folder_is_made_for_its_owner_only(run, tmp_path):
    path = tmp_path / "seeds" / "seed.iso"
    assert run(check=True, path=str(path), **SEED)["changed"] and os.listdir(tmp_path) == []
    assert run(path=str(path), **SEED)["changed"]
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not run(path=str(path), **SEED)["changed"]


def test_absent(run, tmp_path):
    run(**SEED)
    assert run(check=True, state="absent")["changed"] and os.listdir(tmp_path)
    assert run(state="absent")["changed"] and os.listdir(tmp_path) == []
    assert not run(state="absent")["changed"]


def test_failures_say_what_to_do(run, tmp_path):
    assert "absolute" in run(path="seed.iso", ok=False, **SEED)["msg"]
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    missing = run(path=str(tmp_path / "file" / "seed.iso"), ok=False, **SEED)
    assert "cannot be written: File exists" in missing["msg"]
    assert "user_data" in run(ok=False, meta_data="x")["msg"]


def test_a_failure_leaves_the_old_image(run, tmp_path, monkeypatch):
    run(**SEED)
    before = (tmp_path / "seed.iso").read_bytes()

    def fail(files, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cloud_init_seed, "write_image", fail)
    failed = run(ok=False, **{**SEED, "meta_data": "other"})
    assert "No space left" in failed["msg"]
    assert os.listdir(tmp_path) == ["seed.iso"]
    assert (tmp_path / "seed.iso").read_bytes() == before


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=5000), st.text(max_size=100))
def test_any_content_comes_back(tmp_path_factory, content, text):
    path = str(tmp_path_factory.mktemp("any") / "seed.iso")
    files = {"user-data": content, "meta-data": text.encode("utf-8", "replace")}
    cloud_init_seed.write_image(files, path)
    assert cloud_init_seed.read_image(path) == files
    # VirtualBox takes only whole sectors.
    assert os.path.getsize(path) % 2048 == 0


def test_other_tools_read_it(run, tmp_path):
    run(**SEED)
    program = shutil.which("blkid", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    shown = subprocess.run(
        [program, "-o", "export", str(tmp_path / "seed.iso")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "LABEL=cidata" in shown.stdout and "TYPE=iso9660" in shown.stdout
