# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role virtualbox_host writes and decides, as Ansible renders it; Molecule installs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible.errors import AnsibleError
from ansible.template import trust_as_template
from ansible_collections.virtual.datacenter.plugins.filter.as_list import as_list
from ansible_collections.virtual.datacenter.plugins.filter.networks_conf import networks_conf
from role_templar import role_templar

ROLE = Path(__file__).resolve().parents[3] / "roles" / "virtualbox_host"
ORACLE = "B9F8D658297AF3EFC18D5CDFA2F683C52980AECF"
OTHER = "4D64FEC119C2029067D6E791F8D2585B8783D481"
# As gpg shows a key that certifies, one of its subkeys, and a second key.
KEY = (
    "pub:-:4096:1:A2F683C52980AECF:1461283200:::-:::scSC::::::23::0:\n"
    f"fpr:::::::::{ORACLE}:\n"
    "uid:-::::1461283200::00::Name <mail@example.com>::::::::::0:\n"
    "sub:-:4096:1:0000000000000001:1461283200::::::e::::::23:\n"
    "fpr:::::::::00000000000000000000000000000000000000001:\n"
)
SECOND = (
    f"pub:-:255:22:F8D2585B8783D481:1674475380:::-:::scSC:::::ed25519:::0:\nfpr:::::::::{OTHER}:\n"
)
# Debian's archive key names those who may revoke it before its own fingerprint.
REVOCABLE_PRINT = "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8"
REVOCABLE = (
    "pub:-:4096:1:B7C5D7D6350947F8:1674301461:1926589461::-:::scSC::::::23::0:\n"
    "rvk:::1::::::80E976F14A508A48E9CA3FE9BC372252CA1CF964:80:\n"
    f"fpr:::::::::{REVOCABLE_PRINT}:\n"
    "sub:-:4096:1:6ED0E7B82643E131:1674301461:1926589461:::::s::::::23:\n"
    "fpr:::::::::4CB50190207B4758A3F73A796ED0E7B82643E131:\n"
)


def value(name: str, **given: Any) -> Any:
    return role_templar(ROLE, **given).template(trust_as_template("{{ " + name + " }}"))


def render(name: str, **given: Any) -> str:
    engine = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True, autoescape=False)
    engine.filters["virtual.datacenter.as_list"] = as_list
    engine.filters["virtual.datacenter.networks_conf"] = networks_conf
    text = (ROLE / "templates" / f"{name}.j2").read_text(encoding="utf-8")
    return engine.from_string(text).render(ansible_managed="Ansible managed", **given)


def probe(**lines: str) -> dict[str, Any]:
    return {"stdout_lines": [f"{key}={text}" for key, text in lines.items()]}


@pytest.mark.parametrize(
    ("given", "packages"),
    [
        ({}, ["virtualbox-7.2"]),
        ({"virtualbox_host_version": "7.1.16"}, ["virtualbox-7.1"]),
        ({"virtualbox_host_source": "debian"}, ["virtualbox", "virtualbox-dkms"]),
        (
            {"virtualbox_host_source": "debian", "virtualbox_host_driver": False},
            ["virtualbox", "virtualbox-source"],
        ),
    ],
)
def test_packages_of_a_source(given: dict[str, Any], packages: list[str]) -> None:
    assert value("__virtualbox_host_packages", **given) == packages


def test_the_repository_of_the_vendor_is_added_for_its_packages_only() -> None:
    assert value("virtualbox_host_repository_uri").startswith("https://download.virtualbox.org/")
    assert value("virtualbox_host_repository_uri", virtualbox_host_source="debian") == ""


def test_the_suite_is_that_of_the_host_unless_named() -> None:
    found = probe(ID="debian", VERSION_CODENAME="trixie")
    assert value("__virtualbox_host_suite", __virtualbox_host_probe=found) == "trixie"
    named = {"virtualbox_host_repository_suite": "./"}
    assert value("__virtualbox_host_suite", __virtualbox_host_probe=found, **named) == "./"


@pytest.mark.parametrize(
    ("output", "fingerprints"),
    [
        (KEY, [ORACLE]),
        (KEY + SECOND, [ORACLE, OTHER]),
        (KEY + REVOCABLE, [ORACLE, REVOCABLE_PRINT]),
        (SECOND, [OTHER]),
        ("", []),
        ("tru::1:1763000000:0:3:1:5\n", []),
    ],
)
def test_the_keys_of_a_file(output: str, fingerprints: list[str]) -> None:
    found = value("__virtualbox_host_fingerprints", __virtualbox_host_key={"stdout": output})
    assert found == fingerprints


