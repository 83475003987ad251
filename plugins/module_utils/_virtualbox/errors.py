# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong with VBoxManage, with a way out for the person who reads it."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError

ERROR_LINE = re.compile(r"^VBoxManage(?:\.exe)?: error: ?(.*)$", re.M)
ERROR_CODE = re.compile(r"\bcode ((?:VBOX_E|NS_ERROR|E|VERR)_[A-Z0-9_]+|0x[0-9a-fA-F]{8})\b")
RESULT_CODE = re.compile(r"\((?:(VERR_[A-Z0-9_]+))\)")

# Texts of a refused session lock: nothing was done, the call may be made again.
LOCK_TEXTS = (
    "already locked for a session",
    "already locked by a session",
    "already has a lock request pending",
    "while it is locked",
    "was unlocked unexpectedly while attempting to share its session",
    # The lock was there, and its holder ended while VBoxSVC introduced the two to each other.
    "Failed to assign the machine to the session",
    "Failed to get a console object from the direct session",
    # A VM is just being started: from the launch to the first word of its process.
    "while only the process started by LaunchVMProcess",
)
# Texts of a step that found its shared lock gone, because another program worked on the VM.
DISTURBED_TEXTS = (
    "The object is not ready",
    "The session is not locked",
)
# Texts of a client that never reached the server: nothing was asked, so nothing was done.
UNREACHED_TEXTS = ("Failed to create the VirtualBox object",)
# Codes of a server that went away in the middle: what a write has done must be looked at.
SERVER_GONE_CODES = ("NS_ERROR_ABORT", "NS_ERROR_FACTORY_NOT_REGISTERED", "NS_ERROR_CALL_FAILED")

HINTS = (
    (
        re.compile(r"VERR_SUP_DRIVERLESS|Kernel driver not installed|vboxdrv"),
        "this machine has no VirtualBox kernel driver: load vboxdrv",
    ),
    (
        re.compile(r"VERR_(VMX_IN_VMX_ROOT_MODE|SVM_IN_USE)"),
        "another hypervisor holds the processor: boot with kvm.enable_virt_at_load=0, or unload "
        "kvm_intel or kvm_amd",
    ),
    (
        re.compile(r"VERR_SVM_HOST_SVME_NOT_ENABLED"),
        "KVM is told to leave virtualisation off: remove kvm.enable_virt_at_load=0, or install "
        "VirtualBox 7.2.14 or later",
    ),
    (
        re.compile(r"lock(ed)? (for|by) a session|while it is locked|lock request pending"),
        "another program works on this VM: wait for it or close it",
    ),
    (
        re.compile(r"is not mutable \(state is Saved\)"),
        "the VM has a saved state: start it, or discard the state, then run again",
    ),
    (
        re.compile(r"Cannot register the .* because a .* already exists"),
        "the file is a copy with the UUID of its original: give it one of its own with VBoxManage "
        "internalcommands sethduuid, or make the copy by virtualbox_medium with source_path",
    ),
    (re.compile(r"Shrinking is not yet supported"), "a disk can grow but not shrink"),
    (
        re.compile(r"still attached to|has \d+ child media|more than one child"),
        "detach the medium or remove the linked clones first",
    ),
    (
        re.compile(r"StartTag|Invalid XML|invalid element name"),
        "VirtualBox cannot read its own settings: restore VirtualBox.xml from VirtualBox.xml-prev",
    ),
    (re.compile(r"VERR_DISK_FULL|No space left"), "the disk of the VirtualBox host is full"),
)


class VirtualBoxError(TaskError):
    """A failure around VBoxManage."""

    default_code = "VIRTUALBOX_ERROR"

    @property
    def locked(self) -> bool:
        """Another session holds the VM: the refused call did nothing."""
        return any(text in self.stderr for text in LOCK_TEXTS)

    @property
    def disturbed(self) -> bool:
        """Another session ended during the call: the step that says so did nothing."""
        return any(text in self.stderr for text in DISTURBED_TEXTS)

    @property
    def refused(self) -> bool:
        """Another session was in the way: nothing was done, and a fresh look tells what to do."""
        return self.locked or self.disturbed

    @property
    def unreached(self) -> bool:
        """The VirtualBox service was not there: the call did nothing."""
        return any(text in self.stderr for text in UNREACHED_TEXTS)

    @property
    def server_gone(self) -> bool:
        """The VirtualBox service went away during the call: what was done is unknown."""
        return (
            self.error_code in SERVER_GONE_CODES
            or any(code in self.stderr for code in SERVER_GONE_CODES)
            or (self.rc or 0) < 0
        )

    @property
    def outcome_unknown(self) -> bool:  # type: ignore[override] # The base has a constant.
        """What a write has done can only be told by reading."""
        return self.server_gone

    @property
    def not_found(self) -> bool:
        """The VM, medium or other object of the call does not exist."""
        return (
            self.error_code == "VBOX_E_OBJECT_NOT_FOUND"
            or "Could not find a registered machine" in self.stderr
        )

    @property
    def inaccessible(self) -> bool:
        """VirtualBox has the VM in its list and cannot read it."""
        return "The object functionality is limited" in self.stderr


class CallTimeoutError(VirtualBoxError):
    """VBoxManage did not answer in time; what it did is unknown."""

    outcome_unknown = True


class BusyError(VirtualBoxError):
    """Another run works on the same object; worth another look after it."""

    outcome_unknown = True

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="wait for it", error_code="BUSY")


def bad_option(message: str, hint: str = "") -> VirtualBoxError:
    """A task that is refused before anything is done."""
    return VirtualBoxError(message, hint=hint, error_code="BAD_OPTION")


def has_error(stderr: str) -> bool:
    """VBoxManage also returns 0 after some failures; the text is what counts."""
    return ERROR_LINE.search(stderr) is not None


def from_answer(cmd: t.Sequence[str], rc: int, stdout: str, stderr: str) -> VirtualBoxError:
    """Turn a failed call into an error with its own text, code and way out."""
    lines = [line.strip() for line in ERROR_LINE.findall(stderr)]
    texts = [line for line in lines if line and not line.startswith(("Details:", "Context:"))]
    code = ERROR_CODE.search(stderr) or RESULT_CODE.search(stderr)
    message = (
        " ".join(texts)
        or stderr.strip()[-500:]
        or stdout.strip()[-500:]
        or f"VBoxManage ended with {rc} and no text"
    )
    hint = next((text for pattern, text in HINTS if pattern.search(stderr)), "")
    subcommand = " ".join(cmd[1:2])
    return VirtualBoxError(
        f"VBoxManage {subcommand}: {message}",
        hint=hint,
        error_code=code.group(1) if code else "",
        cmd=cmd,
        rc=rc,
        stdout=stdout,
        stderr=stderr,
    )
