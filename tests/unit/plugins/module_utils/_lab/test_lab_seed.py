# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeds from an ISO image and from a folder."""

from __future__ import annotations

import io
from pathlib import Path

import pycdlib
import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError
from ansible_collections.virtual.datacenter.plugins.module_utils._lab import seed

FILES = {
    "user-data": b"#cloud-config\n",
    "meta-data": b"instance-id: a\n",
    "network-config": b"version: 2\n",
}


def make_iso(path: Path, kind: str) -> None:
    iso = pycdlib.PyCdlib()
    iso.new(
        vol_ident="cidata",
        joliet=3 if "joliet" in kind else None,
        rock_ridge="1.09" if "rock_ridge" in kind else None,
    )
    for number, (name, content) in enumerate(FILES.items()):
        plain = f"/{name.upper().replace('-', '')[:7]}{number}.;1"
        options = {}
        if "rock_ridge" in kind:
            options["rr_name"] = name
        if "joliet" in kind:
            options["joliet_path"] = f"/{name}"
        iso.add_fp(io.BytesIO(content), len(content), plain, **options)
    iso.write(str(path))
    iso.close()


@pytest.mark.parametrize("kind", ["joliet", "rock_ridge", "joliet rock_ridge"])
def test_an_iso_image(tmp_path: Path, kind: str) -> None:
    make_iso(tmp_path / "seed.iso", kind)
    assert seed.read(str(tmp_path / "seed.iso")) == FILES


def test_a_folder_is_written_and_read_back(tmp_path: Path) -> None:
    folder = tmp_path / "seed"
    seed.write(str(folder), {**FILES, "vendor-data": b"x"})
    seed.write(str(folder), FILES)
    assert seed.read(str(folder)) == FILES
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_digests_do_not_show_contents() -> None:
    digests = seed.digests({"user-data": b"secret"})
    assert digests == {"user-data": "2bb80d537b1da3e3"}


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda path: None, "SEED_MISSING"),
        (lambda path: path.write_bytes(b"no image"), "SEED_UNREADABLE"),
        (lambda path: path.mkdir(), "SEED_INCOMPLETE"),
    ],
)
def test_what_is_no_seed(tmp_path: Path, make, code: str) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "seed")
    with pytest.raises(TaskError) as error:
        seed.read(str(tmp_path / "seed"))
    assert error.value.error_code == code
