# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""meta/runtime.yml names every module of a group, so that module_defaults reach all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
MODULES = ROOT / "plugins" / "modules"
GROUPS = {
    "kubernetes": ["cri_info", "kubeadm_info", "kubernetes_archive"],
    "virtualbox": sorted(path.stem for path in MODULES.glob("virtualbox_*.py")),
}


def documentation(module: str) -> Any:
    text = (MODULES / f"{module}.py").read_text(encoding="utf-8")
    return yaml.safe_load(text.split('DOCUMENTATION = r"""')[1].split('"""')[0])


def test_the_action_groups_name_their_modules_and_no_other() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    assert runtime["action_groups"] == GROUPS


def test_every_module_that_speaks_to_kubernetes_is_in_a_group() -> None:
    """Those that import the helpers of Kubernetes."""
    helpers = "plugins.module_utils._kubernetes"
    using = {path.stem for path in MODULES.glob("*.py") if helpers in path.read_text()}
    assert using == set(GROUPS["kubernetes"])


@pytest.mark.parametrize("module", GROUPS["virtualbox"])
def test_every_module_of_virtualbox_says_so_in_its_documentation(module: str) -> None:
    fragments = documentation(module)["extends_documentation_fragment"]
    assert any(name.startswith("virtual.datacenter.virtualbox.") for name in fragments)


@pytest.mark.parametrize("module", GROUPS["kubernetes"])
def test_every_module_of_kubernetes_says_so_in_its_documentation(module: str) -> None:
    attribute = documentation(module)["attributes"]["action_group"]
    assert attribute["membership"] == ["virtual.datacenter.kubernetes"]
