# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter merged_kubeconfig: see merged_kubeconfig.yml beside this file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

KINDS = {"clusters": "cluster", "contexts": "context", "users": "user"}
MARK = "virtual.datacenter"
TIMESTAMP = "tag:yaml.org,2002:timestamp"


class Loader(yaml.SafeLoader):
    """Leaves times as text, as kubectl does: written again, they look as before."""

    yaml_implicit_resolvers = {  # noqa: RUF012 # as PyYAML has it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def is_ours(entry: dict[str, Any], kind: str) -> bool:
    extensions = (entry.get(KINDS[kind]) or {}).get("extensions") or []
    return any(extension.get("name") == MARK for extension in extensions)


def entries(cluster_config: dict[str, Any], name: str) -> dict[str, dict[str, Any]]:
    """Cluster, context and user of that name, each with our mark: kind to entry."""
    mark = {"extensions": [{"name": MARK, "extension": {"data-center": name}}]}
    inner = {
        "clusters": cluster_config["clusters"][0]["cluster"],
        "contexts": {"cluster": name, "user": name},
        "users": cluster_config["users"][0]["user"],
    }
    return {kind: {"name": name, key: {**inner[kind], **mark}} for kind, key in KINDS.items()}


def read(text: str) -> dict[str, Any]:
    """What a kubeconfig says; ValueError where it is none."""
    try:
        found = yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise ValueError("it is no YAML") from error
    found = {} if found is None else found
    if not isinstance(found, dict):
        raise ValueError("it is no kubeconfig")
    for kind in KINDS:
        items = found.get(kind) or []
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise ValueError(f"its {kind} are no list of entries")
    return found


def merged_kubeconfig(
    theirs: str, name: str, cluster_config: str = "", make_current: bool = False
) -> dict[str, str]:
    """What keeps it from being merged, or the new text, empty where nothing is to change."""
    name = str(name)
    try:
        config = read(str(theirs))
    except ValueError as error:
        return {"problem": str(error), "text": ""}
    foreign = [
        f"a {key} {name}"
        for kind, key in KINDS.items()
        for entry in config.get(kind) or []
        if entry.get("name") == name and not is_ours(entry, kind)
    ]
    if foreign:
        return {"problem": f"it has {', '.join(foreign)} of somebody else", "text": ""}
    wanted = entries(yaml.safe_load(str(cluster_config)), name) if cluster_config else {}
    for entry in config.get("contexts") or []:
        if wanted and entry.get("name") == name:
            # What else the user has said of it stays, such as a namespace.
            wanted["contexts"]["context"] = {**entry["context"], **wanted["contexts"]["context"]}
    new = {"apiVersion": "v1", "kind": "Config", **config}
    for kind in KINDS:
        items = [entry for entry in config.get(kind) or [] if entry.get("name") != name]
        new[kind] = [*items, wanted[kind]] if wanted else items
    if wanted and make_current:
        new["current-context"] = name
    elif not wanted and config.get("current-context") == name:
        new["current-context"] = ""
    if all(same(new, config, kind) for kind in [*KINDS, "current-context"]):
        return {"problem": "", "text": ""}
    return {"problem": "", "text": yaml.safe_dump(new, sort_keys=False, allow_unicode=True)}


def same(new: dict[str, Any], old: dict[str, Any], kind: str) -> bool:
    """Whether both say the same of it, in whatever order."""
    one, other = new.get(kind) or [], old.get(kind) or []
    if isinstance(one, str):
        return one == other
    return len(one) == len(other) and all(entry in other for entry in one)


class FilterModule:
    """Filters of a user's kubeconfig."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"merged_kubeconfig": merged_kubeconfig}
