#!/usr/bin/python
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: kubernetes_archive
short_description: Install Kubernetes from an archive of binaries and images
version_added: 0.1.0
description:
  - Installs binaries and imports container images from a folder or web server that holds
    C(SHA256SUMS), C(manifest.json), C(bin/*) and C(images/*.tar).
  - Meant for sites without a registry.
  - Every file is checked against C(SHA256SUMS) before it is used.
  - Only what a machine lacks is fetched. What an image was made from is written on it as a label,
    and what a binary was made from into O(record).
author:
  - The virtual.datacenter contributors (@virtual-datacenter)
requirements:
  - C(ctr) of a running containerd, if images are wanted.
attributes:
  action_group:
    description: Use C(group/virtual.datacenter.kubernetes) in C(module_defaults) to set options for
      all modules.
    support: full
    membership:
      - virtual.datacenter.kubernetes
  check_mode:
    support: full
    description: Tells what would be installed and imported.
  diff_mode:
    support: none
    description: The files are binary.
  idempotent:
    support: full
    description: Does nothing where everything is in place.
options:
  url:
    description:
      - The archive, C(file:///folder/on/the/machine) or C(https://server/path).
    type: str
    required: true
  version:
    description:
      - The version of Kubernetes that the archive must be of, as V(1.36.2).
    type: str
    required: true
  binaries:
    description:
      - The binaries to install.
    type: list
    elements: str
    default: []
  binary_dir:
    description:
      - The folder that they are installed in.
    type: path
    default: /usr/local/bin
  link:
    description:
      - Link to the binaries of a C(file://) archive instead of copying them.
      - The folder must then stay.
    type: bool
    default: false
  record:
    description:
      - The file that remembers which binaries are installed, so that they need not be read again.
    type: path
    default: /etc/kubernetes/archive.json
  images:
    description:
      - The images to import, as patterns of their full names or of the last part without tag.
    type: list
    elements: str
    default: []
  namespace:
    description:
      - The namespace of containerd that they are imported into.
    type: str
    default: k8s.io
  services:
    description:
      - The units that run the binaries. Before a binary is replaced they are marked, and the next
        task M(virtual.datacenter.config_files) that names them brings it into use, in a later run
        too.
    type: list
    elements: str
    default: []
  timeout:
    description:
      - Seconds that a read from a web server may stall.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Install a worker's part of an archive
  virtual.datacenter.kubernetes_archive:
    url: file:///srv/kubernetes
    version: 1.36.2
    binaries: [crictl, kubeadm, kubectl, kubelet]
    images: [coredns, kube-proxy, pause]
"""

RETURN = r"""
actions:
  description: What was done, or would be done in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    action: {description: Kind of the action., type: str}
    text: {description: The action in words., type: str}
    command:
      description: The command that did it. Empty if there is none.
      type: list
      elements: str
  sample:
    - {action: install, text: install kubelet, command: []}
binaries:
  description: The binaries that were, or in check mode would be, installed.
  returned: success
  type: list
  elements: str
  sample: [kubelet]
images:
  description: The images that were, or in check mode would be, imported.
  returned: success
  type: list
  elements: str
  sample: ["registry.k8s.io/pause:3.10.2"]
error_code:
  description: Name of the kind of error, in capital letters.
  returned: failure
  type: str
  sample: ARCHIVE_UNUSABLE
"""

import hashlib
import json
import os
import shutil
import tempfile
import typing as t
from contextlib import contextmanager

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url
from ansible_collections.virtual.datacenter.plugins.module_utils._config_files import pending
from ansible_collections.virtual.datacenter.plugins.module_utils._core import change, files
from ansible_collections.virtual.datacenter.plugins.module_utils._core.command import (
    ExpiredError,
    limited,
)
from ansible_collections.virtual.datacenter.plugins.module_utils._kubernetes import archive as model
from ansible_collections.virtual.datacenter.plugins.module_utils._kubernetes.archive import (
    ArchiveError,
)

CHUNK = 1 << 20
# An image of a few hundred megabytes onto a slow disk.
IMPORT_SECONDS = 900
LOOK_AT = "systemctl status containerd, and at the disk below /var/lib/containerd"


def sha256_of(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as data:
        for chunk in iter(lambda: data.read(CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


class Source:
    """Where the files come from."""

    def __init__(self, url: str, timeout: int) -> None:
        self.url = url.rstrip("/")
        self.timeout = timeout
        self.folder = self.url[len("file://") :] if self.url.startswith("file://") else None

    def read(self, name: str) -> bytes:
        try:
            if self.folder is not None:
                with open(os.path.join(self.folder, name), "rb") as data:
                    return data.read()
            answer = open_url(f"{self.url}/{name}", timeout=self.timeout)
            return bytes(answer.read())
        except OSError as error:
            raise ArchiveError(f"cannot read {self.url}/{name}: {error}") from error

    @contextmanager
    def file(self, name: str, sha256: str) -> t.Iterator[str]:
        """The path of a file that has this sum; a fetched one is removed afterwards."""
        if self.folder is not None:
            path = os.path.join(self.folder, name)
            self.check(path, name, sha256)
            yield path
            return
        handle, path = tempfile.mkstemp(prefix="kubernetes-archive-", dir="/var/tmp")
        try:
            with os.fdopen(handle, "wb") as target:
                shutil.copyfileobj(
                    open_url(f"{self.url}/{name}", timeout=self.timeout), target, CHUNK
                )
            self.check(path, name, sha256)
            yield path
        except OSError as error:
            raise ArchiveError(f"cannot fetch {self.url}/{name}: {error}") from error
        finally:
            os.unlink(path)

    def check(self, path: str, name: str, sha256: str) -> None:
        try:
            found = sha256_of(path)
        except OSError as error:
            raise ArchiveError(f"cannot read {self.url}/{name}: {error}") from error
        if found != sha256:
            raise ArchiveError(
                f"{self.url}/{name} has the sum {found}, not {sha256} as {model.SUMS} says"
            )


class Binaries:
    """The installed binaries, and the record that saves reading them."""

    def __init__(self, folder: str, record: str, link: bool) -> None:
        self.folder = folder
        self.record = record
        self.link = link
        self.known = self._load()

    def _load(self) -> dict[str, model.Installed]:
        try:
            with open(self.record, encoding="utf-8") as data:
                return {path: model.Installed(**entry) for path, entry in json.load(data).items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def current(self, name: str) -> str:
        """The sum of what was installed by this module and has not changed since, else nothing."""
        path = self.path(name)
        known = self.known.get(path)
        if known is None or os.path.islink(path) != self.link:
            return ""
        try:
            now = os.stat(path)
        except OSError:
            return ""
        same = (now.st_size, now.st_mtime_ns) == (known.size, known.mtime_ns) and os.access(
            path, os.X_OK
        )
        return known.sha256 if same else ""

    def install(self, name: str, source: str, sha256: str) -> None:
        """A running program's file is never written to: the new one takes its name."""
        path = self.path(name)
        fresh = f"{path}.new"
        if os.path.lexists(fresh):
            os.unlink(fresh)
        if self.link:
            os.symlink(source, fresh)
        else:
            shutil.copyfile(source, fresh)
            os.chmod(fresh, 0o755)
        os.rename(fresh, path)
        now = os.stat(path)
        self.known[path] = model.Installed(sha256, now.st_size, now.st_mtime_ns)
        self._save()

    def _save(self) -> None:
        os.makedirs(os.path.dirname(self.record), exist_ok=True)
        known = {path: vars(entry) for path, entry in sorted(self.known.items())}
        files.write(self.record, json.dumps(known, indent=2))


class Images:
    """The images in containerd."""

    def __init__(self, module: AnsibleModule, namespace: str) -> None:
        self.module = module
        self.argv = [
            module.get_bin_path("ctr", required=not module.check_mode) or "",
            "--namespace",
            namespace,
        ]

    def run(self, *argv: str, seconds: int = 120) -> str:
        command = [*self.argv, "images", *argv]
        try:
            rc, out, err = limited(self.module.run_command, command, seconds, LOOK_AT)
        except ExpiredError as error:
            raise ArchiveError(str(error)) from error
        if rc != 0:
            raise ArchiveError(f"ctr images {argv[0]} failed: {(err or out).strip()}")
        return str(out)

    def present(self) -> dict[str, str]:
        try:
            return model.parse_image_list(self.run("ls") if self.argv[0] else "")
        except ArchiveError:
            # Check mode: the runtime that will be running is not, yet.
            if self.module.check_mode:
                return {}
            raise

    def load(self, image: model.Image, path: str) -> None:
        """The label comes last: an import that was cut short has none and is done again."""
        self.run("import", path, seconds=IMPORT_SECONDS)
        if image.name not in self.present():
            raise ArchiveError(f"{image.file} was imported, but holds no image named {image.name}")
        self.run("label", image.name, f"{model.LABEL}={image.sha256}")


def actions_of(binaries: t.Iterable[str], images: t.Iterable[model.Image]) -> list[change.Action]:
    found = [change.Action("install", f"install {name}") for name in binaries]
    return found + [change.Action("import", f"import {image.name}") for image in images]


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """Compare with the archive, install and import what differs, and say what that was."""
    desired = module.params
    source = Source(desired["url"], desired["timeout"])
    if desired["link"] and source.folder is None:
        raise ArchiveError(
            "link=true needs a file:// url: there is nothing to link to on a web server",
            error_code="BAD_OPTION",
        )
    binaries = Binaries(desired["binary_dir"], desired["record"], desired["link"])
    images = Images(module, desired["namespace"])
    sums = model.parse_sums(source.read(model.SUMS).decode())
    archive = model.parse_archive(source.read(model.MANIFEST), sums)
    if archive.version != desired["version"].lstrip("v"):
        raise ArchiveError(
            f"{source.url} holds Kubernetes {archive.version}, wanted is {desired['version']}"
        )
    new_binaries = {
        name: sha256
        for name, sha256 in model.wanted_binaries(archive, desired["binaries"]).items()
        if binaries.current(name) != sha256
    }
    wanted = model.wanted_images(archive, desired["images"])
    new_images = model.missing_images(wanted, images.present()) if wanted else []
    if not module.check_mode:
        for service in desired["services"] if new_binaries else []:
            pending.mark(service)
        for name, sha256 in new_binaries.items():
            with source.file(f"bin/{name}", sha256) as path:
                binaries.install(name, path, sha256)
        for image in new_images:
            with source.file(image.file, image.sha256) as path:
                images.load(image, path)
    return {
        "changed": bool(new_binaries or new_images),
        "actions": [action.as_result() for action in actions_of(new_binaries, new_images)],
        "binaries": list(new_binaries),
        "images": [image.name for image in new_images],
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "version": {"type": "str", "required": True},
            "binaries": {"type": "list", "elements": "str", "default": []},
            "binary_dir": {"type": "path", "default": "/usr/local/bin"},
            "link": {"type": "bool", "default": False},
            "record": {"type": "path", "default": "/etc/kubernetes/archive.json"},
            "images": {"type": "list", "elements": "str", "default": []},
            "namespace": {"type": "str", "default": "k8s.io"},
            "services": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    with change.failures(module):
        module.exit_json(**run(module))


if __name__ == "__main__":
    main()
