# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of a role as Ansible itself works them out, without a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.ansible.utils.plugins.filter import ipaddr
from ansible_collections.ansible.utils.plugins.test import in_any_network, ip_address
from ansible_collections.virtual.datacenter.plugins.filter import (
    host_firewall,
    load_balancer,
    plan_views,
)
from ansible_collections.virtual.datacenter.plugins.filter.as_list import as_list


def trusted(value: Any) -> Any:
    """Strings of a role are templates; those that a test gives are not."""
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, dict):
        return {key: trusted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [trusted(item) for item in value]
    return value


def role_templar(role: Path, **given: Any) -> Templar:
    """Knows defaults and vars of the role, and before these what is given."""
    variables: dict[str, Any] = {"ansible_managed": "Ansible managed"}
    for name in ("defaults", "vars"):
        text = (role / name / "main.yml").read_text(encoding="utf-8")
        variables.update(trusted(yaml.safe_load(text)))
    templar = Templar(loader=DataLoader(), variables={**variables, **given})
    # Ansible finds filters and tests of collections only when it was started as a program.
    environment = templar._engine.environment
    environment.filters["virtual.datacenter.as_list"] = as_list
    for module in (host_firewall, load_balancer, plan_views):
        for name, function in module.FilterModule().filters().items():
            environment.filters[f"virtual.datacenter.{name}"] = function
    environment.filters["ansible.utils.ipaddr"] = ipaddr.FilterModule().filters()["ipaddr"]
    for test, name in ((in_any_network, "in_any_network"), (ip_address, "ip_address")):
        environment.tests[f"ansible.utils.{name}"] = test.TestModule().tests()[name]
    return templar
