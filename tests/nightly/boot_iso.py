# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CD that boots one kernel. Usage: boot_iso.py KERNEL INITRD ISOLINUX LDLINUX TARGET"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pycdlib

CONFIG = b"""DEFAULT linux
PROMPT 0
LABEL linux
  LINUX /LINUX.KRN
  INITRD /LINUX.RD
  APPEND console=ttyS0 quiet mitigations=off panic=5
"""


def main(kernel: str, initrd: str, isolinux: str, ldlinux: str, target: str) -> None:
    """Write the image."""
    image = pycdlib.PyCdlib()
    image.new(interchange_level=3, vol_ident="LINUX")
    contents = {
        "/ISOLINUX.BIN": Path(isolinux).read_bytes(),
        "/LDLINUX.C32": Path(ldlinux).read_bytes(),
        "/ISOLINUX.CFG": CONFIG,
        "/LINUX.KRN": Path(kernel).read_bytes(),
        "/LINUX.RD": Path(initrd).read_bytes(),
    }
    for name, content in contents.items():
        image.add_fp(io.BytesIO(content), len(content), f"{name};1")
    image.add_eltorito("/ISOLINUX.BIN;1", "/BOOT.CAT;1", boot_load_size=4, boot_info_table=True)
    image.write(target)
    image.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
