# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation that all modules for VirtualBox share."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
requirements:
  - VirtualBox 7.0 or later on the host where the module runs.
options:
  vboxmanage_path:
    description:
      - Absolute path of the program C(VBoxManage).
      - Without it, C(VBoxManage) is searched on E(PATH) and in the folder of the role
        P(virtual.datacenter.virtualbox_unpacked#role).
    type: path
  timeout:
    description:
      - The longest time that one call of C(VBoxManage) may take, in seconds.
      - Calls that copy or create disks, and the start of a VM, may take thirty times as long.
    type: int
    default: 120
notes:
  - The module works on the VirtualBox of the user that it runs as, on the host that it runs on.
    Another world of VMs is chosen by the environment variables E(VBOX_USER_HOME) and
    E(VBOX_IPC_SOCKETID), which reach C(VBoxManage) unchanged.
  - An option that is not set is left alone.
"""

    ATTRIBUTES = r"""
attributes:
  check_mode:
    description: Can run in check mode and tell what it would do.
    support: full
  diff_mode:
    description: Shows the state before and after.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
  platform:
    description: Systems that the module runs on.
    platforms: posix
    support: full
  action_group:
    description: Use C(group/virtual.datacenter.virtualbox) in C(module_defaults) to set options
      for all modules.
    support: full
    membership:
      - virtual.datacenter.virtualbox
"""

    ATTRIBUTES_INFO = r"""
attributes:
  check_mode:
    support: full
    details: The module changes nothing.
  diff_mode:
    support: N/A
    details: The module changes nothing.
"""
