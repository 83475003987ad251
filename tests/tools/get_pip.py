# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands where ansible-test looks for its pip bootstrap; installs the pins it is given."""

from __future__ import annotations

import subprocess
import sys

pins = [argument for argument in sys.argv[1:] if "==" in argument]
# The tool `sanity` puts the pip of our environment here: not every Python of Debian has ensurepip.
subprocess.run(["@PIP@", "--python", sys.executable, "install", *pins], check=True)
