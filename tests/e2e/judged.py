# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A data center that programs of others judge: their packages are in its machines' repository."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass
from pathlib import Path

import datacenter
import testinfra
import yaml
from testinfra.host import Host

# One list for all judges, so that there is one image more and not one for each.
JUDGES = ["dnsperf", "kea-admin"]
DEFAULTS = datacenter.ROOT / "roles" / "provider_lab" / "defaults" / "main.yml"


@dataclass(frozen=True)
class Judged:
    """One inventory of six lines, and how its machines are reached."""

    inventory: Path
    name: str
    ssh_port: int
    api_port: int

    @property
    def state(self) -> Path:
        return datacenter.STATE.with_name(self.name)

    def play(self, playbook: str | Path, **variables: t.Any) -> datacenter.Run:
        """A playbook of the collection, or of a test, on the inventory."""
        defaults = yaml.safe_load(DEFAULTS.read_text(encoding="utf-8"))
        packages = defaults["provider_lab_repository_packages"] + JUDGES
        given = {
            "datacenter_ssh_port": self.ssh_port,
            "datacenter_api_port": self.api_port,
            "provider_lab_repository_packages": packages,
            **variables,
        }
        path = datacenter.ROOT / "playbooks" / f"{playbook}.yml"
        program = str(datacenter.BIN / "ansible-playbook")
        argv = [program, "-i", str(self.inventory), "-e", json.dumps(given)]
        return datacenter.run([*argv, str(playbook if isinstance(playbook, Path) else path)])

    def destroy(self) -> None:
        self.play("destroy", destroy_confirm=self.name, destroy_state=True).ok()
        assert not self.state.exists()

    def machine(self, name: str) -> Host:
        return testinfra.get_host(f"ssh://{name}?ssh_config={self.state}/ssh/config", sudo=True)
