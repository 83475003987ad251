#!/usr/bin/env python3
# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints how many seconds an inventory file takes to be read, and how many hosts it gives.

usage: inventory_time.py FILE
"""

from __future__ import annotations

import sys
import time

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader

init_plugin_loader()
loader = DataLoader()
begin = time.perf_counter()
hosts = InventoryManager(loader=loader, sources=[sys.argv[1]]).get_hosts()
print(time.perf_counter() - begin, len(hosts))
