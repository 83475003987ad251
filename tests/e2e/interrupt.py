# Copyright: (c) 2026, the virtual.datacenter contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills a run of site.yml in the middle of a layer; the next run finishes the work."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time

import datacenter


def kill_in_layer(layer: str, seconds: float) -> str:
    """SIGKILL for ansible-playbook and its children `seconds` after the layer began."""
    process = subprocess.Popen(
        datacenter.command(datacenter.ROOT / "playbooks" / "site.yml"),
        cwd=datacenter.ROOT,
        env=datacenter.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in process.stdout or ():
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    seen: list[str] = []
    deadline = time.monotonic() + 1200
    try:
        while True:
            line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
            assert line is not None, "the run ended before its layer came:\n" + "".join(seen[-60:])
            seen.append(line)
            if line.startswith(f"PLAY [Layer {layer} |"):
                break
        time.sleep(seconds)
        assert process.poll() is None, "the run ended before it was killed"
    except queue.Empty:
        raise AssertionError(
            f"the layer {layer} did not come within 1200 s:\n" + "".join(seen[-60:])
        ) from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return "".join(seen)


def converges() -> datacenter.Run:
    run = datacenter.playbook("site").ok()
    assert f"Data center {datacenter.NAME} is verified." in run.output
    return run
