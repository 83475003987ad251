# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any inventory makes a plan or is refused with sentences; nothing else happens."""

from __future__ import annotations

import json
from typing import Any

import yaml
from ansible_collections.virtual.datacenter.plugins.plugin_utils._plan import check_groups, views
from hypothesis import example, given, settings
from hypothesis import strategies as st

from inventories import SPECIFICATION, Inventory

OPTIONS = sorted(SPECIFICATION["inventory"]["options"])
OF_MACHINES = sorted(SPECIFICATION["machine"]["options"])
HOSTS = sorted(Inventory().hosts)
GROUPS = sorted(Inventory().groups)

# What people write where something else is wanted, and what nobody writes.
PLAIN = "edge control no null ~ 10.70.1.0/24 10.70.2.11 fd00::/64 10.70.1.1/240 a,b -1 1e9 65536"
HOSTILE = "[ [] [1 {} {{x}} /srv ~/x café ' \" `id` $(id) %h # ٣ \x00 \ud800"
WORDS = st.sampled_from(["", " ", "lab\n", *PLAIN.split(" "), *HOSTILE.split(" ")])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | WORDS
    | st.text(max_size=20)
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "subnet", "reaches", "size_mb", "x", ""]), inner)
        | st.dictionaries(SCALARS.filter(lambda key: key == key), inner, max_size=2)
    ),
    max_leaves=6,
)
SEGMENTS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "name": WORDS | st.sampled_from(["edge", "control", "worker"]),
            "subnet": WORDS | st.ip_addresses(v=4).map(lambda address: f"{address}/24"),
            "dhcp_start": ANYTHING,
            "dhcp_end": ANYTHING,
            "reaches": ANYTHING | st.lists(st.sampled_from(["edge", "control"])),
        },
    ),
    max_size=4,
)


def judged(inventory: Inventory) -> bool:
    """Whether the inventory was accepted; either way the answer is one that can be used."""
    found = inventory.check()
    for sentence in found["problems"]:
        assert sentence.isprintable()
        assert " Change " in sentence
        assert sentence.endswith(".")
    if found["problems"]:
        return False
    plan = json.loads(json.dumps(found["plan"]))
    assert plan == found["plan"]
    view = views.gateway_view(plan)
    assert len(view["segments"]) == len(plan["segments"])
    for role in ("load_balancer", "control_plane", "worker"):
        assert views.cluster_nodes(plan, role) is not None
    fqdns = [machine["fqdn"] for machine in plan["machines"].values()]
    for name in [*plan["machines"], *fqdns, inventory.options["datacenter_admin_user"]]:
        assert yaml.safe_load(f"name: {name}") == {"name": name}
    return True


@given(st.dictionaries(st.sampled_from(OPTIONS), ANYTHING, max_size=3))
@example({"datacenter_segments": [{"name": "", "subnet": ""}]})
@settings(max_examples=250)
def test_any_value_of_any_option(changes: dict[str, Any]) -> None:
    inventory = Inventory()
    inventory.options.update(changes)
    judged(inventory)


@given(st.sampled_from(HOSTS), st.dictionaries(st.sampled_from(OF_MACHINES), ANYTHING, max_size=3))
@settings(max_examples=250)
def test_any_value_of_any_variable_of_a_machine(host: str, changes: dict[str, Any]) -> None:
    inventory = Inventory()
    inventory.hosts[host].update(changes)
    judged(inventory)


@given(st.text(max_size=70) | WORDS, st.sampled_from(HOSTS))
@settings(max_examples=200)
def test_any_name_of_a_host(name: str, host: str) -> None:
    inventory = Inventory()
    if name in inventory.hosts:
        return
    inventory.change({"rename": {host: name}})
    judged(inventory)


@given(st.text(min_size=1, max_size=30).map(lambda end: f"datacenter_{end}"), ANYTHING)
@settings(max_examples=50)
def test_any_other_option(name: str, value: Any) -> None:
    inventory = Inventory()
    inventory.options[name] = value
    assert not judged(inventory) or name in (*OPTIONS, *check_groups.OWN)


@given(SEGMENTS)
@settings(max_examples=250)
def test_any_segments(segments: list[Any]) -> None:
    inventory = Inventory()
    inventory.options["datacenter_segments"] = segments
    judged(inventory)


@given(
    st.dictionaries(
        st.sampled_from([*GROUPS, "workers", "x"]), st.lists(st.sampled_from(HOSTS), unique=True)
    )
)
@settings(max_examples=250)
def test_any_groups(groups: dict[str, list[str]]) -> None:
    inventory = Inventory()
    inventory.groups.update(groups)
    judged(inventory)


@given(st.data())
@settings(max_examples=100)
def test_several_things_at_once(data: st.DataObject) -> None:
    inventory = Inventory(data.draw(st.sampled_from(["virtualbox", "virtualbox_small", "lab"])))
    options = data.draw(st.dictionaries(st.sampled_from(OPTIONS), ANYTHING, max_size=2))
    inventory.options.update(options)
    for host in data.draw(st.lists(st.sampled_from(sorted(inventory.hosts)), max_size=2)):
        inventory.hosts[host][data.draw(st.sampled_from(OF_MACHINES))] = data.draw(ANYTHING)
    judged(inventory)
