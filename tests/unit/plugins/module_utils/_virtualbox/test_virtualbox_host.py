# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What VirtualBox says of itself and its host, on recorded answers."""

from __future__ import annotations

import pytest
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    listings as parser,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.host import (
    listings as host_parser,
)

WARNING = (
    "WARNING: The character device /dev/vboxdrv does not exist.\n"
    "\t Please install the virtualbox-dkms package, most likely 6.1.0r1.\n\n"
)


@pytest.mark.parametrize("junk", ["", WARNING, "1.2.3r4\n"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7.2.22_Debianr175245", ("7.2.22", 7, 2, 22, "Debian", 175245)),
        ("7.0.10r158379", ("7.0.10", 7, 0, 10, "", 158379)),
        ("7.2.0_BETA1r170000", ("7.2.0", 7, 2, 0, "BETA1", 170000)),
    ],
)
def test_the_version_is_the_last_line(junk, text, expected):
    found = host_parser.version(f"{junk}{text}\n")
    assert found.pop("full") == text
    assert tuple(found.values()) == expected


@pytest.mark.parametrize("text", ["", WARNING, "7.2\n"])
def test_what_is_no_version_is_an_error(text):
    with pytest.raises(VirtualBoxError, match="--version was not understood"):
        host_parser.version(text)


HOST = """Host Information:

Host time: 2026-11-26T00:27:26.085000000Z
Processor online count: 2
Processor count: 4
Processor online core count: 1
Processor core count: 2
Processor supports HW virtualization: yes
Processor supports PAE: yes
Processor supports long mode: yes
Processor supports nested paging: no
Processor supports unrestricted guest: no
Processor supports nested HW virtualization: no
Processor supports virt. vmsave/vmload: no
Processor#0 speed: 2445 MHz
Processor#0 description: AMD EPYC
Processor#1 speed: unknown
Processor#1 description: AMD EPYC
Memory size: 24105 MByte
Memory available: 21730 MByte
Operating system: Linux
Operating system version: 6
"""


def test_the_host():
    assert host_parser.host(WARNING + HOST) == {
        "time": "2026-11-26T00:27:26.085000000Z",
        "cpus_online": 2,
        "cpus": 4,
        "cores_online": 1,
        "cores": 2,
        "hw_virtualization": True,
        "pae": True,
        "long_mode": True,
        "nested_paging": False,
        "unrestricted_guest": False,
        "nested_hw_virtualization": False,
        "virtual_vmsave_vmload": False,
        "cpu_mhz": 2445,
        "cpu_model": "AMD EPYC",
        "memory_mb": 24105,
        "memory_available_mb": 21730,
        "operating_system": "Linux",
        "operating_system_version": "6",
    }
    with pytest.raises(VirtualBoxError, match="hostinfo was not understood"):
        host_parser.host(WARNING)


def test_system_properties(recorded):
    found = host_parser.system_properties(recorded("list_systemproperties"))
    assert found["minimum_guest_ram_size_mb"] == 4
    assert found["virtual_disk_limit_info_bytes"] > 2**40
    assert found["exclusive_hw_virtualization_use"] is True
    assert found["raw_mode_supported"] is False
    assert found["default_hard_disk_format"] == "VDI"
    assert found["default_guest_additions_iso"] == ""
    assert not [key for key in found if key.endswith("_properties")]
    assert found["default_machine_folder"] == "/srv/virtualbox/vms"
    with pytest.raises(VirtualBoxError, match="systemproperties was not understood"):
        host_parser.system_properties("")


def test_a_folder_that_looks_like_a_number_stays_a_path(recorded):
    text = recorded("list_systemproperties").replace("/srv/virtualbox/vms", "/srv/a: on")
    assert host_parser.system_properties(text)["default_machine_folder"] == "/srv/a: on"


LONG_OS_TYPES = """Supported guest OS types:

ID:               Other_arm64
Description:      Other/Unknown (ARM 64-bit)
Family ID:        Other
Family Desc:      Other
Architecture:     ARMv8
64 bit:           true

ID:               WindowsXP
Description:      Windows XP -- (32-bit)
Family ID:        Windows
Family Desc:      Microsoft Windows
64 bit:           false
"""


