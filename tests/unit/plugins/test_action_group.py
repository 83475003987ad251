# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""meta/runtime.yml names every VirtualBox module, so that module_defaults reach all of them."""

from __future__ import annotations

from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
GROUP = "virtualbox"


def test_the_action_group_names_every_virtualbox_module_and_no_other() -> None:
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    modules = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("virtualbox_*.py"))
    assert runtime["action_groups"] == {GROUP: modules}


def test_every_module_of_the_group_says_so_in_its_documentation() -> None:
    for path in (ROOT / "plugins" / "modules").glob("virtualbox_*.py"):
        text = path.read_text(encoding="utf-8")
        documentation = yaml.safe_load(text.split('DOCUMENTATION = r"""')[1].split('"""')[0])
        fragments = documentation["extends_documentation_fragment"]
        assert any(name.startswith("virtual.datacenter.virtualbox.") for name in fragments), path
