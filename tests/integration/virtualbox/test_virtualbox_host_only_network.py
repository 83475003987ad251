# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module virtualbox_host_only_network against real VBoxManage, on hosts without vboxnetadp too."""

from __future__ import annotations

import ipaddress
import os
import subprocess

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.network import (
    networks_conf,
)

MODULE = "virtualbox_host_only_network"
HELPER = "/usr/lib/virtualbox/VBoxNetAdpCtl"
without_driver = pytest.mark.skipif(
    os.path.exists("/dev/vboxnetctl"), reason="would make interfaces on this host"
)


@without_driver
def test_without_the_kernel_module_the_way_out_is_told(world):
    foreseen = world.run(MODULE, address="192.168.57.1", check=True)
    assert [action["action"] for action in foreseen["actions"]] == ["create", "modify"]
    assert foreseen["host_only_network"]["name"] == "vboxnet0"
    refused = world.fail(MODULE, address="192.168.57.1")
    assert refused["error_code"] == "NO_KERNEL_MODULE"
    assert "modprobe vboxnetadp" in refused["msg"] and "vboxnetctl" in refused["stderr"]


@without_driver
def test_nothing_is_there_to_be_removed(world):
    assert world.same(MODULE, name="vboxnet0", state="absent")["host_only_network"] == {}
    world.same(MODULE, address="192.168.57.1", state="absent")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({}, "BAD_OPTION"),
        ({"name": "-dash"}, "BAD_OPTION"),
        ({"name": 'vboxnet0"\nName: x'}, "BAD_OPTION"),
        ({"address": "192.168.57.0"}, "BAD_OPTION"),
        ({"address": "192.168.57.1", "netmask": "/24"}, "BAD_OPTION"),
        ({"address": "8.8.8.8"}, "RANGE_NOT_ALLOWED"),
    ],
)
def test_bad_options_are_refused_before_anything_is_done(world, options, code):
    refused = world.fail(MODULE, **options)
    assert refused["error_code"] == code and "cmd" not in refused


@pytest.mark.skipif(not os.path.exists(HELPER), reason="VirtualBox without its helper")
@pytest.mark.parametrize(
    "address",
    ["192.168.56.1/24", "192.168.63.9/21", "192.168.64.1/24", "192.168.56.1/20", "10.0.0.1/30"],
)
def test_virtualbox_allows_the_same_addresses(world, address):
    """The helper that gives addresses, asked without doing it."""
    wanted = ipaddress.IPv4Interface(address)
    argv = [HELPER, "--dry-run", "vboxnet0", str(wanted.ip), "netmask", str(wanted.netmask)]
    said = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30).stderr
    try:
        networks_conf.check(wanted)
        allowed = True
    except VirtualBoxError:
        allowed = False
    assert "matching" in said
    assert ("permission denied" not in said) is allowed, said
