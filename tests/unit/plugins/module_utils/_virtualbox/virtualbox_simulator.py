# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What VirtualBox does with the calls of a plan, as a function from model to model."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox import fields
from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    bandwidth,
    devices,
    extra_data,
    model,
    settings,
    shared_folders,
)

TYPES = {value: key for key, value in devices.NIC_TYPES.items()}
NETWORKS = {option: kind for kind, (option, _key) in devices.NIC_NETWORKS.items()}
SCALARS = {row.flag: row for row in fields.rows(model.Vm)}
HARDWARE = {row.flag: row for row in settings.TABLE}
NICS = {row.flag: row for row in fields.rows(devices.Nic)}
CONTROLLERS = {row.flag: row for row in fields.rows(devices.Controller)}
ATTACHMENTS = {row.flag: row for row in fields.rows(devices.Attachment)}


def perform(vm: model.Vm, actions) -> model.Vm:
    """The VM after all calls."""
    for action in actions:
        if action.kind == "stop":
            vm = replace(vm, state="poweroff")
            continue
        verb, *rest = action.argv
        rest.remove(vm.uuid)
        off = vm.off or (vm.saved and verb in ("startvm", "discardstate"))
        assert action.live or off, f"{verb} on a VM that is {vm.state}"
        vm = globals()[f"do_{verb}"](vm, rest)
    return vm


def options(words):
    """`--a x --b y` as a dict."""
    return dict(zip(words[::2], words[1::2]))


def do_startvm(vm, _words):
    assert not vm.saved or vm.state in model.SAVED_STATES
    return replace(vm, state="running")


def do_controlvm(vm, words):
    (word,) = words
    before, after = {
        "resume": (("paused",), "running"),
        "pause": (("running",), "paused"),
        "savestate": (("running", "paused"), "saved"),
    }[word]
    assert vm.state in before, f"{word} of a VM that is {vm.state}"
    return replace(vm, state=after)


def do_discardstate(vm, words):
    assert vm.saved and words == []
    return replace(vm, state="poweroff")


def do_setextradata(vm, words):
    name, value = words[0], words[1] if len(words) > 1 else ""
    if name == model.MARK:
        return replace(vm, managed_by=value)
    if name == model.ADDRESS:
        return replace(vm, address=value or None)
    return replace(vm, extra_data=extra_data.merged(vm.extra_data, ((name, value),)))


def do_guestproperty(vm, words):
    verb, name, value = words[0], words[1], words[2] if words[0] == "set" else ""
    assert verb in ("set", "unset")
    return replace(vm, guest_properties=extra_data.merged(vm.guest_properties, ((name, value),)))


def do_bandwidthctl(vm, words):
    known = {group.name: group for group in vm.bandwidth_groups}
    assert (words[0] == "set") == (words[1] in known)
    limit = int(options(words[2:])["--limit"].rstrip("K"))
    known[words[1]] = bandwidth.BandwidthGroup(words[1], limit)
    return replace(vm, bandwidth_groups=tuple(known[name] for name in sorted(known)))


def do_sharedfolder(vm, words):
    known = {folder.name: folder for folder in vm.shared_folders}
    flags = {word for word in words if word in ("--readonly", "--automount")}
    given = options([word for word in words[1:] if word not in flags])
    name = given["--name"]
    if words[0] == "remove":
        del known[name]
    else:
        assert name not in known
        known[name] = shared_folders.SharedFolder(
            name,
            given["--hostpath"],
            "--readonly" in flags,
            "--automount" in flags,
            given.get("--auto-mount-point", ""),
        )
    return replace(vm, shared_folders=tuple(known[name] for name in sorted(known)))


def do_snapshot(vm, words):
    assert words[0] == "take"
    return replace(vm, snapshots=(*vm.snapshots, model.Snapshot(words[1], "")))


