# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a task that describes a VM, as the argument specification has them."""

from __future__ import annotations

import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    fields,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    devices,
    model,
    settings,
)

FORWARD_OPTIONS = {
    "name": {"type": "str", "required": True},
    "protocol": {"type": "str", "choices": ["tcp", "udp"], "default": "tcp"},
    "host_address": {"type": "str", "default": "127.0.0.1"},
    "host_port": {"type": "int", "required": True},
    "guest_address": {"type": "str", "default": ""},
    "guest_port": {"type": "int", "required": True},
}

NIC_OPTIONS = {
    "number": {"type": "int", "required": True},
    "type": {"type": "str", "choices": list(devices.NIC_TYPES)},
    "network": {"type": "str"},
    **fields.options(devices.Nic),
    "properties": {"type": "dict"},
    "port_forwards": {"type": "list", "elements": "dict", "options": FORWARD_OPTIONS},
}

CONTROLLER_OPTIONS = {
    "name": {"type": "str", "required": True},
    **fields.options(devices.Controller),
}

ATTACHMENT_TYPES = fields.options(devices.Attachment)["type"]["choices"]
ATTACHMENT_OPTIONS = {
    "controller": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
    "device": {"type": "int", "default": 0},
    "type": {"type": "str", "choices": [*ATTACHMENT_TYPES, "none"], "required": True},
    "medium": {"type": "path"},
    "size_mb": {"type": "int"},
}

SERIAL_OPTIONS = {
    "number": {"type": "int", "choices": list(devices.SERIAL_PORTS), "required": True},
    "mode": {**fields.options(devices.SerialPort)["mode"], "required": True},
    "path": {"type": "path"},
}

BANDWIDTH_OPTIONS = {
    "name": {"type": "str", "required": True},
    "limit_kib_per_second": {"type": "int", "required": True},
}

SHARED_FOLDER_OPTIONS = {
    "name": {"type": "str", "required": True},
    "host_path": {"type": "path", "required": True},
    "read_only": {"type": "bool", "default": False},
    "auto_mount": {"type": "bool", "default": False},
    "mount_point": {"type": "str", "default": ""},
}

WAIT_OPTIONS = {
    "state": {"type": "str", "choices": ["running", "stopped", "paused", "saved"]},
    "guest_property": {"type": "str"},
    "guest_property_pattern": {"type": "str", "default": ""},
    "host": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int"},
    "banner_pattern": {"type": "str", "default": "^SSH-"},
    "timeout_seconds": {"type": "float", "default": 300},
}

OPTIONS: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "required": True},
    "uuid": {"type": "str"},
    "state": {
        "type": "str",
        "choices": ["present", "absent", "running", "stopped", "paused", "saved"],
        "default": "present",
    },
    "create": {"type": "bool", "default": True},
    "folder": {"type": "path"},
    "clone_from": {"type": "str"},
    "clone_snapshot": {"type": "str"},
    "clone_type": {"type": "str", "choices": ["linked", "full"], "default": "linked"},
    **fields.options(model.Vm),
    "groups": {"type": "list", "elements": "str"},
    "managed_by": {"type": "str"},
    "address": {"type": "str"},
    "nics": {"type": "list", "elements": "dict", "options": NIC_OPTIONS},
    "storage_controllers": {"type": "list", "elements": "dict", "options": CONTROLLER_OPTIONS},
    "storage_attachments": {"type": "list", "elements": "dict", "options": ATTACHMENT_OPTIONS},
    "serial_ports": {
        "type": "list",
        "elements": "dict",
        "options": SERIAL_OPTIONS,
    },
    "bandwidth_groups": {"type": "list", "elements": "dict", "options": BANDWIDTH_OPTIONS},
    "shared_folders": {"type": "list", "elements": "dict", "options": SHARED_FOLDER_OPTIONS},
    "extra_data": {"type": "dict"},
    "guest_properties": {"type": "dict"},
    **settings.options(),
    "snapshot": {"type": "str"},
    "start_type": {
        "type": "str",
        "choices": ["headless", "gui", "sdl", "separate"],
        "default": "headless",
    },
    "wait": {"type": "dict", "options": WAIT_OPTIONS},
    "stop_timeout": {"type": "int", "default": 60},
    "allow_power_cycle": {"type": "bool", "default": False},
    "delete_media": {"type": "bool", "default": False},
    "prune_nics": {"type": "bool", "default": False},
    "prune_port_forwards": {"type": "bool", "default": False},
    "prune_attachments": {"type": "bool", "default": False},
    "prune_shared_folders": {"type": "bool", "default": False},
    "discard_saved_state": {"type": "bool", "default": False},
}
