# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Desired files, compared with those that are there, validated and put in their place."""

from __future__ import annotations

import os
import re
import shlex
import stat
import typing as t

from ansible_collections.virtual.datacenter.plugins.module_utils._config_files.command import Runner
from ansible_collections.virtual.datacenter.plugins.module_utils._core.error import TaskError


class File:
    """One desired file, compared with the actual one."""

    def __init__(self, desired: t.Mapping[str, t.Any]) -> None:
        self.path: str = desired["path"]
        self.content: bytes = desired["content"].encode("utf-8")
        self.mode = int(desired["mode"], 8)
        self.validate: str | None = desired["validate"]
        self.secret: bool = desired["secret"]
        # In the same folder: then it takes the old one's place at once, and who watches the folder
        # sees a rename (containerd does not look at a file that appears from elsewhere).
        folder, name = os.path.split(self.path)
        self.fresh = os.path.join(folder, f".{name}.new")
        self.old_content: bytes | None = None
        self.old_mode: int | None = None
        try:
            with open(self.path, "rb") as data:
                self.old_content = data.read()
                self.old_mode = stat.S_IMODE(os.fstat(data.fileno()).st_mode)
        except FileNotFoundError:
            pass

    @property
    def other_content(self) -> bool:
        return self.old_content != self.content

    @property
    def differs(self) -> bool:
        return self.other_content or self.old_mode != self.mode

    def diff(self) -> dict[str, str]:
        def text(content: bytes | None) -> str:
            return (content or b"").decode("utf-8", "replace")

        header = f"{self.path} (mode {{}})"
        headers = {
            "before_header": header.format(
                "none" if self.old_mode is None else f"{self.old_mode:04o}"
            ),
            "after_header": header.format(f"{self.mode:04o}"),
        }
        if self.secret:
            before = "(another secret)\n" if self.other_content else "(the secret)\n"
            return {**headers, "before": before, "after": "(the secret)\n"}
        return {**headers, "before": text(self.old_content), "after": text(self.content)}

    def prepare(self, runner: Runner) -> None:
        """Have the new contents ready and validated."""
        make_parent(self.path)
        if self.other_content:
            self.discard()
            write(self.fresh, self.content)
            try:
                self._validate(runner, self.fresh)
            except TaskError:
                self.discard()
                raise

    def rehearse(self, runner: Runner, folder: str) -> None:
        """Validate the new contents in a folder of its own, as far as the validator is there."""
        if self.other_content and self.validate and runner.find(self._validator()[0]):
            path = os.path.join(folder, os.path.basename(self.path))
            write(path, self.content)
            self._validate(runner, path)
            os.unlink(path)

    def put(self) -> None:
        if self.other_content:
            os.chmod(self.fresh, self.mode)
            os.rename(self.fresh, self.path)
        os.chmod(self.path, self.mode)

    def discard(self) -> None:
        if os.path.lexists(self.fresh):
            os.unlink(self.fresh)

    def _validate(self, runner: Runner, path: str) -> None:
        if not self.validate:
            return
        argv = [word.replace("%s", path) for word in self._validator()]
        answer = runner.run(argv)
        if answer.rc != 0:
            words = answer.words.replace(path, self.path)
            raise TaskError(
                f"nothing was changed: {argv[0]} rejects the new {self.path}:"
                f" {self._without_secrets(words)}",
                error_code="REJECTED",
            )

    def _validator(self) -> list[str]:
        try:
            return shlex.split(self.validate or "")
        except ValueError as error:
            raise TaskError(
                f"the option validate of {self.path} is no command: {error}",
                error_code="BAD_OPTION",
            ) from error

    def _without_secrets(self, words: str) -> str:
        """A validator repeats what it does not understand; long words of a secret file go."""
        if not self.secret:
            return words
        content = self.content.decode("utf-8")
        return re.sub(r"[^\s'\"]{8,}", lambda m: "***" if m[0] in content else m[0], words)


def make_parent(path: str) -> None:
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)


def write(path: str, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as target:
        target.write(content)
