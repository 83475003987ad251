# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One file that Python runs without Ansible, with all that it needs of this collection in it."""

from __future__ import annotations

import ast
import io
import json
import sys
import typing as t
import zipfile

SETTINGS = "settings.json"
HOME = __name__.rpartition("._core.")[0]
# The text of a program begins with this, and finds `settings`.
READ_SETTINGS = f"""import json
import sys
import zipfile

with zipfile.ZipFile(sys.argv[0]) as program:
    settings = json.loads(program.read("{SETTINGS}"))
"""


def source_of(name: str) -> str:
    loader = getattr(sys.modules[name].__spec__, "loader", None)
    return (loader.get_source(name) if loader else None) or ""


def sources(entry: str) -> dict[str, str]:
    """The text of a loaded module and of all of ours that it imports, by its path in the program.

    Whatever else is loaded is left out: the program is the same, whoever builds it.
    """
    found: dict[str, str] = {}
    left = [entry]
    while left:
        name = left.pop()
        path = name.replace(".", "/")
        path += "/__init__.py" if hasattr(sys.modules.get(name), "__path__") else ".py"
        if path in found or name not in sys.modules:
            continue
        found[path] = source_of(name)
        for node in ast.walk(ast.parse(found[path])):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(HOME):
                left.append(str(node.module))
                left += [f"{node.module}.{alias.name}" for alias in node.names]
    # Each folder above a module is a package.
    for path in list(found):
        while "/" in path:
            path = path.rpartition("/")[0]
            found.setdefault(f"{path}/__init__.py", "")
    return found


def build(entry: str, call: str, settings: dict[str, t.Any]) -> bytes:
    """A program that imports a loaded module as `entry`, and ends as `call` of it says.

    The same bytes for the same contents.
    """
    room, _dot, name = entry.rpartition(".")
    main = f"{READ_SETTINGS}\nfrom {room} import {name} as entry\n\nraise SystemExit({call})\n"
    contents = {
        **sources(entry),
        "__main__.py": main,
        SETTINGS: json.dumps(settings, indent=2),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in sorted(contents.items()):
            archive.writestr(zipfile.ZipInfo(path), content)
    return packed.getvalue()
