# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Linux host has for VirtualBox, and what keeps its VMs from running.

Read from /proc and /sys, so that it can be asked before VirtualBox is there.
"""

from __future__ import annotations

import os
import platform
import re
import typing as t
from pathlib import Path

SECURE_BOOT = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
FRONT_ENDS = ("VBoxHeadless", "VirtualBoxVM", "VBoxSDL")
MODULE_FOLDERS = ("misc", "updates", "updates/dkms", "extra", "extra/virtualbox")
TECHNIQUES = {"vmx": "vt-x", "svm": "amd-v"}
KVM_MODULES = ("kvm_intel", "kvm_amd")

# Linux turns virtualisation on when KVM is loaded, not when its first VM starts.
KERNEL_ENABLES_AT_LOAD = (6, 12)
# From these two on VirtualBox asks KVM for the processor instead of taking it.
KERNEL_LENDS = (6, 16)
VIRTUALBOX_BORROWS = (7, 2, 2)
# Releases that borrow, but only what KVM has turned on already.
VIRTUALBOX_NEEDS_ENABLED = ((7, 2, 10), (7, 2, 14))

Capacity = t.Dict[str, t.Any]


class Problem(t.NamedTuple):
    """What keeps VMs from running, and the way out."""

    code: str
    text: str


def numbers(text: str | None) -> tuple[int, ...]:
    """The leading numbers of a version."""
    found = re.match(r"\d+(?:\.\d+)*", text or "")
    return tuple(int(part) for part in found.group().split(".")) if found else ()


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _system(root: Path, kernel: str) -> str:
    """The system by the name that its maker gives it."""
    if platform.system() == "Darwin":
        return f"macOS {platform.mac_ver()[0]}"
    named = re.search(r'^PRETTY_NAME="?(.*?)"?$', _text(root / "etc/os-release") or "", re.M)
    name = named.group(1) if named else platform.system()
    return f"{name} in WSL on Windows" if _wsl(kernel) else name


def _wsl(kernel: str) -> bool:
    return "microsoft" in kernel.lower()


def _memory(root: Path) -> dict[str, int]:
    lines = (_text(root / "proc/meminfo") or "").splitlines()
    sizes = {
        line.partition(":")[0]: int(line.split()[1]) // 1024 for line in lines if " kB" in line
    }
    return {
        "memory_mb": sizes.get("MemTotal", 0),
        "memory_available_mb": sizes.get("MemAvailable", 0),
    }


def _processor(root: Path) -> dict[str, t.Any]:
    text = _text(root / "proc/cpuinfo") or ""
    flags = re.search(r"^flags\s*:(.*)$", text, re.M)
    words = set(flags.group(1).split()) if flags else set()
    technique = next((name for flag, name in TECHNIQUES.items() if flag in words), None)
    return {
        "cpus": len(re.findall(r"^processor\s*:", text, re.M)),
        # Other processors have no such flags, and VirtualBox uses them in other ways.
        "x86": flags is not None,
        "hw_virtualization": technique,
    }


def _kvm(root: Path) -> dict[str, t.Any]:
    modules = root / "sys/module"
    loaded = next((name for name in KVM_MODULES if (modules / name).is_dir()), None)
    at_load = _text(modules / "kvm/parameters/enable_virt_at_load")
    users = _text(modules / loaded / "refcnt") if loaded else None
    return {
        "module": loaded,
        "enabled_at_load": None if at_load is None else at_load == "Y",
        "users": int(users) if users and users.isdigit() else 0,
    }


def _driver(root: Path, kernel: str) -> dict[str, t.Any]:
    built = root / "lib/modules" / kernel
    version = re.match(r"\d+\.\d+\.\d+", _text(root / "sys/module/vboxdrv/version") or "")
    return {
        "loaded": (root / "sys/module/vboxdrv").is_dir(),
        "version": version.group() if version else None,
        "device": (root / "dev/vboxdrv").exists(),
        "built": any(
            path.name.startswith("vboxdrv.ko")
            for folder in MODULE_FOLDERS
            for path in (built / folder).glob("vboxdrv.ko*")
        ),
        "kernel_headers": (built / "build").exists(),
    }


def _secure_boot(root: Path) -> bool:
    try:
        # Four bytes of attributes come first.
        return (root / SECURE_BOOT).read_bytes()[4:5] == b"\x01"
    except OSError:
        return False


def _signatures_enforced(root: Path) -> bool:
    lockdown = _text(root / "sys/kernel/security/lockdown") or "[none]"
    return "[none]" not in lockdown or _text(root / "sys/module/module/parameters/sig_enforce") == (
        "Y"
    )


def _running(root: Path) -> int:
    return sum(_text(path) in FRONT_ENDS for path in (root / "proc").glob("[0-9]*/comm"))


def _disk(folder: str) -> dict[str, t.Any]:
    path = Path(folder)
    while not path.is_dir() and path != path.parent:
        path = path.parent
    found = os.statvfs(path)
    return {
        "machine_folder": folder,
        "disk_size_mb": found.f_blocks * found.f_frsize // 2**20,
        "disk_free_mb": found.f_bavail * found.f_frsize // 2**20,
    }


def read(folder: str, version: str | None, root: Path = Path("/")) -> Capacity:
    """What the host has; `version` is that of its VirtualBox, if there is one."""
    kernel = _text(root / "proc/sys/kernel/osrelease") or ""
    return {
        "virtualbox_version": version,
        "system": _system(root, kernel),
        "kernel": kernel,
        **_memory(root),
        **_processor(root),
        **_disk(folder),
        "kvm": _kvm(root),
        "driver": _driver(root, kernel),
        "secure_boot": _secure_boot(root),
        "module_signatures_enforced": _signatures_enforced(root),
        "running_vms": _running(root),
    }


def kvm_problem(capacity: Capacity, version: tuple[int, ...]) -> Problem | None:
    """Whether KVM keeps the processor from that version of VirtualBox."""
    kvm = capacity["kvm"]
    module = kvm["module"]
    if module is None:
        return None
    kernel = numbers(capacity["kernel"])
    error = "VERR_VMX_IN_VMX_ROOT_MODE" if module == "kvm_intel" else "VERR_SVM_IN_USE"
    if kernel >= KERNEL_LENDS and version >= VIRTUALBOX_BORROWS:
        first, fixed = VIRTUALBOX_NEEDS_ENABLED
        if kvm["enabled_at_load"] is False and first <= version < fixed:
            return Problem(
                "KVM_NOT_ENABLED",
                f"VirtualBox {'.'.join(map(str, version))} uses what KVM has turned on, and KVM is"
                " told to leave virtualisation off (kvm.enable_virt_at_load=0), so VMs end with"
                " VERR_SVM_HOST_SVME_NOT_ENABLED. Remove that option from /etc/modprobe.d or the"
                " kernel's command line and boot, or install VirtualBox 7.2.14 or later.",
            )
        return None
    if kernel >= KERNEL_ENABLES_AT_LOAD and kvm["enabled_at_load"] is not False:
        return Problem(
            "KVM_HOLDS_PROCESSOR",
            f"{module} is loaded, and since Linux 6.12 it holds the processor's virtualisation from"
            f" then on, so VMs of VirtualBox end with {error}. Boot with kvm.enable_virt_at_load=0"
            f" (this leaves KVM usable while no VM of VirtualBox runs), or unload {module}.",
        )
    if kvm["users"]:
        return Problem(
            "KVM_IN_USE",
            f"{module} holds the processor's virtualisation as long as a VM of KVM runs, and"
            f" {kvm['users']} of its files are open, so VMs of VirtualBox end with {error}."
            " Stop the VMs of KVM.",
        )
    return None


def driver_problem(capacity: Capacity) -> Problem | None:
    """Why the kernel driver does not serve the installed VirtualBox."""
    driver, kernel = capacity["driver"], capacity["kernel"]
    # Other systems than Linux do not show it in files.
    if not kernel:
        return None
    wanted = ".".join(map(str, numbers(capacity["virtualbox_version"])))
    if driver["loaded"]:
        if driver["version"] in (None, wanted):
            return None
        return Problem(
            "DRIVER_VERSION",
            f"The loaded vboxdrv is of VirtualBox {driver['version']}, installed is {wanted}. End"
            " all VMs, unload vboxnetadp, vboxnetflt and vboxdrv, and load them again.",
        )
    if not driver["built"]:
        headers = (
            "Build it: 'dkms autoinstall' with Debian's packages, '/sbin/vboxconfig' with Oracle's."
            if driver["kernel_headers"]
            else "The kernel's headers are missing too (package linux-headers-*): install them."
        )
        return Problem(
            "DRIVER_NOT_BUILT", f"There is no vboxdrv for the running kernel {kernel}. {headers}"
        )
    if capacity["secure_boot"] or capacity["module_signatures_enforced"]:
        return Problem(
            "DRIVER_NOT_SIGNED",
            "vboxdrv is there but not loaded, and this kernel takes only signed modules (Secure"
            " Boot or lockdown). Enrol the key that signed it ('mokutil --import', with"
            " /var/lib/dkms/mok.pub or /var/lib/shim-signed/mok/MOK.der), boot and confirm it on"
            " the console; or switch Secure Boot off in the firmware.",
        )
    return Problem("DRIVER_NOT_LOADED", "vboxdrv is built but not loaded: 'modprobe vboxdrv'.")


def problems(capacity: Capacity, version: str | None = None) -> list[Problem]:
    """What keeps VMs from running at full speed, judged for the installed or the given version."""
    found: list[Problem | None] = []
    if capacity["x86"] and capacity["hw_virtualization"] is None:
        found.append(
            Problem(
                "NO_HW_VIRTUALIZATION",
                "The processor shows neither VT-x nor AMD-V. Switch it on in the firmware; if this"
                " host is a VM itself, switch nested virtualisation on where it runs.",
            )
        )
    found.append(kvm_problem(capacity, numbers(version or capacity["virtualbox_version"])))
    if _wsl(capacity["kernel"]):
        found.append(
            Problem(
                "WSL",
                f"It is {capacity['system']}, whose kernel {capacity['kernel']} has no driver of"
                " VirtualBox. Take a host that runs Linux itself.",
            )
        )
    elif capacity["virtualbox_version"] is not None:
        found.append(driver_problem(capacity))
    return [problem for problem in found if problem is not None]
