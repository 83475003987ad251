# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host is rebooted: `start` makes the networks again, and ends when the API answers."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request

import datacenter
import host_reboot
import pytest


def api_answers() -> bool:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    url = f"https://127.0.0.1:{datacenter.API_PORT}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=10, context=context) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


@pytest.mark.usefixtures("finished")
def test_start_brings_everything_back_after_a_reboot_of_the_host() -> None:
    assert api_answers()
    host_reboot.cut(datacenter.NAME)
    assert not api_answers()
    back = datacenter.playbook("start").ok()
    print(f"\nback after {back.seconds:.0f} s")
    # At its end, not some time later.
    assert api_answers()
