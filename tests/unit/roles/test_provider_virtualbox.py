# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight speaks of the system that a host has, and offers only what can be done there."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from role_templar import role_templar

ROLE = Path(__file__).resolve().parents[3] / "roles" / "provider_virtualbox"
MACOS = ("macOS 15.1", None)
OLD_UBUNTU = ("Ubuntu 22.04.5 LTS", "ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=jammy\n")
UBUNTU = ("Ubuntu 24.04.3 LTS", "VERSION_CODENAME=noble\nID=ubuntu\nID_LIKE=debian\n")
DEBIAN = ("Debian GNU/Linux 13 (trixie)", 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\n')
OTHERS = pytest.mark.parametrize("system", [MACOS, OLD_UBUNTU])
NO_DEBIAN = pytest.mark.parametrize("system", [MACOS, OLD_UBUNTU, UBUNTU])
SERVED = pytest.mark.parametrize("system", [DEBIAN, UBUNTU])


def said(name: str, system: tuple[str, str | None], version: str | None, **given: Any) -> str:
    """The sentences of one kind of problems, for a host with that system and VirtualBox."""
    label, release = system
    host = {"capacity": {"virtualbox_version": version, "system": label}, "problems": []}
    found = {} if release is None else {"content": base64.b64encode(release.encode()).decode()}
    templar = role_templar(
        ROLE,
        inventory_hostname="workstation",
        __provider_virtualbox_host=host,
        __provider_virtualbox_system=found,
        **given,
    )
    variable = f"__provider_virtualbox_{name}_problems"
    return " ".join(templar.template(templar.available_variables[variable]))


def image(
    path: str = "", there: bool = False, checksum: str = "", built: bool = False, base: bool = False
) -> dict[str, Any]:
    """No image is named. What a builder VM would boot, and what was made before."""
    return {
        "provider_virtualbox_make_image": True,
        "provider_virtualbox_builder_medium_path": path,
        "provider_virtualbox_builder_checksum": checksum,
        "__provider_virtualbox_built": {"stat": {"exists": built}},
        "__provider_virtualbox_builder": {
            "results": [{"stat": {"exists": base}}, {"stat": {"exists": there, "isreg": there}}]
        },
    }


@OTHERS
def test_a_host_without_virtualbox_is_named(system: tuple[str, str | None]) -> None:
    text = said("version", system, None, provider_virtualbox_install=True)
    assert text == (
        "VirtualBox 7.0 or later is needed on workstation, found none. Install it yourself: the "
        f"collection does so on Debian and on Ubuntu 24.04, and this is {system[0]}."
    )


@SERVED
def test_on_debian_and_ubuntu_it_is_installed(system: tuple[str, str | None]) -> None:
    assert said("version", system, None, provider_virtualbox_install=True) == ""
    text = said("version", system, None, provider_virtualbox_install=False)
    assert "Let it be installed (datacenter_virtualbox_install)" in text
    assert "virtual.datacenter.virtualbox_host" in said("version", system, "6.1.50")


@OTHERS
def test_an_old_virtualbox_is_not_updated_there_by_our_role(
    system: tuple[str, str | None],
) -> None:
    assert f"Update it by the means of {system[0]}." in said("version", system, "6.1.50")


@NO_DEBIAN
def test_an_image_is_made_on_debian_only(system: tuple[str, str | None]) -> None:
    text = said("image", system, "7.2.22", **image())
    assert f"on a Debian host only, and workstation is {system[0]}. Name one" in text
    assert '(base_image_builder_medium, an absolute path, found ""; and base_image' in text
    assert said("image", system, "7.2.22", **image(built=True)) == ""
    assert said("image", system, "7.2.22", **image(base=True)) == "", "machines are cloned already"
    assert said("image", DEBIAN, "7.2.22", provider_virtualbox_make_image=True) == ""


@NO_DEBIAN
@pytest.mark.parametrize(
    ("path", "there", "checksum", "wrong"),
    [
        ("/cloud.raw", True, "sha512:00ff", ""),
        ("/cloud.raw", False, "sha512:00ff", 'found "/cloud.raw", and there is no such file; and'),
        ("/cloud.raw", True, "", 'found "/cloud.raw"; and base_image_builder_checksum, sha256:'),
        ("/cloud.raw", True, "md5:00ff", 'as Debian publishes it, found "md5:00ff").'),
        ("", True, "sha512:00ff", 'found ""; and'),
    ],
)
def test_a_builder_vm_makes_the_image_where_it_has_what_it_boots(
    system: tuple[str, str | None], path: str, there: bool, checksum: str, wrong: str
) -> None:
    text = said("image", system, "7.2.22", **image(path, there, checksum))
    assert wrong in text
    assert bool(wrong) == bool(text)


@NO_DEBIAN
def test_an_image_that_is_not_there_can_be_left_out_on_debian_only(
    system: tuple[str, str | None],
) -> None:
    missing = {
        "provider_virtualbox_base_medium_path": "/image.vdi",
        "__provider_virtualbox_image": {"stat": {"exists": False}},
    }
    assert said("image", system, "7.2.22", **missing).endswith(
        ", or change datacenter_base_medium."
    )
    assert said("image", DEBIAN, "7.2.22", **missing).endswith("an image is made then.")
