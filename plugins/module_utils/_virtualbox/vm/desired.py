# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The desired VM: what the options of a task say, as a model."""

from __future__ import annotations

import re
import typing as t
import uuid

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    fields,
    listings,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import (
    task as arguments,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.errors import (
    VirtualBoxError,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    bandwidth,
    devices,
    extra_data,
    limits,
    model,
    settings,
    shared_folders,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    wait as waiting,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm.plan_data import (
    DesiredVm,
)


def wanted_nics(options: list[dict[str, t.Any]]) -> t.Iterator[devices.Nic]:
    """The NICs of the task; what VBoxManage would misunderstand is an error here."""
    for nic in options:
        mac = nic["mac"]
        if mac is not None and not re.fullmatch(r"[0-9A-F]{12}", devices.mac_plain(mac)):
            raise VirtualBoxError(f"'{mac}' is no MAC address", error_code="BAD_OPTION")
        if mac is not None and int(mac[1], 16) & 1:
            raise VirtualBoxError(
                f"the MAC address {mac} is a multicast address", error_code="BAD_OPTION"
            )
        rules = nic["port_forwards"]
        for rule in rules or ():
            if "," in rule["name"] or not rule["name"]:
                raise VirtualBoxError(
                    f"'{rule['name']}' cannot be the name of a port forward",
                    error_code="BAD_OPTION",
                )
        yield devices.Nic(
            **{
                **nic,
                "mac": None if mac is None else devices.mac_readable(mac),
                "properties": None if nic["properties"] is None else pairs(nic["properties"]),
                "port_forwards": None
                if rules is None
                else tuple(devices.PortForward(**rule) for rule in rules),
            }
        )


def wanted_attachments(
    module: AnsibleModule, options: list[dict[str, t.Any]]
) -> t.Iterator[devices.Attachment]:
    """The disks and drives of the task."""
    for item in options:
        medium = arguments.absolute(module, "medium", item["medium"]) or ""
        if item["size_mb"] is not None and item["type"] != "hdd":
            raise VirtualBoxError(
                f"only type hdd can have a size, not the {item['type']} on {item['controller']} "
                f"port {item['port']}",
                error_code="BAD_OPTION",
            )
        if item["type"] == "hdd" and not medium and item["size_mb"] is None:
            raise VirtualBoxError(
                f"the hdd on {item['controller']} port {item['port']} needs a medium or a size",
                error_code="BAD_OPTION",
            )
        yield devices.Attachment(
            item["controller"],
            item["port"],
            item["device"],
            item["type"],
            medium,
            size_mb=item["size_mb"],
        )


def pairs(option: dict[str, t.Any] | None) -> extra_data.Pairs:
    """A dictionary of texts; what is no text is written as Ansible shows it."""
    return tuple(
        (str(name), "" if value is None else str(value))
        for name, value in sorted((option or {}).items())
    )


def wanted_shares_and_data(module: AnsibleModule) -> dict[str, t.Any]:
    """What the task names beside the hardware."""
    params = module.params
    folders = tuple(
        sorted(
            (shared_folders.SharedFolder(**folder) for folder in params["shared_folders"] or []),
            key=lambda folder: folder.name,
        )
    )
    for folder in folders:
        arguments.absolute(module, "host_path", folder.host_path)
    groups = tuple(bandwidth.BandwidthGroup(**item) for item in params["bandwidth_groups"] or [])
    found = pairs(params["extra_data"])
    extra_data.check(found)
    shared_folders.check(folders)
    return {
        "bandwidth_groups": tuple(sorted(groups, key=lambda group: group.name)),
        "shared_folders": folders,
        "extra_data": found,
        "guest_properties": pairs(params["guest_properties"]),
    }


def wanted_wait(params: dict[str, t.Any]) -> waiting.Wait | None:
    """What the task waits for."""
    wait = params["wait"] or {}
    limits.check_number("wait.port", wait.get("port"), limits.PORT)
    for option in ("guest_property_pattern", "banner_pattern"):
        try:
            re.compile(wait.get(option) or "")
        except re.error as error:
            raise VirtualBoxError(
                f"wait.{option} is no regular expression: {error}", error_code="BAD_OPTION"
            ) from error
    return None if params["wait"] is None else waiting.Wait(**params["wait"])


def wanted_serial_ports(
    module: AnsibleModule, options: list[dict[str, t.Any]]
) -> t.Iterator[devices.SerialPort]:
    """The serial ports of the task."""
    for port in options:
        path = arguments.absolute(module, "path", port["path"])
        if port["mode"] == "file" and not path:
            raise VirtualBoxError(
                f"serial port {port['number']} of mode file needs a path", error_code="BAD_OPTION"
            )
        yield devices.SerialPort(port["number"], port["mode"], path)


# What a file name may have, less the longest ending that VirtualBox gives to a settings file.
LONGEST_NAME_BYTES = 255 - len(".vbox-prev")


def check_names(params: dict[str, t.Any]) -> None:
    """The name of a new VM is that of its files, and VirtualBox makes up a UUID for a bad one."""
    name, identity = params["name"], params["uuid"]
    if not name:
        raise VirtualBoxError("a VM needs a name", error_code="BAD_OPTION")
    length = len(model.file_name(name).encode("utf-8", "surrogateescape"))
    if length > LONGEST_NAME_BYTES:
        raise VirtualBoxError(
            f"the name of the VM has {length} bytes, and its files can have {LONGEST_NAME_BYTES}",
            hint="change name",
            error_code="BAD_OPTION",
        )
    if identity and not (re.fullmatch(listings.UUID, identity) and identity.strip("0-")):
        raise VirtualBoxError(f"'{identity}' is no UUID of a VM", error_code="BAD_OPTION")


def make_desired(module: AnsibleModule) -> DesiredVm:
    """The desired object that the options of a task describe."""
    params = module.params
    check_names(params)
    vm = model.Vm(
        name=params["name"],
        **{
            **{item.name: params[item.name] for item in fields.rows(model.Vm)},
            "groups": arguments.groups(params["groups"]),
        },
        managed_by=params["managed_by"],
        address=arguments.address(params["address"]),
        nics=tuple(wanted_nics(params["nics"] or [])),
        storage_controllers=tuple(
            devices.Controller(**item) for item in params["storage_controllers"] or []
        ),
        storage_attachments=tuple(wanted_attachments(module, params["storage_attachments"] or [])),
        serial_ports=tuple(wanted_serial_ports(module, params["serial_ports"] or [])),
        hardware=settings.wanted(params),
        **wanted_shares_and_data(module),
    )
    return DesiredVm(
        vm=vm,
        folder=arguments.absolute(module, "folder", params["folder"]) or "",
        new_uuid=(params["uuid"] or str(uuid.uuid4())).lower(),
        # A list that is not given names nothing, so nothing is pruned by it.
        prune_nics=params["prune_nics"] and params["nics"] is not None,
        prune_attachments=params["prune_attachments"] and params["storage_attachments"] is not None,
        prune_shared_folders=params["prune_shared_folders"]
        and params["shared_folders"] is not None,
        **{
            name: params[name]
            for name in (
                "state",
                "create",
                "snapshot",
                "clone_snapshot",
                "clone_type",
                "allow_power_cycle",
                "delete_media",
                "prune_port_forwards",
                "discard_saved_state",
                "start_type",
            )
        },
    )
