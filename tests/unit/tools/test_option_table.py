# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of options is what the code makes it, and leaves out nothing that a VM has."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import model

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "tools"))
option_table = importlib.import_module("option_table")


def test_the_committed_table_is_the_one_that_the_code_makes():
    made = option_table.table()
    assert option_table.TARGET.read_text(encoding="utf-8") == made, (
        "run tests/tools/option_table.py"
    )
    # A value that a VM is changed to, and that nobody can read, would be changed again and again.
    lines = made.partition("## virtualbox_vm\n")[2].partition("\n## ")[0].splitlines()
    assert not [line for line in lines if "not compared" in line]


def test_every_module_and_every_property_of_a_vm_is_in_it():
    modules = {path.stem for path in (ROOT / "plugins/modules").glob("virtualbox_*.py")}
    # That one writes files of an SSH server, and no object of VirtualBox.
    assert modules - {"virtualbox_fencing"} == set(option_table.SUBJECTS)
    options = option_table.options_of("virtualbox_vm")
    shown = set(model.describe_vm(model.Vm("vm"))) & set(options)
    probed = set(option_table.SUBJECTS["virtualbox_vm"].probes)
    simple = {name for name in shown if not options[name].get("options")}
    assert simple - probed == {"name", "uuid", "state"}


def test_the_places_of_a_value_are_told_from_those_that_only_show_it():
    def build(data):
        return {"a": data["x"] if data["on"] else None, "b": data["y"] if data["on"] else None}

    found = option_table.influences(build, {"on": True, "x": "1", "y": 2}, str.upper)
    assert option_table.nearest(found) == {"a": {"X"}, "b": {"Y"}}
