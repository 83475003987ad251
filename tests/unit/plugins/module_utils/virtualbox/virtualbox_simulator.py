# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What VirtualBox does with the calls of a plan, as a function from model to model."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.virtual.datacenter.plugins.module_utils.virtualbox import model

TYPES = {value: key for key, value in model.NIC_TYPES.items()}
ADAPTERS = {value: key for key, value in model.ADAPTER_TYPES.items()}
CONTROLLERS = {value: key for key, value in model.CONTROLLER_TYPES.items()}
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
        verb, uuid, *rest = action.argv
        assert uuid == vm.uuid
        assert action.live or vm.off, f"{verb} on a VM that is {vm.state}"
        vm = globals()[f"do_{verb}"](vm, rest)
    return vm


def options(words):
    """`--a x --b y` as a dict."""
    return dict(zip(words[::2], words[1::2]))


def do_startvm(vm, _words):
    return replace(vm, state="running")


def do_controlvm(vm, words):
    assert words == ["resume"] and vm.state == "paused"
    return replace(vm, state="running")


def do_setextradata(vm, words):
    assert words[0] == model.MARK
    return replace(vm, managed_by=words[1])


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
            return model.Nic(nic.number, "none", port_forwards=nic.port_forwards)
        kind = TYPES[word]
        return replace(nic, type=kind, network=nic.network if kind == nic.type else None)
    if name == "--intnet":
        assert nic.type == "internal"
        return replace(nic, network=word)
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