def test_guest_systems_in_the_layout_of_7_1_and_of_long_lists():
    assert host_parser.os_types(LONG_OS_TYPES) == [
        {
            "id": "Other_arm64",
            "description": "Other/Unknown (ARM 64-bit)",
            "family": "Other",
            "architecture": "ARMv8",
            "bits": 64,
        },
        {
            "id": "WindowsXP",
            "description": "Windows XP -- (32-bit)",
            "family": "Windows",
            "architecture": "x86",
            "bits": 32,
        },
    ]


def test_guest_systems_in_the_layout_of_7_2(recorded):
    text = recorded("list_ostypes")
    found = host_parser.os_types(text)
    assert [entry["id"] for entry in found] == parser.os_types(text)
    debian = next(entry for entry in found if entry["id"] == "Debian_64")
    assert debian == {
        "id": "Debian_64",
        "description": "Debian (64-bit)",
        "family": "Linux",
        "architecture": "x86",
        "bits": 64,
    }
    assert {entry["architecture"] for entry in found} == {"x86", "ARMv8"}


INTERFACES = """Name:            eth0
GUID:            effffff9-7b97-44b7-8000-02fc00000001
DHCP:            Disabled
IPAddress:       192.0.2.2
NetworkMask:     255.255.255.0
IPV6Address:     fd00::2
IPV6NetworkMaskPrefixLength: 64
HardwareAddress: 02:fc:00:00:00:01
MediumType:      Ethernet
Wireless:        No
Status:          Up
VBoxNetworkName: HostInterfaceNetworking-eth0

Name:            1
GUID:            effffff9-e40b-47e7-8000-1645fe67964d
DHCP:            Enabled
IPAddress:       0.0.0.0
Status:          Unknown
"""


def test_interfaces():
    first, second = host_parser.interfaces(WARNING + INTERFACES)
    assert first == {
        "name": "eth0",
        "guid": "effffff9-7b97-44b7-8000-02fc00000001",
        "dhcp": False,
        "ip_address": "192.0.2.2",
        "network_mask": "255.255.255.0",
        "ipv6_address": "fd00::2",
        "ipv6_prefix_length": 64,
        "mac": "02:fc:00:00:00:01",
        "medium_type": "Ethernet",
        "wireless": False,
        "up": True,
        "network": "HostInterfaceNetworking-eth0",
    }
    assert (second["name"], second["dhcp"], second["up"]) == ("1", True, False)
    assert host_parser.interfaces("") == []


def test_media(recorded):
    base, snapshot, _clone = host_parser.media(parser.media_list(recorded("list_hdds")))
    assert base == {
        "path": "/srv/virtualbox/vms/base.vdi",
        "uuid": base["uuid"],
        "parent_uuid": "",
        "format": "vdi",
        "size_mb": 64,
        "type": "normal",
        "differencing": False,
        "state": "created",
        "encrypted": False,
    }
    assert (snapshot["parent_uuid"], snapshot["differencing"]) == (base["uuid"], True)


def test_short_lists():
    assert host_parser.groups(WARNING + '"/"\n"/lab/x"\n') == ["/", "/lab/x"]
    assert host_parser.internal_networks("Name:        intnet\nName:        a b\n") == [
        "intnet",
        "a b",
    ]


PACKS = """Extension Packs: 2
Pack no. 0:   VNC
Version:        7.2.22
Revision:       175245
Edition:        
Description:    VNC plugin module
VRDE Module:    VBoxVNC
Usable:         true
Why unusable:   
Pack no. 1:   Oracle VirtualBox Extension Pack
Version:        7.0.0
Revision:       1
Edition:        E
Description:    Oracle: more
Usable:         false
Why unusable:   too old
"""  # noqa: W291


def test_extension_packs():
    first, second = host_parser.extension_packs(PACKS)
    assert first == {
        "name": "VNC",
        "version": "7.2.22",
        "revision": "175245",
        "edition": "",
        "description": "VNC plugin module",
        "usable": True,
        "why_unusable": "",
    }
    assert second["name"] == "Oracle VirtualBox Extension Pack"
    assert second["description"] == "Oracle: more"
    assert (second["usable"], second["why_unusable"]) == (False, "too old")
    assert host_parser.extension_packs("Extension Packs: 0\n") == []
