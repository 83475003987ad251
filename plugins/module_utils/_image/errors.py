# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with an image, as a person has to read it."""

from __future__ import annotations


class ImageError(Exception):
    """An error with a code that a playbook can ask for."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code
