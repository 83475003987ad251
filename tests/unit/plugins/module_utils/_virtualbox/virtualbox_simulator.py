# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What VirtualBox does with the calls of a plan, as a function from model to model."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.virtual.datacenter.plugins.module_utils._virtualbox.vm import (
    bandwidth,
    extra_data,
    model,
    settings,
    shared_folders,
)

TYPES = {value: key for key, value in model.NIC_TYPES.items()}
ADAPTERS = {value: key for key, value in model.ADAPTER_TYPES.items()}
CONTROLLERS = {value: key for key, value in model.CONTROLLER_TYPES.items()}
PROMISCUOUS = {value: key for key, value in model.PROMISCUOUS_MODES.items()}
NETWORKS = {option: kind for kind, (option, _key) in model.NIC_NETWORKS.items()}
HARDWARE = {item.option: item for item in settings.TABLE}
DEVICES = {value: key for key, value in model.ATTACHMENT_TYPES.items()}
SCALARS = {
    "--cpus": ("cpus", int),
    "--memory": ("memory_mb", int),
    "--os-type": ("os_type", str),
    "--firmware": ("firmware", str),
    "--description": ("description", str),
    "--groups": ("groups", lambda text: tuple(text.split(","))),
}


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
        item = model.Controller(given["--name"], CONTROLLERS[given["--add"]])
    if "--portcount" in given:
        item = replace(item, port_count=int(given["--portcount"]))
    if "--bootable" in given:
        item = replace(item, bootable=given["--bootable"] == "on")
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
        kind = DEVICES[given["--type"]]
        assert key not in known or known[key].type == kind, "another kind of device is on that port"
        known[key] = model.Attachment(*key, kind, medium)
    return replace(vm, storage_attachments=tuple(known[key] for key in sorted(known)))


def do_modifyvm(vm, words):
    nics = {nic.number: nic for nic in vm.nics}
    ports = {port.number: port for port in vm.serial_ports}
    words = list(words)
    while words:
        option = words.pop(0)
        if option in SCALARS:
            name, convert = SCALARS[option]
            vm = replace(vm, **{name: convert(words.pop(0))})
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
                ports.get(number) or model.SerialPort(number, "off"), name, words
            )
        else:
            nics[number] = _nic(nics.get(number) or model.Nic(number, "none"), name, words)
    return replace(
        vm,
        nics=tuple(nics[number] for number in sorted(nics)),
        serial_ports=tuple(ports[number] for number in sorted(ports)),
    )


def _serial(port, name, words):
    word = words.pop(0)
    if name == "--uart":
        if word == "off":
            return model.SerialPort(port.number, "off")
        return model.SerialPort(port.number, "disconnected", None, word, int(words.pop(0)))
    assert name == "--uart-mode"
    return replace(port, mode=word, path=words.pop(0) if word == "file" else None)


def _nic(nic, name, words):
    word = words.pop(0)
    rules = {rule.name: rule for rule in nic.port_forwards or ()}
    if name == "--nic":
        if word == "none":
            return model.Nic(
                nic.number, "none", port_forwards=nic.port_forwards, properties=nic.properties
            )
        kind = TYPES[word]
        return replace(nic, type=kind, network=nic.network if kind == nic.type else None)
    if name in NETWORKS:
        assert nic.type == NETWORKS[name]
        return replace(nic, network=word)
    if name == "--nic-promisc":
        return replace(nic, promiscuous=PROMISCUOUS[word])
    if name == "--nic-bandwidth-group":
        return replace(nic, bandwidth_group="" if word == "none" else word)
    if name == "--nic-property":
        key, _equals, value = word.partition("=")
        return replace(nic, properties=extra_data.merged(nic.properties or (), ((key, value),)))
    if name == "--nic-type":
        return replace(nic, adapter_type=ADAPTERS[word])
    if name == "--mac-address":
        assert ":" not in word
        return replace(nic, mac=model.mac_readable(word))
    if name == "--cable-connected":
        return replace(nic, cable_connected=word == "on")
    assert name == "--nat-pf"
    if word == "delete":
        del rules[words.pop(0)]
    else:
        rule = model.PortForward.from_rule(word)
        assert rule.name not in rules, "A NAT rule of this name already exists"
        rules[rule.name] = rule
    return replace(nic, port_forwards=tuple(rules[key] for key in sorted(rules)))
