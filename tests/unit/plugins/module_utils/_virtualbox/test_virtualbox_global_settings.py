# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VirtualBox.xml as recorded, missing, and broken."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network import (
    settings,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network.dhcp_model import (  # noqa: E501
    Condition,
    DhcpOption,
    DhcpServer,
    FixedAddress,
    Group,
    Scope,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network.nat_model import (  # noqa: E501
    NatForward,
    NatNetwork,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network.nat_plan import (  # noqa: E501
    NEW,
)

HOSTILE = 'say "x"\nEnabled:      No\n<b>&amp; é 😀'
VM = "44444444-4444-4444-8444-444444444444"


@pytest.fixture
def found(recorded):
    return settings.parse(recorded("global_settings"))


def test_nat_networks(found):
    assert found.nat_network("plain") == replace(
        NEW, name="plain", network="10.9.0.0/24", running=None
    )
    assert found.nat_network("full") == NatNetwork(
        "full",
        "10.8.0.0/16",
        False,
        True,
        "fd00:1:2:3::/64",
        True,
        False,
        (
            NatForward("ipv4", "dns", "udp", "", 5353, "10.8.0.5", 53),
            NatForward("ipv4", "ssh", "tcp", "127.0.0.1", 2222, "10.8.0.5", 22),
            NatForward("ipv6", "web", "tcp", "::1", 8080, "fd00:1:2:3::5", 80),
        ),
        (("127.0.0.1", 2), ("127.0.0.2", 9)),
    )
    assert found.nat_network(HOSTILE).enabled is True
    assert found.nat_network("nosuch") is None


def test_dhcp_servers(found):
    core = ("10.9.0.2", "255.255.255.0", "10.9.0.10", "10.9.0.99")
    assert found.dhcp_server(HOSTILE) == DhcpServer(HOSTILE, *core, False)
    assert found.dhcp_server("full") == DhcpServer(
        "full",
        *core,
        True,
        Scope(
            (DhcpOption(3, "10.9.0.1"), DhcpOption(220, "aa:bb", True)),
            (66, 67),
            (6,),
            60,
            600,
            6000,
        ),
        (
            Group(
                "g",
                (
                    Condition("mac", "08:00:27:aa:bb:01"),
                    Condition("mac_wildcard", "08:00:27:*", False),
                ),
                Scope((DhcpOption(15, "lab"),)),
            ),
        ),
        (
            FixedAddress("", VM, 2, "10.9.0.51"),
            FixedAddress("08:00:27:aa:bb:02", "", 0, "10.9.0.50", Scope(max_lease_seconds=77)),
        ),
    )


def test_a_new_world_has_what_a_recorded_one_began_with(found, script, tmp_path, monkeypatch):
    monkeypatch.setenv("VBOX_USER_HOME", str(tmp_path))
    new = settings.read(script.client())
    first = new.dhcp_servers[0]
    assert new.nat_networks == ()
    assert found.dhcp_server(first.network) == first


def test_settings_of_this_world_are_read(recorded, script, tmp_path, monkeypatch):
    monkeypatch.setenv("VBOX_USER_HOME", str(tmp_path))
    text = recorded("global_settings")
    (tmp_path / "VirtualBox.xml").write_text(text, encoding="utf-8")
    assert settings.read(script.client()) == settings.parse(text)


def test_settings_that_cannot_be_read_are_told(script, tmp_path, monkeypatch):
    monkeypatch.setenv("VBOX_USER_HOME", str(tmp_path))
    (tmp_path / "VirtualBox.xml").mkdir()
    with pytest.raises(VirtualBoxError) as raised:
        settings.read(script.client())
    assert raised.value.error_code == "OS_ERROR"


@pytest.mark.parametrize("text", ["", "<a>", "no"])
def test_broken_settings_are_told(text):
    with pytest.raises(VirtualBoxError) as raised:
        settings.parse(text)
    assert raised.value.error_code == "BAD_SETTINGS"
