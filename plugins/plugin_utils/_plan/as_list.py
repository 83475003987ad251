# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists that may have been given as text."""

from __future__ import annotations

import ast
import json
import typing as t

from ansible.errors import AnsibleFilterError


def as_list(value: t.Any) -> list[t.Any]:
    """A list as it is; text as what it says: items between commas, or a list in brackets."""
    if isinstance(value, str):
        return _of_text(value.strip())
    if isinstance(value, (int, float)):
        return [str(value)]
    if isinstance(value, t.Mapping) or not isinstance(value, t.Iterable):
        raise AnsibleFilterError(f"A list is wanted, found {value!r}.")
    return list(value)


def _of_text(text: str) -> list[t.Any]:
    if text.startswith("["):
        return _of_brackets(text)
    return [item.strip() for item in text.split(",")] if text else []


def _of_brackets(text: str) -> list[t.Any]:
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError):
            continue
        if isinstance(found, list):
            return found
    raise AnsibleFilterError(
        f"A list is wanted, found {text!r}: write items between commas, or a list in JSON."
    )