def do_storagectl(vm, words):
    given = options(words)
    known = {item.name: item for item in vm.storage_controllers}
    item = known.get(given["--name"])
    if "--add" in given:
        assert item is None
        item = devices.Controller(given["--name"])
    for flag, word in given.items():
        if flag in CONTROLLERS:
            row = CONTROLLERS[flag]
            item = replace(item, **{row.name: row.value(word)})
    known[item.name] = item
    return replace(vm, storage_controllers=tuple(known[name] for name in sorted(known)))


def do_storageattach(vm, words):
    given = options(words)
    key = given["--storagectl"], int(given["--port"]), int(given["--device"])
    known = {item.key: item for item in vm.storage_attachments}
    if given["--medium"] == "none":
        del known[key]
    else:
        medium = "" if given["--medium"] == "emptydrive" else given["--medium"]
        kind = ATTACHMENTS["--type"].value(given["--type"])
        assert key not in known or known[key].type == kind, "another kind of device is on that port"
        known[key] = devices.Attachment(*key, kind, medium)
    return replace(vm, storage_attachments=tuple(known[key] for key in sorted(known)))


def do_modifyvm(vm, words):
    nics = {nic.number: nic for nic in vm.nics}
    ports = {port.number: port for port in vm.serial_ports}
    words = list(words)
    while words:
        option = words.pop(0)
        if option in SCALARS:
            row, word = SCALARS[option], words.pop(0)
            value = tuple(word.split(",")) if row.kind == "list" else row.value(word)
            vm = replace(vm, **{row.name: value})
            continue
        if option in HARDWARE:
            item = HARDWARE[option]
            value = item.value(words.pop(0))
            vm = replace(vm, hardware=settings.merged(vm.hardware, ((item.name, value),)))
            continue
        if option.startswith("--boot"):
            order = list(dict(vm.hardware).get("boot_order", ["none"] * 4))
            order[int(option[-1]) - 1] = words.pop(0)
            pair = ("boot_order", tuple(order))
            vm = replace(vm, hardware=settings.merged(vm.hardware, (pair,)))
            continue
        name, number = option.rstrip("0123456789"), int(option[len(option.rstrip("0123456789")) :])
        if name.startswith("--uart"):
            ports[number] = _serial(
                ports.get(number) or devices.SerialPort(number, "off"), name, words
            )
        else:
            nics[number] = _nic(nics.get(number) or devices.Nic(number, "none"), name, words)
    return replace(
        vm,
        nics=tuple(nics[number] for number in sorted(nics)),
        serial_ports=tuple(ports[number] for number in sorted(ports)),
    )


def _serial(port, name, words):
    word = words.pop(0)
    if name == "--uart":
        if word == "off":
            return devices.SerialPort(port.number, "off")
        return devices.SerialPort(port.number, "disconnected", None, word, int(words.pop(0)))
    assert name == "--uart-mode"
    return replace(port, mode=word, path=words.pop(0) if word == "file" else None)


def _nic(nic, name, words):
    word = words.pop(0)
    rules = {rule.name: rule for rule in nic.port_forwards or ()}
    if name == "--nic":
        if word == "none":
            return nic.switched_off()
        kind = TYPES[word]
        return replace(nic, type=kind, network=nic.network if kind == nic.type else None)
    if name in NETWORKS:
        assert nic.type == NETWORKS[name]
        return replace(nic, network=word)
    if name == "--nic-property":
        key, _equals, value = word.partition("=")
        return replace(nic, properties=extra_data.merged(nic.properties or (), ((key, value),)))
    if name in NICS:
        assert name != "--mac-address" or ":" not in word
        row = NICS[name]
        return replace(nic, **{row.name: row.value(word)})
    assert name == "--nat-pf"
    if word == "delete":
        del rules[words.pop(0)]
    else:
        name, protocol, host, host_port, guest, guest_port = word.rsplit(",", 5)
        rule = devices.PortForward(name, protocol, host, int(host_port), guest, int(guest_port))
        assert rule.name not in rules, "A NAT rule of this name already exists"
        rules[rule.name] = rule
    return replace(nic, port_forwards=tuple(rules[key] for key in sorted(rules)))
