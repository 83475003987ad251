# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A context comes and goes; everything else in the user's kubeconfig stays as it is."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.virtual.datacenter.plugins.filter.merged_kubeconfig import (
    merged_kubeconfig,
)


def cluster(server: str) -> str:
    """As kubeadm writes it."""
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "kubernetes", "cluster": {"server": server}}],
            "contexts": [
                {
                    "name": "kubernetes-admin@kubernetes",
                    "context": {"cluster": "kubernetes", "user": "kubernetes-admin"},
                }
            ],
            "users": [{"name": "kubernetes-admin", "user": {"client-key-data": "c2VjcmV0"}}],
            "current-context": "kubernetes-admin@kubernetes",
        }
    )


ONE, TWO = cluster("https://127.0.0.1:6443"), cluster("https://127.0.0.1:6470")
WORK = """
# of the user
apiVersion: v1
kind: Config
preferences: {colors: true}
current-context: work
clusters:
- {name: work, cluster: {server: https://work.example, insecure-skip-tls-verify: true}}
contexts:
- {name: work, context: {cluster: work, user: me}}
users:
- name: me
  user:
    auth-provider: {config: {expiry: 2026-11-29T01:02:03Z, grüße: 'yes'}}
"""


def merge(theirs: str, name: str = "demo", *more: Any) -> dict[str, Any]:
    """The new file as data. Merging into it once more changes nothing."""
    done = merged_kubeconfig(theirs, name, *more)
    assert done["problem"] == ""
    again = merged_kubeconfig(done["text"] or theirs, name, *more)
    assert again == {"problem": "", "text": ""}
    return dict(yaml.load(done["text"] or theirs, yaml.BaseLoader))


def without(config: dict[str, Any], name: str) -> dict[str, Any]:
    return {
        key: [item for item in value if item["name"] != name] if isinstance(value, list) else value
        for key, value in config.items()
    }


def test_others_stay_and_so_does_the_current_context() -> None:
    new = merge(WORK, "demo", ONE)
    assert without(new, "demo") == yaml.load(WORK, yaml.BaseLoader)
    assert [item["name"] for item in new["contexts"]] == ["work", "demo"]
    assert new["contexts"][1]["context"]["user"] == "demo"
    assert new["clusters"][1]["cluster"]["server"] == "https://127.0.0.1:6443"
    assert new["users"][1]["user"]["client-key-data"] == "c2VjcmV0"


def test_a_time_is_written_as_it_was() -> None:
    assert "2026-11-29T01:02:03Z" in merged_kubeconfig(WORK, "demo", ONE)["text"]


def test_the_context_is_made_current_when_asked() -> None:
    assert merge(WORK, "demo", ONE, True)["current-context"] == "demo"


@pytest.mark.parametrize("empty", ["", "\n", "clusters: null\nusers: []\n"])
def test_a_file_that_is_empty_or_not_there(empty: str) -> None:
    new = merge(empty, "demo", ONE)
    assert (new["apiVersion"], new["kind"], len(new["users"])) == ("v1", "Config", 1)
    assert "current-context" not in new


def test_a_cluster_made_anew_takes_the_place_of_the_old_one() -> None:
    first = merged_kubeconfig(WORK, "demo", ONE)["text"]
    both = merged_kubeconfig(first, "second", ONE)["text"]
    new = merge(both, "demo", TWO)
    assert sorted(item["name"] for item in new["clusters"]) == ["demo", "second", "work"]
    servers = {item["name"]: item["cluster"]["server"] for item in new["clusters"]}
    assert servers["demo"] == "https://127.0.0.1:6470"
    assert servers["second"] == "https://127.0.0.1:6443"


def test_what_the_user_says_of_our_context_stays() -> None:
    text = merged_kubeconfig(WORK, "demo", ONE)["text"]
    config = yaml.safe_load(text)
    config["contexts"][1]["context"]["namespace"] = "mine"
    assert (
        merge(yaml.safe_dump(config), "demo", TWO)["contexts"][1]["context"]["namespace"] == "mine"
    )


def test_it_goes_again() -> None:
    text = merged_kubeconfig(WORK, "demo", ONE)["text"]
    assert merge(text) == yaml.load(WORK, yaml.BaseLoader)
    current = merged_kubeconfig(WORK, "demo", ONE, True)["text"]
    assert merge(current)["current-context"] == ""
    assert merged_kubeconfig("", "demo") == {"problem": "", "text": ""}


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ("contexts: [{name: demo, context: {cluster: x, user: y}}]", "a context demo"),
        ("users: [{name: demo, user: {}}]", "a user demo"),
        ("clusters: [{name: demo, cluster: null}]", "a cluster demo"),
    ],
)
@pytest.mark.parametrize("config", [ONE, ""], ids=["merge", "remove"])
def test_an_entry_of_somebody_else_is_left_alone(entry: str, named: str, config: str) -> None:
    done = merged_kubeconfig(entry, "demo", config)
    assert done == {"problem": f"it has {named} of somebody else", "text": ""}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: [", "it is no YAML"),
        ("- a", "it is no kubeconfig"),
        ("users: {a: b}", "its users are no list of entries"),
        ("contexts: [a]", "its contexts are no list of entries"),
    ],
)
def test_what_is_no_kubeconfig(text: str, why: str) -> None:
    assert merged_kubeconfig(text, "demo", ONE) == {"problem": why, "text": ""}
