# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands where ansible-test looks for its pip bootstrap; installs the pins it is given."""

from __future__ import annotations

import subprocess
import sys

# A process of its own: ensurepip switches pip's configuration off for the process that it runs in.
subprocess.run([sys.executable, "-m", "ensurepip"], check=True)
pins = [argument for argument in sys.argv[1:] if "==" in argument]
subprocess.run([sys.executable, "-m", "pip", "install", *pins], check=True)
