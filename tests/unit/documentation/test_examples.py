# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation shows can be run: modules and roles take the options of the examples."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import documented
import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

PLUGINS = "ansible_collections.virtual.datacenter.plugins"
RULES = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")


class Asked(Exception):  # noqa: N818 # No error: the way out of a module's main().
    """A module has said which options it takes."""


def specification(module: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a module tells AnsibleModule of its options."""
    if (documented.ROOT / "plugins" / "action" / f"{module}.py").exists():
        # An action plugin has no main().
        found = importlib.import_module(f"{PLUGINS}.action.{module}")
        return {"argument_spec": found.OPTIONS}

    def ask(_self: AnsibleModule, **told: Any) -> None:
        raise Asked(told)

    monkeypatch.setattr(AnsibleModule, "__init__", ask)
    with pytest.raises(Asked) as asked:
        importlib.import_module(f"{PLUGINS}.modules.{module}").main()
    return dict(asked.value.args[0])


def problems(options: dict[str, Any], spec: dict[str, Any], **rules: Any) -> list[str]:
    given = {name: documented.filled(value, spec.get(name, {})) for name, value in options.items()}
    return list(ArgumentSpecValidator(spec, **rules).validate(given).error_messages)


def role_specification(use: documented.Use) -> dict[str, Any]:
    """The options of all entry points that an example uses."""
    text = (documented.ROOT / "roles" / use.name / "meta" / "argument_specs.yml").read_text("utf-8")
    specs = yaml.safe_load(text)["argument_specs"]
    return {
        name: option
        for entry in use.entries
        for name, option in specs[entry].get("options", {}).items()
    }


def found_in(path: Path) -> list[documented.Use]:
    return [
        use
        for text in documented.texts(path)
        for document in yaml.safe_load_all(text)
        for use in documented.uses(document)
    ]


@pytest.mark.parametrize(
    "path", documented.files(), ids=lambda path: str(path.relative_to(documented.ROOT))
)
def test_modules_and_roles_take_the_options_of_the_examples(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = []
    for use in found_in(path):
        if use.entries:
            told = {"argument_spec": role_specification(use)}
        else:
            told = specification(use.name, monkeypatch)
        rules = {name: told[name] for name in RULES if name in told}
        wrong += [
            f"{use.name}: {text}" for text in problems(use.options, told["argument_spec"], **rules)
        ]
    assert wrong == []


@pytest.mark.parametrize("module", documented.MODULES)
def test_every_module_has_an_example_of_itself(module: str) -> None:
    found = found_in(documented.ROOT / "plugins" / "modules" / f"{module}.py")
    assert module in [use.name for use in found if not use.entries]


@pytest.mark.parametrize("role", documented.ROLES)
def test_every_role_has_an_example_of_itself(role: str) -> None:
    found = found_in(documented.ROOT / "roles" / role / "README.md")
    assert role in [use.name for use in found if use.entries]


SINGLE_ROLES = (
    "base_lvm",
    "containerd",
    "dnsmasq_gateway",
    "ha_lb",
    "k8s_control_plane",
    "k8s_worker",
)


@pytest.mark.parametrize("role", SINGLE_ROLES)
def test_a_role_alone_has_an_example_without_the_data_center(role: str) -> None:
    path = documented.ROOT / "examples" / "single_role" / f"{role}.yml"
    assert [use.name for use in found_in(path)] == [role]
    assert "datacenter_" not in path.read_text("utf-8")


@pytest.mark.parametrize(
    ("example", "wrong"),
    [
        ("virtual.datacenter.virtualbox_medium: {path: /a.vdi, size_mb: many}", "size_mb"),
        ("virtual.datacenter.virtualbox_medium: {path: /a.vdi, size: 1}", "size"),
        ("virtual.datacenter.virtualbox_vm: {name: a, nics: [{number: 1, typ: nat}]}", "typ"),
        ("virtual.datacenter.kubeadm_info: {role: '{{ role }}', name: a}", "server"),
    ],
)
def test_an_example_with_a_mistake_is_found(
    example: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (use,) = documented.uses([yaml.safe_load(example)])
    told = specification(use.name, monkeypatch)
    (text,) = problems(use.options, told["argument_spec"])
    assert wrong in text


@pytest.mark.parametrize("plugin", ["datacenter", "virtualbox"])
def test_inventory_plugins_know_the_options_of_their_examples(plugin: str) -> None:
    path = documented.ROOT / "plugins" / "inventory" / f"{plugin}.py"
    documentation = importlib.import_module(f"{PLUGINS}.inventory.{plugin}").DOCUMENTATION
    told = yaml.safe_load(documentation)
    known = set(told["options"])
    for name in told["extends_documentation_fragment"]:
        fragment = importlib.import_module(f"ansible.plugins.doc_fragments.{name}")
        known |= set(yaml.safe_load(fragment.ModuleDocFragment.DOCUMENTATION)["options"])
    shown = [example for text in documented.texts(path) for example in yaml.safe_load_all(text)]
    assert len(shown) > 2
    assert {key for example in shown for key in example} <= known
    assert {example["plugin"] for example in shown} == {f"virtual.datacenter.{plugin}"}