def test_a_fingerprint_may_be_written_as_people_write_it() -> None:
    spaced = "b9f8 d658 297a f3ef c18d  5cdf a2f6 83c5 2980 aecf"
    assert value("__virtualbox_host_fingerprint") == ORACLE
    assert (
        value("__virtualbox_host_fingerprint", virtualbox_host_repository_fingerprint=spaced)
        == ORACLE
    )


def test_a_system_without_os_release_is_named_and_not_served(tmp_path: Path) -> None:
    """As macOS is: the probe of preflight ends well, and the role says that it cannot serve it."""
    tasks = yaml.safe_load((ROLE / "tasks" / "preflight.yml").read_text(encoding="utf-8"))
    (text,) = (task["ansible.builtin.raw"] for task in tasks if "ansible.builtin.raw" in task)
    text = re.sub(r"{{.*?}}", "root", text).replace("/etc/os-release", str(tmp_path / "none"))
    said = subprocess.run(["sh", "-c", text], check=True, capture_output=True, text=True).stdout
    assert said.startswith("ID=Linux\nVERSION_CODENAME=\n")
    given = {"__virtualbox_host_probe": {"stdout_lines": said.splitlines()}}
    assert value("__virtualbox_host_served", **given) is False
    assert value("__virtualbox_host_label", **given) == "Linux"
    given = {"__virtualbox_host_probe": probe(ID="Darwin", VERSION_CODENAME="")}
    assert value("__virtualbox_host_label", **given) == "macOS"


@pytest.mark.parametrize(
    ("package", "version"),
    [("7.2.22-dfsg-2", "7.2.22"), ("7.2.22-175245~Debian~trixie", "7.2.22"), ("", "")],
)
def test_the_installed_version(package: str, version: str) -> None:
    found = probe(ID="debian", package=package)
    assert value("__virtualbox_host_installed", __virtualbox_host_probe=found) == version


@pytest.mark.parametrize(
    ("system", "source", "served"),
    [
        (("debian", "bookworm"), "oracle", True),
        (("debian", "sid"), "debian", True),
        (("ubuntu", "noble"), "oracle", True),
        (("ubuntu", "noble"), "debian", False),
        (("ubuntu", "jammy"), "oracle", False),
        (("fedora", ""), "oracle", False),
    ],
)
def test_which_systems_are_served(system: tuple[str, str], source: str, served: bool) -> None:
    found = probe(ID=system[0], VERSION_CODENAME=system[1])
    given = {"virtualbox_host_source": source, "__virtualbox_host_probe": found}
    assert value("__virtualbox_host_served", **given) is served


@pytest.mark.parametrize(
    ("system", "headers"), [("debian", "amd64"), ("ubuntu", "6.14.0-37-generic")]
)
def test_the_driver_is_built_with_the_headers_of_the_system(system: str, headers: str) -> None:
    found = probe(ID=system, kernel="6.14.0-37-generic")
    packages = value("__virtualbox_host_driver_packages", __virtualbox_host_probe=found)
    assert packages == ["gcc", "make", f"linux-headers-{headers}"]


def test_the_repository_of_the_vendor_has_ubuntu_under_its_code_name() -> None:
    found = probe(ID="ubuntu", VERSION_CODENAME="noble", package="7.2.22-175245~Ubuntu~noble")
    given = {"__virtualbox_host_probe": found}
    assert value("__virtualbox_host_suite", **given) == "noble"
    assert value("__virtualbox_host_installed", **given) == "7.2.22"


def test_users_that_the_host_does_not_have() -> None:
    given = {
        "virtualbox_host_users": ["alice", "bob"],
        "__virtualbox_host_probe": probe(users="bob "),
    }
    assert value("__virtualbox_host_strangers", **given) == ["alice"]
    assert value("__virtualbox_host_strangers", __virtualbox_host_probe=probe(users="root ")) == []


def test_only_switches_let_the_role_touch_kvm() -> None:
    def kvm(**given: Any) -> list[str]:
        return [code for code in value("__virtualbox_host_solved", **given) if "KVM" in code]

    assert kvm() == []
    assert kvm(virtualbox_host_disable_kvm_at_load=True) == ["KVM_HOLDS_PROCESSOR"]
    assert "KVM_IN_USE" in kvm(virtualbox_host_unload_kvm=True)


def test_the_file_of_ranges_has_one_line_for_each() -> None:
    text = render("networks.conf", virtualbox_host_networks=["192.168.56.0/21", "fd00:70::/64"])
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines == ["* 192.168.56.0/21", "* fd00:70::/64"]
    assert text.endswith("\n")


def test_a_range_that_virtualbox_would_pass_over_is_refused() -> None:
    with pytest.raises(AnsibleError, match=r"write 10\.70\.0\.0/16"):
        render("networks.conf", virtualbox_host_networks=["10.70.0.1/16"])


def test_kvm_is_never_blacklisted() -> None:
    text = render("kvm.conf")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines == ["options kvm enable_virt_at_load=0"]
